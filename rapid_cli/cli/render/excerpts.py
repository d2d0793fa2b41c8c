"""Passages of texts without pages, with what surrounds them and the cited words marked."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import suppress

from rich.text import Text

from rapid_cli.api.cited import Excerpt
from rapid_cli.cli.render.console import PlainConsole
from rapid_cli.text.printable import printable

BEGIN, END = ">>>", "<<<"
"""What stands around marked words where no colour tells them."""
MARKED = "black on yellow"
MORE = "…"
USUAL_PAGER, USUAL_OPTIONS = "less", "FRX"
"""As git has it: colours are shown, and what fits on the screen is printed."""


def print_excerpt(excerpt: Excerpt) -> None:
    """Print an excerpt: in a pager with colours on a terminal, and else as plain text."""
    if not sys.stdout.isatty():
        print(_plain(excerpt), flush=True)
        return
    console = PlainConsole(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(_coloured(excerpt) if console.color_system else _plain(excerpt))
    if not _paged(captured.get()):
        print(captured.get(), end="", flush=True)


def _parts(excerpt: Excerpt) -> list[tuple[str, bool]]:
    """Return the text in parts that are marked, or not."""
    parts, at = [("" if excerpt.is_beginning else f"{MORE}\n", False)], 0
    for start, end in excerpt.marks:
        parts += [(excerpt.text[at:start], False), (excerpt.text[start:end], True)]
        at = end
    rest = excerpt.text[at:].rstrip()
    return [*parts, (rest + ("" if excerpt.is_end else f"\n{MORE}"), False)]


def _plain(excerpt: Excerpt) -> str:
    return "".join(
        f"{BEGIN}{printable(text)}{END}" if marked else printable(text)
        for text, marked in _parts(excerpt)
    )


def _coloured(excerpt: Excerpt) -> Text:
    text = Text()
    for part, marked in _parts(excerpt):
        text.append(printable(part), MARKED if marked else None)
    return text


def _paged(text: str) -> bool:
    """Show a text in the pager of the terminal; tell whether there is one."""
    command = shlex.split(os.environ.get("PAGER") or USUAL_PAGER)
    environment = {"LESS": USUAL_OPTIONS, **os.environ}
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except (OSError, IndexError):
        return False
    with pager, suppress(BrokenPipeError):  # it may be left before it has read all
        pager.communicate(text.encode())
    return True
