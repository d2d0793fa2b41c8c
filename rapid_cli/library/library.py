"""The library: documents that were read once, kept in chunks that questions find again."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rapid_cli.documents import SHARED, Document, Passage, is_file
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog, Entry
from rapid_cli.library.events import (
    Embedded,
    EmbedderPrepared,
    EmbedderPreparing,
    Event,
    FileDone,
    FileStarted,
    Pending,
    State,
)
from rapid_cli.library.search import Retrieval
from rapid_cli.library.sharing import Sharing
from rapid_cli.library.store import Store
from rapid_cli.reader import reading
from rapid_cli.reader.workers import Extractor
from rapid_cli.retrieval.chunking import split
from rapid_cli.retrieval.embedder import Embedder

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker

REPLACED = "\ufffd"  # the reader's mark in a name that is not Unicode, so never found on disk
# Small enough to show progress, and for Ctrl-C; writes are larger, as each costs Chroma a sync.
EMBED_CHUNKS = 64
WRITE_CHUNKS = 1024


class Library:
    """Documents over a catalog, a store and an embedder, none of which it closes.

    A document enters the catalog with its chunks, and is found by its words from then on; it
    counts as embedded once the store has all its vectors. Whatever is interrupted in between is
    done again by the next run, and leaves no duplicates.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedder: Embedder,
        extractor: Extractor,
        *,
        sharing: Sharing | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        """Take a `sharing` where the store is on a server."""
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self.extractor = extractor
        self._sharing = sharing
        self._retrieval = Retrieval(catalog, store, embedder, reranker)

    def read(self, path: Path) -> Document:
        """Return the document at `path`, parsed anew only if it has changed; or DocumentError."""
        if held := self.held(path):
            return replace(self.get(held), name=path.name, path=str(path.absolute()))
        return self.extractor.read(path)

    def state(self, document: Document) -> State:
        """Tell what `add` would mean for the path of the document."""
        held = self._catalog.id_at(_key(document.path))
        if held is None:
            return "moved" if self._left(document) else "new"
        same = held == document.id and self._catalog.reader_of(held) == reading.VERSION
        whole = self.is_complete(held) and not self._lacks_ocr(held)
        return "unchanged" if same and whole else "updated"

    def enter(self, document: Document) -> None:
        """Put a document in the place of what its path held; its words can be searched at once."""
        self._enter(document, reading.VERSION)

    def _enter(self, document: Document, version: int) -> None:
        document = replace(document, path=_key(document.path))
        self.check()
        cut, known = self._catalog.cut_of(document.id), self._catalog.reader_of(document.id)
        same = (cut, known) == (self._retrieval.key, version)
        if same and not self._lacks_ocr(document.id):
            self._catalog.point(document)
            if self._sharing and self._catalog.is_embedded(document.id):
                self._sharing.embedded(document, [document.path])
        else:
            self._cut(document, version)
        for path in self._left(document):
            self.drop(path)
        self.sweep()

    def adopt(self) -> None:
        """Learn what other libraries on the same server hold."""
        if self._sharing:
            self._sharing.adopt(self._retrieval.key)
            self.sweep()

    def prepare_embedder(self) -> Iterator[Event]:
        """Load the embedder where that takes seconds, being its first use, and say so before."""
        if not self._embedder.is_prepared:
            yield EmbedderPreparing()
            self._embedder.prepare()
            yield EmbedderPrepared()

    def prepare(self, document_ids: Iterable[str]) -> Iterator[Event]:
        """Make ready to search documents.

        Those that an upgrade or a rebuild left without chunks are cut again.
        """
        yield from self.prepare_embedder()
        wanted = set(document_ids)
        for document_id in self._catalog.withdrawn():
            if document_id in wanted:
                self._enter_again(document_id)

    def _enter_again(self, document_id: str) -> None:
        """Cut a document anew from the pages in the catalog."""
        self._enter(self.get(document_id), self._catalog.reader_of(document_id) or 0)

    def complete(self, document_ids: Iterable[str]) -> Iterator[Embedded]:
        """Embed those of the documents whose vectors are missing."""
        pending = self._catalog.pending()
        for document_id in document_ids:
            if document_id in pending:
                yield from self._embed(document_id)

    def pending(self, document_ids: Iterable[str]) -> Pending:
        """Tell how many of the documents, with how many chunks, have no vectors yet."""
        counts = self._catalog.pending()
        chunks = [counts[key] for key in dict.fromkeys(document_ids) if key in counts]
        return Pending(len(chunks), sum(chunks))

    def add(self, document: Document) -> Iterator[Embedded]:
        """Enter a document and embed it."""
        if self.state(document) != "unchanged":
            self.enter(document)
            yield from self.complete([document.id])

    def below(self, folder: Path) -> list[str]:
        """Return the paths of documents that were read below a folder, and can be looked up."""
        return [path for path in self._catalog.below(folder.resolve()) if REPLACED not in path]

    def drop(self, path: str) -> bool:
        """Forget a path; tell whether it was there."""
        known = self._catalog.id_at(path) is not None
        self._catalog.remove(path)
        if self._sharing:
            self._sharing.dropped(path)
        return known

    def check(self) -> None:
        """Raise StoreError if the vectors are those of another embedder."""
        self._store.check(self._embedder.identity)

    def sweep(self) -> None:
        """Remove the documents that no path holds any more, also those of an interrupted run."""
        for document_id in self._catalog.orphans():
            if not (self._sharing and self._sharing.is_wanted(document_id)):
                self._store.remove(document_id)
                if self._sharing:
                    self._sharing.removed(document_id)
            self._catalog.forget(document_id)

    def rest(self) -> None:
        """Let other processes have the store until it is needed again."""
        self._store.rest()

    def search(
        self, question: str, document_ids: Sequence[str], limit: int, *, reranked: bool = True
    ) -> list[Passage]:
        """Return up to `limit` passages of these documents for a question, best first.

        With `reranked` False a reranker is done without, for speed. StoreError if the library
        cannot tell, for lack of chunks or another embedder.
        """
        return self._retrieval.search(question, document_ids, limit, reranked=reranked)

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
        entries = (entry for entry in self.entries() if is_file(entry.path))
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
            if entry.path.startswith(SHARED):
                raise StoreError(f"{entry.path} is in another library", "remove it there")
            self.drop(entry.path)
        self.sweep()
        return matches

    def rebuild(self) -> Iterator[Event]:
        """Chunk and embed all documents again, from the pages in the catalog.

        If it is interrupted, the next call goes on with the documents that are missing. What others
        have on the same server is left alone, unless it is of another embedder.
        """
        yield from self.prepare_embedder()
        if not (self._is_usable() and self._catalog.withdrawn()):
            self._withdraw()
        self.sweep()
        documents = list(self._catalog.pending())
        for number, document_id in enumerate(documents, start=1):
            document = self.get(document_id)
            yield FileStarted(document.path, number, len(documents))
            self._enter_again(document_id)
            yield from self._embed(document_id)
            yield FileDone(document.path, "updated", document.warnings)
        self.adopt()

    def _withdraw(self) -> None:
        if self._sharing and self._is_usable():
            self._sharing.disown()
        else:
            self._store.reset()
        self._catalog.withdraw()

    def _is_usable(self) -> bool:
        try:
            self._retrieval.use_store()
        except StoreError:
            return False
        return True

    def held(self, path: Path) -> str | None:
        """Return the id of the document at `path` if the library has read just this text of it."""
        # The reader says what is wrong with a file, and mends a name that is not Unicode.
        with suppress(OSError, UnicodeEncodeError):
            held = self._catalog.id_at(_key(str(path)))
            if held is None or self._catalog.reader_of(held) != reading.VERSION:
                return None
            if held == _content_hash(path) and not self._lacks_ocr(held):
                return held
        return None

    def _lacks_ocr(self, document_id: str) -> bool:
        """Tell whether a document was read without OCR, and would now be read with it."""
        held = self._catalog.document(document_id) if self.extractor.ocr else None
        return held is not None and reading.needs_ocr(held)

    def is_complete(self, document_id: str) -> bool:
        """Tell whether a document is cut for the embedder in use, and embedded."""
        cut = self._catalog.cut_of(document_id)
        return cut == self._retrieval.key and self._catalog.is_embedded(document_id)

    def _left(self, document: Document) -> list[str]:
        """Return the paths of the document where its file is no longer: it was moved from there."""
        paths = self._catalog.paths_of(document.id)
        files = (path for path in paths if is_file(path) and REPLACED not in path)
        return [path for path in files if path != _key(document.path) and not Path(path).exists()]

    def _cut(self, document: Document, version: int) -> None:
        """Enter a document with new chunks; vectors of chunks that were cut before go."""
        if self._catalog.holds(document.id):
            self._store.remove(document.id)
        starts = self._embedder.token_starts(document.text)
        chunks = split(document, starts, size=self._embedder.chunk_tokens)
        self._catalog.put(document, chunks, cut=self._retrieval.key, reader=version)

    def _embed(self, document_id: str) -> Iterator[Embedded]:
        """Store the vectors of a document's chunks, then say so in the catalog."""
        self._retrieval.use_store()
        paths = self._catalog.paths_of(document_id)
        kept = self._sharing is None or any(map(is_file, paths))  # no server gets a piped text
        chunks = self._catalog.chunks.of(document_id)
        floats = b""
        for first in range(0, len(chunks), WRITE_CHUNKS):
            group = chunks[first : first + WRITE_CHUNKS]
            if len(group) > EMBED_CHUNKS:
                self.rest()  # other processes may need it while this takes its time
            vectors = []
            for start in range(0, len(group), EMBED_CHUNKS):
                texts = [chunk.text for chunk in group[start : start + EMBED_CHUNKS]]
                vectors.append(self._embedder.embed(texts))
                yield Embedded(first + start + len(texts), len(chunks))
            if kept:
                self._store.add(group, np.concatenate(vectors))
            floats += np.concatenate(vectors).tobytes()
        self._catalog.embedded(document_id, floats)
        if self._sharing:
            self._sharing.embedded(self.get(document_id), paths)


def _content_hash(path: Path) -> str | None:
    """Return what a document in this file is known by; None where nothing is worth reading."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > reading.MAX_FILE:
        return None  # a pipe would be waited for, and a vast file read for minutes
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(path: str) -> str:
    """Return the absolute path that stands for a file; what is no file here has none."""
    return os.path.realpath(path) if is_file(path) else path
