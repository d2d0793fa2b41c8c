"""`rapid history`, once its command line is understood."""

from __future__ import annotations

import typer
from rich.console import Console

from rapid_cli.cli.options.answering import HistoryOptions
from rapid_cli.cli.render.console import console
from rapid_cli.cli.render.history import print_history, print_history_json
from rapid_cli.config import home
from rapid_cli.storage.history import TYPED_LINES, History

EMPTY = "The history is empty: it fills as you ask."


def run(options: HistoryOptions) -> None:
    """Show what was asked and answered, the newest last."""
    if options.clear and options.words:
        raise typer.BadParameter("--clear deletes the whole history: leave out the search")
    errors = console()
    with History(home()) as history:
        if options.clear:
            _clear(history, errors)
        else:
            _show(history, options, errors)


def _show(history: History, options: HistoryOptions, errors: Console) -> None:
    words = " ".join(options.words or ())
    found = history.search(words, options.limit)[::-1]
    if options.json:
        print_history_json(found)
    else:
        print_history(found, full=options.full)
    if not found:
        errors.print(f"No answer matches {words!r}." if history.count() else EMPTY)


def _clear(history: History, errors: Console) -> None:
    count = history.count()
    errors.print(f"deleting {count} answer{'' if count == 1 else 's'}" if count else EMPTY)
    history.clear()
    (home() / TYPED_LINES).unlink(missing_ok=True)
