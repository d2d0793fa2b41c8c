"""Options of `rapid open`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.options.parameters import Collection, Encoding, Quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """Options of `rapid open`."""

    target: Annotated[
        str | None,
        typer.Argument(
            metavar="NUMBER|FILE",
            help="The number of a source, of an answer in the history; or a file, or a name in the "
            "library. Default: the first source that is cited.",
            show_default=False,
        ),
    ] = None
    answer: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="An earlier answer: 2 is the last but one."),
    ] = None
    page: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The page of a file, counted from 1.")
    ] = None
    find: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Words of a file to look for and mark.")
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write the page to this file, and show nothing."),
    ] = None
    encoding: Encoding = None
    collection: Collection = None
    quiet: Quiet = False
