"""The one place where errors become exit codes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from typer.core import TyperGroup

from rapid_cli.errors import RapidError

logger = logging.getLogger(__name__)
FAILED, SKIPPED = 1, 3
INTERRUPTED = 130
"""The exit code after Ctrl-C; what was measured until then is printed first."""
STARTED = time.perf_counter()
"""When the person began to wait, nearly: Python itself takes a little before this."""


class Boundary(TyperGroup):
    """Runs a command; a user's mistake is one sentence and a hint, never a traceback."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Understand the options before the command."""
        with _told_plainly():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with _told_plainly():
                return super().invoke(ctx)
        except RapidError as error:
            print_error(error)
            raise typer.Exit(FAILED) from None
        except ImportError as error:
            from rapid_cli.machine.libraries import unimportable  # noqa: PLC0415 - for those who need it

            logger.info("a library could not be imported", exc_info=True)
            print_error(unimportable(error))
            raise typer.Exit(FAILED) from None


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Make what a terminal would obey visible in errors, which quote the command line."""
    try:
        yield
    except Exception as error:
        if isinstance(said := getattr(error, "message", None), str):
            from rapid_cli.text.printable import printable_line  # noqa: PLC0415 - for those who need it

            with suppress(AttributeError):  # groups of errors have one that stays as it is
                error.message = printable_line(said)  # type: ignore[attr-defined]
        raise


def print_error(error: RapidError) -> None:
    """Print what went wrong and what to do about it on stderr."""
    from rapid_cli.cli.render.console import console, tell  # noqa: PLC0415 - for those who need it

    errors = console()
    tell(errors, f"rapid: {error.message}", "red")
    if error.hint:
        tell(errors, f"  {error.hint}")
