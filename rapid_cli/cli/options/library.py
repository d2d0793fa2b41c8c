"""Options of `rapid index` and `rapid search`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.options.parameters import (
    WORDS,
    Collection,
    Encoding,
    Json,
    Models,
    Ocr,
    Quiet,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """Options of `rapid index`."""

    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Files, and folders with all that is in them."),
    ] = None
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Embed all documents anew: after a new embedder.")
    ] = False
    read: Annotated[
        bool, typer.Option("--read", help="Let the target read them too, for quick answers.")
    ] = False
    pair: Annotated[str | None, typer.Option(help="The pair whose target reads.")] = None
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and index what changes, until Ctrl-C.")
    ] = False
    ocr: Ocr = False
    encoding: Encoding = None
    collection: Collection = None
    models: Models = None
    quiet: Quiet = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """Options of `rapid search`."""

    words: Annotated[list[str], WORDS]
    limit: Annotated[int, typer.Option(min=1, help="How many passages.")] = 5
    ocr: Ocr = False
    encoding: Encoding = None
    collection: Collection = None
    models: Models = None
    json: Json = False
    quiet: Quiet = False
