"""Raised and lowered numbers, put into the text of a page so that 10^6 does not read as 106."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from unicodedata import normalize

import numpy as np

from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line
from rapid_cli.reader.pdf.layout.pieces import Pieces, heights
from rapid_cli.reader.scripts import lowered, raised

_SMALLER = 0.85
"""Of the height of its base, a raised or lowered letter has at most so much."""
_RISE, _DROP = 0.15, 0.05
"""Of the height of its base: how much higher or lower such a letter ends below, at least."""
_NEAR = 0.5
"""Of the same height: how far from its base such a letter may begin."""
_NUMBER = re.compile(
    r"[+\u2212\u2013-]?\d[\d.,\u2013\u2212-]{0,20}[+\u2212-]?|[+\u2212]|st|nd|rd|th"
)
_BEGIN = re.compile(r"[+\u2212\u2013\dsnrt-]")
_NO_BASE = frozenset(" \u00a0+\u2212\u2013-=<>")
_BEFORE, _AFTER = 12, 6
"""Letters around a number by which it is found in a text."""
_SEEN = 80
"""Letters around a number that tell what it is."""
MOST_SCRIPTS = 500
"""Numbers of a page that are told."""


@dataclass(frozen=True, slots=True)
class _Script:
    """A raised or lowered number: where it is among the letters of a page, and how it is told.

    `line` is where its line begins and ends among them.
    """

    start: int
    end: int
    line: tuple[int, int]
    told: str


def moved_pairs(pieces: Pieces) -> list[tuple[Box, Box]]:
    """Return pieces with those that follow them higher or lower; what they are their letters tell.

    The boxes of pieces are those of their ink, so that most of these only lack a descender.
    """
    one, other = pieces[:-1], pieces[1:]
    height = heights(one)
    near = np.abs(other[:, 0] - one[:, 2]) <= _NEAR * height
    beside = (other[:, 1] < one[:, 3]) & (one[:, 1] < other[:, 3])
    smaller = other[:, 3] - other[:, 1] <= 1.2 * height  # small letters may be a base, too
    moved = (other[:, 1] >= one[:, 1] + _RISE * height) | (other[:, 1] < one[:, 1] - _DROP * height)
    at = near & beside & smaller & moved
    return [
        (Box(*base), Box(*script))
        for base, script in zip(one[at].tolist(), other[at].tolist(), strict=True)
    ]


def is_script(base: Letter | None, letter: Letter | None) -> bool:
    """Tell whether a letter begins a number that is raised or lowered beside its base."""
    if base is None or letter is None or not _BEGIN.match(letter.text):
        return False
    return _moved(base.box, letter) is not None


def with_scripts(text: str, lines: Sequence[Line]) -> str:
    """Return a text of a page with its raised and lowered numbers told from the others."""
    drawn, scripts = _scripts(lines)
    if not scripts:
        return text
    letters, places = _letters(text)
    changes = []
    for script in scripts[:MOST_SCRIPTS]:
        at = _place(script, drawn, letters)
        if at:
            end = places[at + script.end - script.start - 1] + 1
            changes.append((places[at - 1] + 1, end, script.told))
    for start, end, told in sorted(changes, reverse=True):
        text = f"{text[:start]}{told}{text[end:]}"
    return text


def _scripts(lines: Sequence[Line]) -> tuple[str, list[_Script]]:
    """Return the letters of lines without blanks, and the raised and lowered numbers in them."""
    drawn, scripts = "", []
    for line in lines:
        plain = [_plain(letter.text) for letter in line]
        places = list(accumulate(map(len, plain), initial=len(drawn)))
        for start, end, is_raised in _moved_parts(line):
            number = _text(line[start:end])
            if _NUMBER.fullmatch(number):
                before = _text(line[max(0, start - _SEEN) : start])
                after = _text(line[end : end + _SEEN])
                told = raised(number, before, after) if is_raised else lowered(number, before)
                bounds = places[0], places[-1]
                scripts.append(_Script(places[start], places[end], bounds, told))
        drawn += "".join(plain)
    return drawn, scripts


def _moved_parts(line: Line) -> Iterator[tuple[int, int, bool]]:
    """Yield where what is raised or lowered in a line begins and ends, and whether it is raised."""
    start = 1
    while start < len(line):
        base, first = line[start - 1], line[start]
        moved = None if base.text in _NO_BASE else _moved(base.box, first)
        near = abs(first.box.left - base.box.right) <= _NEAR * base.box.height
        end = start + 1
        if moved is not None and near:
            while end < len(line) and _moved(base.box, line[end]) is moved:
                end += 1
            yield start, end, moved
        start = end


def _moved(base: Box, letter: Letter) -> bool | None:
    """Tell whether a letter is raised above its base, or lowered; None if it is neither."""
    height, box = base.height, letter.box
    beside = box.bottom < base.top and base.bottom < box.top
    if letter.is_space or not beside or box.height > _SMALLER * height:
        return None
    rise = box.bottom - base.bottom
    if rise >= _RISE * height:
        return True
    return False if rise <= -_DROP * height else None


def _place(script: _Script, drawn: str, letters: str) -> int:
    """Return where a number stands among the letters of a text, 0 where that is not clear.

    Its letters and those around it must be there as often as they are drawn, or those of its line
    alone, which may follow another one in the text, once in both.
    """
    start, end = max(0, script.start - _BEFORE), script.end + _AFTER
    within = max(start, script.line[0]), min(end, script.line[1])
    for first, last in ((start, end), (start, script.end), within):
        found, others = (_all(drawn[first:last], each) for each in (letters, drawn))
        known = len(found) == 1 or (first, last) != within
        if len(found) == len(others) and first in others and known:
            return found[others.index(first)] + script.start - first
    return 0


def _all(part: str, text: str) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(part), text)]


def _letters(text: str) -> tuple[str, list[int]]:
    """Return the letters of a text without blanks, and where each of them is in the text."""
    plain = [(letter, at) for at, each in enumerate(text) for letter in _plain(each)]
    return "".join(letter for letter, _ in plain), [at for _, at in plain]


def _plain(text: str) -> str:
    return "".join(normalize("NFKC", text).split())


def _text(line: Line) -> str:
    return "".join(letter.text for letter in line)
