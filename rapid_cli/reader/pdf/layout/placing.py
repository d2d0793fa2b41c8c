"""What stands on a page beside its text, such as values of fields, put where a reader sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line, extent

MOST_COMPARED = 1_000_000
"""Marks times lines; beyond it, marks come after all lines."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A text that stands in a box on a page; `inline` tells whether it is a part of a line."""

    text: str
    box: Box
    inline: bool


def with_marks(lines: Sequence[Line], marks: Sequence[Mark]) -> list[Line]:
    """Return lines and marks in the order in which they are read."""
    lines = [line for line in lines if extent(line)]
    boxes = [box for line in lines if (box := extent(line))]
    near = len(lines) * len(marks) <= MOST_COMPARED
    within: dict[int, list[Mark]] = {}
    after: dict[int, list[Mark]] = {}
    for mark in sorted(marks, key=lambda each: (-each.box.top, each.box.left)):
        beside = _beside(mark.box, boxes) if near else None
        if beside is not None:
            (within if mark.inline else after).setdefault(beside, []).append(mark)
        else:
            above = _above(mark.box, boxes) if near else len(lines) - 1
            after.setdefault(above, []).append(mark)
    placed = _rows(after.get(-1, []))
    for at, line in enumerate(lines):
        placed.append(_filled(line, within.get(at, [])))
        placed += _rows(after.get(at, []))
    return placed


def _beside(box: Box, boxes: Sequence[Box]) -> int | None:
    """Return which line stands beside a box, the nearest one, and the upper one of two."""
    found = [
        (round(max(other.left - box.right, box.left - other.right, 0)), -other.top, at)
        for at, other in enumerate(boxes)
        if _is_level(box, other)
    ]
    return min(found)[-1] if found else None


def _is_level(box: Box, other: Box) -> bool:
    """Tell whether a line belongs to the height of a box."""
    shared = min(box.top, other.top) - max(box.bottom, other.bottom)
    return shared >= 0.5 * min(box.height, other.height)


def _above(box: Box, boxes: Sequence[Box]) -> int:
    """Return the nearest line above a box, -1 if there is none."""
    found = [
        (other.bottom - box.top + _aside(box, other), -at)
        for at, other in enumerate(boxes)
        if other.bottom >= box.top - 0.5 * other.height
    ]
    return -min(found)[-1] if found else -1


def _aside(box: Box, other: Box) -> float:
    """Return how far two boxes are from being one above the other."""
    return max(other.left - box.right, box.left - other.right, 0.0)


def _rows(marks: Sequence[Mark]) -> list[Line]:
    """Return marks that stand by themselves, those beside each other in one line."""
    rows: list[Line] = []
    for mark in marks:
        letter = Letter(mark.text, mark.box)
        if rows and mark.inline and rows[-1][-1].box.is_beside(mark.box):
            rows[-1] += [Letter(" ", mark.box), letter]
        else:
            rows.append([letter])
    return rows


def _filled(line: Line, marks: Sequence[Mark]) -> Line:
    """Return a line with marks between its words, each before what is to the right of it."""
    filled = list(line)
    for mark in marks:
        at = _place(filled, mark.box)
        space = Letter(" ", Box(mark.box.left, mark.box.bottom, mark.box.left, mark.box.top))
        pieces = [Letter(mark.text, mark.box)]
        if at and not filled[at - 1].is_space:
            pieces.insert(0, space)
        if at < len(filled) and not filled[at].is_space:
            pieces.append(space)
        filled[at:at] = pieces
    return filled


def _place(line: Line, box: Box) -> int:
    """Return where a box comes in a line, never within a word."""
    start = box.left
    at = next(
        (
            at
            for at, letter in enumerate(line)
            if not letter.is_space and (letter.box.left + letter.box.right) / 2 > start
        ),
        len(line),
    )
    while 0 < at < len(line) and not line[at - 1].is_space and not line[at].is_space:
        at += 1
    return at
