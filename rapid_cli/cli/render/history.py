"""Earlier answers on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime

from rich.console import Console

from rapid_cli.cli.render.console import say
from rapid_cli.cli.render.objects import print_json
from rapid_cli.storage.history import Remembered, document_names
from rapid_cli.text.printable import printable, printable_line
from rapid_cli.text.wrapping import lines

LINES_SHOWN = 3
INDENT = "  "
MORE = " …"


def print_history(found: Iterable[Remembered], *, full: bool) -> None:
    """Print what was asked and answered: a line on when and how, the question, the answer.

    On a terminal an answer is shortened, unless `full`; in a pipe the first line is
    tab-separated.
    """
    terminal = sys.stdout.isatty()
    for one in found:
        print((INDENT if terminal else "\t").join(_heading(one)))
        say(_line(one.record["question"]))
        answer = printable(str(one.record["answer"])).strip()
        shown = _on_terminal(answer, full=full) if terminal else answer.splitlines()
        print("".join(f"{INDENT}{line}".rstrip() + "\n" for line in shown))
    sys.stdout.flush()  # a pipe that is closed by now is noticed here, and not at exit


def print_history_json(found: Iterable[Remembered]) -> None:
    """Print one object a line: the time, then all of the answer."""
    for one in found:
        print_json({"asked_at": one.asked_at, **one.record})


def _heading(one: Remembered) -> tuple[str, str, str]:
    """Return the local time, the strategy and the documents."""
    asked_at = datetime.fromisoformat(one.asked_at).astimezone()
    documents = ", ".join(map(_line, document_names(one.record)))
    return f"{asked_at:%Y-%m-%d %H:%M}", _line(one.record["strategy"]), documents


def _line(text: object) -> str:
    return printable_line(" ".join(str(text).split()))


def _on_terminal(answer: str, *, full: bool) -> list[str]:
    """Return the lines of an answer that are shown on a terminal, which end between words."""
    width = Console().width - len(INDENT)
    if full:
        return _wrapped(answer, width)
    found = [line for line in _wrapped(answer, width - len(MORE)) if line.strip()]
    shown = found[:LINES_SHOWN]
    if len(found) > LINES_SHOWN:
        shown[-1] = shown[-1].rstrip() + MORE
    return shown


def _wrapped(answer: str, width: int) -> list[str]:
    paragraphs = answer.expandtabs().splitlines()
    return [line[start:end] for line in paragraphs for start, end in lines(line, max(width, 1))]
