"""Charts and diagrams: the numbers and words in them, which are kept in parts of their own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from lxml import etree

from rapid_cli.reader.formats.office.number_formats import shown
from rapid_cli.reader.formats.office.parts import local_name, paragraphs

# Series that a filter hides are in a namespace of their own.
_SPACES = (
    "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "http://purl.oclc.org/ooxml/drawingml/chart",
)
_AXES = ("catAx", "dateAx", "valAx", "serAx")
_GENERAL = "General"


class _Series(NamedTuple):
    """A row of values, and the categories or places that these have, by their numbers."""

    name: str
    heads: dict[int, str]
    values: dict[int, str]


class Chart(NamedTuple):
    """What a chart shows: its title, those of its axes, and series in groups with one table."""

    title: str
    axes: list[str]
    groups: list[list[_Series]]

    @property
    def size(self) -> int:
        """How many values its tables have room for."""
        return sum(len(_places(group)) * len(group) for group in self.groups)

    @property
    def html(self) -> str:
        """The chart as a line and tables."""
        return f"<p>{_said(self._line())}</p>{''.join(map(_table, self.groups))}"

    @property
    def summary(self) -> str:
        """The chart as one line, without its values."""
        names = [each.name for group in self.groups for each in group if each.name]
        return self._line([f"series: {', '.join(names)}"] if names else [])

    def _line(self, more: Sequence[str] = ()) -> str:
        axes = [f"axes: {', '.join(self.axes)}"] if self.axes else []
        said = "; ".join([*([self.title] if self.title else []), *axes, *more])
        return f"[chart: {said}]" if said else "[chart]"


def read_chart(root: etree._Element) -> Chart:
    """Return the chart in a part, with the values that were stored with it."""
    series = [_series(each) for each in root.iter(*(f"{{{space}}}ser" for space in _SPACES))]
    found = root.iter(*(f"{{*}}{axis}" for axis in _AXES))
    axes = [_words(next(each.iterfind("{*}title"), None)) for each in found]
    title = _words(next(root.iterfind(".//{*}chart/{*}title"), None))
    return Chart(title, [axis for axis in axes if axis], _with_one_heads(series))


def diagram_words(root: etree._Element) -> list[str]:
    """Return the words in each shape of a diagram."""
    texts = (_words(next(each.iterfind("{*}t"), None)) for each in root.iter("{*}pt"))
    return [text for text in texts if text]


def _series(element: etree._Element) -> _Series:
    parts = {local_name(each): each for each in element}
    heads = parts.get("cat", parts.get("xVal"))
    values = parts.get("val", parts.get("yVal"))
    return _Series(_words(parts.get("tx")), _points(heads), _points(values))


def _with_one_heads(series: Sequence[_Series]) -> list[list[_Series]]:
    """Return series in groups that have the same heads, or each alone where these differ."""
    heads = [each.heads for each in series if each.heads]
    if all(each == heads[0] for each in heads):
        return [list(series)]
    return [[each] for each in series]


def _places(series: Sequence[_Series]) -> list[int]:
    return sorted({place for each in series for place in each.values})


def _table(series: Sequence[_Series]) -> str:
    heads = next((each.heads for each in series if each.heads), {})
    rows = [["", *(each.name for each in series)]] if any(each.name for each in series) else []
    for at in _places(series):
        rows.append([heads.get(at, ""), *(each.values.get(at, "") for each in series)])
    lines = ("".join(f"<td>{_said(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _points(data: etree._Element | None) -> dict[int, str]:
    """Return what a series has for each place, as it was when the document was saved."""
    if data is None:
        return {}
    levels = list(data.iter("{*}lvl"))
    if not levels:
        return _points_of(data)
    inner, *outer = map(_points_of, levels)
    for level in outer:
        above = ""
        for at in sorted(inner):
            above = level.get(at, above)
            inner[at] = f"{above} {inner[at]}".strip()
    return inner


def _points_of(data: etree._Element) -> dict[int, str]:
    found: dict[int, str] = {}
    code = next((each.text or "" for each in data.iter("{*}formatCode")), "")
    for point in data.iter("{*}pt"):
        number = point.get("idx") or ""
        at = int(number) if number.isdecimal() and len(number) < 10 else 0
        found[at] = _value(_words(point), point.get("formatCode") or code)
    return found


def _value(value: str, code: str) -> str:
    return value if not code or code == _GENERAL else shown(value, code)


def _words(element: etree._Element | None) -> str:
    """Return the text in an element: its paragraphs, or the values of cells."""
    if element is None:
        return ""
    texts = list(paragraphs(element)) or [each.text or "" for each in element.iter("{*}v")]
    return " ".join(" ".join(texts).split())


def _said(text: str) -> str:
    return escape(text, quote=False)
