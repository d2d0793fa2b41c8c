"""What the library holds: its documents looked up, listed and searched, and none changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.documents import Document, Passage, is_file
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog, Entry
from rapid_cli.library.events import Pending, State
from rapid_cli.library.search import Retrieval
from rapid_cli.library.vectors.store import Store
from rapid_cli.reader import reading
from rapid_cli.reader.workers import Extractor
from rapid_cli.retrieval.embedder import Embedder

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker

REPLACED = "\ufffd"  # the reader's mark in a name that is not Unicode, so never found on disk


class Holdings:
    """The documents in a catalog and a store, found with an embedder; it closes none of these."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedder: Embedder,
        extractor: Extractor,
        *,
        reranker: Reranker | None = None,
    ) -> None:
        self.extractor = extractor
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self._reranker = reranker
        self._retrieval = Retrieval(catalog, store, embedder, reranker)

    def search(
        self,
        question: str,
        document_ids: Sequence[str],
        limit: int,
        *,
        earlier: Sequence[str] = (),
        reranked: bool = True,
    ) -> list[Passage]:
        """Return up to `limit` passages of these documents for a question, best first.

        It may go on from `earlier` ones, oldest first. With `reranked` False a reranker is done
        without, for speed. StoreError if the library cannot tell, for lack of chunks or another
        embedder.
        """
        return self._retrieval.search(
            question, document_ids, limit, earlier=earlier, reranked=reranked
        )

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
        return self._catalog.find(key_of(name)) or self._catalog.find(name)

    def below(self, folder: Path) -> list[str]:
        """Return the paths of documents that were read below a folder, and can be looked up."""
        return [entry.path for entry in self.at([folder]) if REPLACED not in entry.path]

    def state(self, document: Document) -> State:
        """Tell what `add` would mean for the path of the document."""
        held = self._catalog.id_at(key_of(document.path))
        if held is None:
            return "moved" if self._left(document) else "new"
        same = held == document.id and self._catalog.reader_of(held) == reading.VERSION
        whole = self.is_complete(held) and not self._lacks_ocr(held)
        unchanged = same and whole and not self._reads_otherwise(document)
        return "unchanged" if unchanged else "updated"

    def pending(self, document_ids: Iterable[str]) -> Pending:
        """Tell how many of the documents, with how many chunks, have no vectors yet."""
        counts = self._catalog.pending()
        chunks = [counts[key] for key in dict.fromkeys(document_ids) if key in counts]
        return Pending(len(chunks), sum(chunks))

    def held(self, path: Path) -> str | None:
        """Return the id of the document at `path` if the library has read just this text of it."""
        if self.extractor.encoding:  # it may have been read with another
            return None
        # The reader says what is wrong with a file, and mends a name that is not Unicode.
        with suppress(OSError, UnicodeEncodeError):
            held = self._catalog.id_at(key_of(str(path)))
            if held is None or self._catalog.reader_of(held) != reading.VERSION:
                return None
            if held == _content_hash(path) and not self._lacks_ocr(held):
                return held
        return None

    def read_again(self, path: Path, document_id: str) -> Document:
        """Return the document that is held of a file, or read it anew if it was just removed."""
        if document := self._catalog.document(document_id):
            return replace(document, name=path.name, path=str(path.absolute()))
        return self.extractor.read(path)

    def is_complete(self, document_id: str) -> bool:
        """Tell whether a document is cut for the embedder in use, and embedded."""
        cut = self._catalog.cut_of(document_id)
        return cut == self._retrieval.key and self._catalog.is_embedded(document_id)

    def _lacks_ocr(self, document_id: str) -> bool:
        """Tell whether a document was read without OCR, and would now be read with it."""
        held = self._catalog.document(document_id) if self.extractor.ocr else None
        return held is not None and reading.needs_ocr(held)

    def _reads_otherwise(self, document: Document) -> bool:
        """Tell whether a document was just read with an encoding that changes what is held."""
        held = self._catalog.document(document.id) if self.extractor.encoding else None
        return held is not None and held.pages != document.pages

    def _left(self, document: Document) -> list[str]:
        """Return the paths of the document where its file is no longer: it was moved from there."""
        paths = self._catalog.paths_of(document.id)
        files = (path for path in paths if is_file(path) and REPLACED not in path)
        return [path for path in files if path != key_of(document.path) and not Path(path).exists()]


def _content_hash(path: Path) -> str | None:
    """Return what a document in this file is known by; None where nothing is worth reading."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > reading.MAX_FILE:
        return None  # a pipe would be waited for, and a vast file read for minutes
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(path: str) -> str:
    """Return the absolute path that stands for a file; what is no file here has none."""
    return os.path.realpath(path) if is_file(path) else path
