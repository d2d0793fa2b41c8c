"""Libraries that tests can look into, with an embedder that needs no model."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rapid_cli.documents import Chunk
from rapid_cli.library import indexing
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.events import FileDone, FileRemoved, FileSkipped
from rapid_cli.library.library import Library
from rapid_cli.library.sharing import Sharing, origin_in
from rapid_cli.library.shelf import Shelf
from rapid_cli.library.vectors.store import Store
from rapid_cli.reader.workers import Extractor

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker


class WordEmbedder:
    """Words are tokens, and a text is the bag of its words; it counts what it embeds.

    `asked` are the questions, and what is searched for beside them.
    """

    is_prepared = True

    def __init__(self, identity: str = "words", dimension: int = 64, prompt: str = "") -> None:
        self.identity = identity
        self.prompt = prompt
        self.dimension = dimension
        self.chunk_tokens = 8
        self.embedded = 0
        self.asked: list[str] = []

    def token_starts(self, text: str) -> list[int]:
        return [match.start() for match in re.finditer(r"\S+", text)]

    def embed(self, texts: Sequence[str], *, questions: bool = False) -> NDArray[np.float32]:
        assert 0 < len(texts) <= 64, "batches are small"
        self.embedded += len(texts)
        self.asked += texts if questions else ()
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            words = re.findall(r"\w+", text.lower())
            assert len(words) <= self.chunk_tokens, "the rest would be cut in silence"
            for word in words:
                row[zlib.crc32(word.encode()) % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class OpenLibrary(Library):
    """A library whose parts the tests can look into."""

    def __init__(
        self,
        home: Path,
        embedder: WordEmbedder,
        server: str | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self.catalog, self.store, self.embedder = Catalog(home), Store(home, server), embedder
        sharing = None
        if server:
            shelf = Shelf(self.store.database, None, origin_in(home))
            sharing = Sharing(self.catalog, shelf, origin_in(home))
        super().__init__(
            self.catalog, self.store, embedder, Extractor(), sharing=sharing, reranker=reranker
        )

    def close(self) -> None:
        self.extractor.close()
        self.store.close()
        self.catalog.close()

    def stored(self) -> dict[str, int]:
        """Return the number of chunks of each document, whoever remembers them."""
        return dict(Counter(chunk.document_id for chunk in stored_chunks(self.store)))

    def texts(self) -> set[str]:
        return {self.get(entry.document_id).text for entry in self.entries()}


def stored_chunks(store: Store, document_id: str | None = None) -> list[Chunk]:
    """Return the chunks in a store, of all documents or of one, in their order."""
    if (collection := store.database.collection(store._name)) is None:
        return []
    with store.database.errors():
        where = {"document_id": document_id} if document_id else None
        rows = collection.get(where=where, include=["documents", "metadatas"])
    found = (
        Chunk(text=text, **place)
        for text, place in zip(rows["documents"], rows["metadatas"], strict=True)
    )
    return sorted(found, key=lambda chunk: chunk.index)


@contextmanager
def opened(
    home: Path,
    embedder: WordEmbedder | None = None,
    server: str | None = None,
    reranker: Reranker | None = None,
) -> Iterator[OpenLibrary]:
    opening = OpenLibrary(home, embedder or WordEmbedder(), server, reranker)
    with closing(opening) as library:
        yield library


def write(path: Path, word: str, sentences: int = 5) -> None:
    lines = [f"The {word} has fact number {number}." for number in range(sentences)]
    path.write_text("\n".join(lines))


def index(library: Library, *paths: Path) -> dict[str, list[str]]:
    """Index and return the names of the files by what became of them."""
    outcome: dict[str, list[str]] = {}
    for event in indexing.index(library, paths):
        match event:
            case FileDone(path, state, _):
                outcome.setdefault(state, []).append(Path(path).name)
            case FileSkipped(path, _):
                outcome.setdefault("skipped", []).append(Path(path).name)
            case FileRemoved(path):
                outcome.setdefault("removed", []).append(Path(path).name)
    return outcome


def assert_sound(library: OpenLibrary) -> None:
    """The store holds the chunks of the documents in the catalog, each once, and no others."""
    for entry in library.entries():
        chunks = stored_chunks(library.store, entry.document_id)
        assert "".join(chunk.text for chunk in chunks) == library.get(entry.document_id).text
        assert entry.chunks == len(chunks)
    assert set(library.stored()) == {entry.document_id for entry in library.entries()}
