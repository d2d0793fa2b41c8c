"""`rapid index`, `search`, `list` and `remove`, once their command lines are understood."""

from __future__ import annotations

import json as jsonlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from rapid_cli.answering.pipeline import read_ahead
from rapid_cli.answering.prefill import Contexts
from rapid_cli.cli.boundary import SKIPPED, print_error
from rapid_cli.cli.commands.opening import finish_index, open_sources
from rapid_cli.cli.options import sources_and_question
from rapid_cli.cli.render.console import Bars, console
from rapid_cli.cli.render.documents import (
    indexing_summary,
    print_entries,
    print_names,
    print_passages,
    print_texts,
    render_indexing,
    render_reading,
)
from rapid_cli.cli.render.report import passages_json
from rapid_cli.cli.streams import require_output
from rapid_cli.config import collections as collection_names
from rapid_cli.errors import DocumentError, RapidError
from rapid_cli.library.indexing import index as index_paths
from rapid_cli.library.watching import changes
from rapid_cli.models.models_file import find_models_file, load_models_file
from rapid_cli.session.session import Session
from rapid_cli.text.printable import printable_line


def index(
    paths: list[Path] | None,
    *,
    rebuild: bool,
    read: bool,
    pair: str | None,
    watch: bool,
    ocr: bool,
    collection: str | None,
    models: Path | None,
    quiet: bool,
) -> None:
    """Add documents to the library, or refresh them; what is gone from a folder is removed."""
    if not paths and (watch or not rebuild):
        raise typer.BadParameter("name a file or a folder to index")
    require_output()
    errors = console(quiet=quiet)
    counts: Counter[str] = Counter()
    with _open_session(models, collection, ocr=ocr) as session:
        seen = changes(paths) if watch and paths else iter(())
        next(seen, None)  # what changes while the first round goes on is not missed
        with Bars(errors) as bars:
            if rebuild:
                render_indexing(session.library.rebuild(), bars, errors, counts)
            if paths:
                with _folders_may_be_empty(paths if watch else []):
                    render_indexing(index_paths(session.library, paths), bars, errors, counts)
            if read:
                _read_ahead(session, pair, paths or [], bars, errors)
        print(indexing_summary(counts), flush=True)
        if watch and paths:
            _watch(session, paths, seen, errors)
    if counts["skipped"]:
        raise typer.Exit(SKIPPED)


@contextmanager
def _folders_may_be_empty(paths: Sequence[Path]) -> Iterator[None]:
    """Let a round that finds no documents pass where there is a folder that may get some."""
    try:
        yield
    except DocumentError as error:
        if not any(path.is_dir() for path in paths):
            raise
        print_error(error)


def _watch(session: Session, paths: Sequence[Path], seen: Iterator[None], errors: Console) -> None:
    """Index what changes at the paths until Ctrl-C."""
    errors.print("Watching for changes; Ctrl-C ends it.", style="dim")
    for _ in seen:
        counts: Counter[str] = Counter()
        try:
            with Bars(errors) as bars:
                render_indexing(index_paths(session.library, paths), bars, errors, counts)
        except RapidError as error:  # what is wrong now may be right after the next change
            print_error(error)
        if counts.total() > counts["unchanged"]:
            print(indexing_summary(counts), flush=True)


def search(
    words: list[str],
    *,
    limit: int,
    ocr: bool,
    collection: str | None,
    models: Path | None,
    json: bool,
    quiet: bool,
) -> None:
    """Find the passages for a question, without answering it."""
    sources, question = sources_and_question(words, "search")
    require_output()
    errors = console(quiet=quiet)
    with (
        _open_session(models, collection, ocr=ocr) as session,
        open_sources(session.library, sources, errors) as gathered,
    ):
        documents = gathered.documents
        passages = session.library.search(question, list(documents), limit)
        if json:
            found = passages_json(question, passages, documents)
            print(jsonlib.dumps(found, ensure_ascii=False))
        else:
            print_passages(passages, documents)
        finish_index(session.library, gathered, errors)
    if gathered.skipped:
        raise typer.Exit(SKIPPED)


def list_documents(*, collections: bool, collection: str | None, json: bool) -> None:
    """List what the library holds, or the names of all collections."""
    with _open_session(None, collection) as session:
        if collections:
            names = collection_names(session.models_file.settings.store)
            print_names(names, as_json=json)
            return
        kept = {text.name for text in session.states.entries()}
        print_entries(session.library.entries(), kept, as_json=json)


def remove(
    names: list[str],
    *,
    collection: str | None,
    quiet: bool,
) -> None:
    """Remove documents from the library; the files themselves stay."""
    errors = console(quiet=quiet)
    with _open_session(None, collection) as session:
        for name in names:
            for entry in session.library.remove(name):
                errors.print(f"removed {printable_line(entry.path)}", soft_wrap=True)


def _read_ahead(
    session: Session, pair: str | None, paths: list[Path], bars: Bars, errors: Console
) -> None:
    """Let the pair's target read what was indexed, one document after the other."""
    files = session.pairs.find_target(session.models_file.pair(pair))
    target = session.loader.load_target(files)
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


def _open_session(
    models: Path | None, collection: str | None = None, *, ocr: bool = False
) -> Session:
    models_file = load_models_file(find_models_file(models))
    return Session(models_file, collection=collection, ocr=ocr)
