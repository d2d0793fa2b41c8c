"""Options of `rapid models tune` and `rapid models check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rapid_cli.cli.options.parameters import (
    Device,
    Drafter,
    Json,
    Models,
    Quiet,
    Target,
    complete_pair,
)

LONGEST = 86_400
"""Seconds: nobody tunes for more than a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """Options of `rapid models tune`."""

    pair: Annotated[
        str | None,
        typer.Argument(
            help="A pair of models in models.toml. Default: its own.", autocompletion=complete_pair
        ),
    ] = None
    models: Models = None
    device: Device = None
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=LONGEST,
            metavar="N",
            help="About how long it may take. Default: 60 to 240 a model.",
        ),
    ] = None
    json: Json = False
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Options of `rapid models check`."""

    pair: Annotated[
        str | None, typer.Argument(help="A pair of models in models.toml. Default: its own.")
    ] = None
    models: Models = None
    target: Target = None
    drafter: Drafter = None
    json: Json = False
