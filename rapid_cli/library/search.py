"""Finding the passages for a question: by their meaning, by their words, and by both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from rapid_cli.documents import Passage
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.vectors.chroma import REBUILD, DamagedStore
from rapid_cli.library.vectors.store import Store
from rapid_cli.retrieval.embedder import Embedder
from rapid_cli.retrieval.queries import RELATED, Query, query, rareness
from rapid_cli.retrieval.ranking import Key, exact_worth, rank, repetitions_last, spread
from rapid_cli.text.exact_terms import ExactTerm, plain
from rapid_cli.text.page_references import NamedPages
from rapid_cli.text.words import runs

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker

EXACT_CHUNKS = 20_000
"""Comparing so many vectors takes less time than to open the store."""
DEPTH = 100
"""Each ranking counts at least so far down."""
HOLDERS = 1000
"""So many chunks at most are looked at for a term that is to be there as it stands."""
FEW_DOCUMENTS = 10
"""Among more documents a question's "page 3" says nothing, unless it names the document."""

Vector = NDArray[np.float32]
Result = TypeVar("Result")
logger = logging.getLogger(__name__)


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
        embedder = self._embedder
        prompt = f" {embedder.prompt!r}" if embedder.prompt else ""
        return f"{embedder.identity} {embedder.chunk_tokens}{prompt}"

    def use_store(self) -> None:
        """Prepare the store for the embedder; StoreError if its vectors are those of another."""
        embedder = self._embedder
        self._store.check(embedder.identity)  # before the embedder is loaded for nothing
        self._store.use(
            embedder.identity, embedder.dimension, embedder.chunk_tokens, embedder.prompt
        )

    def in_store(self, work: Callable[[], Result]) -> Result:
        """Return what `work` does with the store; if that is damaged, restore it and try again."""
        try:
            return work()
        except DamagedStore as damage:
            self.restore(damage)
            return work()

    def restore(self, damage: DamagedStore) -> None:
        """Make the store anew from the copies of its vectors.

        Chroma writes its index in place, so that a process which is killed may leave half of it.
        `damage` is raised if some vectors have no copy, and where others have theirs there, too.
        """
        known = list(self._catalog.chunk_counts())
        copied = (self._catalog.chunks.vectors([each], self.key) for each in known)
        if self._store.database.shared or not all(copied):
            raise damage
        logger.warning("%s; it is made anew from the catalog", damage.message)
        self._store.reset()
        self.use_store()
        for document_id in known:
            chunks = self._catalog.chunks.of(document_id)
            vectors = self._catalog.chunks.vectors([document_id], self.key)
            if chunks and vectors:  # another process may have removed it just now
                floats = np.frombuffer(vectors[document_id], np.float32)
                self._store.add(chunks, floats.reshape(len(chunks), -1))

    def search(
        self,
        question: str,
        document_ids: Sequence[str],
        limit: int,
        *,
        earlier: Sequence[str] = (),
        reranked: bool = True,
    ) -> list[Passage]:
        """Return up to `limit` passages of these documents, best first.

        A question may go on from `earlier` ones, oldest first. Documents that are not embedded yet
        are found by their words alone. StoreError if one of them is gone, or has lost its vectors,
        or if they are those of another embedder.
        """
        wanted = list(dict.fromkeys(document_ids))
        counts = self._catalog.chunk_counts() | self._catalog.pending()
        if not set(wanted) <= counts.keys():
            raise StoreError("documents are missing from the library", "see `rapid list`")
        depth = max(DEPTH, limit)
        asked = query(question, earlier)
        held = self._catalog.chunks.holding([*asked.words, *asked.related], wanted)
        if earlier and self._has_new_subject(asked, asked.alone(question), held, wanted):
            asked = asked.alone(question)
        similarities = self._by_meaning(self._vector(asked, held), wanted, depth)
        lexical = self._by_words(asked, held, wanted, sum(counts[key] for key in wanted), depth)
        named = self._on_named_pages(asked.pages, wanted)
        exact = exact_worth(self._holding(term, wanted) for term in asked.exact)
        ranked = rank(similarities, lexical, named, exact)
        told = named | exact.keys()
        chunks = self._catalog.chunks.named([key for key, _ in ranked])
        found = [
            Passage(chunks[key], score, similarities.get(key), lexical.get(key), key in told)
            for key, score in ranked
            if key in chunks  # no neighbour beyond an end, nor what was replaced just now
        ]
        if self._reranker and reranked:
            found = self._reranker.best_first("\n".join((*earlier[-1:], question)), found)
        return spread(repetitions_last(found))[:limit]

    def _has_new_subject(
        self, asked: Query, alone: Query, held: Mapping[str, int], wanted: Sequence[str]
    ) -> bool:
        """Tell whether nothing in the text has to do both with a question and with those before.

        That is so where its rarest word stands nowhere with a word of theirs.
        """
        own = [word for word in alone.words if word in held]
        others = [word for word in asked.words if word in held and word not in alone.words]
        if not own or not others:
            return False
        rarest = min(own, key=lambda word: held[word])
        return not self._catalog.chunks.hold_both(rarest, others, wanted)

    def _vector(self, asked: Query, held: Mapping[str, int]) -> Callable[[], Vector]:
        """Return what makes the vector of a question, with what it goes on from and is related."""
        related = ", ".join(term for run, term in asked.related.items() if run in held)
        texts = dict(asked.texts) | ({related: RELATED} if related else {})

        def embedded() -> Vector:
            vectors = self._embedder.embed([*texts], questions=True)
            vector: Vector = np.array([*texts.values()], np.float32) @ vectors
            return vector / np.float32(np.linalg.norm(vector) or 1.0)

        return embedded

    def _on_named_pages(self, pages: NamedPages, wanted: Sequence[str]) -> set[Key]:
        """Return the chunks on pages that the question names."""
        if not pages or len(wanted) > FEW_DOCUMENTS:
            return set()
        documents = filter(None, map(self._catalog.document, wanted))
        return {
            (document.id, number)
            for document in documents
            if document.paged
            for number in self._catalog.chunks.on_pages(document.id, pages.among(document.pages))
        }

    def _holding(self, term: ExactTerm, wanted: Sequence[str]) -> dict[Key, bool]:
        """Return the chunks that hold a term as it stands, and whether it opens a line there."""
        matches = self._catalog.chunks.matching(dict.fromkeys(runs(term), 1.0), wanted, HOLDERS)
        keys = [(each.document_id, each.number) for each in matches]
        texts = ((key, plain(each.text)) for key, each in self._catalog.chunks.named(keys).items())
        return {key: term.opens(text) for key, text in texts if term.is_in(text)}

    def _by_words(
        self, asked: Query, held: Mapping[str, int], wanted: Sequence[str], total: int, depth: int
    ) -> dict[Key, float]:
        """Return the chunks that hold the most telling words; of `total`, so many hold each."""
        weights = dict.fromkeys(asked.related, RELATED) | dict(asked.words)
        telling = {
            run: weight * rareness(held[run], total)
            for run, weight in weights.items()
            if run in held
        }
        found = self._catalog.chunks.matching(telling, wanted, depth)
        return {(each.document_id, each.number): each.weight for each in found}

    def _by_meaning(
        self, embedded: Callable[[], Vector], wanted: Sequence[str], depth: int
    ) -> dict[Key, float]:
        counts = self._catalog.chunk_counts()
        known = [key for key in wanted if key in counts]
        if not known:
            return {}
        total = sum(counts[key] for key in known)
        if total <= EXACT_CHUNKS or not self._store.has_vectors:
            vectors = self._catalog.chunks.vectors(known, self.key)
            if len(vectors) == len(known):
                return dict(_compared(embedded(), vectors, depth))
        return self.in_store(lambda: self._nearest(embedded, known, min(depth, total)))

    def _nearest(
        self, embedded: Callable[[], Vector], known: Sequence[str], depth: int
    ) -> dict[Key, float]:
        self.use_store()
        found = self._store.search(embedded(), known, depth)
        self._store.rest()  # answering takes its time
        # Chroma does not tell when files of its own are gone: it finds less.
        if len(found) < depth:
            raise DamagedStore("some passages are missing from the library", REBUILD)
        return {(each.chunk.document_id, each.chunk.index): each.score for each in found}


def _compared(
    question: Vector, vectors: Mapping[str, bytes], depth: int
) -> Iterator[tuple[Key, float]]:
    """Yield the chunks most like the question, by comparing all of them."""
    keys: list[Key] = []
    scores: list[Vector] = []
    for document_id, floats in vectors.items():
        rows = np.frombuffer(floats, np.float32).reshape(-1, len(question))
        keys += [(document_id, number) for number in range(len(rows))]
        scores.append(rows @ question)
    every = np.concatenate(scores)
    for index in np.argsort(-every, kind="stable")[:depth].tolist():
        yield keys[index], float(every[index])
