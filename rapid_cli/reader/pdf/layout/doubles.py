"""Letters that are printed twice at nearly the same place, so that they look bold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from math import ceil

from rapid_cli.reader.pdf.layout.letters import Letter, Line
from rapid_cli.reader.pdf.layout.pieces import SHIFT

_STUTTER = re.compile(r"(?:([^\W\d_])\1){3}")
_SHORTEST = 4
"""Characters of a line that says so by being there twice."""

_Seen = dict[tuple[str, int, int], tuple[float, float]]


def has_doubles(text: str) -> bool:
    """Tell whether letters or lines of a text are there twice, as those are that look bold."""
    lines = [line for line in map(str.strip, text.split("\n")) if len(line) >= _SHORTEST]
    return (
        any(first == second for first, second in pairwise(lines))
        or any(map(_is_twice, lines))
        or has_stutter(text)
    )


def has_stutter(text: str) -> bool:
    """Tell whether several letters in a row are there twice."""
    return _STUTTER.search(text) is not None


def without_doubles(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield lines without the letters that are printed once more where they stand already."""
    seen: _Seen = {}
    for line in lines:
        kept = list(_single(line, seen))
        if len(kept) == len(line):
            yield line
        elif not all(letter.is_space for letter in kept):
            yield _squeezed(kept)


def _single(line: Line, seen: _Seen) -> Iterator[Letter]:
    """Yield a line without its doubles; what few of a word look so are letters of a ligature."""
    for is_space, group in groupby(line, key=lambda letter: letter.is_space):
        word = list(group)
        once = word if is_space else [letter for letter in word if not _is_double(letter, seen)]
        yield from once if 2 * len(once) <= len(word) else word


def _is_twice(line: str) -> bool:
    half, odd = divmod(len(line), 2)
    if line[:half] == line[half + odd :] and (not odd or line[half] == " "):
        return any(map(str.isalpha, line[:half]))
    words = line.split()
    return words[::2] == words[1::2] and any(map(str.isalpha, words))


def _is_double(letter: Letter, seen: _Seen) -> bool:
    """Tell whether a letter was seen near its place, and remember it otherwise."""
    reach = SHIFT * letter.box.height
    # Both have about the same height; its whole points keep both on the same grid.
    size = SHIFT * ceil(letter.box.height)
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
