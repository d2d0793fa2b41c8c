"""Findings on stdout, one a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from rapid_cli.cli.render.console import PlainConsole, message
from rapid_cli.doctor.findings import Finding, Verdict
from rapid_cli.text.printable import printable_line

_MARKS: dict[Verdict, str] = {"ok": "✓", "warning": "!", "failure": "✗"}
_STYLES: dict[Verdict, str] = {"ok": "green", "warning": "yellow", "failure": "red"}


def print_findings(findings: Sequence[Finding], output: Console | None = None) -> None:
    """Print a line for each finding and, indented below it, its hint; on stdout by default."""
    output = output or PlainConsole(highlight=False, markup=False, emoji=False)
    marks = _marks(output.encoding)
    mark_width = max(map(len, marks.values()))
    subject_width = max((len(printable_line(one.subject)) for one in findings), default=0)
    indent = " " * (mark_width + subject_width + 3)
    for one in findings:
        mark = Text(marks[one.verdict].ljust(mark_width), style=_STYLES[one.verdict])
        subject = printable_line(one.subject).ljust(subject_width)
        line = Text.assemble(mark, f" {subject}  {printable_line(one.text)}")
        output.print(message(line, output), soft_wrap=True)
        if one.hint:
            hint = Text(f"{indent}{printable_line(one.hint)}")
            output.print(message(hint, output), style="dim", soft_wrap=True)


def _marks(encoding: str) -> dict[Verdict, str]:
    """Return the marks, or plain words where the encoding lacks them."""
    try:
        "".join(_MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return {verdict: verdict for verdict in _MARKS}
    return _MARKS
