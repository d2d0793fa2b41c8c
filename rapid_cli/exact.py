"""Searching few chunks by comparing all of them: exact, and without opening the store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rapid_cli.catalog import Catalog, Vectors
from rapid_cli.documents import Chunk, Passage
from rapid_cli.embedder import Embedder

EXACT_CHUNKS = 20_000
"""Comparing so many takes less time than to open the store."""


def search_exactly(
    question: str, document_ids: Sequence[str], limit: int, catalog: Catalog, embedder: Embedder
) -> list[Passage] | None:
    """Return the passages most like the question, best first.

    None if there are too many chunks to compare, or if their vectors are not at hand.
    """
    wanted = list(dict.fromkeys(document_ids))
    counts = catalog.chunk_counts()
    if sum(counts.get(key, 0) for key in wanted) > EXACT_CHUNKS:
        return None
    vectors: dict[str, Vectors] = {}
    for key in wanted:
        kept = catalog.vectors(key, vectors_key(embedder))
        if kept is None:
            return None
        vectors[key] = kept
    (question_vector,) = embedder.embed([question])
    found: list[tuple[float, str, int]] = []
    for key, kept in vectors.items():
        rows = np.frombuffer(kept.floats, np.float32).reshape(len(kept.places), -1)
        scores = (rows @ question_vector).tolist()
        found += [(score, key, index) for index, score in enumerate(scores)]
    best = sorted(found, key=lambda one: -one[0])[:limit]
    texts = {key: _text(key, catalog) for key in {key for _, key, _ in best}}
    return [
        Passage(_chunk(key, index, vectors[key], texts[key]), score) for score, key, index in best
    ]


def vectors_key(embedder: Embedder) -> str:
    """Return what vectors depend on besides the text."""
    return f"{embedder.identity} {embedder.chunk_tokens}"


def _text(document_id: str, catalog: Catalog) -> str:
    document = catalog.document(document_id)
    assert document is not None, "vectors are deleted with their document"
    return document.text


def _chunk(document_id: str, index: int, kept: Vectors, text: str) -> Chunk:
    start, end, first_page, last_page = kept.places[index]
    return Chunk(document_id, index, text[start:end], start, end, first_page, last_page)
