"""Keeping the library in step with files and folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.library.events import (
    FileDone,
    FileRemoved,
    FileSkipped,
    FileStarted,
    IndexingEvent,
    PagesRead,
    PassedOver,
)
from rapid_cli.library.library import Library
from rapid_cli.reader import reading

Add = Callable[[Path, Document | str], Iterator[IndexingEvent]]
"""What adds a file's document, or the one of this id that the library has read of it before."""


def index(library: Library, paths: Iterable[Path]) -> Iterator[IndexingEvent]:
    """Add files and folders, skip what cannot be read, remove what is gone from the folders.

    DocumentError if there is only one path, and it leads to no document.
    """
    wanted = list(dict.fromkeys(paths))
    library.check()
    known = (path for folder in wanted if folder.is_dir() for path in library.below(folder))
    gone = [path for path in known if not Path(path).exists()]
    files: dict[Path, Path | None] = {}
    yield from _find(wanted, files, strict=len(wanted) == 1 and not gone)
    yield from add_files(library, files, _adding(library))
    for path in gone:
        if library.drop(path):  # else it was moved
            yield FileRemoved(path)
    library.sweep()
    library.rest()


def _find(
    paths: Sequence[Path], files: dict[Path, Path | None], *, strict: bool
) -> Iterator[IndexingEvent]:
    """Add to `files` what there is to read, each file once, with the folder searched for it."""
    found: dict[str, tuple[Path, Path | None]] = {}
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
        found |= {os.path.realpath(file): (file, here.folder) for file in here.files}
        passed_over.update(here.passed_over)
    files.update(found.values())
    if passed_over:
        yield PassedOver(passed_over)


def add_files(
    library: Library, files: Mapping[Path, Path | None], add: Add
) -> Iterator[IndexingEvent]:
    """Have files added in their order; those that changed are read ahead of their embedding.

    With each file goes the folder that it is read from, if one was searched.
    """
    held = {path: known for path in files if (known := library.held(path))}
    changed = (path for path in files if path not in held)
    with closing(library.extractor.read_ahead(changed, files)) as extracted:
        for number, path in enumerate(files, start=1):
            yield FileStarted(str(path), number, len(files))
            found = held[path] if path in held else next(extracted)
            try:
                if isinstance(found, DocumentError):
                    raise found
                yield from add(path, found)
            except DocumentError as error:
                yield FileSkipped(str(path), error)


def _adding(library: Library) -> Add:
    """Return what enters documents and embeds them, and finishes what an earlier run left."""
    pages = 0

    def add(path: Path, found: Document | str) -> Iterator[IndexingEvent]:
        nonlocal pages
        if isinstance(found, Document):
            pages += len(found.pages)
            yield PagesRead(pages)
        yield from library.prepare_embedder()
        if isinstance(found, str):
            if library.is_complete(found):
                yield FileDone(str(path), "unchanged", ())
                return
            found = library.read_again(path, found)
        state = library.state(found)
        yield from library.add(found)
        yield FileDone(str(path), state, found.warnings)

    return add
