"""Arguments and options that commands share, and the documents they stand for."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rapid_cli.library import Library
from rapid_cli.render.console import Bars
from rapid_cli.render.documents import render_indexing
from rapid_cli.sources import Gathered, exists, forget_passing, gather

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[SOURCE]... QUESTION",
        help="Files, folders, names in the library, or - for stdin; without any, the whole "
        "library. The question comes last.",
        show_default=False,
    ),
]
Models = Annotated[
    Path | None, typer.Option("--models", metavar="FILE", help="The models.toml to use.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but the result and errors.")]


def sources_and_question(words: list[str]) -> tuple[list[str], str]:
    """Split the words of a command line; a usage error if there is no question among them."""
    *sources, question = words
    if not question.strip():
        raise typer.BadParameter("the question is empty: write it last, in quotes")
    if not sources and exists(Path(question)):
        raise typer.BadParameter(f"a question is missing: write it after {question}, in quotes")
    return sources, question.strip()


@contextmanager
def open_sources(library: Library, sources: Sequence[str], errors: Console) -> Iterator[Gathered]:
    """Read and index `sources`, shown on `errors`; what came by stdin is forgotten at the end."""
    gathered = Gathered()
    try:
        with Bars(errors) as bars:
            events = gather(sources, library, sys.stdin.buffer, gathered)
            render_indexing(events, bars, errors, Counter())
        yield gathered
    finally:
        forget_passing(gathered, library)
