"""`rapid index`, `search`, `list` and `remove`, once their command lines are understood."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from rapid_cli.answering.pipeline import read_ahead
from rapid_cli.answering.prefill import Contexts
from rapid_cli.api.rapid import Rapid
from rapid_cli.api.report import passages_json
from rapid_cli.cli.boundary import SKIPPED, print_error
from rapid_cli.cli.commands.opening import (
    finish_index,
    open_sources,
    sources_and_question,
)
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.library import IndexOptions, SearchOptions
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
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.render.pictures import forget as forget_pictures
from rapid_cli.cli.streams import require_output
from rapid_cli.config import collections as collection_names
from rapid_cli.errors import DocumentError, RapidError
from rapid_cli.library.catalog import Entry
from rapid_cli.library.indexing import index as index_paths
from rapid_cli.library.watching import changes
from rapid_cli.session.session import Session
from rapid_cli.text.printable import printable_line


def index(options: IndexOptions) -> None:
    """Add documents to the library, or refresh them; what is gone from a folder is removed."""
    paths = options.paths or []
    if not paths and (options.watch or not options.rebuild):
        raise typer.BadParameter("name a file or a folder to index")
    require_output()
    errors = console(quiet=options.quiet)
    watched = paths if options.watch else []
    with _open_reader(options, errors) as rapid:
        session = rapid.session
        seen = changes(watched) if watched else iter(())
        next(seen, None)  # what changes while the first round goes on is not missed
        counts = _index_once(session, options, errors)
        print(indexing_summary(counts), flush=True)
        if watched:
            _watch(session, watched, seen, errors)
    if counts["skipped"]:
        raise typer.Exit(SKIPPED)


def _index_once(session: Session, options: IndexOptions, errors: Console) -> Counter[str]:
    """Do all that was asked for, once; return how many documents had which outcome."""
    paths, counts = options.paths or [], Counter[str]()
    with Bars(errors) as bars:
        if options.rebuild:
            render_indexing(session.library.rebuild(), bars, errors, counts)
        if paths:
            with _folders_may_be_empty(paths if options.watch else []):
                render_indexing(index_paths(session.library, paths), bars, errors, counts)
        if options.read:
            _read_ahead(session, options.pair, paths, bars, errors)
    return counts


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


def search(options: SearchOptions) -> None:
    """Find the passages for a question, without answering it."""
    sources, question = sources_and_question(options.words, "search")
    require_output()
    errors = console(quiet=options.quiet)
    with (
        _open_reader(options, errors) as rapid,
        open_sources(rapid.library, sources, errors) as gathered,
    ):
        documents = gathered.documents
        passages = gathered.library.search(question, list(documents), options.limit)
        if options.json:
            print_json(passages_json(question, passages, documents))
        else:
            print_passages(question, passages, documents)
        finish_index(rapid.library, gathered, errors)
    if gathered.skipped:
        raise typer.Exit(SKIPPED)


def list_documents(collection: str | None, *, json: bool) -> None:
    """List what the library holds."""
    with Rapid(models_file_in_force(None, console()), collection=collection) as rapid:
        kept = {text.name for text in rapid.session.states.entries()}
        print_entries(rapid.documents(), kept, as_json=json)


def list_collections(*, json: bool) -> None:
    """List the names of all collections."""
    store = models_file_in_force(None, console()).settings.store
    print_names(collection_names(store), as_json=json)


def remove(names: Sequence[str], collection: str | None, *, quiet: bool) -> None:
    """Remove documents from the library; the files themselves stay."""
    errors = console(quiet=quiet)
    forget_pictures()  # of their pages

    def tell(entry: Entry) -> None:
        errors.print(f"removed {printable_line(entry.path)}", soft_wrap=True)

    with Rapid(models_file_in_force(None, errors), collection=collection) as rapid:
        rapid.remove(*names, tell=tell)


def _read_ahead(
    session: Session, pair: str | None, paths: Sequence[Path], bars: Bars, errors: Console
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
    with Session(models_file_in_force(None, console())) as session:
        print_texts(session.states.entries(), as_json=json)


def clear_texts() -> None:
    """Remove all that is kept of what models have read."""
    with Session(models_file_in_force(None, console())) as session:
        print(f"freed {session.states.clear() / 1e6:,.0f} MB")


def _open_reader(options: IndexOptions | SearchOptions, errors: Console) -> Rapid:
    """Open what reads files, as the options say."""
    return Rapid(
        models_file_in_force(options.models, errors),
        collection=options.collection,
        ocr=options.ocr,
        encoding=options.encoding,
    )
