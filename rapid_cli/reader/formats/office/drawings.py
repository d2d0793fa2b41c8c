"""What is drawn on slides and sheets: text, tables, charts, diagrams, descriptions of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape

from lxml import etree

from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.html import html_lines
from rapid_cli.reader.formats.office.figures import diagram_words, read_chart
from rapid_cli.reader.formats.office.parts import Parts, attribute, local_name, paragraphs
from rapid_cli.reader.sections import Line

_SHAPES = ("{*}sp", "{*}graphicFrame", "{*}pic")
_LARGEST = 100_000  # values of a chart
_ON = {"1", "true"}

Relations = Mapping[str, tuple[str, str]]


def shapes(drawing: etree._Element) -> Iterator[etree._Element]:
    """Yield what is drawn, also within groups, but not what only stands in for something newer."""
    for shape in drawing.iter(*_SHAPES):
        if next(shape.iterancestors("{*}Fallback"), None) is None:
            yield shape


class Drawings:
    """Writes shapes as lines, and counts in `lost` what is not read."""

    def __init__(self, parts: Parts, lost: Counter[str], most: int = _LARGEST) -> None:
        """Leave out the values of charts that have more than `most`."""
        self._parts = parts
        self._lost = lost
        self._most = most

    def lines(self, shape: etree._Element, relations: Relations, place: str) -> Iterator[Line]:
        """Yield the lines of a shape in a `place` such as "slide 3"."""
        match local_name(shape):
            case "pic":
                yield from _described(shape)
            case "graphicFrame":
                yield from self._frame(shape, relations, place)
            case _:
                yield from _with_gap([Line(text) for text in paragraphs(shape)])

    def _frame(self, frame: etree._Element, relations: Relations, place: str) -> Iterator[Line]:
        found = False
        for each in frame.iter("{*}tbl", "{*}chart", "{*}relIds", "{*}oleObj"):
            found = True
            match local_name(each):
                case "tbl":
                    yield from (Line(""), *_lines_of(_table(each)), Line(""))
                case "chart":
                    part = relations.get(attribute(each, "id"), ("", ""))[1]
                    yield from self._chart(part, place)
                case "relIds":
                    part = relations.get(attribute(each, "dm"), ("", ""))[1]
                    yield from self._diagram(part, place)
                case _ if next(each.iterancestors("{*}Fallback"), None) is None:
                    program = one_line(each.get("progId") or "", 40)
                    what = f"object embedded by {program}" if program else "object embedded"
                    yield self._losing(what, place)
        if not found:
            yield from _described(frame)

    def _chart(self, part: str, place: str) -> Iterator[Line]:
        root = self._parts.spare_tree(part)
        chart = None if root is None else read_chart(root)
        if chart is None or not chart.size:
            lost = self._losing("chart", place)
            yield Line(chart.summary) if chart and chart.title else lost
        elif chart.size > self._most:
            yield from (Line(""), Line(chart.summary), Line(""))
        else:
            yield from (Line(""), *_lines_of(chart.html), Line(""))

    def _diagram(self, part: str, place: str) -> Iterator[Line]:
        root = self._parts.spare_tree(part)
        if root is None:
            yield self._losing("diagram", place)
        else:
            yield from _with_gap([Line(text) for text in diagram_words(root)])

    def _losing(self, what: str, place: str) -> Line:
        self._lost[f"{what} on {place}"] += 1
        return Line(f"[{what}, not read]")


def _described(shape: etree._Element) -> Iterator[Line]:
    """Yield what is said of a picture."""
    named = next(shape.iterfind("*/{*}cNvPr"), None)
    described = "" if named is None else " ".join((named.get("descr") or "").split())
    if described:
        yield Line(f"[picture: {described}]")


def _with_gap(lines: list[Line]) -> list[Line]:
    return [*lines, Line("")] if lines else []


def _lines_of(html: str) -> list[Line]:
    return html_lines(html.encode("utf-8-sig"), "")[0]


def _table(table: etree._Element) -> str:
    rows = (
        "".join(_cell(cell) for cell in row.iterfind("{*}tc")) for row in table.iterfind("{*}tr")
    )
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(cell: etree._Element) -> str:
    if (
        cell.get("hMerge") in _ON or cell.get("vMerge") in _ON
    ):  # the cell before or above it is here
        return ""
    spans = "".join(
        f' {name}="{span}"'
        for name, key in (("colspan", "gridSpan"), ("rowspan", "rowSpan"))
        if (span := cell.get(key) or "").isdecimal()
    )
    return f"<td{spans}>{escape(' '.join(paragraphs(cell)), quote=False)}</td>"
