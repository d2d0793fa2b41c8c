"""Where the lines of a paragraph end on a terminal: between words, and never within one that fits.

Unicode's rules (UAX #14) say where a line may end, and dictionaries of ICU where the words of Thai,
Lao, Khmer and Burmese do. Of what those rules allow, scripts that put spaces between their words
are held to the spaces: no line ends after the hyphen of "silver-grey" or the slash of "and/or".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from wcwidth import iter_graphemes, wcswidth, wcwidth

Span = tuple[int, int]
SPACES = " \u3000"
_WORD = re.compile(f"[^{SPACES}]+")
_PATH = re.compile(f"(?<=[{SPACES}])[/.](?=[^{SPACES}])")
"""What begins /usr and .env. Unicode takes it for the end of the word before, space or no space."""
_WIDER = "\ufe0f"  # asks for the wide picture of a letter
_UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u200b"
    "\u2e80-\u312f\u3190-\ua4cf\ua980-\ua9ff\uaa00-\uaa7f\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f"
    "\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff]"
)
"""Scripts whose words stand without spaces, and the space of no width. Korean has spaces."""


def lines(text: str, width: int, whole: Sequence[Span] = ()) -> list[Span]:
    """Return where each line of a paragraph begins and ends, if none is to be wider than `width`.

    The paragraph has neither line breaks nor tabs. What lies between two of its lines is the spaces
    at which the first one ends. No line ends within the spans `whole`.

    A word that is wider than `width` cells begins a line and is left in one piece, for the terminal
    to break at its edge: so it can be copied as it is. Only where it holds letters that some
    terminals would tear, such as emoji of several parts, it is broken here.
    """
    if cells(text) <= width:
        return [(0, len(text))]
    found: list[Span] = []
    begin = end = column = 0
    for start, stop in _words(text, whole, width):
        size = cells(text[start:stop])
        before = column + cells(text[end:start])
        if end == 0 and before + size > width >= size:  # indentation gives way to its word
            begin = start - _fitting(text[:start], width - size)
            before = cells(text[begin:start])
        elif end and before + size > width and column:
            found.append((begin, end))
            begin, before = start, 0
        column, end = _at_edge(before + size, width), stop
    found.append((begin, end + _fitting(text[end:], width - column)))
    return found


def rows(text: str, width: int) -> list[Span]:
    """Return the same, but with words that are wider than the terminal broken at its edge."""
    return [
        (begin + start, begin + stop)
        for begin, end in lines(text, width)
        for start, stop in _pieces(text[begin:end], width)
    ]


@lru_cache(maxsize=1024)
def cells(text: str) -> int:
    """Return how many cells of a terminal a text without line breaks takes at most.

    Terminals differ in what is joined of several parts, such as emoji and letters of Hindi.
    """
    if text.isascii():
        return len(text)
    parts = sum(max(wcwidth(part), 0) for part in text) + text.count(_WIDER)
    return max(parts, wcswidth(text))


def _words(text: str, whole: Sequence[Span], width: int) -> Iterator[Span]:
    """Yield where each piece of text begins and ends in which no line may end."""
    begin = stop = 0
    for segment in _segments(text):
        stop += len(segment)
        if stop == len(text) or _may_end(text, stop, whole):
            yield from _fitted(text, begin, stop, whole, width)
            begin = stop


def _segments(text: str) -> Iterator[str]:
    """Return the pieces of a text between which Unicode allows a line to end.

    Where ICU is not installed, as there is none built for every machine, these are the words of
    scripts with spaces, and the letters of others.
    """
    try:
        from icu4py.breakers import LineBreaker  # noqa: PLC0415 - most lines fit, and need it not
    except ImportError:
        return _by_letters(text)
    return iter(LineBreaker(_PATH.sub("a", _encodable(text)), "root"))


def _by_letters(text: str) -> Iterator[str]:
    """Return the words of a text with the spaces after them, and single letters without spaces."""
    piece = ""
    for letter in iter_graphemes(text):
        if piece and letter not in SPACES and (piece[-1] in SPACES or _UNSPACED.match(letter)):
            yield piece
            piece = ""
        piece += letter
    yield piece


def _encodable(text: str) -> str:
    """Return a text of the same length without halves of characters, which ICU refuses."""
    return text.encode(errors="replace").decode()


def _may_end(text: str, place: int, whole: Sequence[Span]) -> bool:
    if any(start < place < stop for start, stop in whole):
        return False
    return text[place - 1] in SPACES or bool(_UNSPACED.search(text, place - 1, place + 1))


def _fitted(text: str, begin: int, stop: int, whole: Sequence[Span], width: int) -> Iterator[Span]:
    """Yield a piece without the spaces around it; by its words if a line cannot hold it.

    Unicode keeps some words together across a space, such as "« oui »".
    """
    words = [(each.start(), each.end()) for each in _WORD.finditer(text, begin, stop)]
    if not words:
        return
    start, end = words[0][0], words[-1][1]
    kept = any(first < end and start < last for first, last in whole)
    if kept or cells(text[start:end]) <= width:
        words = [(start, end)]
    for start, end in words:
        yield from _untorn(text, start, end, width)


def _untorn(text: str, start: int, end: int, width: int) -> Iterator[Span]:
    """Yield a word, or the lines of one that is wider than a line and no terminal's to break."""
    word = text[start:end]
    if (
        cells(word) <= width
        or wcswidth(word) <= width
        or not any(map(_tearable, iter_graphemes(word)))
    ):
        yield start, end
        return
    for begin, stop in _pieces(word, width):
        yield start + begin, start + stop


def _tearable(letter: str) -> bool:
    """Tell whether a letter has several parts with cells of their own."""
    return _WIDER in letter or sum(wcwidth(part) > 0 for part in letter) > 1


def _pieces(text: str, width: int) -> Iterator[Span]:
    """Yield where a text is broken if its letters fill line after line."""
    begin = place = column = 0
    if cells(text) > width:
        for letter in iter_graphemes(text):
            size = cells(letter)
            if column and column + size > width:
                yield begin, place
                begin, column = place, 0
            column += size
            place += len(letter)
    yield begin, len(text)


def _fitting(spaces: str, room: int) -> int:
    """Return how many of some spaces fit into so many cells."""
    most = min(len(spaces), max(room, 0))
    return sum(cells(spaces[: count + 1]) <= room for count in range(most))


def _at_edge(column: int, width: int) -> int:
    """Return the column where a line goes on that may have been broken at the edge."""
    return column if column <= width else column % width or width
