"""Options of `rapid serve` and `rapid mcp`, which answer other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
    Sources,
    Target,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """What clients may ask about, and with which models."""

    sources: Sources = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions(ServingOptions):
    """Where to serve, and to how many."""

    host: Annotated[
        str, typer.Option(help="The address to listen on; any but this machine's needs a token.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = (
        8427
    )
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The token that clients must show. Default: that in RAPID_TOKEN."
        ),
    ] = None
    queue: Annotated[int, typer.Option(min=0, help="How many questions may wait.")] = 16
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Nothing but the address and errors.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class McpOptions(ServingOptions):
    """What is kept and shown of answers to MCP's clients."""

    no_log: NoLog = False
    quiet: Quiet = False
