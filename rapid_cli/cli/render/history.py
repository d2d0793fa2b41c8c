"""Earlier answers on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.text import Text

from rapid_cli.cli.render.objects import print_json
from rapid_cli.storage.history import Remembered, document_names
from rapid_cli.text.printable import printable, printable_line

LINES_SHOWN = 3
INDENT = "  "


def print_history(found: Iterable[Remembered], *, full: bool) -> None:
    """Print what was asked and answered: a line on when and how, the question, the answer.

    On a terminal an answer is shortened, unless `full`; in a pipe the first line is
    tab-separated.
    """
    terminal = sys.stdout.isatty()
    for one in found:
        print((INDENT if terminal else "\t").join(_heading(one)))
        print(_line(one.record["question"]))
        answer = printable(str(one.record["answer"])).strip()
        lines = _first_lines(answer) if terminal and not full else answer.splitlines()
        print("".join(f"{INDENT}{line}".rstrip() + "\n" for line in lines))
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


def _first_lines(answer: str) -> list[str]:
    """Return the lines of an answer that are shown on a terminal, which may be too few."""
    console = Console()
    room = max(console.width - len(INDENT) - len(" …"), 1)
    lines = [line.plain for line in Text(answer).wrap(console, room) if line.plain.strip()]
    shown = lines[:LINES_SHOWN]
    if len(lines) > LINES_SHOWN:
        shown[-1] = shown[-1].rstrip() + " …"
    return shown
