"""Which of the chunks found come first, and which of them say anything of their own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from rapid_cli.documents import Passage

SIMILARITY_THRESHOLD = 0.3
"""Passages less similar to the question than this are dropped (paper, section 3.1)."""
LEXICAL_SHARE = 0.5
"""But not those with at least this share of the best BM25: they have the question's rare words."""
KEPT_ANYWAY = 3
"""So many are kept when none is similar enough."""
RANK_CONSTANT = 5
"""How slowly a rank loses its worth (`k` of reciprocal rank fusion)."""
MEANING_WEIGHT = 1.5
"""How much the ranking by meaning counts, where that by words counts 1."""
NEIGHBOUR_SHARE = 0.1
"""A chunk is worth so much of the BM25 of the chunks before and after it, too."""
FIRST = 5
"""So many passages come from different pages, if there are so many pages."""
SHINGLE = 4
"""Near-duplicates are told by their runs of so many words."""
SAME_SHARE = 0.7
"""Passages that share more of their runs than this are near-duplicates."""

K = TypeVar("K", bound=Hashable)
Key = tuple[str, int]
"""A document's id and the number of one of its chunks."""


def rank(
    similarities: Mapping[Key, float], lexical: Mapping[Key, float], named: Collection[Key]
) -> list[tuple[Key, float]]:
    """Rank chunks by meaning, by words, and by whether the question names their page.

    Return their keys with scores in 0..1, best first. A key may be that of a neighbour that is not
    there.
    """
    alike = [_best_first(similarities), _best_first(_with_neighbours(lexical))]
    weights = [MEANING_WEIGHT, 1.0]
    if not named:
        return fuse(alike, weights)
    ordered = [key for key, _ in fuse([*alike, sorted(named)], [*weights, 0.0]) if key in named]
    return fuse([*alike, ordered], [*weights, sum(weights)])


def _with_neighbours(lexical: Mapping[Key, float]) -> dict[Key, float]:
    """Let a chunk share in the BM25 of those beside it: what one begins, the next may answer."""
    scores = dict(lexical)
    for (document_id, number), bm25 in lexical.items():
        for beside in ((document_id, number - 1), (document_id, number + 1)):
            scores[beside] = scores.get(beside, 0.0) + NEIGHBOUR_SHARE * bm25
    return scores


def _best_first(scores: Mapping[Key, float]) -> list[Key]:
    return sorted(scores, key=lambda key: -scores[key])


def fuse(rankings: Sequence[Sequence[K]], weights: Sequence[float]) -> list[tuple[K, float]]:
    """Join rankings into one by reciprocal rank fusion: keys with their scores, best first.

    A key scores the sum of weight / (k + rank), over the greatest possible sum: 1 is the first
    place in all rankings that hold anything. Ties keep the order in which the rankings bring them.
    """
    scores: dict[K, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + weight / (RANK_CONSTANT + rank)
    held = [weight for ranking, weight in zip(rankings, weights, strict=True) if ranking]
    best = sum(held) / (RANK_CONSTANT + 1)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return [(key, score / best) for key, score in ranked]


def similar_enough(passages: Iterable[Passage]) -> list[Passage]:
    """Drop passages that neither mean nor say what the question does, but never the first few.

    Those on a page that the question names stay. The cosine similarity decides where a passage has
    one, and its BM25 against the best one's; the order stays.
    """
    found = list(passages)
    best = max((passage.lexical or 0.0 for passage in found), default=0.0)
    return [each for each in found if _is_similar(each, best)] or found[:KEPT_ANYWAY]


def _is_similar(passage: Passage, best_lexical: float) -> bool:
    if passage.named:
        return True
    if passage.similarity is not None and passage.similarity >= SIMILARITY_THRESHOLD:
        return True
    return passage.lexical is not None and passage.lexical >= LEXICAL_SHARE * best_lexical


def spread(passages: Iterable[Passage]) -> list[Passage]:
    """Put the best passages of different pages first, best first; the others keep their order.

    Without it, one page that is much like the question may fill all the first places. Documents
    of which only the first page is found count as without pages: their passages may all be first.
    """
    ranked = list(passages)
    paged = {each.chunk.document_id for each in ranked if each.chunk.last_page > 1}
    pages: set[tuple[str, int]] = set()
    first: list[Passage] = []
    rest: list[Passage] = []
    for passage in ranked:
        chunk = passage.chunk
        page = (chunk.document_id, chunk.first_page)
        is_new = page not in pages or chunk.document_id not in paged
        (first if is_new and len(first) < FIRST else rest).append(passage)
        pages.add(page)
    return first + rest


def without_near_duplicates(passages: Iterable[Passage]) -> list[Passage]:
    """Leave out passages that say little but what an earlier one says; the order stays.

    Repeated headers, disclaimers and copies of a page would fill the budget with one text.
    """
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    kept: list[Passage] = []
    for passage in passages:
        runs = _runs(passage.chunk.text)
        shared = Counter(index for run in runs for index in holders.get(run, ()))
        if any(both > SAME_SHARE * len(runs) for both in shared.values()):
            continue
        for run in runs:
            holders[run].append(len(kept))
        kept.append(passage)
    return kept


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    if len(words) <= SHINGLE:
        return {tuple(words)}
    return {tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
