"""Columns of prose that a file draws row by row, told from tables, whose rows are read across."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line, around
from rapid_cli.reader.pdf.layout.pieces import FEWEST, GAP, NARROWEST, gutter_of

_FULL = 0.6
"""How much of its column a line of prose fills at least in the middle."""
_FULL_UNCASED = 0.8
"""The same where letters have no case, and so do not tell whether a sentence goes on."""
_RUNS_ON = 0.4
"""Which share of lines goes on in the middle of a sentence at least."""
_LONE = 0.3
"""Which share of rows may be empty on one side; cells of a table differ in height."""
_PADDED = 1.25
"""Times the usual distance of lines: from there on, something new begins."""
_MOST_COLUMNS = 6
_END = re.compile(r"[.!?:;。！？؟।]['\")\]»”’]*$")
_DIGITS = 0.25
"""Which share of the characters of prose may be digits."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a line that no wide blank parts, and the place of the line among all."""

    letters: Line
    box: Box
    at: int

    @property
    def text(self) -> str:
        return "".join(letter.text for letter in self.letters).strip()


def in_columns(lines: Sequence[Line], *, from_right: bool = False) -> list[Line] | None:
    """Return lines with one column of prose after the other, or None where there are none."""
    pieces = [piece for at, line in enumerate(lines) for piece in _pieces(line, at)]
    ordered, changed = _ordered(pieces, from_right, _MOST_COLUMNS)
    if not changed:
        return None
    rows = (list(group) for _, group in groupby(ordered, key=lambda each: (each[0], each[1].at)))
    return [_joined([piece for _, piece in row]) for row in rows]


def _jumps(one: Box, other: Box) -> bool:
    return one.is_beside(other) and other.left - one.right >= GAP * min(one.height, other.height)


def _pieces(line: Line, at: int) -> Iterator[_Piece]:
    """Yield the parts of a line between its wide blanks."""
    part: Line = []
    box: Box | None = None
    for letter in line:
        if not letter.is_space:
            if box and not _goes_on(box, letter.box):
                yield _Piece(part, box, at)
                part, box = [], None
            box = around([box, letter.box]) if box else letter.box
        part.append(letter)
    if box:
        yield _Piece(part, box, at)


def _goes_on(box: Box, following: Box) -> bool:
    """Tell whether no wide blank is between a part of a line and a letter on either side of it."""
    return max(following.left - box.right, box.left - following.right) < GAP * min(
        box.height, following.height
    )


_Placed = tuple[int, _Piece]
"""A piece, and the number of the column that it is in."""


def _ordered(pieces: list[_Piece], from_right: bool, depth: int) -> tuple[list[_Placed], bool]:
    """Return pieces in reading order, and whether that is another one."""
    unchanged = [(0, piece) for piece in pieces], False
    gaps = [
        (one.right, other.left)
        for first, second in pairwise(pieces)
        for one, other in [sorted((first.box, second.box))]
        if _jumps(one, other)
    ]
    if depth == 0 or len(gaps) < FEWEST:
        return unchanged
    gutter, count = gutter_of(gaps)
    if count < FEWEST:
        return unchanged
    ordered: list[_Placed] = []
    number = 0
    for crosses, group in groupby(pieces, key=lambda piece: _crosses(piece, gutter)):
        band = list(group)
        sides = _sides(band, gutter)
        if crosses or not _are_columns(*sides):
            ordered += [(number, piece) for piece in band]
            continue
        for side in reversed(sides) if from_right else sides:
            inner, _ = _ordered(side, from_right, depth - 1)
            ordered += [(number + 1 + inside, piece) for inside, piece in inner]
            number = ordered[-1][0]
        number += 1
    return (ordered, True) if number else unchanged


def _crosses(piece: _Piece, gutter: float) -> bool:
    return piece.box.left < gutter < piece.box.right


def _sides(band: list[_Piece], gutter: float) -> tuple[list[_Piece], list[_Piece]]:
    left = [piece for piece in band if piece.box.right <= gutter]
    return left, [piece for piece in band if piece.box.right > gutter]


def _are_columns(left: list[_Piece], right: list[_Piece]) -> bool:
    """Tell whether what stands on both sides of a gutter is prose, read down and not across."""
    return (
        min(len(left), len(right)) >= FEWEST
        and _is_prose(left)
        and _is_prose(right)
        and _are_level(left, right)
        and not _share_rows(left, right)
    )


def _is_prose(column: list[_Piece]) -> bool:
    lines = _lines(column)
    if len(lines) < FEWEST:
        return False
    boxes = [around([piece.box for piece in line]) for line in lines]
    widths = [box.right - box.left for box in boxes]
    texts = [" ".join(piece.text for piece in line) for line in lines]
    whole = "".join(texts)
    usual, height = median(widths), median(box.height for box in boxes)
    digits = sum(map(str.isdigit, whole))
    return (
        usual >= NARROWEST * height
        and usual >= (_FULL if whole.lower() != whole.upper() else _FULL_UNCASED) * max(widths)
        and digits <= _DIGITS * len(whole)
        and _runs_on(texts) >= _RUNS_ON
    )


def _lines(column: list[_Piece]) -> list[list[_Piece]]:
    """Return the pieces of a column that stand beside each other, as lines."""
    return [list(group) for _, group in groupby(column, key=lambda piece: piece.at)]


def _runs_on(texts: list[str]) -> float:
    """Return which share of lines goes on with what the line before began."""
    pairs = list(pairwise(texts))
    on = sum(not _END.search(before) and _is_inner(after) for before, after in pairs)
    return on / len(pairs)


def _is_inner(text: str) -> bool:
    """Tell whether a line begins as no sentence does; where letters have no case, it may."""
    return text[:1].isalpha() and not text[0].isupper()


def _are_level(left: list[_Piece], right: list[_Piece]) -> bool:
    """Tell whether nearly all rows between the first and the last full one have both sides."""
    beside = [*_with_others(left, right), *_with_others(right, left)]
    beside.sort(key=lambda each: -each[0].box.top)
    full = [at for at, (_, both) in enumerate(beside) if both]
    if len(full) < 2 * FEWEST:
        return False
    inner = beside[full[0] : full[-1] + 1]
    return sum(not both for _, both in inner) <= _LONE * len(inner)


def _with_others(column: list[_Piece], other: list[_Piece]) -> Iterator[tuple[_Piece, bool]]:
    """Yield each piece of a column, and whether one of the other column stands beside it."""
    middles = sorted((piece.box.bottom + piece.box.top) / 2 for piece in other)
    for piece in column:
        at = bisect_left(middles, piece.box.bottom)
        yield piece, at < len(middles) and middles[at] <= piece.box.top


def _share_rows(left: list[_Piece], right: list[_Piece]) -> bool:
    """Tell whether both sides begin something new at the same heights, as rows of a table do."""
    one, other = sorted((_beginnings(left), _beginnings(right)), key=len)
    if len(one) < 2:
        return False
    reach = median(piece.box.height for piece in left) / 2
    shared = 0
    for height in one:
        at = bisect_left(other, height - reach)
        shared += at < len(other) and other[at] <= height + reach
    return shared >= 2 and shared > len(other) / 2


def _beginnings(column: list[_Piece]) -> list[float]:
    """Return the heights, lowest first, at which lines come after a wider space."""
    tops = [max(piece.box.top for piece in line) for line in _lines(column)]
    steps = [(one - other, other) for one, other in pairwise(tops)]
    usual = median(step for step, _ in steps)
    return sorted(top for step, top in steps if step > _PADDED * usual > 0)


def _joined(row: list[_Piece]) -> Line:
    """Return pieces of one line as it was, with a space between them."""
    line: Line = []
    for piece in row:
        if line and not line[-1].is_space:
            line.append(Letter(" ", piece.box))
        line += piece.letters
    return line
