"""The command line of `rapid history`."""

from __future__ import annotations

from typing import Annotated

import typer

from rapid_cli.cli.options import Json


def history(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SEARCH]...",
            help="Words that must all occur in the question, the answer or the documents' names.",
            show_default=False,
        ),
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many answers, of the newest.")] = 20,
    full: Annotated[
        bool, typer.Option("--full", help="Show answers in full on a terminal too.")
    ] = False,
    json: Json = False,
    clear: Annotated[bool, typer.Option("--clear", help="Delete all that is kept.")] = False,
) -> None:
    """Show what was asked and answered, the newest last."""
    arguments = locals()
    from rapid_cli.cli.commands import history  # noqa: PLC0415 - slow, and not for --help

    history.run(**arguments)
