"""The rectangles that mark a quote on a page, found among the letters of the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rapid_cli.reader.pdf.layout.doubles import without_doubles
from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line, around
from rapid_cli.reader.pdf.layout.page_layout import in_order
from rapid_cli.text.quotes import NOWHERE, Found, find_quote

WIDEST_SPACE = 2.0
"""Of the height of letters: a wider blank in a line parts what is marked there."""

_Piece = tuple[str, Letter | None]
"""A character of a page, and the letter that it is of; None between lines."""


def marked(lines: Sequence[Line], quote: str, passage: str = "") -> list[Box]:
    """Return boxes in points over the words of a quote, in reading order; none if it is not there.

    `lines` are as they are drawn. Of several places the one counts that is like the `passage`.
    """
    single = list(without_doubles(lines))
    best, letters = NOWHERE, list[_Piece]()
    for ordered in (single, in_order(lines, [])):
        pieces = list(_pieces(ordered or ()))
        found = find_quote("".join(text for text, _ in pieces), quote, passage)
        if found.share > best.share:
            best, letters = found, pieces
    return list(_boxes(best, letters))


def _pieces(lines: Iterable[Line]) -> Iterator[_Piece]:
    for line in lines:
        yield from ((character, letter) for letter in line for character in letter.text)
        yield "\n", None


def _boxes(found: Found, pieces: Sequence[_Piece]) -> Iterator[Box]:
    """Yield a box for each part of a line that is marked."""
    for start, end in found.spans:
        part: list[Box] = []
        for _, letter in pieces[start:end]:
            if letter is None:
                if part:
                    yield around(part)
                part = []
            elif not letter.is_space:
                if part and not _goes_on(part[-1], letter.box):
                    yield around(part)
                    part = []
                part.append(letter.box)
        if part:
            yield around(part)


def _goes_on(box: Box, following: Box) -> bool:
    """Tell whether a letter follows another one beside it, or above or below in a turned line."""
    size = max(min(box.height, following.height), min(_width(box), _width(following)))
    reach = WIDEST_SPACE * size
    apart = max(following.left - box.right, box.left - following.right)
    above = max(following.bottom - box.top, box.bottom - following.top)
    return apart <= reach and above <= reach and (above < 0 or apart < 0)


def _width(box: Box) -> float:
    return box.right - box.left
