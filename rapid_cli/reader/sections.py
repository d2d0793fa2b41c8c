"""From lines, some of them headings, to the sections that stand for pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rapid_cli.documents import Page
from rapid_cli.reader.cleaning import LABEL_LENGTH, one_line

JOINT = " › "
RANGE = " … "
MAX_SECTIONS = 10_000
_TINY = 200  # characters


class Line(NamedTuple):
    """A line of a document; a `level` of 1 to 6 makes it a heading, called `title`."""

    text: str
    level: int = 0
    title: str = ""


@dataclass(slots=True)
class _Section:
    headings: tuple[str, ...]  # its own is the last, those above it come before
    lines: list[str] = field(default_factory=list)
    last: tuple[str, ...] | None = None  # the headings of the last one, if several are joined

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n")


def section_pages(lines: Iterable[Line]) -> tuple[Page, ...]:
    """Return a page for each section that has text; its label names the last two headings.

    Of more than MAX_SECTIONS so many in a row are joined, and called by the first and the last.
    """
    sections = _merged([section for section in _split(lines) if section.text.strip()])
    return tuple(
        Page(number, _name(section), section.text)
        for number, section in enumerate(_bounded(sections), start=1)
    )


class Headings:
    """The headings that are above a place while a document is gone through."""

    def __init__(self) -> None:
        self._above: dict[int, str] = {}

    def under(self, level: int, title: str) -> tuple[str, ...]:
        """Return what is above the place that a heading opens, which is the last of them."""
        self._above = {other: text for other, text in self._above.items() if other < level}
        self._above[level] = title
        return tuple(text for text in self._above.values() if text)


def _split(lines: Iterable[Line]) -> Iterator[_Section]:
    section = _Section(())
    headings = Headings()
    for line in lines:
        if line.level:
            yield section
            section = _Section(headings.under(line.level, line.title))
        section.lines.append(line.text)
    yield section


def _merged(sections: Sequence[_Section]) -> list[_Section]:
    """Join a tiny section to the one after it where that lies within it."""
    merged: list[_Section] = []
    for section in sections:
        last = merged[-1] if merged else None
        if last and _lies_within(section, last) and len(last.text) < _TINY:
            section.lines = [*last.lines, *section.lines]
            merged[-1] = section
        else:
            merged.append(section)
    return merged


def _lies_within(section: _Section, other: _Section) -> bool:
    depth = len(other.headings)
    return 0 < depth < len(section.headings) and section.headings[:depth] == other.headings


def _bounded(sections: Sequence[_Section]) -> Iterator[_Section]:
    step = -(-len(sections) // MAX_SECTIONS) or 1
    for start in range(0, len(sections), step):
        first, *others = sections[start : start + step]
        if others:
            lines = [line for section in (first, *others) for line in section.lines]
            first = _Section(first.headings, lines, others[-1].headings)
        yield first


def _name(section: _Section) -> str | None:
    first = label_of(section.headings)
    last = label_of(section.last) if section.last else None
    if first is None or last is None or first == last:
        return first or last
    length = (LABEL_LENGTH - len(RANGE)) // 2
    return one_line(first, length) + RANGE + one_line(last, length)


def label_of(headings: Sequence[str]) -> str | None:
    """Return what a place below these headings is called; None without any that shows."""
    shown = [title for title in map(one_line, headings[-2:]) if title]
    label = JOINT.join(shown)
    if len(label) > LABEL_LENGTH:
        length = (LABEL_LENGTH - len(JOINT)) // 2
        label = JOINT.join(one_line(title, length) for title in shown)
    return label or None
