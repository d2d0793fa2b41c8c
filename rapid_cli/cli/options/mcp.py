"""Options of `rapid mcp`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rapid_cli.cli.options.answering import NoLog
from rapid_cli.cli.options.parameters import (
    Collection,
    Device,
    Drafter,
    Encoding,
    Models,
    Ocr,
    PairName,
    Quiet,
    Target,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class McpOptions:
    """What clients may ask about, and with which models."""

    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Files, folders or names in the library; without any, the whole library.",
            show_default=False,
        ),
    ] = None
    pair: PairName = None
    models: Models = None
    collection: Collection = None
    ocr: Ocr = False
    encoding: Encoding = None
    target: Target = None
    drafter: Drafter = None
    context_length: Annotated[
        int | None, typer.Option(min=1, help="Most tokens a model may hold.")
    ] = None
    device: Device = None
    no_log: NoLog = False
    quiet: Quiet = False
