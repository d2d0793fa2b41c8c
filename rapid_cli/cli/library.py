"""`rapid index`, `search`, `list` and `remove`: the library on this machine."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.boundary import SKIPPED
from rapid_cli.cli.options import Json, Models, Quiet, Words, open_sources, sources_and_question
from rapid_cli.models_file import find_models_file, load_models_file
from rapid_cli.render.console import Bars, console
from rapid_cli.render.documents import (
    indexing_summary,
    print_entries,
    print_passages,
    render_indexing,
)
from rapid_cli.report import passages_json
from rapid_cli.session import Session


def index(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Files, and folders with all that is in them."),
    ] = None,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Embed all documents anew: after a new embedder.")
    ] = False,
    models: Models = None,
    quiet: Quiet = False,
) -> None:
    """Add documents to the library, or refresh them; what is gone from a folder is removed."""
    if not paths and not rebuild:
        raise typer.BadParameter("name a file or a folder to index")
    errors = console(quiet=quiet)
    counts: Counter[str] = Counter()
    with _open_session(models) as session, Bars(errors) as bars:
        if rebuild:
            render_indexing(session.library.rebuild(), bars, errors, counts)
        if paths:
            render_indexing(session.library.index(paths), bars, errors, counts)
    print(indexing_summary(counts))
    if counts["skipped"]:
        raise typer.Exit(SKIPPED)


def search(
    words: Words,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many passages.")] = 5,
    models: Models = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the passages for a question, without answering it."""
    sources, question = sources_and_question(words)
    errors = console(quiet=quiet)
    with (
        _open_session(models) as session,
        open_sources(session.library, sources, errors) as gathered,
    ):
        documents = gathered.documents
        passages = session.library.search(question, list(documents), limit)
        if json:
            found = passages_json(question, passages, documents)
            print(jsonlib.dumps(found, ensure_ascii=False))
        else:
            print_passages(passages, documents)
    if gathered.skipped:
        raise typer.Exit(SKIPPED)


def list_documents(*, json: Json = False) -> None:
    """List what the library holds."""
    with _open_session(None) as session:
        print_entries(session.library.entries(), as_json=json)


def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Paths, file names or ids, as listed.")
    ],
    *,
    quiet: Quiet = False,
) -> None:
    """Remove documents from the library; the files themselves stay."""
    errors = console(quiet=quiet)
    with _open_session(None) as session:
        for name in names:
            for entry in session.library.remove(name):
                errors.print(f"removed {entry.path}")


def _open_session(models: Path | None) -> Session:
    return Session(load_models_file(find_models_file(models)))
