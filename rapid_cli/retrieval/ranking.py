"""Which of the chunks found come first, and which of them say anything of their own."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from rapid_cli.documents import Chunk, Passage

SIMILARITY_THRESHOLD = 0.3
"""Passages less similar to the question than this are dropped (paper, section 3.1)."""
LEXICAL_SHARE = 0.5
"""But not those whose words weigh at least this share of the best: they have the rare ones."""
KEPT_ANYWAY = 3
"""So many are kept when none is similar enough."""
RANK_CONSTANT = 5
"""How slowly a rank loses its worth (`k` of reciprocal rank fusion)."""
MEANING_WEIGHT = 1.5
"""How much the ranking by meaning counts, where that by words counts 1."""
EXACT_WEIGHT = 2.0
"""How much it counts beside all else that a chunk has the very term asked for."""
FEW_HOLDERS = 10
"""A term that more chunks of a document hold does not say which of them is meant."""
NEIGHBOUR_SHARE = 0.1
"""A chunk is worth so much of the words of the chunks before and after it, too."""
FIRST = 5
"""So many passages come from different pages, if there are so many pages."""

_PAGE_LINE = re.compile(r"\W*page\s+(?:\d+|[ivxlc]+)(?:\s*(?:of|/)\s*\d+)?\W*")

K = TypeVar("K", bound=Hashable)
Key = tuple[str, int]
"""A document's id and the number of one of its chunks."""


def rank(
    similarities: Mapping[Key, float],
    lexical: Mapping[Key, float],
    named: Collection[Key],
    exact: Mapping[Key, int],
) -> list[tuple[Key, float]]:
    """Rank chunks by meaning, by words, and by whether the question names them.

    It names their page, or terms that they hold as they stand. Return their keys with scores in
    0..1, best first. A key may be that of a neighbour that is not there.
    """
    rankings = [_best_first(similarities), _best_first(_with_neighbours(lexical))]
    weights = [MEANING_WEIGHT, 1.0]
    told = [(dict.fromkeys(named, 1), sum(weights)), (exact, EXACT_WEIGHT * sum(weights))]
    for worth, weight in told:
        if worth:
            known = fuse([*rankings, sorted(worth)], [*weights, 0.0])
            found = [key for key, _ in known if key in worth]
            rankings.append(sorted(found, key=lambda key: -worth[key]))
            weights.append(weight)
    return fuse(rankings, weights)


def exact_worth(terms: Iterable[Mapping[Key, bool]]) -> dict[Key, int]:
    """Return what chunks are worth that hold exact terms, each with whether it opens a line there.

    A term that many chunks of a document hold tells them from nothing, but where it opens a line.
    """
    worth: Counter[Key] = Counter()
    for holders in terms:
        counts = Counter(document_id for document_id, _ in holders)
        opened = Counter(document_id for (document_id, _), opens in holders.items() if opens)
        for key, opens in holders.items():
            if (opened if opens else counts)[key[0]] <= FEW_HOLDERS:
                worth[key] += 2 if opens else 1
    return dict(worth)


def _with_neighbours(lexical: Mapping[Key, float]) -> dict[Key, float]:
    """Let a chunk share in the words of those beside it: what one begins, the next may answer."""
    scores = dict(lexical)
    for (document_id, number), weight in lexical.items():
        for beside in ((document_id, number - 1), (document_id, number + 1)):
            scores[beside] = scores.get(beside, 0.0) + NEIGHBOUR_SHARE * weight
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

    Those that the question names stay. The cosine similarity decides where a passage has
    one, and what its words weigh against the best one's; the order stays.
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


def repetitions_last(passages: Iterable[Passage]) -> list[Passage]:
    """Put passages that say what an earlier one says, word by word, behind all others.

    Repeated disclaimers and copies of a page would fill the budget with one text. What differs in
    a number or a name is another record, clause or version: it stays where it is.
    """
    together: defaultdict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        together[_said(passage.chunk)].append(passage)
    first = [alike[0] for alike in together.values()]
    return first + [each for alike in together.values() for each in alike[1:]]


def _said(chunk: Chunk) -> str:
    """Return the words of a chunk, without a line that says nothing but which page it is."""
    lines = (line for line in chunk.text.casefold().splitlines())
    told = (line for line in lines if not _PAGE_LINE.fullmatch(line) and line.strip())
    return " ".join(" ".join(told).split())
