"""Cut a document into chunks that an embedder can read whole, at the best places in reach."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import category

from rapid_cli.documents import Chunk, Document
from rapid_cli.retrieval.running import bodies
from rapid_cli.text.language import HANGUL, PARAGRAPH_BREAK, SENTENCE_BREAK, UNSPACED

# Each match ends where a chunk may end; the best kind of end comes first.
_ENDS = (
    re.compile(PARAGRAPH_BREAK),
    re.compile(SENTENCE_BREAK),
    re.compile(r"\n\s*"),  # line
    re.compile(r"\s+"),  # word
)
_NON_SPACE = re.compile(r"\S")

# A line may break between any two of these.
_UNSPACED = re.compile(f"[{UNSPACED}{HANGUL}]")
_JOINER = "\u200d"
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")


def split(document: Document, token_starts: Sequence[int], *, size: int) -> list[Chunk]:
    """Return chunks of at most `size` tokens that cover `document.text` without overlap.

    `token_starts` are the sorted offsets at which the embedder's tokens begin. A chunk ends at a
    paragraph, sentence, line or word, in this order, if its last half holds one, and takes the
    whitespace that follows along. Only a word of more than `size` tokens is split. A chunk of a
    document with pages never goes on to the next page that has text, and what stands at the edge
    of every page, such as its number, is in a chunk only where it comes first.
    """
    assert size > 0, "a chunk must hold a token"
    text = document.text
    ends = tuple([match.end() for match in kind.finditer(text)] for kind in _ENDS)
    cutter = _Cutter(text, token_starts, size, ends, _parts(document))
    return [
        _chunk(document, index, start, end) for index, (start, end) in enumerate(cutter.spans())
    ]


def _parts(document: Document) -> list[tuple[int, int]]:
    """Return the parts of the text that are cut by themselves, with the whitespace behind them."""
    text = document.text
    parts: list[tuple[int, int]] = []
    for start, end in bodies(document):
        first, following = (_NON_SPACE.search(text, place) for place in (start, end))
        if first and first.start() < end:
            parts.append((first.start(), following.start() if following else len(text)))
    if not parts:
        return [(0, len(text))]
    if not text[: parts[0][0]].strip():
        parts[0] = 0, parts[0][1]
    return parts


def _chunk(document: Document, index: int, start: int, end: int) -> Chunk:
    text = document.text[start:end]
    first = start + len(text) - len(text.lstrip())
    last = start + len(text.rstrip()) - 1
    if first > last:  # nothing but whitespace
        first, last = start, end - 1
    first_page, last_page = document.page_at(first).number, document.page_at(last).number
    return Chunk(document.id, index, text, start, end, first_page, last_page)


@dataclass(frozen=True, slots=True)
class _Cutter:
    """A text, its tokens, the offsets of its ends: paragraphs, sentences, lines, words; its parts.

    No chunk goes beyond the part that it is in.
    """

    text: str
    starts: Sequence[int]
    size: int
    ends: tuple[list[int], ...]
    parts: Sequence[tuple[int, int]]

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield the start and the end of each chunk."""
        for first, stop in self.parts:
            start = first
            while start < stop:
                end = self._end_after(start, stop)
                yield start, end
                start = end

    def _end_after(self, start: int, stop: int) -> int:
        limit = self._reach(start, stop)
        found = _NON_SPACE.search(self.text, start, limit)
        if limit == stop or found is None:
            return limit
        first = found.start()
        end = self._best_end(first, limit)
        if end is not None:
            return end
        # Whitespace that costs tokens must not cause the split of a word that fits alone.
        if start < first and self._fits(first, stop):
            return first
        return self._token_end(first, limit)

    def _reach(self, start: int, stop: int) -> int:
        """Return how far `size` tokens go, at most to `stop`."""
        index = bisect_left(self.starts, start) + self.size
        # Tokens may share a character; the cut has to move on all the same.
        index = max(index, bisect_right(self.starts, start))
        return min(self.starts[index], stop) if index < len(self.starts) else stop

    def _fits(self, start: int, stop: int) -> bool:
        """Tell whether the word at `start` is no longer than a chunk."""
        limit = self._reach(start, stop)
        return limit == stop or self._best_end(start, limit) is not None

    def _best_end(self, start: int, limit: int) -> int | None:
        """Return the best end in `start`..`limit` that splits no word."""
        middle = (start + limit) // 2
        for positions in self.ends:
            end = _latest(positions, middle, limit)
            if end is not None:
                return end
        # The last half is one long word, or a script without spaces.
        return (
            self._word_edge(middle, limit)
            or _latest(self.ends[-1], start, middle)
            or self._word_edge(start, middle)
        )

    def _word_edge(self, low: int, high: int) -> int | None:
        edges = (end for end in range(high, low, -1) if not _joined(self.text, end))
        return next(edges, None)

    def _token_end(self, start: int, limit: int) -> int:
        """Return the last token start that parts no character from its marks, or `limit`."""
        middle = (start + limit) // 2
        low, high = bisect_right(self.starts, middle), bisect_right(self.starts, limit)
        for index in range(high - 1, low - 1, -1):
            if not _marked(self.text, self.starts[index]):
                return self.starts[index]
        return limit


def _latest(positions: Sequence[int], low: int, high: int) -> int | None:
    """Return the last of the sorted `positions` with `low` < position <= `high`."""
    index = bisect_right(positions, high) - 1
    return positions[index] if index >= 0 and positions[index] > low else None


def _joined(text: str, offset: int) -> bool:
    """Tell whether a cut at `offset` would split a word or a character that is shown as one."""
    if _marked(text, offset) or _FLAG.match(text, offset - 1):
        return True
    return _in_word(text[offset - 1]) and _in_word(text[offset])


def _marked(text: str, offset: int) -> bool:
    """Tell whether the character at `offset` belongs to the one before it."""
    before, after = text[offset - 1], text[offset]
    return (
        _JOINER in (before, after)
        or category(after).startswith("M")
        or _SKIN_TONES[0] <= after <= _SKIN_TONES[1]
    )


def _in_word(character: str) -> bool:
    """Tell whether `character` builds words that are written with spaces between them."""
    if _UNSPACED.match(character):
        return False
    return character.isalnum() or character == "_" or category(character).startswith("M")
