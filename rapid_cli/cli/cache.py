"""The command lines of `rapid cache list` and `rapid cache clear`."""

from __future__ import annotations

import typer

from rapid_cli.cli.options import Json

cache = typer.Typer(
    help="Texts that models have read, kept so that they are read once.", no_args_is_help=True
)


@cache.command("list")
def list_texts(*, json: Json = False) -> None:
    """List what is kept, last used first."""
    from rapid_cli.cli.commands import library  # noqa: PLC0415 - slow, and not for --help

    library.list_texts(json=json)


@cache.command()
def clear() -> None:
    """Remove all that is kept; texts are then read again when they are asked about."""
    from rapid_cli.cli.commands import library  # noqa: PLC0415 - slow, and not for --help

    library.clear_texts()
