"""Choosing which of the passages found are read, within a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rapid_cli.documents import Passage

SIMILARITY_THRESHOLD = 0.3
"""Passages less similar to the question than this are dropped (paper, section 3.1)."""
KEPT_ANYWAY = 3
"""So many are kept when none is similar enough."""


def drafter_budget(document_tokens: int) -> int:
    """Return how many tokens of passages the drafter reads of a document.

    The paper's 4,096 tokens up to 1/24 of the document; for short documents 1/8 of them, at
    least 512.
    """
    return max(512, min(4096, document_tokens // 8), document_tokens // 24)


def similar_enough(passages: Iterable[Passage]) -> list[Passage]:
    """Drop passages under the similarity threshold, but never the best few."""
    ranked = sorted(passages, key=lambda passage: -passage.score)
    above = [passage for passage in ranked if passage.score >= SIMILARITY_THRESHOLD]
    return above or ranked[:KEPT_ANYWAY]


def about_budget(
    passages: Iterable[Passage], budget: int, count: Callable[[str], int]
) -> list[Passage]:
    """Return the best passages whose texts, measured by `count`, come nearest to `budget` tokens.

    The best one is always among them, and the last one may go over by up to half its length:
    with long passages and a small budget the drafter would know too little otherwise. The order
    stays best first.
    """
    chosen: list[Passage] = []
    for passage in sorted(passages, key=lambda passage: -passage.score):
        tokens = count(passage.chunk.text)
        if chosen and tokens > 2 * budget:
            break
        chosen.append(passage)
        budget -= tokens
    return chosen


def in_document_order(passages: Iterable[Passage], document_ids: Iterable[str]) -> list[Passage]:
    """Sort passages as a reader meets them: by document, then by place in it."""
    place = {document_id: index for index, document_id in enumerate(document_ids)}
    return sorted(passages, key=lambda p: (place[p.chunk.document_id], p.chunk.index))
