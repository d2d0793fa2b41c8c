"""XLSX: the sheets of a workbook, each a section, its rows with the heads of their columns.

Cells are read one row after the other, so that no sheet becomes a tree in memory.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Final

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.office.comments import people, sheet_comments, threads
from rapid_cli.reader.formats.office.drawings import Drawings, Relations, shapes
from rapid_cli.reader.formats.office.losses import loss_notes
from rapid_cli.reader.formats.office.number_formats import BUILT_IN, shown
from rapid_cli.reader.formats.office.parts import DAMAGE, Parts, attribute, local_name
from rapid_cli.reader.formats.office.rows import row_lines
from rapid_cli.reader.sections import Line

_MAX_CELLS: Final = 1_000_000
_MAX_STRINGS = 1_000_000
_LAST_COLUMN = 16_384
_MOST_MERGED = 10_000  # cells of one that is spread over several
_BOOLEANS = {"1": "TRUE", "0": "FALSE"}

_ROWS = "worksheet"
_SHEETS = {_ROWS, "chartsheet"}

_Row = dict[int, str]
_Said = tuple[str, str]
"""A cell and what is said of it."""


def xlsx_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the rows of all sheets below the names of these, and warnings."""
    workbook = _Workbook(Parts(raw, name), name)
    lines = list(workbook.lines())
    if workbook.is_lost:
        raise ValueError("all of its sheets are damaged")
    return lines, workbook.notes


class _Workbook:
    """A workbook whose strings and formats are read; its sheets follow one after the other."""

    def __init__(self, parts: Parts, name: str) -> None:
        self._parts = parts
        self._name = name
        self._cells = 0
        self._unknown = 0  # formulas without a stored value
        self._place = next(
            (path for kind, path in parts.relations("").values() if kind == "officeDocument"),
            "xl/workbook.xml",
        )
        self._book = parts.tree(self._place)
        self._targets = parts.relations(self._place)
        self._people: dict[str, str] = {}
        for path in _of_kind(self._targets, "person"):
            self._people |= people(parts, path)
        self._is_damaged, self._has_rows = False, False
        self._lost: Counter[str] = Counter()
        self._drawings = Drawings(parts, self._lost, in_cells=True)
        self._strings = list(self._shared_strings())
        self._formats = list(self._cell_formats())
        self._from_1904 = any(
            each.get("date1904") in {"1", "true"} for each in self._book.iter("{*}workbookPr")
        )

    @property
    def is_lost(self) -> bool:
        """Whether nothing could be read of it, after all lines."""
        return self._is_damaged and not self._has_rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings, after all lines."""
        lost = tuple(loss_notes(self._lost))
        if not self._unknown:
            return lost
        which = "1 formula has" if self._unknown == 1 else f"{self._unknown:,} formulas have"
        said = f"{which} no stored value: open it in its own program and save it again"
        return (said, *lost)

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all sheets."""
        for sheet in self._book.iter("{*}sheet"):
            kind, path = self._targets.get(attribute(sheet, "id"), ("", ""))
            title = sheet.get("name") or "Sheet"
            if kind in _SHEETS and path in self._parts:
                yield from (Line(title, 1, title), Line(""), *self._sheet(kind, path, title))
                yield Line("")
            elif kind in _SHEETS:
                self._lost[_place(title)] += 1

    def _sheet(self, kind: str, path: str, title: str) -> Iterator[Line]:
        place = _place(title)
        relations = self._parts.spare_relations(path)
        if relations is None:
            self._lost[f"list of what belongs to the {place}"] += 1
            relations = {}
        if kind == _ROWS:
            comments = list(self._comments(relations, place))
            rows = self._rows(path, place)
            yield from row_lines(_compact(list(rows.values())), _remarks(list(rows), comments))
        yield from self._drawn(relations, place)

    def _comments(self, relations: Relations, place: str) -> Iterator[tuple[str, str]]:
        """Yield the cells of a sheet that are commented on, and what is said of each."""
        threaded = set()
        for path in _of_kind(relations, "threadedComment"):
            for cell, said in self._spare(threads(self._parts, path, self._people), place):
                threaded.add(cell)
                yield cell, said
        for path in _of_kind(relations, "comments"):
            yield from self._spare(sheet_comments(self._parts, path, threaded), place)

    def _spare(self, comments: Iterator[_Said], place: str) -> Iterator[_Said]:
        """Yield comments up to where their part is damaged."""
        try:
            yield from comments
        except (*DAMAGE, KeyError):  # there may be no such part
            self._lost[f"list of comments on the {place}"] += 1

    def _drawn(self, relations: Relations, place: str) -> Iterator[Line]:
        """Yield what is drawn on a sheet, such as charts."""
        for path in _of_kind(relations, "drawing"):
            drawing, inner = self._parts.spare_tree(path), self._parts.spare_relations(path)
            if drawing is None or inner is None:
                self._lost[f"drawing on the {place}"] += 1
                continue
            yield Line("")
            for shape in shapes(drawing):
                yield from self._drawings.lines(shape, inner, f"the {place}")

    def _part_of(self, kind: str) -> str | None:
        return next((path for each, path in self._targets.values() if each == kind), None)

    def _shared_strings(self) -> Iterator[str]:
        path = self._part_of("sharedStrings")
        if path is None or path not in self._parts:
            return
        for number, element in enumerate(self._parts.elements(path, "si")):
            if number >= _MAX_STRINGS:
                raise self._too_large()
            yield _string(element)

    def _cell_formats(self) -> Iterator[str]:
        """Yield the format of numbers of each style that cells have."""
        path = self._part_of("styles")
        if path is None or path not in self._parts:
            return
        styles = self._parts.tree(path)
        own = {each.get("numFmtId"): each.get("formatCode") for each in styles.iter("{*}numFmt")}
        for style in styles.iterfind("{*}cellXfs/{*}xf"):
            number = style.get("numFmtId") or "0"
            built_in = BUILT_IN.get(int(number), "") if number.isdecimal() else ""
            yield own.get(number) or built_in

    def _rows(self, path: str, place: str) -> dict[int, _Row]:
        """Return the rows of a sheet by their numbers, up to where it is damaged."""
        rows: dict[int, _Row] = {}
        number = 0
        try:
            for element in self._parts.elements(path, "row", "mergeCell"):
                if local_name(element) == "mergeCell":
                    _spread(rows, element.get("ref") or "")
                    continue
                given = element.get("r") or ""
                number = int(given) if given.isdecimal() else number + 1
                if row := dict(self._row(element)):
                    rows[number] = row
        except DAMAGE:
            self._is_damaged = True
            self._lost[f"rest of the {place}" if rows else place] += 1
        self._has_rows |= bool(rows)
        return rows

    def _row(self, row: etree._Element) -> Iterator[tuple[int, str]]:
        column = 0
        for cell in row:
            if local_name(cell) != "c":
                continue
            self._cells += 1
            if self._cells > _MAX_CELLS:
                raise self._too_large()
            column = _column(cell.get("r") or "") or column + 1
            if column <= _LAST_COLUMN and (text := self._text(cell).strip()):
                yield column, text

    def _text(self, cell: etree._Element) -> str:
        parts = {local_name(each): each for each in cell}
        kind = cell.get("t") or "n"
        if kind == "inlineStr":
            return _string(parts["is"]) if "is" in parts else ""
        value = (parts["v"].text or "") if "v" in parts else ""
        if not value:
            self._unknown += "f" in parts and kind != "str"
            return ""
        if kind == "s":
            known = value.isdecimal() and int(value) < len(self._strings)
            return self._strings[int(value)] if known else ""
        if kind == "b":
            return _BOOLEANS.get(value, value)
        return shown(value, self._format(cell), from_1904=self._from_1904) if kind == "n" else value

    def _format(self, cell: etree._Element) -> str:
        style = cell.get("s") or "0"
        known = style.isdecimal() and int(style) < len(self._formats)
        return self._formats[int(style)] if known else ""

    def _too_large(self) -> DocumentError:
        message = f"{self._name} has more than {_MAX_CELLS:,} cells"
        return DocumentError(message, "save the sheets that matter in a file of their own")


def _place(title: str) -> str:
    return f"sheet {one_line(title, 40)}"


def _string(element: etree._Element) -> str:
    """Return the text of a string, without how it is pronounced."""
    return "".join(
        each.text or "" for each in element.iter("{*}t") if local_name(each.getparent()) != "rPh"
    )


def _column(reference: str) -> int:
    """Return the number of a column from the name of a cell, as AB12; 0 for what is none."""
    match = re.match(r"([A-Z]{1,3})\d", reference)
    number = 0
    for letter in match[1] if match else "":
        number = 26 * number + ord(letter) - 64
    return number


def _spread(rows: dict[int, _Row], area: str) -> None:
    """Put what a merged cell holds into each row and column that it covers and that has text."""
    match = re.fullmatch(r"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})", area)
    if match is None:
        return
    left, right = _column(f"{match[1]}1"), _column(f"{match[3]}1")
    top, bottom = int(match[2]), int(match[4])
    text = rows.get(top, {}).get(left)
    if text and (right - left + 1) * (bottom - top + 1) <= _MOST_MERGED:
        for row in (rows[number] for number in range(top, bottom + 1) if number in rows):
            row |= {column: text for column in range(left, right + 1) if column not in row}


def _remarks(numbers: list[int], comments: list[_Said]) -> dict[int, list[str]]:
    """Return comments by the place of their row among rows with these numbers, or the one above."""
    places = {number: place for place, number in enumerate(numbers)}
    ordered = sorted(numbers)
    remarks: dict[int, list[str]] = {}
    for cell, said in sorted(filter(itemgetter(1), comments), key=lambda each: _cell(each[0])):
        above = bisect_right(ordered, _cell(cell)[0])
        place = places[ordered[above - 1]] if above else -1
        remarks.setdefault(place, []).append(said)
    return remarks


def _cell(reference: str) -> tuple[int, int]:
    """Return the row and the column of a cell called as AB12; 0 for what is none."""
    match = re.match(r"[A-Z]{1,3}(\d{1,7})", reference)
    return (int(match[1]) if match else 0), _column(reference)


def _of_kind(relations: Relations, kind: str) -> Iterator[str]:
    return (path for each, path in relations.values() if each == kind)


def _compact(rows: list[_Row]) -> list[list[str]]:
    """Return rows without the columns that have nothing in any of them."""
    columns = sorted({column for row in rows for column in row})
    if len(columns) * len(rows) > 10 * _MAX_CELLS:  # hardly any cell has something
        return [[text for _, text in sorted(row.items())] for row in rows]
    return [[row.get(column, "") for column in columns] for row in rows]
