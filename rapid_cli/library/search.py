"""Finding the passages for a question: by their meaning, by their words, and by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rapid_cli.documents import Passage
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.vectors.chroma import REBUILD
from rapid_cli.library.vectors.store import Store
from rapid_cli.retrieval.embedder import Embedder
from rapid_cli.retrieval.ranking import Key, exact_worth, rank, repetitions_last, spread
from rapid_cli.text.exact_terms import ExactTerm, exact_terms, plain
from rapid_cli.text.page_references import named_pages
from rapid_cli.text.words import match, match_exact

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker

EXACT_CHUNKS = 20_000
"""Comparing so many vectors takes less time than to open the store."""
DEPTH = 100
"""Each ranking counts at least so far down."""
FEW_DOCUMENTS = 10
"""Among more documents a question's "page 3" says nothing, unless it names the document."""


class Retrieval:
    """Searches the chunks of a catalog and a store with an embedder, and a reranker if given."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        embedder: Embedder,
        reranker: Reranker | None = None,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._embedder = embedder
        self._reranker = reranker

    @property
    def key(self) -> str:
        """What chunks and vectors depend on besides the text."""
        return f"{self._embedder.identity} {self._embedder.chunk_tokens}"

    def use_store(self) -> None:
        """Prepare the store for the embedder; StoreError if its vectors are those of another."""
        embedder = self._embedder
        self._store.check(embedder.identity)  # before the embedder is loaded for nothing
        self._store.use(embedder.identity, embedder.dimension, embedder.chunk_tokens)

    def search(
        self, question: str, document_ids: Sequence[str], limit: int, *, reranked: bool = True
    ) -> list[Passage]:
        """Return up to `limit` passages of these documents, best first.

        Documents that are not embedded yet are found by their words alone. StoreError if one of
        them is gone, or has lost its vectors, or if they are those of another embedder.
        """
        wanted = list(dict.fromkeys(document_ids))
        if not set(wanted) <= self._catalog.chunk_counts().keys() | self._catalog.pending().keys():
            raise StoreError("documents are missing from the library", "see `rapid list`")
        depth = max(DEPTH, limit)
        similarities = self._by_meaning(question, wanted, depth)
        lexical = self._by_words(question, wanted, depth)
        named = self._on_named_pages(question, wanted)
        exact = self._with_exact_terms(question, wanted, depth)
        ranked = rank(similarities, lexical, named, exact)
        chunks = self._catalog.chunks.named([key for key, _ in ranked])
        told = named | exact.keys()
        found = [
            Passage(chunks[key], score, similarities.get(key), lexical.get(key), key in told)
            for key, score in ranked
            if key in chunks  # no neighbour beyond an end, nor what was replaced just now
        ]
        if self._reranker and reranked:
            found = self._reranker.best_first(question, found)
        return spread(repetitions_last(found))[:limit]

    def _on_named_pages(self, question: str, wanted: Sequence[str]) -> set[Key]:
        """Return the chunks on pages that the question names."""
        named = named_pages(question)
        if not named or len(wanted) > FEW_DOCUMENTS:
            return set()
        documents = filter(None, map(self._catalog.document, wanted))
        return {
            (document.id, number)
            for document in documents
            if document.paged
            for number in self._catalog.chunks.on_pages(document.id, named.among(document.pages))
        }

    def _with_exact_terms(self, question: str, wanted: Sequence[str], depth: int) -> dict[Key, int]:
        """Return the chunks that hold what the question names exactly, and what that is worth."""
        return exact_worth(self._holding(term, wanted, depth) for term in exact_terms(question))

    def _holding(self, term: ExactTerm, wanted: Sequence[str], depth: int) -> dict[Key, bool]:
        """Return the chunks that hold a term as it stands, and whether it opens a line there."""
        matches = self._catalog.chunks.matching(match_exact(term), wanted, depth)
        keys = [(each.document_id, each.number) for each in matches]
        texts = ((key, plain(each.text)) for key, each in self._catalog.chunks.named(keys).items())
        return {key: term.opens(text) for key, text in texts if term.is_in(text)}

    def _by_words(self, question: str, wanted: Sequence[str], depth: int) -> dict[Key, float]:
        expression = match(question)
        if expression is None:
            return {}
        found = self._catalog.chunks.matching(expression, wanted, depth)
        return {(each.document_id, each.number): each.bm25 for each in found}

    def _by_meaning(self, question: str, wanted: Sequence[str], depth: int) -> dict[Key, float]:
        counts = self._catalog.chunk_counts()
        embedded = [key for key in wanted if key in counts]
        if not embedded:
            return {}
        total = sum(counts[key] for key in embedded)
        if total <= EXACT_CHUNKS or not self._store.has_vectors:
            vectors = self._catalog.chunks.vectors(embedded, self.key)
            if len(vectors) == len(embedded):
                return dict(self._compared(question, vectors, depth))
        return self._in_store(question, embedded, min(depth, total))

    def _compared(
        self, question: str, vectors: dict[str, bytes], depth: int
    ) -> Iterator[tuple[Key, float]]:
        """Yield the chunks most like the question, by comparing all of them."""
        (question_vector,) = self._embedder.embed([question])
        keys: list[Key] = []
        scores: list[NDArray[np.float32]] = []
        for document_id, floats in vectors.items():
            rows = np.frombuffer(floats, np.float32).reshape(-1, len(question_vector))
            keys += [(document_id, number) for number in range(len(rows))]
            scores.append(rows @ question_vector)
        every = np.concatenate(scores)
        for index in np.argsort(-every, kind="stable")[:depth].tolist():
            yield keys[index], float(every[index])

    def _in_store(self, question: str, embedded: Sequence[str], depth: int) -> dict[Key, float]:
        self.use_store()
        (vector,) = self._embedder.embed([question])
        found = self._store.search(vector, embedded, depth)
        self._store.rest()  # answering takes its time
        # Chroma does not tell when files of its own are gone: it finds less.
        if len(found) < depth:
            raise StoreError("some passages are missing from the library", REBUILD)
        return {(each.chunk.document_id, each.chunk.index): each.score for each in found}
