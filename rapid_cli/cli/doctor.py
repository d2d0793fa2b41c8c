"""The command line of `rapid doctor`."""

from __future__ import annotations

from rapid_cli.cli.options import Json, Models


def doctor(*, models: Models = None, json: Json = False) -> None:
    """Tell what works on this machine, and what to do about the rest."""
    from rapid_cli.cli.commands.doctor import run  # noqa: PLC0415 - slow, and not for --help

    run(models, json=json)
