"""What styles say of paragraphs and runs, through the styles that they are based on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from rapid_cli.reader.formats.docx.names import attribute, child, number, switch, tag, text

RAISED = "raised"
LOWERED = "lowered"
LEVEL_LINE = ""

_LONGEST_CHAIN = 50  # styles; Word itself allows eleven
_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)
_LEVELS = 6  # of headings in what is made of them
_SHIFTED = 4  # half-points; less only straightens letters of different fonts
_SHIFTS = {"superscript": RAISED, "subscript": LOWERED, "baseline": LEVEL_LINE}


class Look(NamedTuple):
    """How letters look, as far as that changes what they say; None where nothing says it."""

    hidden: bool | None = None
    shift: str | None = None
    font: str | None = None


class Numbered(NamedTuple):
    """The list that a paragraph is in, and what tells the level: itself, a link, or its styles."""

    list_id: str
    level: int | None
    styles: tuple[str, ...]
    style_level: int | None


@dataclass(frozen=True, slots=True)
class _Style:
    based_on: str = ""
    heading: int | None = None  # 0 for text
    list_id: str | None = None
    level: int | None = None
    look: Look = field(default=Look())


class Styles:
    """The styles of a document, by their ids."""

    def __init__(self, root: etree._Element | None) -> None:
        self._styles: dict[str, _Style] = {}
        self._lists: dict[str, str] = {}
        self._default = ""
        self._chains: dict[str, tuple[str, ...]] = {}
        self._looks: dict[str, Look] = {}
        for each in () if root is None else root:
            if tag(each) == "w:style":
                self._add(each)

    def heading(self, properties: etree._Element | None) -> int:
        """Return the level of the heading that a paragraph is, 0 for none."""
        own = _outline(properties)
        if own is not None:
            return own
        for each in self._followed(text(properties, "w:pStyle")):
            level = self._styles[each].heading
            if level is not None:
                return level
        return 0

    def numbered(self, properties: etree._Element | None) -> Numbered | None:
        """Return what numbers a paragraph, None if nothing does."""
        own = child(properties, "w:numPr")
        list_id = text(own, "w:numId")
        chain = self._followed(text(properties, "w:pStyle"))
        styles = [self._styles[each] for each in chain]
        if list_id is None:
            list_id = next((each.list_id for each in styles if each.list_id is not None), "0")
        if list_id == "0":
            return None
        level = next((each.level for each in styles if each.level is not None), None)
        return Numbered(list_id, number(own, "w:ilvl"), chain, level)

    def list_of(self, style: str | None) -> str | None:
        """Return the list that a style of lists stands for."""
        return self._lists.get(style or "")

    def paragraph_look(self, properties: etree._Element | None) -> Look:
        """Return how the letters of a paragraph look by its style."""
        return self._look_of(text(properties, "w:pStyle"))

    def look(self, properties: etree._Element | None, around: Look) -> Look:
        """Return how the letters of a run look, in a paragraph that makes them look like `around`.

        `properties` are those of the run.
        """
        if properties is None:
            return around
        own = look_of(properties)
        style = text(properties, "w:rStyle")
        return _first((own, self._look_of(style), around) if style else (own, around))

    def _look_of(self, style: str | None) -> Look:
        key = style or self._default
        if key not in self._looks:
            self._looks[key] = _first(self._styles[each].look for each in self._followed(style))
        return self._looks[key]

    def _add(self, element: etree._Element) -> None:
        identity = attribute(element, "w:styleId") or ""
        kind = attribute(element, "w:type")
        properties = child(element, "w:pPr")
        numbers = child(properties, "w:numPr")
        outline = _outline(properties)
        named = _HEADING.match(text(element, "w:name") or "")
        if outline is None and named:
            outline = min(int(named[1]), _LEVELS)
        if kind == "numbering":
            self._lists[identity] = text(numbers, "w:numId") or ""
        if kind == "paragraph" and attribute(element, "w:default") in {"1", "true", "on"}:
            self._default = identity
        self._styles[identity] = _Style(
            text(element, "w:basedOn") or "",
            outline,
            text(numbers, "w:numId"),
            number(numbers, "w:ilvl"),
            look_of(child(element, "w:rPr")),
        )

    def _followed(self, style: str | None) -> tuple[str, ...]:
        """Return a style and those that it is based on."""
        key = style or self._default
        if key not in self._chains:
            self._chains[key] = tuple(self._chain(key))
        return self._chains[key]

    def _chain(self, style: str) -> Iterator[str]:
        seen: set[str] = set()
        while style in self._styles and style not in seen and len(seen) < _LONGEST_CHAIN:
            seen.add(style)
            yield style
            style = self._styles[style].based_on


def look_of(properties: etree._Element | None) -> Look:
    """Return how letters look by properties alone, those of a run or of a style."""
    hidden = shift = font = None
    for each in () if properties is None else properties:
        match tag(each):
            case "w:vanish":
                hidden = switch(each)
            case "w:vertAlign":
                shift = _SHIFTS.get(attribute(each, "w:val") or "")
            case "w:position":
                shift = shift or _shift(number(each))
            case "w:rFonts":
                font = attribute(each, "w:ascii") or attribute(each, "w:hAnsi")
    return Look(hidden, shift, font)


def _shift(half_points: int | None) -> str | None:
    if half_points is None or abs(half_points) < _SHIFTED:
        return None
    return RAISED if half_points > 0 else LOWERED


def _first(looks: Iterable[Look]) -> Look:
    """Return of each property the first that is said."""
    hidden = shift = font = None
    for look in looks:
        hidden = look.hidden if hidden is None else hidden
        shift = look.shift if shift is None else shift
        font = look.font if font is None else font
    return Look(hidden, shift, font)


def _outline(properties: etree._Element | None) -> int | None:
    """Return the level of headings that a paragraph says it has, 0 for text."""
    level = number(properties, "w:outlineLvl")
    if level is None:
        return None
    return min(level + 1, _LEVELS) if 0 <= level < 9 else 0
