"""From what a person names on the command line to documents in the library."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from rapid_cli.config import expanded
from rapid_cli.documents import STDIN, Document
from rapid_cli.errors import DocumentError, StoreError
from rapid_cli.library.events import FileDone, FileSkipped, IndexingEvent, PassedOver
from rapid_cli.library.indexing import add_files
from rapid_cli.library.library import Library
from rapid_cli.reader import reading

STANDARD_INPUT = "-"
STDIN_NAME = "stdin"
EMBEDDED_FIRST = 400
"""So many chunks are embedded before the first answer, which takes seconds; more of them wait."""


@dataclass(slots=True)
class Gathered:
    """Documents to ask about, in the order named, and the library to ask; what could not be read.

    If something was `piped` in, that is a library in memory, so that nothing of it is ever written.
    `embedded` counts the chunks that got their vectors on the way, and `seconds` how long all took.
    """

    library: Library
    piped: bool = False
    documents: dict[str, Document] = field(default_factory=dict)
    skipped: list[FileSkipped] = field(default_factory=list)
    embedded: int = 0
    seconds: float = 0.0

    def lasting(self) -> list[str]:
        """Return the ids of the documents that were not piped in."""
        return [key for key, each in self.documents.items() if not each.path.startswith(STDIN)]

    def close(self) -> None:
        """Forget what was piped in."""
        if self.piped:
            self.library.close()


def gather(
    names: Sequence[str], library: Library, stdin: BinaryIO, gathered: Gathered
) -> Iterator[IndexingEvent]:
    """Read and index what `names` stand for: files, folders, `-`, or documents of the library.

    They are put into `gathered` as they are known, so that it is right at any interruption.

    No names at all stand for the whole library. A bad file costs only itself, unless nothing
    else is left: then its DocumentError is raised.
    """
    began = time.perf_counter()
    try:
        yield from _gather_all(names, library, stdin, gathered)
    finally:
        gathered.seconds += time.perf_counter() - began


def _gather_all(
    names: Sequence[str], library: Library, stdin: BinaryIO, gathered: Gathered
) -> Iterator[IndexingEvent]:
    if not names:
        yield from _add_all(library, gathered)
    for name in names:
        try:
            yield from _gather_one(name, library, stdin, gathered)
        except DocumentError as error:
            gathered.skipped.append(FileSkipped(name, error))
    if not gathered.documents:
        raise gathered.skipped[0].error
    if gathered.piped:
        gathered.library.copy(library, gathered.lasting())
    yield from gathered.skipped
    pending = gathered.library.pending(gathered.documents)
    if pending.documents:
        yield pending


def exists(path: Path) -> bool:
    """Tell whether there is something at `path`; nothing is at a path too long for the system."""
    try:
        return path.exists()
    except OSError:
        return False


def _path(name: str) -> Path:
    with suppress(RuntimeError):  # there is no user of that name
        return expanded(name)
    return Path(name)


def _add_all(library: Library, gathered: Gathered) -> Iterator[IndexingEvent]:
    ids = dict.fromkeys(entry.document_id for entry in library.entries())
    if not ids:
        raise StoreError(
            "the library is empty",
            'name a file, `rapid ask book.pdf "question"`, or fill it: `rapid index FOLDER`',
        )
    yield from _add_held(ids, library, gathered)


def _add_held(
    ids: Collection[str], library: Library, gathered: Gathered
) -> Iterator[IndexingEvent]:
    yield from library.prepare(ids)
    gathered.documents |= {document_id: library.get(document_id) for document_id in ids}


def _gather_one(
    name: str, library: Library, stdin: BinaryIO, gathered: Gathered
) -> Iterator[IndexingEvent]:
    path = _path(name)
    if name == STANDARD_INPUT:
        yield from _add_stdin(library, stdin, gathered)
    elif not exists(path) and (entries := library.find(name)):
        yield from _add_held([entry.document_id for entry in entries], library, gathered)
    else:
        yield from _add_files(path, library, gathered)


def _add_stdin(library: Library, stdin: BinaryIO, gathered: Gathered) -> Iterator[IndexingEvent]:
    read = library.extractor.read_piped(stdin.read(), STDIN_NAME)
    document = replace(read, path=f"{STDIN}{read.id[:12]}")
    if not gathered.piped:
        gathered.library, gathered.piped = library.in_memory(), True
    yield from _add(document, gathered.library, gathered)


def _add_files(path: Path, library: Library, gathered: Gathered) -> Iterator[IndexingEvent]:
    found = reading.find(path)
    if found.passed_over:
        yield PassedOver(found.passed_over)

    def add(file: Path, read: Document | str) -> Iterator[IndexingEvent]:
        document = library.read_again(file, read) if isinstance(read, str) else read
        return _add(document, library, gathered)

    for event in add_files(library, found.folders, add):
        if isinstance(event, FileSkipped):
            gathered.skipped.append(event)  # told when it is known that others are left
        else:
            yield event


def _add(document: Document, library: Library, gathered: Gathered) -> Iterator[IndexingEvent]:
    """Enter a document; embed it now unless that takes long and can be done after an answer."""
    yield from library.prepare_embedder()
    state = library.state(document)
    if state != "unchanged":
        library.enter(document)
        chunks = library.pending([document.id]).chunks
        if gathered.embedded + chunks <= EMBEDDED_FIRST or document.path.startswith(STDIN):
            gathered.embedded += chunks
            yield from library.complete([document.id])
    gathered.documents[document.id] = document
    yield FileDone(document.path, state, document.warnings)
