"""The numbers that Word puts before headings, clauses and the items of lists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from rapid_cli.reader.formats.docx.letters.numerals import numeral, padded
from rapid_cli.reader.formats.docx.letters.symbols import BULLET, needs_symbols, symbol
from rapid_cli.reader.formats.docx.names import attribute, child, is_on, number, tag, text, whole
from rapid_cli.reader.formats.docx.styles import Numbered, Styles, look_of

_DEPTH = 9  # levels of a list
_PLACE = re.compile("%([1-9])")
_GAPS = {"nothing": ""}
_CIRCLE = {"o": "◦"}  # a letter that stands for a bullet in lists of Word's own


@dataclass(frozen=True, slots=True)
class _Level:
    """How one level of a list counts, and what it shows."""

    start: int = 1
    kind: str = "decimal"
    pattern: str = ""  # of kind "custom"
    shown: str = ""
    gap: str = " "
    restart: int | None = None
    legal: bool = False
    hidden: bool = False
    font: str | None = None
    style: str = ""


@dataclass(slots=True)
class _Kind:
    """A kind of list, whose lists go on with each other's numbers."""

    levels: dict[int, _Level] = field(default_factory=dict)
    linked: str | None = None  # the style that says how this kind counts
    counts: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _List:
    """A list, with what it does otherwise than its kind."""

    kind: str
    levels: dict[int, _Level] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)


class Numbering:
    """The lists of a document, which count while it is read from its beginning to its end."""

    def __init__(self, root: etree._Element | None, styles: Styles) -> None:
        self._styles = styles
        self._kinds: dict[str, _Kind] = defaultdict(_Kind)
        self._lists: dict[str, _List] = {}
        self.unknown: set[str] = set()
        """Ways to count that are not known, and counted in figures."""
        for each in () if root is None else root:
            match tag(each):
                case "w:abstractNum":
                    self._kinds[attribute(each, "w:abstractNumId") or ""] = _kind(each)
                case "w:num":
                    self._lists[attribute(each, "w:numId") or ""] = _list(each)

    def next(self, numbered: Numbered) -> str:
        """Count a paragraph; return its number or bullet, and the gap before its text."""
        found = self._lists.get(numbered.list_id)
        kind = self._kind_of(found) if found else None
        if found is None or kind is None:
            return ""
        level = self._level(numbered, found, kind)
        _count(found, kind, level)
        shown = _level_of(found, kind, level)
        written = "" if shown.hidden else self._written(shown, found, kind)
        return written + shown.gap if written else ""

    def _kind_of(self, found: _List) -> _Kind | None:
        kind = self._kinds.get(found.kind)
        if kind and kind.linked is not None:
            other = self._lists.get(self._styles.list_of(kind.linked) or "")
            kind = self._kinds.get(other.kind) if other else kind
        return kind

    def _level(self, numbered: Numbered, found: _List, kind: _Kind) -> int:
        level = numbered.level
        if level is None and numbered.styles:
            level = _linked(numbered.styles, found, kind)
        if level is None:
            level = numbered.style_level or 0
        return min(max(level, 0), _DEPTH - 1)

    def _written(self, shown: _Level, found: _List, kind: _Kind) -> str:
        if shown.kind == "bullet":
            return _bullet(shown)

        def place(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            level = _level_of(found, kind, at)
            return self._numeral(kind.counts.get(at, level.start), level, legal=shown.legal)

        return _PLACE.sub(place, shown.shown).strip()

    def _numeral(self, value: int, level: _Level, *, legal: bool) -> str:
        if legal:
            return str(value)
        if level.kind == "custom" and level.pattern:
            return padded(value, level.pattern)
        written = numeral(value, level.kind)
        if written is None:
            self.unknown.add(level.kind)
            return str(value)
        return written


def _count(found: _List, kind: _Kind, level: int) -> None:
    counts = kind.counts
    for upper in range(level):  # a level above that was left out counts as begun
        counts.setdefault(upper, _start(found, kind, upper))
    begins_anew = level in found.starts and level not in found.begun
    found.begun.add(level)
    if begins_anew or level not in counts:
        counts[level] = _start(found, kind, level)
    else:
        counts[level] += 1
    for deeper in range(level + 1, _DEPTH):
        restart = _level_of(found, kind, deeper).restart
        if deeper in counts and level < (deeper if restart is None else restart):
            del counts[deeper]


def _start(found: _List, kind: _Kind, level: int) -> int:
    start = found.starts.get(level)
    return _level_of(found, kind, level).start if start is None else start


def _level_of(found: _List, kind: _Kind, level: int) -> _Level:
    return found.levels.get(level) or kind.levels.get(level) or _UNSAID


def _linked(styles: tuple[str, ...], found: _List, kind: _Kind) -> int | None:
    """Return the level that is linked to the first of some styles to which one is."""
    levels = kind.levels | found.levels
    places = {each.style: level for level, each in levels.items() if each.style}
    return next((places[style] for style in styles if style in places), None)


def _bullet(level: _Level) -> str:
    shown = level.shown.strip()
    if not needs_symbols(shown, level.font):
        return _CIRCLE.get(shown, shown)
    return "".join(symbol(ord(each), level.font) or BULLET for each in shown)


def _kind(element: etree._Element) -> _Kind:
    return _Kind(dict(_levels(element)), text(element, "w:numStyleLink"))


def _list(element: etree._Element) -> _List:
    found = _List(text(element, "w:abstractNumId") or "")
    for each in element:
        level = whole(attribute(each, "w:ilvl"))
        if tag(each) == "w:lvlOverride" and level is not None:
            found.levels.update(_levels(each))
            start = number(each, "w:startOverride")
            if start is not None:
                found.starts[level] = start
    return found


def _levels(element: etree._Element) -> Iterator[tuple[int, _Level]]:
    for each in element:
        level = whole(attribute(each, "w:ilvl"))
        if tag(each) == "w:lvl" and level is not None and 0 <= level < _DEPTH:
            yield level, _read_level(each)


def _read_level(element: etree._Element) -> _Level:
    counted = child(element, "w:numFmt")
    if counted is None:  # what older programs cannot count is told in two ways
        counted = child(element, "mc:AlternateContent", "mc:Choice", "w:numFmt")
    look = look_of(child(element, "w:rPr"))
    start = number(element, "w:start")
    return _Level(
        start=0 if start is None else start,
        kind=attribute(counted, "w:val") or "decimal",
        pattern=attribute(counted, "w:format") or "",
        shown=text(element, "w:lvlText") or "",
        gap=_GAPS.get(text(element, "w:suff") or "tab", " "),
        restart=number(element, "w:lvlRestart"),
        legal=is_on(element, "w:isLgl"),
        hidden=bool(look.hidden),
        font=look.font,
        style=text(element, "w:pStyle") or "",
    )


_UNSAID = _Level()
