"""Chunks and their vectors on disk or on a server, and the search among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from heapq import nlargest
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from rapid_cli.documents import Chunk, Passage
from rapid_cli.errors import StoreError
from rapid_cli.library.vectors.chroma import REBUILD, FolderDatabase
from rapid_cli.library.vectors.chroma_server import ServerDatabase, name_for

if TYPE_CHECKING:
    from rapid_cli.library.vectors.chroma import Collection, Where

CONTENT = "chunks"
SHARED_REBUILD = (
    "take its settings or another --collection; `rapid index --rebuild` makes it anew for all"
)
# SQLite allows some 32,000 variables in a query, and a filter takes one for each document.
FILTER_IDS = 1_000
LONGEST_VALUE = 100
# What is stored of a chunk beside its text.
PLACE: dict[str, type] = {"document_id": str}
PLACE |= dict.fromkeys(("index", "start", "end", "first_page", "last_page"), int)


class Store:
    """Chunks and unit vectors in one Chroma collection; opened at its first use.

    It lies under `folder`; or on the `server` at a URL, under the name of a `collection`, where
    other libraries write to it, too. It remembers the embedder of its vectors, see `use`. While a
    store in a folder is open, another process that wants it waits for the next call or for
    `close`. Whatever goes wrong with the disk or the server is a StoreError.
    """

    has_vectors: ClassVar[bool] = True

    def __init__(
        self, folder: Path, server: str | None = None, collection: str | None = None
    ) -> None:
        self.database = ServerDatabase(server) if server else FolderDatabase(folder)
        self._name = name_for(collection, CONTENT) if server else CONTENT
        self._embedder: dict[str, str | int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, for others to use; a later call opens it again."""
        self.database.close()

    def rest(self) -> None:
        """Let other processes have the folder until the next call; a server serves all at once."""
        if not self.database.shared:
            self.close()

    def erase(self) -> None:
        """Leave no text of removed chunks in the folder; a server keeps what it keeps."""
        if isinstance(self.database, FolderDatabase):
            self.database.erase()

    def reset(self) -> None:
        """Forget all chunks and the embedder, of all who share it; a damaged folder goes, too."""
        if isinstance(self.database, FolderDatabase):
            self.database.clear()
        else:
            _require_own(self._collection())
            self.database.delete(self._name)

    def check(self, identity: str) -> None:
        """Raise StoreError if another embedder than `identity` has made the vectors."""
        collection = self._collection()
        if collection is not None:
            self._compare(collection, {"embedder": identity})

    def probe(self) -> None:
        """Search for anything at all: StoreError if what that takes is damaged."""
        collection = self._collection()
        if collection is not None:
            with self.database.errors():
                dimension = int(str((collection.metadata or {}).get("dimension")))
                anything = np.ones(dimension, dtype=np.float32)
            self._nearest(anything, None, 1)

    def use(self, identity: str, dimension: int, chunk_tokens: int, prompt: str = "") -> None:
        """Prepare for vectors of this embedder; StoreError if the library is made with another.

        One that puts another `prompt` before each text counts as another.
        """
        self._embedder = {
            "embedder": identity,
            "dimension": dimension,
            "chunk tokens": chunk_tokens,
            "prompt": prompt,
        }
        self._usable_collection()

    def add(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Store chunks with their vectors, (len(chunks), dimension); repeating it is harmless."""
        assert len(chunks) == len(vectors), "one vector a chunk"
        collection = self._usable_collection()
        with self.database.errors():
            size = self.database.largest_batch()
            for start in range(0, len(chunks), size):
                batch = chunks[start : start + size]
                collection.upsert(
                    ids=[f"{chunk.document_id}:{chunk.index}" for chunk in batch],
                    embeddings=vectors[start : start + size],
                    documents=[chunk.text for chunk in batch],
                    metadatas=[_place(chunk) for chunk in batch],
                )

    def search(
        self, vector: NDArray[np.float32], document_ids: Sequence[str], limit: int
    ) -> list[Passage]:
        """Return up to `limit` passages of these documents, best first, by cosine similarity."""
        wanted = list(dict.fromkeys(document_ids))
        if len(wanted) > FILTER_IDS:
            # The best of all are the best of these, if they are all among these.
            found = self._nearest(vector, None, limit)
            if {passage.chunk.document_id for passage in found} <= set(wanted):
                return found
        groups = (wanted[start : start + FILTER_IDS] for start in range(0, len(wanted), FILTER_IDS))
        found = [passage for group in groups for passage in self._nearest(vector, group, limit)]
        return nlargest(limit, found, key=attrgetter("score"))

    def remove(self, document_id: str) -> None:
        """Forget the chunks of a document, if there are any."""
        collection = self._collection()
        if collection is not None:
            with self.database.errors():
                collection.delete(where={"document_id": document_id})

    def _nearest(
        self, vector: NDArray[np.float32], document_ids: list[str] | None, limit: int
    ) -> list[Passage]:
        collection = self._collection()
        if collection is None:
            return []
        among = None
        if document_ids is not None:
            among = cast("Where", {"document_id": {"$in": document_ids}})
        with self.database.errors():
            rows = collection.query(
                query_embeddings=vector[np.newaxis],
                n_results=limit,
                where=among,
                include=["documents", "metadatas", "distances"],
            )
            texts, places, distances = rows["documents"], rows["metadatas"], rows["distances"]
            if not (texts and places and distances):
                raise ValueError("it found no passages, and did not say that there are none")
            found = _passages(texts[0], places[0], 1 - np.array(distances[0], np.float64))
        if len(found) < limit:
            found = self._compared(collection, vector, among)
        # A server may send more than it was asked for.
        asked = document_ids and set(document_ids)
        meant = (each for each in found if asked is None or each.chunk.document_id in asked)
        return nlargest(limit, meant, key=attrgetter("score"))

    def _compared(
        self, collection: Collection, vector: NDArray[np.float32], among: Where | None
    ) -> list[Passage]:
        """Return all passages with their scores.

        Chroma's graph does not lead to each of many alike chunks, so it may miss some.
        """
        with self.database.errors():
            rows = collection.get(where=among, include=["documents", "metadatas", "embeddings"])
            texts, places = rows["documents"] or [], rows["metadatas"] or []
            vectors = np.asarray(rows["embeddings"] if texts else [], np.float64)
            return _passages(texts, places, vectors.reshape(len(texts), len(vector)) @ vector)

    def _collection(self) -> Collection | None:
        """Return the collection, or None before the first `use` of the library."""
        return self.database.collection(self._name)

    def _usable_collection(self) -> Collection:
        """Return the collection for the embedder in use; another process may have made it anew."""
        assert self._embedder, "use() comes first"
        collection = self._collection()
        if collection is None:
            collection = self.database.create(self._name, self._embedder)
        self._compare(collection, self._embedder)
        return collection

    def _compare(self, collection: Collection, wanted: Mapping[str, object]) -> None:
        _require_own(collection)
        recorded = collection.metadata or {}
        for key, value in wanted.items():
            made = recorded.get(key, "")  # earlier versions knew of no prompts
            if made != value:
                message = (
                    f"the library was made with {key} {made!r:.{LONGEST_VALUE}}, "
                    f"and now it is {value!r:.{LONGEST_VALUE}}"
                )
                raise StoreError(message, SHARED_REBUILD if self.database.shared else REBUILD)


class NoStore(Store):
    """Stands beside a catalog in memory, which has all vectors itself: it keeps nothing."""

    has_vectors = False

    def __init__(self) -> None:
        """Open nothing."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def rest(self) -> None:
        """Do nothing: nobody waits for it."""

    def check(self, identity: str) -> None:
        """Do nothing: vectors of any embedder are right."""

    def use(self, identity: str, dimension: int, chunk_tokens: int, prompt: str = "") -> None:
        """Do nothing: no vectors will come."""

    def remove(self, document_id: str) -> None:
        """Do nothing: there are no chunks."""

    def erase(self) -> None:
        """Do nothing: there was nothing."""


def _require_own(collection: Collection | None) -> None:
    """Raise StoreError if it is a collection that another program has made."""
    if collection is not None and "embedder" not in (collection.metadata or {}):
        message = f"the collection {collection.name!r} was made by another program"
        raise StoreError(message, "choose another name with --collection")


def _passages(
    texts: Sequence[object], places: Sequence[object], scores: NDArray[np.float64]
) -> list[Passage]:
    """Return what was found; ValueError if any of it is no passage."""
    if scores.shape != (len(texts),) or not np.isfinite(scores).all():
        raise ValueError("a passage has no score")
    # Rounding may take the score of a text with itself above one.
    clipped = np.clip(scores, -1.0, 1.0).tolist()
    found = zip(texts, places, clipped, strict=True)
    return [Passage(_chunk(text, place), score) for text, place, score in found]


def _place(chunk: Chunk) -> dict[str, str | int]:
    return {key: value for key, value in asdict(chunk).items() if key != "text"}


def _chunk(text: object, place: object) -> Chunk:
    """Return a chunk; ValueError if what a server sent is none."""
    if not isinstance(place, Mapping) or place.keys() != PLACE.keys():
        raise ValueError("a passage has no place")
    held = {"text": text, **place}
    for key, kind in {"text": str, **PLACE}.items():
        value = held[key]
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value < 2**63):
            raise ValueError(f"a passage has no {key.replace('_', ' ')}")
    return Chunk(**held)
