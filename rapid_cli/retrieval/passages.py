"""From ranked passages to what is read: as many as fit, whole sentences, in document order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from rapid_cli.documents import Chunk, Document, Passage
from rapid_cli.text.language import PARAGRAPH_BREAK, SENTENCE_BREAK

REACH = 240
"""A passage takes along up to so many characters of a sentence that it cuts."""

# A sentence ends here, or a paragraph; the whitespace behind it belongs to the end.
_END = re.compile(f"{SENTENCE_BREAK}|{PARAGRAPH_BREAK}")


def drafter_budget(document_tokens: int) -> int:
    """Return how many tokens of passages the drafter reads of a document.

    The paper's 4,096 tokens up to 1/24 of the document; for short documents 1/8 of them, at
    least 512.
    """
    return max(512, min(4096, document_tokens // 8), document_tokens // 24)


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
    first = chunk.first_page if start == chunk.start else document.page_at(start).number
    last = chunk.last_page if end == chunk.end else document.page_at(end - 1).number
    return Chunk(chunk.document_id, chunk.index, text[start:end], start, end, first, last)


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
