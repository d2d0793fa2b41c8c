"""The library: documents that were read once, kept in chunks that questions find again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np

from rapid_cli import reader
from rapid_cli.catalog import Catalog, Entry, Vectors
from rapid_cli.chroma import REBUILD
from rapid_cli.chunking import split
from rapid_cli.documents import STDIN, Document, Passage
from rapid_cli.embedder import Embedder
from rapid_cli.errors import DocumentError, StoreError
from rapid_cli.exact import search_exactly, vectors_key
from rapid_cli.store import Store

REPLACED = "\ufffd"  # the reader's mark in a name that is not Unicode, so never found on disk
# Small enough to show progress, and for Ctrl-C; writes are larger, as each costs Chroma a sync.
EMBED_CHUNKS = 64
WRITE_CHUNKS = 1024

State = Literal["new", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class FileStarted:
    """File `number` of `total` is about to be read."""

    path: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Embedded:
    """`done` of `total` chunks of a document have their vectors."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class FileDone:
    """A file is in the library; `warnings` are what its reader had to say."""

    path: str
    state: State
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file or folder could not be read; what the library has of it stays."""

    path: str
    error: DocumentError


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A file is gone from its folder, and now from the library."""

    path: str


Event = FileStarted | Embedded | FileDone | FileSkipped | FileRemoved


class Library:
    """Documents over a catalog, a store and an embedder, none of which it closes.

    A document counts once its chunks are stored and the catalog says so, in this order: whatever
    is interrupted in between is done again by the next run, and leaves no duplicates.
    """

    def __init__(self, catalog: Catalog, store: Store, embedder: Embedder) -> None:
        self._catalog = catalog
        self._store = store
        self._embedder = embedder

    def read(self, path: Path) -> Document:
        """Return the document at `path`, parsed anew only if it has changed; or DocumentError."""
        # The reader says what is wrong with a file, and mends a name that is not Unicode.
        with suppress(OSError, UnicodeEncodeError):
            held = self._catalog.id_at(_key(str(path)))
            if held is not None and held == hashlib.sha256(path.read_bytes()).hexdigest():
                return replace(self.get(held), name=path.name, path=str(path.absolute()))
        return reader.read(path)

    def state(self, document: Document) -> State:
        """Tell what `add` would mean for the path of the document."""
        held = self._catalog.id_at(_key(document.path))
        if held == document.id and self._catalog.holds(document.id):
            return "unchanged"
        return "new" if held is None else "updated"

    def add(self, document: Document) -> Iterator[Embedded]:
        """Put a document in the place of what its path held; embed it unless it is known."""
        document = replace(document, path=_key(document.path))
        if self.state(document) == "unchanged":
            return
        self._store.check(self._embedder.identity)
        if self._catalog.holds(document.id):
            self._catalog.point(document)
        else:
            yield from self._embed(document)
        self._sweep()

    def index(self, paths: Iterable[Path]) -> Iterator[Event]:
        """Add files and folders, skip what cannot be read, remove what is gone from the folders.

        DocumentError if there is only one path, and it leads to no document.
        """
        wanted = list(dict.fromkeys(paths))
        self._store.check(self._embedder.identity)
        below = (self._catalog.below(path.resolve()) for path in wanted if path.is_dir())
        known = (path for paths in below for path in paths if REPLACED not in path)
        gone = [path for path in known if not Path(path).exists()]
        yield from self._index_files(wanted, strict=len(wanted) == 1 and not gone)
        for path in gone:
            self._catalog.remove(path)
            yield FileRemoved(path)
        self._sweep()

    def search(self, question: str, document_ids: Sequence[str], limit: int) -> list[Passage]:
        """Return up to `limit` passages of these documents for a question, best first.

        StoreError if the library cannot tell, for lack of chunks or another embedder.
        """
        exact = search_exactly(question, document_ids, limit, self._catalog, self._embedder)
        return self._search_store(question, document_ids, limit) if exact is None else exact

    def _search_store(
        self, question: str, document_ids: Sequence[str], limit: int
    ) -> list[Passage]:
        self._use_store()
        (vector,) = self._embedder.embed([question])
        found = self._store.search(vector, document_ids, limit)
        self._store.close()  # answering takes its time
        counts = self._catalog.chunk_counts()
        wanted = set(document_ids)
        # Chroma does not tell when files of its own are gone: it finds less.
        if not wanted <= counts.keys() or len(found) < min(
            limit, sum(counts[key] for key in wanted)
        ):
            raise StoreError("some passages are missing from the library", REBUILD)
        return found

    def get(self, document_id: str) -> Document:
        """Return a document with its pages."""
        if document := self._catalog.document(document_id):
            return document
        raise StoreError(f"the library has no document {document_id}", "see `rapid list`")

    def entries(self) -> list[Entry]:
        """Return what the library holds, by path."""
        return self._catalog.entries()

    def at(self, paths: Iterable[Path]) -> list[Entry]:
        """Return what the library holds of these files and of what is in these folders."""
        roots = [path.resolve() for path in paths]
        entries = (entry for entry in self.entries() if not entry.path.startswith(STDIN))
        return [
            entry
            for entry in entries
            if any(Path(entry.path).is_relative_to(root) for root in roots)
        ]

    def find(self, name: str) -> list[Entry]:
        """Return what `name` may mean: a path, a file name or an id's beginning."""
        return self._catalog.find(_key(name)) or self._catalog.find(name)

    def remove(self, name: str) -> list[Entry]:
        """Forget the one document that `name` means."""
        matches = self.find(name)
        if not matches:
            near = set(get_close_matches(name, [entry.name for entry in self.entries()]))
            hint = f"did you mean {' or '.join(sorted(near))}?" if near else "see `rapid list`"
            raise StoreError(f"the library has no document {name!r}", hint)
        if len({entry.document_id for entry in matches}) > 1:
            paths = ", ".join(entry.path for entry in matches)
            raise StoreError(f"{name!r} may mean several documents: {paths}", "give one path")
        for entry in matches:
            self._catalog.remove(entry.path)
        self._sweep()
        return matches

    def rebuild(self) -> Iterator[Event]:
        """Chunk and embed all documents again, from the pages in the catalog.

        If it is interrupted, the next call goes on with the documents that are missing.
        """
        if not self._is_half_rebuilt():
            self._catalog.withdraw()
            self._store.reset()
        self._sweep()
        documents = self._catalog.withdrawn()
        for number, document_id in enumerate(documents, start=1):
            document = self.get(document_id)
            yield FileStarted(document.path, number, len(documents))
            yield from self._embed(document)
            yield FileDone(document.path, "updated", document.warnings)

    def _is_half_rebuilt(self) -> bool:
        try:
            self._use_store()
        except StoreError:
            return False
        return bool(self._catalog.withdrawn())

    def _use_store(self) -> None:
        embedder = self._embedder
        self._store.check(embedder.identity)  # before the embedder is loaded for nothing
        self._store.use(embedder.identity, embedder.dimension, embedder.chunk_tokens)

    def _index_files(self, paths: Iterable[Path], *, strict: bool) -> Iterator[Event]:
        files: dict[Path, Path] = {}
        for path in paths:
            try:
                files |= {found.resolve(): found for found in reader.find(path)}
            except DocumentError as error:
                if strict:
                    raise
                yield FileSkipped(str(path), error)
        for number, path in enumerate(files.values(), start=1):
            yield FileStarted(str(path), number, len(files))
            yield from self._index_file(path)

    def _index_file(self, path: Path) -> Iterator[Event]:
        try:
            document = self.read(path)
        except DocumentError as error:
            yield FileSkipped(str(path), error)
            return
        state = self.state(document)
        yield from self.add(document)
        yield FileDone(str(path), state, document.warnings)

    def _embed(self, document: Document) -> Iterator[Embedded]:
        """Store the chunks of a document with their vectors, then commit it to the catalog."""
        self._use_store()
        starts = self._embedder.token_starts(document.text)
        chunks = split(document, starts, size=self._embedder.chunk_tokens)
        floats = b""
        for first in range(0, len(chunks), WRITE_CHUNKS):
            group = chunks[first : first + WRITE_CHUNKS]
            if len(group) > EMBED_CHUNKS:
                self._store.close()  # other processes may need it while this takes its time
            vectors = []
            for start in range(0, len(group), EMBED_CHUNKS):
                texts = [chunk.text for chunk in group[start : start + EMBED_CHUNKS]]
                vectors.append(self._embedder.embed(texts))
                yield Embedded(first + start + len(texts), len(chunks))
            self._store.add(group, np.concatenate(vectors))
            floats += np.concatenate(vectors).tobytes()
        places = [(each.start, each.end, each.first_page, each.last_page) for each in chunks]
        self._catalog.put(
            document, len(chunks), Vectors(vectors_key(self._embedder), places, floats)
        )

    def _sweep(self) -> None:
        """Remove the documents that no path holds any more, also those of an interrupted run."""
        for document_id in self._catalog.orphans():
            self._store.remove(document_id)
            self._catalog.forget(document_id)


def _key(path: str) -> str:
    """Return the absolute path that stands for a file; what came by stdin has none."""
    return path if path.startswith(STDIN) else str(Path(path).resolve())
