"""`rapid index`, `search`, `list` and `remove`, once their command lines are understood."""

from __future__ import annotations

import json as jsonlib
import time
from collections import Counter
from pathlib import Path

import typer
from rich.console import Console

from rapid_cli.answering import read_ahead
from rapid_cli.cli.boundary import SKIPPED
from rapid_cli.cli.opening import open_sources
from rapid_cli.cli.options import sources_and_question
from rapid_cli.models_file import find_models_file, load_models_file
from rapid_cli.prefill import Contexts
from rapid_cli.render.console import Bars, console
from rapid_cli.render.documents import (
    indexing_summary,
    print_entries,
    print_passages,
    print_texts,
    render_indexing,
    render_reading,
)
from rapid_cli.report import passages_json
from rapid_cli.session import Session


def index(
    paths: list[Path] | None,
    *,
    rebuild: bool,
    read: bool,
    pair: str | None,
    models: Path | None,
    quiet: bool,
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
        if read:
            _read_ahead(session, pair, paths or [], bars, errors)
    print(indexing_summary(counts))
    if counts["skipped"]:
        raise typer.Exit(SKIPPED)


def search(
    words: list[str],
    *,
    limit: int,
    models: Path | None,
    json: bool,
    quiet: bool,
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


def list_documents(*, json: bool) -> None:
    """List what the library holds."""
    with _open_session(None) as session:
        print_entries(session.library.entries(), as_json=json)


def remove(
    names: list[str],
    *,
    quiet: bool,
) -> None:
    """Remove documents from the library; the files themselves stay."""
    errors = console(quiet=quiet)
    with _open_session(None) as session:
        for name in names:
            for entry in session.library.remove(name):
                errors.print(f"removed {entry.path}")


def _read_ahead(
    session: Session, pair: str | None, paths: list[Path], bars: Bars, errors: Console
) -> None:
    """Let the pair's target read what was indexed, one document after the other."""
    files = session.find_pair(session.models_file.pair(pair))
    target = session.load_model(*files.target)
    with Contexts(time.perf_counter, states=session.states) as contexts:
        for entry in session.library.at(paths):
            events = read_ahead(session.library.get(entry.document_id), target, contexts)
            render_reading(events, entry.name, bars, errors)


def list_texts(*, json: bool) -> None:
    """List what models have read and is kept."""
    with _open_session(None) as session:
        print_texts(session.states.entries(), as_json=json)


def clear_texts() -> None:
    """Remove all that is kept of what models have read."""
    with _open_session(None) as session:
        print(f"freed {session.states.clear() / 1e6:,.0f} MB")


def _open_session(models: Path | None) -> Session:
    return Session(load_models_file(find_models_file(models)))
