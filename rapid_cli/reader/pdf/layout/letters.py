"""Letters with their places on a page, in points, and the lines that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

LEAST_SIZE = 1.0
"""Points; letters of no height are taken for so high."""
SHARED_HEIGHT = 0.3
"""From this share of the lower one's height on, two boxes stand beside each other."""


class Box(NamedTuple):
    """A rectangle on a page; `bottom` is below `top`."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Return the height, never nothing."""
        return max(self.top - self.bottom, LEAST_SIZE)

    def is_beside(self, other: Box) -> bool:
        """Tell whether two boxes stand at the same height."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared >= SHARED_HEIGHT * min(self.height, other.height)


class Letter(NamedTuple):
    """A letter, or what stands on the page as one piece, such as the value of a field."""

    text: str
    box: Box

    @property
    def is_space(self) -> bool:
        """Tell whether nothing is to be seen of it."""
        return self.text.isspace()


Line = list[Letter]
"""Letters in the order in which they are read, spaces between them."""


def text_of(lines: Iterable[Line]) -> str:
    """Return the text of lines."""
    return "\n".join("".join(letter.text for letter in line).rstrip() for line in lines)


def around(boxes: Sequence[Box]) -> Box:
    """Return the smallest rectangle around some, at least one."""
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return Box(min(lefts), min(bottoms), max(rights), max(tops))


def extent(line: Line) -> Box | None:
    """Return the smallest rectangle around what is seen of a line, None where there is nothing."""
    boxes = [letter.box for letter in line if not letter.is_space]
    return around(boxes) if boxes else None
