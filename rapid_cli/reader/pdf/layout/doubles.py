"""Letters that are printed twice at nearly the same place, so that they look bold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import ceil

from rapid_cli.reader.pdf.layout.letters import Letter, Line

_SHIFT = 0.12
"""Of the height of a letter: the farthest at which a second one is still the same."""
_STUTTER = re.compile(r"(?:([^\W\d_])\1){3}")
_SHORTEST, _SHORTEST_APART = 4, 12
"""Characters of a line that says so by being there twice: at once, or anywhere on the page."""

_Seen = dict[tuple[str, int, int], tuple[float, float]]


def may_be_doubled(text: str) -> bool:
    """Tell whether letters of a page may have been printed twice."""
    lines = [line for line in map(str.strip, text.split("\n")) if len(line) >= _SHORTEST]
    long = [line for line in lines if len(line) >= _SHORTEST_APART]
    return (
        len(set(long)) < len(long)
        or any(first == second for first, second in pairwise(lines))
        or any(map(_is_twice, lines))
        or _STUTTER.search(text) is not None
    )


def without_doubles(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield lines without the letters that are printed once more where they stand already."""
    seen: _Seen = {}
    for line in lines:
        kept = [letter for letter in line if letter.is_space or not _is_double(letter, seen)]
        if len(kept) == len(line):
            yield line
        elif not all(letter.is_space for letter in kept):
            yield _squeezed(kept)


def _is_twice(line: str) -> bool:
    half, odd = divmod(len(line), 2)
    if line[:half] == line[half + odd :] and (not odd or line[half] == " "):
        return any(map(str.isalpha, line[:half]))
    words = line.split()
    return words[::2] == words[1::2] and any(map(str.isalpha, words))


def _is_double(letter: Letter, seen: _Seen) -> bool:
    """Tell whether a letter was seen near its place, and remember it otherwise."""
    reach = _SHIFT * letter.box.height
    # Both have about the same height; its whole points keep both on the same grid.
    size = _SHIFT * ceil(letter.box.height)
    column, row = int(letter.box.left // size), int(letter.box.bottom // size)
    for x in (column - 1, column, column + 1):
        for y in (row - 1, row, row + 1):
            place = seen.get((letter.text, x, y))
            if place and _is_near(letter, place, reach):
                return True
    seen[letter.text, column, row] = letter.box.left, letter.box.bottom
    return False


def _is_near(letter: Letter, place: tuple[float, float], reach: float) -> bool:
    return abs(letter.box.left - place[0]) <= reach and abs(letter.box.bottom - place[1]) <= reach


def _squeezed(line: Line) -> Line:
    """Return a line with one space where there are more in a row, and none at its ends."""
    kept = [
        letter
        for before, letter in zip([None, *line], line, strict=False)
        if not (letter.is_space and (before is None or before.is_space))
    ]
    while kept and kept[-1].is_space:
        kept.pop()
    return kept
