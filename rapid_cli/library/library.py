"""The library: documents that were read once, kept in chunks that questions find again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rapid_cli.documents import STDIN, Chunk, Document, is_shared
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import ADOPTED, Catalog, Entry
from rapid_cli.library.events import (
    Embedded,
    EmbedderPrepared,
    EmbedderPreparing,
    FileDone,
    FileStarted,
    IndexingEvent,
)
from rapid_cli.library.holdings import Holdings, key_of
from rapid_cli.library.sharing import Unshared, Unstored
from rapid_cli.library.vectors.chroma import DamagedStore
from rapid_cli.library.vectors.store import NoStore, Store
from rapid_cli.reader import reading
from rapid_cli.reader.workers import Extractor
from rapid_cli.retrieval.chunking import split
from rapid_cli.retrieval.embedder import Embedder

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker

# Small enough to show progress, and for Ctrl-C; writes are larger, as each costs Chroma a sync.
EMBED_CHUNKS = 64
WRITE_CHUNKS = 1024


class Library(Holdings):
    """Holdings that documents are added to and removed from.

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
        sharing: Unshared | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        """Take a `sharing` where the store is on a server."""
        super().__init__(catalog, store, embedder, extractor, reranker=reranker)
        self._sharing = sharing or Unshared()

    def in_memory(self) -> Library:
        """Return an empty library that keeps nothing on disk, with the reader of this one."""
        return Library(
            Catalog(None),
            NoStore(),
            self._embedder,
            self.extractor,
            sharing=Unstored(),
            reranker=self._reranker,
        )

    def copy(self, other: Holdings, document_ids: Iterable[str]) -> None:
        """Take documents that another library has.

        Where their vectors are in its store alone, they are found by their words.
        """
        for document_id in document_ids:
            if not self._catalog.holds(document_id):
                self._catalog.copy(other._catalog, document_id)

    def close(self) -> None:
        """Close the catalog, which in memory is then gone."""
        self._catalog.close()

    def enter(self, document: Document) -> None:
        """Put a document in the place of what its path held; its words can be searched at once."""
        self._enter(document, reading.VERSION)

    def _enter(self, document: Document, version: int) -> None:
        document = replace(document, path=key_of(document.path))
        self.check()
        same = self._catalog.cut_of(document.id) == self._retrieval.key
        same = same and not self._reads_otherwise(document)
        if same and self._is_known(document, version) and not self._lacks_ocr(document.id):
            self._catalog.point(document)
            if self._catalog.is_embedded(document.id):
                self._sharing.embedded(document.id, [document.path])
        else:
            self._cut(document, version)
        for path in self._left(document):
            self.drop(path)
        self.sweep()

    def adopt(self) -> None:
        """Learn what other libraries on the same server hold."""
        self._sharing.adopt(lambda: self._retrieval.key)
        self.sweep()

    def prepare_embedder(self) -> Iterator[IndexingEvent]:
        """Load the embedder where that takes seconds, being its first use, and say so before."""
        if not self._embedder.is_prepared:
            yield EmbedderPreparing()
            self._embedder.prepare()
            yield EmbedderPrepared()

    def prepare(self, document_ids: Iterable[str]) -> Iterator[IndexingEvent]:
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
        self._enter(self.get(document_id), self._catalog.reader_of(document_id) or ADOPTED)

    def complete(self, document_ids: Iterable[str]) -> Iterator[Embedded]:
        """Embed those of the documents whose vectors are missing."""
        pending = self._catalog.pending()
        for document_id in document_ids:
            if document_id in pending:
                yield from self._completed(document_id)

    def _completed(self, document_id: str) -> Iterator[Embedded]:
        """Embed a document, and once more if the store turns out to be damaged meanwhile."""
        try:
            yield from self._embed(document_id)
        except DamagedStore as damage:
            self._retrieval.restore(damage)
            yield from self._embed(document_id)

    def add(self, document: Document) -> Iterator[Embedded]:
        """Enter a document and embed it."""
        if self.state(document) != "unchanged":
            self.enter(document)
            yield from self.complete([document.id])

    def drop(self, path: str) -> bool:
        """Forget a path; tell whether it was there."""
        known = self._catalog.id_at(path) is not None
        self._catalog.remove(path)
        self._sharing.dropped(path)
        return known

    def check(self) -> None:
        """Raise StoreError if the vectors are those of another embedder."""
        self._retrieval.in_store(partial(self._store.check, self._embedder.identity))

    def sweep(self) -> None:
        """Remove the documents that no path holds any more, also those of an interrupted run."""
        for document_id in self._catalog.orphans():
            if not self._sharing.is_wanted(document_id):
                self._unstore(document_id)
                self._sharing.removed(document_id)
            self._catalog.forget(document_id)

    def rest(self) -> None:
        """Let other processes have the store until it is needed again."""
        self._store.rest()

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
            if is_shared(entry.path):
                raise StoreError(f"{entry.path} is in another library", "remove it there")
            self.drop(entry.path)
        self.sweep()
        return matches

    def erase(self) -> None:
        """Leave nothing on this machine's disk of what was removed."""
        self._store.erase()
        self._catalog.erase()

    def erase_earlier(self) -> None:
        """Erase what an earlier version has kept of what was piped in, and of what was removed."""
        if self._catalog.overwrites():
            return
        for entry in self.entries():
            if entry.path.startswith(STDIN):
                self.drop(entry.path)
        self.sweep()
        self.erase()

    def rebuild(self) -> Iterator[IndexingEvent]:
        """Chunk and embed all documents again, from the pages in the catalog.

        If it is interrupted, the next call goes on with the documents that are missing. What others
        have on the same server is left alone, unless it is of another embedder.
        """
        yield from self.prepare_embedder()
        usable = self._is_usable()
        if not (usable and self._catalog.withdrawn()):
            if not (usable and self._sharing.disown()):
                self._store.reset()
            self._catalog.withdraw()
        self.sweep()
        documents = list(self._catalog.pending())
        for number, document_id in enumerate(documents, start=1):
            document = self.get(document_id)
            yield FileStarted(document.path, number, len(documents))
            self._enter_again(document_id)
            yield from self._completed(document_id)
            yield FileDone(document.path, "updated", document.warnings)
        self.adopt()

    def _is_usable(self) -> bool:
        try:
            self._retrieval.use_store()
        except StoreError:
            return False
        return True

    def _is_known(self, document: Document, version: int) -> bool:
        """Tell whether what is held under the id of a document is what was read of it here."""
        if not self._is_adopted(document.id):
            return self._catalog.reader_of(document.id) == version
        if not self._is_as_held(document):
            return False
        self._catalog.vouch(document.id, version)
        return True

    def _is_adopted(self, document_id: str) -> bool:
        """Tell whether the text of a document that is held was read elsewhere, or nowhere."""
        paths = self._catalog.paths_of(document_id)
        only_others = bool(paths) and all(map(is_shared, paths))
        return only_others or self._catalog.reader_of(document_id) == ADOPTED

    def _is_as_held(self, document: Document) -> bool:
        """Tell whether a document that was read here is just what others say that it is."""
        held = self._catalog.document(document.id)
        if held is None or replace(held, name=document.name, path=document.path) != document:
            return False
        return self._catalog.chunks.of(document.id) == self._split(document)

    def _cut(self, document: Document, version: int) -> None:
        """Enter a document with new chunks; vectors of chunks that were cut before go."""
        if self._catalog.holds(document.id):
            self._unstore(document.id)
        chunks = self._split(document)
        self._catalog.put(document, chunks, cut=self._retrieval.key, reader=version)

    def _unstore(self, document_id: str) -> None:
        self._retrieval.in_store(partial(self._store.remove, document_id))

    def _split(self, document: Document) -> list[Chunk]:
        starts = self._embedder.token_starts(document.text)
        return split(document, starts, size=self._embedder.chunk_tokens)

    def _embed(self, document_id: str) -> Iterator[Embedded]:
        """Store the vectors of a document's chunks, then say so in the catalog."""
        self._retrieval.use_store()
        paths = self._catalog.paths_of(document_id)
        stored = self._sharing.may_store(paths)
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
            if stored:
                self._store.add(group, np.concatenate(vectors))
            floats += np.concatenate(vectors).tobytes()
        self._catalog.embedded(document_id, floats)
        self._sharing.embedded(document_id, paths)
