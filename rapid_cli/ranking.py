"""Choosing which of the passages found are read: which come first, and which fit a budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from rapid_cli.documents import Chunk, Document, Passage

SIMILARITY_THRESHOLD = 0.3
"""Passages less similar to the question than this are dropped (paper, section 3.1)."""
LEXICAL_SHARE = 0.5
"""But not those with at least this share of the best BM25: they have the question's rare words."""
KEPT_ANYWAY = 3
"""So many are kept when none is similar enough."""
RANK_CONSTANT = 10
"""How slowly a rank loses its worth (`k` of reciprocal rank fusion)."""
FIRST = 5
"""So many passages come from different pages, if there are so many pages."""
SHINGLE = 4
"""Near-duplicates are told by their runs of so many words."""
SAME_SHARE = 0.7
"""Passages that share more of their runs than this are near-duplicates."""
REACH = 240
"""A passage takes along up to so many characters of a sentence that it cuts."""

# A sentence ends here, or a paragraph; the whitespace behind it belongs to the end.
_END = re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？｡]+[」』”’）]*\s*|\n[^\S\n]*\n\s*")

K = TypeVar("K", bound=Hashable)


def fuse(
    rankings: Sequence[Sequence[K]], weights: Sequence[float] | None = None
) -> list[tuple[K, float]]:
    """Join rankings into one by reciprocal rank fusion: keys with their scores, best first.

    A key scores the sum of weight / (k + rank), over the greatest possible sum: 1 is the first
    place in all rankings that hold anything. Ties keep the order in which the rankings bring them.
    """
    chosen = [1.0] * len(rankings) if weights is None else weights
    scores: dict[K, float] = {}
    for ranking, weight in zip(rankings, chosen, strict=True):
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + weight / (RANK_CONSTANT + rank)
    held = [weight for ranking, weight in zip(rankings, chosen, strict=True) if ranking]
    best = sum(held) / (RANK_CONSTANT + 1)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return [(key, score / best) for key, score in ranked]


def drafter_budget(document_tokens: int) -> int:
    """Return how many tokens of passages the drafter reads of a document.

    The paper's 4,096 tokens up to 1/24 of the document; for short documents 1/8 of them, at
    least 512.
    """
    return max(512, min(4096, document_tokens // 8), document_tokens // 24)


def similar_enough(passages: Iterable[Passage]) -> list[Passage]:
    """Drop passages that neither mean nor say what the question does, but never the first few.

    The cosine similarity decides where a passage has one, and its BM25 against the best one's; the
    order stays.
    """
    found = list(passages)
    best = max((passage.lexical or 0.0 for passage in found), default=0.0)
    return [each for each in found if _is_similar(each, best)] or found[:KEPT_ANYWAY]


def _is_similar(passage: Passage, best_lexical: float) -> bool:
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
    holders: dict[tuple[str, ...], list[int]] = {}
    kept: list[Passage] = []
    for passage in passages:
        runs = _runs(passage.chunk.text)
        shared: dict[int, int] = {}
        for run in runs:
            for index in holders.get(run, ()):
                shared[index] = shared.get(index, 0) + 1
        if any(both > SAME_SHARE * len(runs) for both in shared.values()):
            continue
        for run in runs:
            holders.setdefault(run, []).append(len(kept))
        kept.append(passage)
    return kept


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    if len(words) <= SHINGLE:
        return {tuple(words)}
    return {tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}


def about_budget(
    passages: Iterable[Passage], budget: int, count: Callable[[str], int]
) -> list[Passage]:
    """Return the first passages whose texts, measured by `count`, come nearest to `budget` tokens.

    The first one is always among them, and the last one may go over by up to half its length:
    with long passages and a small budget the drafter would know too little otherwise.
    """
    chosen: list[Passage] = []
    for passage in passages:
        tokens = count(passage.chunk.text)
        if chosen and tokens > 2 * budget:
            break
        chosen.append(passage)
        budget -= tokens
    return chosen


def whole_sentences(
    passages: Iterable[Passage], documents: Mapping[str, Document]
) -> list[Passage]:
    """Widen passages that begin or end within a sentence to hold all of it; the order stays.

    A sentence that goes on for more than REACH characters, like a table, stays cut.
    """
    return [
        replace(passage, chunk=_widened(passage.chunk, documents[passage.chunk.document_id]))
        for passage in passages
    ]


def _widened(chunk: Chunk, document: Document) -> Chunk:
    text = document.text
    start = _sentence_start(text, chunk.start)
    end = _sentence_end(text, chunk.end)
    if (start, end) == (chunk.start, chunk.end):
        return chunk
    first_page = chunk.first_page if start == chunk.start else document.page_at(start).number
    last_page = chunk.last_page
    if end > chunk.end:
        last_page = document.page_at(end - 1).number
    return Chunk(chunk.document_id, chunk.index, text[start:end], start, end, first_page, last_page)


def _sentence_start(text: str, start: int) -> int:
    """Return where the sentence begins that goes on at `start`, or `start`."""
    low = max(0, start - REACH)
    ends = [match.end() for match in _END.finditer(text, low, start)]
    if ends:
        return ends[-1]
    return start if low else 0


def _sentence_end(text: str, end: int) -> int:
    """Return where the sentence ends that `end` cuts, or `end`."""
    last = [match.end() for match in _END.finditer(text, max(0, end - 8), end)]
    if end == len(text) or (last and last[-1] == end):
        return end
    found = _END.search(text, end, end + REACH)
    if found:
        return end + len(text[end : found.end()].rstrip())
    return len(text) if len(text) - end <= REACH else end


def joined(passages: Iterable[Passage], document_ids: Iterable[str]) -> list[Passage]:
    """Return passages in document order, those that touch or overlap as one with the best score."""
    together: list[Passage] = []
    for passage in in_document_order(passages, document_ids):
        if together and _touches(together[-1].chunk, passage.chunk):
            together[-1] = _join(together[-1], passage)
        else:
            together.append(passage)
    return together


def _touches(one: Chunk, other: Chunk) -> bool:
    return one.document_id == other.document_id and other.start <= one.end


def _join(one: Passage, other: Passage) -> Passage:
    best = max(one, other, key=lambda passage: passage.score)
    first, second = one.chunk, other.chunk
    text = first.text + second.text[max(0, first.end - second.start) :]
    wide = replace(
        first,
        text=text,
        end=max(first.end, second.end),
        last_page=max(first.last_page, second.last_page),
    )
    return replace(best, chunk=wide)


def in_document_order(passages: Iterable[Passage], document_ids: Iterable[str]) -> list[Passage]:
    """Sort passages as a reader meets them: by document, then by place in it."""
    place = {document_id: index for index, document_id in enumerate(document_ids)}
    return sorted(passages, key=lambda p: (place[p.chunk.document_id], p.chunk.index))
