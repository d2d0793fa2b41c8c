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

_SHAPES = {"sp", "graphicFrame", "pic"}
_CLOSED = {"sp", "pic"}  # have no shapes in them
_STAND_IN = "Fallback"  # is for programs that do not know what is newer beside it
_LARGEST = 100_000  # values of a chart
_LONGEST_AGAIN = 300  # characters of what is told of a chart that was told before
_LONGEST_OF_CELLS = 1_000  # values that are told again where cells have them too
_ON = {"1", "true"}

Relations = Mapping[str, tuple[str, str]]


def shapes(drawing: etree._Element) -> Iterator[etree._Element]:
    """Yield what is drawn, also within groups, but for what is hidden or only a stand-in."""
    within = [iter(drawing)]
    while within:
        element = next(within[-1], None)
        if element is None:
            within.pop()
            continue
        name = local_name(element)
        if name == _STAND_IN or _is_hidden(element):
            continue
        if name in _SHAPES:
            yield element
        if name not in _CLOSED:
            within.append(iter(element))


class Drawings:
    """Writes shapes as lines, each chart and diagram in full once; counts in `lost` what is not."""

    def __init__(self, parts: Parts, lost: Counter[str], *, in_cells: bool = False) -> None:
        """Tell long charts without their values if these are those of cells that are read."""
        self._parts = parts
        self._lost = lost
        self._in_cells = in_cells
        self._told: dict[str, str] = {}  # charts and diagrams so far, in a line

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
                case _ if not _is_stand_in(each):
                    program = one_line(each.get("progId") or "", 40)
                    what = f"object embedded by {program}" if program else "object embedded"
                    yield Line(self._losing(what, place))
        if not found:
            yield from _described(frame)

    def _chart(self, part: str, place: str) -> Iterator[Line]:
        if part in self._told:
            yield Line(self._told[part] or self._losing("chart", place))
            return
        root = self._parts.spare_tree(part)
        chart = None if root is None else read_chart(root)
        size = chart.size if chart else 0
        said = chart.summary if chart and (chart.title or size) else ""
        self._told[part] = one_line(said, _LONGEST_AGAIN)
        if chart is None or not size or (size > _LARGEST and not self._in_cells):
            lost = self._losing("chart", place)
            yield Line(said or lost)
        elif size > _LONGEST_OF_CELLS and self._in_cells:
            yield from (Line(""), Line(chart.summary), Line(""))
        else:
            yield from (Line(""), *_lines_of(chart.html), Line(""))

    def _diagram(self, part: str, place: str) -> Iterator[Line]:
        if part in self._told:
            return
        self._told[part] = ""
        root = self._parts.spare_tree(part)
        if root is None:
            yield Line(self._losing("diagram", place))
        else:
            yield from _with_gap([Line(text) for text in diagram_words(root)])

    def _losing(self, what: str, place: str) -> str:
        self._lost[f"{what} on {place}"] += 1
        return f"[{what}, not read]"


def _described(shape: etree._Element) -> Iterator[Line]:
    """Yield what is said of a picture."""
    named = _named(shape)
    described = "" if named is None else " ".join((named.get("descr") or "").split())
    if described:
        yield Line(f"[picture: {described}]")


def _is_hidden(shape: etree._Element) -> bool:
    named = _named(shape)
    return named is not None and named.get("hidden") in _ON


def _is_stand_in(element: etree._Element) -> bool:
    return any(local_name(around) == _STAND_IN for around in element.iterancestors())


def _named(shape: etree._Element) -> etree._Element | None:
    """Return what says how a shape is called, which comes first in it."""
    first = next(iter(shape), None)
    return None if first is None else next(first.iterfind("{*}cNvPr"), None)


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
    if cell.get("hMerge") in _ON or cell.get("vMerge") in _ON:
        return ""  # the cell before or above it reaches to here
    spans = "".join(
        f' {name}="{span}"'
        for name, key in (("colspan", "gridSpan"), ("rowspan", "rowSpan"))
        if (span := cell.get(key) or "").isdecimal()
    )
    return f"<td{spans}>{escape(' '.join(paragraphs(cell)), quote=False)}</td>"
