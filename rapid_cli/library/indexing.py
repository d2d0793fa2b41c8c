"""Keeping the library in step with files and folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.library.events import (
    Event,
    FileDone,
    FileRemoved,
    FileSkipped,
    FileStarted,
    PagesRead,
    PassedOver,
)
from rapid_cli.library.library import Library
from rapid_cli.reader import reading


def index(library: Library, paths: Iterable[Path]) -> Iterator[Event]:
    """Add files and folders, skip what cannot be read, remove what is gone from the folders.

    DocumentError if there is only one path, and it leads to no document.
    """
    wanted = list(dict.fromkeys(paths))
    library.check()
    known = (path for folder in wanted if folder.is_dir() for path in library.below(folder))
    gone = [path for path in known if not Path(path).exists()]
    files: list[Path] = []
    yield from _find(wanted, files, strict=len(wanted) == 1 and not gone)
    yield from _index_files(library, files)
    for path in gone:
        if library.drop(path):  # else it was moved
            yield FileRemoved(path)
    library.sweep()
    library.rest()


def _find(paths: Sequence[Path], files: list[Path], *, strict: bool) -> Iterator[Event]:
    """Add to `files` what there is to read, each file once."""
    found: dict[str, Path] = {}
    passed_over: Counter[str] = Counter()
    for path in paths:
        try:
            here = reading.find(path)
        except DocumentError as error:
            if strict:
                raise
            yield FileSkipped(str(path), error)
            continue
        # Unlike `Path.resolve`, this does not mind links that have come to lead in a circle.
        found |= {os.path.realpath(file): file for file in here.files}
        passed_over.update(here.passed_over)
    files += found.values()
    if passed_over:
        yield PassedOver(passed_over)


def _index_files(library: Library, files: Sequence[Path]) -> Iterator[Event]:
    """Index files in their order; those that changed are read ahead of their embedding."""
    held = {path: known for path in files if (known := library.held(path))}
    changed = (path for path in files if path not in held)
    pages = 0
    with closing(library.extractor.read_ahead(changed)) as extracted:
        for number, path in enumerate(files, start=1):
            yield FileStarted(str(path), number, len(files))
            if path in held:
                yield from _refresh(library, path, held[path])
                continue
            document = next(extracted)
            if isinstance(document, DocumentError):
                yield FileSkipped(str(path), document)
                continue
            pages += len(document.pages)
            yield PagesRead(pages)
            yield from _add(library, path, document)


def _refresh(library: Library, path: Path, document_id: str) -> Iterator[Event]:
    """Finish what an earlier run has left undone of a file that has not changed."""
    yield from library.prepare_embedder()
    if library.is_complete(document_id):
        yield FileDone(str(path), "unchanged", ())
    else:
        yield from _add(library, path, library.read(path))


def _add(library: Library, path: Path, document: Document) -> Iterator[Event]:
    yield from library.prepare_embedder()
    state = library.state(document)
    yield from library.add(document)
    yield FileDone(str(path), state, document.warnings)
