"""Arguments and options that commands share; nothing here is slow to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AUTO = "auto"

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
    from rapid_cli.sources import exists  # noqa: PLC0415 - slow, and not for --help

    *sources, question = words
    if not question.strip():
        raise typer.BadParameter("the question is empty: write it last, in quotes")
    if not sources and exists(Path(question)):
        raise typer.BadParameter(f"a question is missing: write it after {question}, in quotes")
    return sources, question.strip()
