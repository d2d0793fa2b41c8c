"""OpenDocument: texts, sheets and slides, as LibreOffice writes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.office.parts import Parts, attribute, local_name
from rapid_cli.reader.formats.office.rows import row_lines
from rapid_cli.reader.sections import Line

_CONTENT = "content.xml"
_MAX_CELLS = 1_000_000
_MOST_REPEATED = 1_000  # an empty rest of a sheet is one cell, repeated a million times
_LOWEST = 6  # level of a heading
_BULLET = "•"
_LEFT_OUT = {
    *("tracked-changes", "sequence-decls", "forms", "variable-decls", "table-of-content-source"),
    *("index-title-template", "settings", "bookmark", "desc", "title", "binary-data"),
}
_CELLS = {"table-cell", "covered-table-cell"}


def opendocument_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of a text, or those of each sheet or slide below its name."""
    parts = Parts(raw, name)
    if "META-INF/manifest.xml" in parts and _is_locked(parts):
        raise DocumentError(f"{name} is locked with a password", "save a copy without it")
    content = parts.tree(_CONTENT)
    body = next(content.iterfind("{*}body"), None)
    if body is None:
        raise ValueError("it has no body")
    styles = [content, *([parts.tree("styles.xml")] if "styles.xml" in parts else [])]
    return list(_Writer(styles, name).lines(body)), ()


def _is_locked(parts: Parts) -> bool:
    entries = parts.tree("META-INF/manifest.xml").iter("{*}encryption-data")
    return next(entries, None) is not None


class _Writer:
    """Writes the elements of a document as lines."""

    def __init__(self, parts: list[etree._Element], name: str) -> None:
        self._name = name
        self._cells = 0
        self._notes: list[str] = []
        self._slides = 0
        self._lists = {
            attribute(style, "name"): _numbers(style)
            for part in parts
            for style in part.iter("{*}list-style")
        }

    def lines(self, element: etree._Element) -> Iterator[Line]:
        """Yield the lines of what is in an element."""
        for each in element:
            yield from self._element_lines(each)

    def _element_lines(self, element: etree._Element) -> Iterator[Line]:
        match local_name(element):
            case "h":
                yield from self._heading(element)
            case "p":
                yield from self._paragraph(element, "")
            case "list":
                yield from (*self._list(element, 1, ""), Line(""))
            case "table":
                yield from self._table(element)
            case "page":
                yield from self._slide(element)
            case "notes":
                yield from self._slide_notes(element)
            case "annotation":
                text = " ".join(line.text for line in self.lines(element) if line.text)
                yield Line(f"[comment: {text}]")
            case name if name and name not in _LEFT_OUT:
                yield from self.lines(element)

    def _heading(self, element: etree._Element) -> Iterator[Line]:
        title = one_line(self._text(element), 300)
        level = attribute(element, "outline-level")
        if title:
            number = int(level) if level.isdecimal() else 1
            yield Line(title, max(1, min(_LOWEST, number)), title)
            yield from (*self._pending_notes(), Line(""))

    def _paragraph(self, element: etree._Element, before: str) -> Iterator[Line]:
        texts = self._text(element).split("\n")
        for place, text in enumerate(texts):
            line = " ".join(text.split())
            if line:
                yield Line(f"{before}{line}" if place == 0 else line)
        yield from self._pending_notes()
        for inner in element.iter("{*}text-box"):  # it is anchored here, and stands beside
            yield from self.lines(inner)
        if not before:
            yield Line("")

    def _pending_notes(self) -> list[Line]:
        notes, self._notes = self._notes, []
        return [Line(note) for note in notes]

    def _text(self, element: etree._Element) -> str:
        """Return the text of a paragraph; its notes are kept until its end."""
        pieces = [element.text or ""]
        for each in element:
            pieces += [self._inline(each), each.tail or ""]
        return "".join(pieces)

    def _inline(self, element: etree._Element) -> str:  # noqa: PLR0911 - a table
        match local_name(element):
            case "s":
                count = attribute(element, "c")
                return " " * min(int(count) if count.isdecimal() else 1, 100)
            case "tab":
                return "\t"
            case "line-break":
                return "\n"
            case "note":
                return self._note(element)
            case "annotation":
                text = " ".join("".join(each.itertext()) for each in element.iter("{*}p"))
                return f" [comment: {text}]"
            case "frame":
                return self._described(element)
            case "" | "annotation-end" | "ruby-text" | "text-box":
                return ""
        return self._text(element)

    def _note(self, element: etree._Element) -> str:
        citation = next(element.iterfind("{*}note-citation"), None)
        body = next(element.iterfind("{*}note-body"), None)
        mark = "" if citation is None else self._text(citation).strip()
        text = "" if body is None else " ".join("".join(each.itertext()) for each in body)
        self._notes.append(f"[{mark}] {' '.join(text.split())}")
        return f"[{mark}]"

    def _described(self, frame: etree._Element) -> str:
        """Return what describes a picture."""
        texts = [each.text or "" for each in frame.iter("{*}desc")]
        described = " ".join(" ".join(texts).split())
        return f" [picture: {described}] " if described else ""

    def _list(self, element: etree._Element, depth: int, style: str) -> Iterator[Line]:
        style = attribute(element, "style-name") or style
        start = self._lists.get(style, {}).get(depth)
        number = start or 0
        for item in element:
            if local_name(item) not in {"list-item", "list-header"}:
                continue
            given = attribute(item, "start-value")
            number = int(given) if given.isdecimal() else number
            mark = _BULLET if start is None else f"{number}."
            before = f"{'  ' * (depth - 1)}{mark} "
            for each in item:
                if local_name(each) == "list":
                    yield from self._list(each, depth + 1, style)
                elif local_name(each) == "p":
                    yield from self._paragraph(each, before)
                    before = "  " * depth
                else:
                    yield from self._element_lines(each)
            number += 1

    def _table(self, table: etree._Element) -> Iterator[Line]:
        rows = list(self._rows(table))
        if local_name(table.getparent()) == "spreadsheet":
            title = attribute(table, "name") or "Sheet"
            yield from (Line(title, 1, title), Line(""), *row_lines(rows), Line(""))
            return
        yield Line("")
        for row in rows:
            if any(row):
                yield Line(" | ".join(row))
        yield from (*self._pending_notes(), Line(""))

    def _rows(self, table: etree._Element) -> Iterator[list[str]]:
        for row in table.iter("{*}table-row"):
            cells = self._row(row)
            while cells and not cells[-1]:
                cells.pop()
            count = _repeated(row, "number-rows-repeated") if cells else 1
            for _ in range(count):
                self._count(len(cells))
                yield cells

    def _row(self, row: etree._Element) -> list[str]:
        cells: list[str] = []
        for cell in row:
            if local_name(cell) in _CELLS:
                lines = (line.text.strip() for line in self.lines(cell))
                text = " ".join(filter(None, lines))
                cells += [text] * _repeated(cell, "number-columns-repeated")
                self._count(1)
        return cells

    def _count(self, cells: int) -> None:
        self._cells += cells
        if self._cells > _MAX_CELLS:
            message = f"{self._name} has more than {_MAX_CELLS:,} cells"
            raise DocumentError(message, "save the sheets that matter in a file of their own")

    def _slide(self, page: etree._Element) -> Iterator[Line]:
        self._slides += 1
        frames = [each for each in page if attribute(each, "class") == "title"]
        title = " ".join(line.text for frame in frames for line in self.lines(frame)).strip()
        called = f"Slide {self._slides}" + (f": {title}" if title else "")
        yield from (Line(title, 1, one_line(called)), Line(""))
        for each in page:
            if each not in frames:
                yield from self._element_lines(each)

    def _slide_notes(self, notes: etree._Element) -> Iterator[Line]:
        lines = [line for line in self.lines(notes) if line.text.strip()]
        if lines:
            yield from (Line(""), Line("Notes:"), *lines)


def _numbers(style: etree._Element) -> dict[int, int]:
    """Return the first number of each level of a list that is numbered."""
    found = {}
    for each in islice(style.iterfind("{*}list-level-style-number"), 20):
        level, start = attribute(each, "level"), attribute(each, "start-value")
        if level.isdecimal() and attribute(each, "num-format"):
            found[int(level)] = int(start) if start.isdecimal() else 1
    return found


def _repeated(element: etree._Element, name: str) -> int:
    count = attribute(element, name)
    return min(int(count), _MOST_REPEATED) if count.isdecimal() and len(count) < 10 else 1
