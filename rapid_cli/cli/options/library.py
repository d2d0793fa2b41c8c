"""The command lines of `rapid index`, `search`, `list` and `remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.options import Collection, Json, Models, Ocr, Quiet, Words


def index(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Files, and folders with all that is in them."),
    ] = None,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Embed all documents anew: after a new embedder.")
    ] = False,
    read: Annotated[
        bool, typer.Option("--read", help="Let the target read them too, for quick answers.")
    ] = False,
    pair: Annotated[str | None, typer.Option(help="The pair whose target reads.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and index what changes, until Ctrl-C.")
    ] = False,
    ocr: Ocr = False,
    collection: Collection = None,
    models: Models = None,
    quiet: Quiet = False,
) -> None:
    """Add documents to the library, or refresh them; what is gone from a folder is removed."""
    arguments = locals()
    from rapid_cli.cli.commands import library  # noqa: PLC0415 - slow, and not for --help

    library.index(**arguments)


def search(
    words: Words,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many passages.")] = 5,
    ocr: Ocr = False,
    collection: Collection = None,
    models: Models = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the passages for a question, without answering it."""
    arguments = locals()
    from rapid_cli.cli.commands import library  # noqa: PLC0415 - slow, and not for --help

    library.search(**arguments)


def list_documents(
    *,
    collections: Annotated[
        bool, typer.Option("--collections", help="The names of the collections instead.")
    ] = False,
    collection: Collection = None,
    json: Json = False,
) -> None:
    """List what the library holds."""
    arguments = locals()
    from rapid_cli.cli.commands import library  # noqa: PLC0415 - slow, and not for --help

    library.list_documents(**arguments)


def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Paths, file names or ids, as listed.")
    ],
    *,
    collection: Collection = None,
    quiet: Quiet = False,
) -> None:
    """Remove documents from the library; the files themselves stay."""
    arguments = locals()
    from rapid_cli.cli.commands import library  # noqa: PLC0415 - slow, and not for --help

    library.remove(**arguments)
