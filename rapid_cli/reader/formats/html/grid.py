"""Tables as rows of cells, each cell in all the rows and columns that it spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from rapid_cli.reader.sections import Line

_CELL_LINES = 5  # a cell with more of them only places its text on the page
_LONGEST_REPEATED = 200  # characters of a cell; a longer one stands in its first place alone
_MOST_COLUMNS, _MOST_ROWS = 100, 1_000  # that one cell spans
_LEAST_HEADS = 2  # that name columns
_MOST_PLACES = 300_000
_MOST_CHARACTERS = 4_000_000
_ORDER = {"thead": 0, "tfoot": 2}
# A column of these belongs to the one beside it, whose head spans both.
_SIGNS = {"$", "€", "£", "¥", "%", ")", ")%", "%)", "(", "*"}


class Cell(NamedTuple):
    """A cell with its lines and their text in one, and over how many columns and rows it goes.

    One that `is_layout` holds a part of the page rather than of a table.
    """

    lines: list[Line]
    text: str
    is_layout: bool
    is_head: bool = False
    columns: int = 1
    rows: int = 1

    @property
    def is_repeated(self) -> bool:
        """Tell whether it is short enough to stand in all its places."""
        return len(self.text) <= _LONGEST_REPEATED and not self.is_layout


def cell(lines: list[Line], tag: str, attributes: Mapping[str, str]) -> Cell:
    """Return a cell that has these lines and attributes."""
    if len(lines) == 1:
        text, is_layout = lines[0].text, lines[0].level > 0
    else:
        text = " ".join([each.text for each in lines])
        is_layout = len(lines) > _CELL_LINES or any(each.level for each in lines)
    if not ("colspan" in attributes or "rowspan" in attributes):
        return Cell(lines, text.strip(), is_layout, tag == "th")
    columns = _span(attributes, "colspan", _MOST_COLUMNS) or 1
    rows = _span(attributes, "rowspan", _MOST_ROWS) or _MOST_ROWS
    return Cell(lines, text.strip(), is_layout, tag == "th", columns, rows)


def _span(attributes: Mapping[str, str], name: str, most: int) -> int:
    text = attributes.get(name, "1").strip()
    return min(int(text[:9]), most) if text.isascii() and text.isdigit() else 1


class _Place(NamedTuple):
    """A cell in a column of a row; one that is not `first` is there since it spans more."""

    cell: Cell
    first: bool
    is_own: bool  # it begins in this row


_Row = dict[int, _Place]


@dataclass(slots=True)
class Table:
    """An open table: its rows so far, each with the section it is in."""

    section: int = 0
    order: int = 1
    rows: list[tuple[int, int, list[Cell]]] = field(default_factory=list)
    has_heads: bool = False
    has_spans: bool = False
    """Whether cells go over several rows or columns, so that places must be reckoned."""

    def begin(self, tag: str) -> None:
        """Begin a section such as thead, beyond which no cell of another goes."""
        self.section += 1
        self.order = _ORDER.get(tag, 1)

    def add(self, cells: list[Cell]) -> None:
        """Add a row."""
        self.rows.append((self.order, self.section, cells))


@dataclass(slots=True)
class Budget:
    """How many places of a page, and characters there, cells may still fill by spanning them.

    It is for pages made to exhaust memory; once it is spent, a cell stands in its first place.
    """

    places: int = _MOST_PLACES
    characters: int = _MOST_CHARACTERS


def table_blocks(table: Table, budget: Budget) -> Iterator[tuple[list[Line], bool]]:
    """Yield the lines of each row, and whether a gap parts them from what is before.

    Heads come first and feet last, wherever they are written.
    """
    ordered = sorted(table.rows, key=itemgetter(0))
    if table.has_spans:
        rows = _placed(ordered, budget)
        columns = _Columns(rows)
        for row in rows:
            yield from _row_blocks(row, columns, budget)
    elif table.has_heads and _are_named(ordered):
        yield from _named_blocks([cells for _, _, cells in ordered])
    else:
        for _, _, cells in ordered:
            yield from _blocks([each.text for each in cells], cells)


def _are_named(rows: Sequence[tuple[int, int, list[Cell]]]) -> bool:
    """Tell whether heads name the columns, so that even empty cells have their places."""
    heads = (each for _, _, cells in rows for each in cells if each.is_head and each.text)
    return len(rows) > 1 and len(list(islice(heads, _LEAST_HEADS))) == _LEAST_HEADS


def _named_blocks(rows: Sequence[list[Cell]]) -> Iterator[tuple[list[Line], bool]]:
    """Yield the rows of a table without spans, but for columns in which nothing has a text."""
    filled = {at for cells in rows for at, each in enumerate(cells) if each.text}
    for cells in rows:
        texts = [each.text for at, each in enumerate(cells) if each.text or at in filled]
        in_place = bool(cells) and not cells[0].text
        yield from _blocks(texts, cells, in_place=in_place, named=True)


def _blocks(
    texts: Sequence[str], cells: Sequence[Cell], *, in_place: bool = False, named: bool = False
) -> Iterator[tuple[list[Line], bool]]:
    """Yield a row of `texts` whose own `cells` are these, or these one after the other.

    A cell that is alone has no place unless it is `in_place`, and empty ones have where columns
    are `named`.
    """
    filled = [each for each in cells if each.lines]
    if not any(each.text for each in filled):
        return
    if (len(filled) == 1 and not in_place) or any(each.is_layout for each in filled):
        for each in filled:
            yield each.lines, len(filled) > 1 or len(each.lines) > 1
        return
    if not named and 5 * texts.count("") >= 2 * len(texts):
        texts = [text for text in texts if text]  # so many only place the others
    yield [Line(" | ".join(texts))], False


def _placed(rows: Sequence[tuple[int, int, list[Cell]]], budget: Budget) -> list[_Row]:
    """Return rows with each cell in all its places."""
    placed: list[_Row] = []
    carried: dict[int, tuple[_Place, int]] = {}
    section = None
    for _, own_section, cells in rows:
        if own_section != section or budget.places <= 0:
            carried, section = {}, own_section
        row = {column: place for column, (place, _) in carried.items()}
        carried = {at: (place, left - 1) for at, (place, left) in carried.items() if left > 1}
        budget.places -= len(row)
        _place(cells, row, carried, budget)
        placed.append(dict(sorted(row.items())))
    return placed


def _place(
    cells: Sequence[Cell], row: _Row, carried: dict[int, tuple[_Place, int]], budget: Budget
) -> None:
    column = 0
    for each in cells:
        while column in row:
            column += 1
        wide = each.columns if budget.places > 0 else 1
        budget.places -= wide - 1
        for at in range(column, column + wide):
            if at in row:  # a cell of a row above is in the way
                break
            row[at] = _Place(each, at == column, is_own=True)
            if each.rows > 1:
                carried[at] = (_Place(each, at == column, is_own=False), each.rows - 1)
        column += wide


class _Columns:
    """What the columns of a table hold in all rows."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._begun: set[int] = set()  # where any cell with text begins
        self._spanned: set[int] = set()  # where one goes on
        self._of_signs: dict[int, bool] = {}  # whether cells of one column have only signs there
        heads = 0
        for row in rows:
            for at, place in row.items():
                self._see(at, place)
                heads += place.cell.is_head and bool(place.cell.text)
        self.are_named = heads >= _LEAST_HEADS and len(rows) > 1
        """Whether heads name the columns, so that even empty cells have their places."""

    def _see(self, column: int, place: _Place) -> None:
        text = place.cell.text
        if not place.first:
            self._spanned.add(column)
        elif text:
            self._begun.add(column)
            if place.cell.columns == 1:
                self._of_signs[column] = self._of_signs.get(column, True) and text in _SIGNS

    def shows(self, column: int, row: _Row) -> bool:
        """Tell whether a place is written: of a wide cell, the columns that others fill too."""
        place = row[column]
        if place.cell.columns == 1:
            return not self._is_blank(column)
        if self._is_filled(column):
            return True
        beside = range(column + 1, column + place.cell.columns)
        return place.first and not any(map(self._is_filled, beside))

    def _is_blank(self, column: int) -> bool:
        spanned = self.are_named or column in self._spanned
        return column not in self._begun and spanned

    def _is_filled(self, column: int) -> bool:
        return column in self._begun and not self._of_signs.get(column, False)


def _row_blocks(row: _Row, columns: _Columns, budget: Budget) -> Iterator[tuple[list[Line], bool]]:
    own = [place.cell for place in row.values() if place.is_own and place.first]
    carried = any(not p.is_own and p.cell.text and p.cell.is_repeated for p in row.values())
    in_place = carried or (columns.are_named and bool(row) and not _first_text(row))
    texts = [_text(place, budget) for at, place in row.items() if columns.shows(at, row)]
    yield from _blocks(texts, own, in_place=in_place, named=columns.are_named)


def _first_text(row: _Row) -> str:
    return next(iter(row.values())).cell.text


def _text(place: _Place, budget: Budget) -> str:
    if place.first and place.is_own:
        return place.cell.text
    if not place.cell.is_repeated or budget.characters < 0:
        return ""
    budget.characters -= len(place.cell.text)
    return place.cell.text
