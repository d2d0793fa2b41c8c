"""One story of a document, such as its body or a note, as HTML of paragraphs and tables.

This is no work for mammoth, which makes HTML too, but knows nothing of numbers, equations and the
kinds of raised letters. What it leaves out is written into the text here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from html import escape

from lxml import etree

from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.docx.fields import Fields
from rapid_cli.reader.formats.docx.letters.equations import equation
from rapid_cli.reader.formats.docx.letters.spans import EQUATION, Span, joined
from rapid_cli.reader.formats.docx.letters.symbols import (
    EMPTY_BOX,
    TICKED_BOX,
    needs_symbols,
    symbol,
)
from rapid_cli.reader.formats.docx.names import attribute, child, is_on, number, tag
from rapid_cli.reader.formats.docx.notes import Notes
from rapid_cli.reader.formats.docx.numbering import Numbering
from rapid_cli.reader.formats.docx.pictures import PICTURE, chosen, shown
from rapid_cli.reader.formats.docx.styles import Look, Styles, look_of
from rapid_cli.reader.formats.docx.tables import Cell, table_html
from rapid_cli.reader.formats.html import html_lines
from rapid_cli.reader.formats.office.comments import comment
from rapid_cli.reader.sections import Line

_WIDEST = 1_000  # columns that a cell may cover
_FILE = "file inserted as a whole"
# What only goes around other elements.
_AROUND = {
    *("w:hyperlink", "w:ins", "w:moveTo", "w:smartTag", "w:customXml", "w:dir", "w:bdo"),
    "w:fldSimple",
}
_LETTERS = {
    "w:tab": "\t",
    "w:ptab": "\t",
    "w:br": "\n",
    "w:cr": "\n",
    "w:noBreakHyphen": "-",
}
_DRAWINGS = {"w:drawing", "w:pict", "w:object"}
_BOXES = f"{EMPTY_BOX}{TICKED_BOX}☑"
_NO_LOOK = Look()


@dataclass(slots=True)
class Known:
    """What the stories of a document share while it is read from its beginning to its end."""

    styles: Styles
    numbering: Numbering
    footnotes: Notes
    endnotes: Notes
    comments: dict[str, etree._Element]
    figure: Callable[[str, str], str]
    """Returns the HTML of a chart or diagram, by kind and id."""
    last: list[str] = field(default_factory=list)
    """The HTML of the endnotes called so far."""
    lost: Counter[str] = field(default_factory=Counter)
    """The kinds of what is not read."""


class Story:
    """A story of a document, written once."""

    def __init__(self, root: etree._Element, known: Known, lead: str = "") -> None:
        """Take the story in `root`; its first paragraph begins with `lead`."""
        self._root = root
        self._known = known
        self._fields = Fields(root)
        self._html: list[str] = []
        self._spans = [Span(lead)] if lead else []  # of the paragraph that is read
        self._look = _NO_LOOK  # of its letters
        self._boxes: list[etree._Element] = []  # of text, to come after it
        self._figures: list[str] = []  # the same, as HTML
        self._notes: list[str] = []  # to come after it, or after the table around it
        self._tables = 0  # around it
        self._tick: str | None = None  # what a control shows, empty once it was shown

    def html(self) -> str:
        """Return the story, with the notes and comments of a paragraph after it."""
        self._html = [self._within(self._root)]
        self._write_notes()
        return "".join(self._html)

    def _within(self, element: etree._Element) -> str:
        """Return what is in the body, in a cell, or in a box of text."""
        before, self._html = self._html, []
        self._blocks(element)
        if self._spans:  # the mark of its last paragraph was removed
            self._write(joined(self._taken()), "p")
        within, self._html = "".join(self._html), before
        return within

    def _blocks(self, elements: Iterable[etree._Element]) -> None:
        for each in elements:
            match tag(each):
                case "w:p":
                    self._paragraph(each)
                case "w:tbl":
                    self._table(each)
                case "w:sdt":
                    self._control(each, self._blocks)
                case "mc:AlternateContent":
                    self._blocks(chosen(each))
                case "m:oMath" | "m:oMathPara":
                    self._write(equation(each), "p")
                case "w:altChunk":
                    self._known.lost[_FILE] += 1
                case name if name in _AROUND:
                    self._blocks(each)

    def _paragraph(self, element: etree._Element) -> None:
        properties = child(element, "w:pPr")
        mark = child(properties, "w:rPr")
        self._look = self._known.styles.paragraph_look(properties)
        self._inline(element)
        if child(mark, "w:del") is not None or child(mark, "w:moveFrom") is not None:
            return  # what is left of it belongs to the next paragraph
        line = joined(self._taken()).strip("\n")
        hidden = look_of(mark).hidden if mark is not None else self._look.hidden
        if line.strip() or not hidden:
            self._write_numbered(line, properties)
        self._write_boxes()
        if child(properties, "w:sectPr") is not None:
            self._known.footnotes.end_section()
        self._write_notes()

    def _write_numbered(self, line: str, properties: etree._Element | None) -> None:
        styles = self._known.styles
        numbered = None if properties is None else styles.numbered(properties)
        prefix = self._known.numbering.next(numbered) if numbered else ""
        level = styles.heading(properties)
        if line.strip() or any(map(str.isalnum, prefix)):
            self._write(prefix + line.lstrip(), f"h{level}" if level else "div" if prefix else "p")

    def _write(self, line: str, name: str) -> None:
        if line.strip():
            inner = escape(line, quote=False).replace("\n", "<br>")
            self._html.append(f"<{name}>{inner}</{name}>")

    def _write_boxes(self) -> None:
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            self._html.append(self._within(box))
        self._html += self._figures
        self._figures.clear()

    def _write_notes(self) -> None:
        if not self._tables:
            self._html += self._notes
            self._notes.clear()

    def _taken(self) -> list[Span]:
        spans, self._spans = self._spans, []
        return spans

    def _inline(self, elements: Iterable[etree._Element]) -> None:
        for each in elements:
            match tag(each):
                case "w:r":
                    self._run(each)
                case "w:sdt":
                    self._control(each, self._inline)
                case "mc:AlternateContent":
                    self._inline(chosen(each))
                case "m:oMath":
                    self._add(equation(each), EQUATION)
                case "m:oMathPara":
                    self._spans += [Span("\n"), Span(equation(each), EQUATION), Span("\n")]
                case name if name in _AROUND:
                    self._inline(each)

    def _control(
        self, element: etree._Element, go_on: Callable[[Iterable[etree._Element]], None]
    ) -> None:
        """Read what is in a control of a form, unless it only asks to be filled in."""
        properties, content = child(element, "w:sdtPr"), child(element, "w:sdtContent")
        box = child(properties, "w14:checkbox")
        if content is None or (box is None and is_on(properties, "w:showingPlcHdr")):
            return
        if box is not None:
            self._tick = TICKED_BOX if _is_ticked(box) else EMPTY_BOX
        go_on(content)
        if box is not None:
            self._add(self._tick or "")
            self._tick = None

    def _run(self, run: etree._Element) -> None:
        properties = child(run, "w:rPr")
        look = self._look
        if properties is not None:
            look = self._known.styles.look(properties, self._look)
        self._letters(run, run, look)

    def _letters(self, elements: Iterable[etree._Element], run: etree._Element, look: Look) -> None:
        for each in elements:
            name = tag(each)
            if name == "w:fldChar":
                self._meet_field(each)
            elif name == "w:instrText":
                self._fields.add_code(each.text or "")
            elif look.hidden or self._fields.hiding:
                continue
            elif self._tick is not None:
                self._show_tick("" if name != "w:t" else self._drawn(each.text or "", look.font))
            elif name == "w:t":
                self._add(self._drawn(each.text or "", look.font), look.shift or "")
            elif name in _LETTERS:
                self._add(_LETTERS[name])
            elif name == "w:sym":
                self._add(self._symbol(each), look.shift or "")
            elif name in {"w:footnoteReference", "w:endnoteReference"}:
                self._call(each, run)
                if _has_own_mark(each):
                    return
            else:
                self._besides(each, name, run, look)

    def _show_tick(self, letters: str) -> None:
        """Write once whether a box is ticked, and what is in its control besides its sign."""
        self._add(self._tick or "")
        self._tick = ""
        self._add(letters.lstrip(_BOXES) if len(letters.strip()) > 1 else "")

    def _besides(self, element: etree._Element, name: str, run: etree._Element, look: Look) -> None:
        """Take what is in a run besides letters."""
        if name == "w:commentReference":
            self._comment(element)
        elif name in _DRAWINGS:
            self._drawing(element)
        elif name == "mc:AlternateContent":
            self._letters(chosen(element), run, look)
        elif name == "w:ruby":
            self._ruby(element)

    def _ruby(self, element: etree._Element) -> None:
        """Write letters, and in parentheses how they are read."""
        letters, reading = child(element, "w:rubyBase"), child(element, "w:rt")
        self._inline(() if letters is None else letters)
        self._add("(")
        self._inline(() if reading is None else reading)
        self._add(")")

    def _add(self, letters: str, kind: str = "") -> None:
        if letters:
            self._spans.append(Span(letters, kind))

    def _meet_field(self, mark: etree._Element) -> None:
        value, lost = self._fields.meet(mark)
        self._add(value)
        if lost:
            self._known.lost[lost] += 1

    def _drawn(self, letters: str, font: str | None) -> str:
        letters = letters.replace("\n", " ")
        if not needs_symbols(letters, font):
            return letters
        return "".join(self._character(ord(each), font) for each in letters)

    def _symbol(self, element: etree._Element) -> str:
        try:
            code = int(attribute(element, "w:char") or "", 16)
        except ValueError:
            return ""
        return self._character(code, attribute(element, "w:font"))

    def _character(self, code: int, font: str | None) -> str:
        drawn = symbol(code, font)
        if drawn is None:
            self._known.lost[f"symbol of the font {one_line(font or 'Symbol', 40)}"] += 1
        return drawn or ""

    def _call(self, reference: etree._Element, run: etree._Element) -> None:
        """Write the mark of a note, and keep the note for later."""
        known = self._known
        is_last = tag(reference) == "w:endnoteReference"
        own_mark = _text_of(run) if _has_own_mark(reference) else ""
        notes = known.endnotes if is_last else known.footnotes
        mark, note = notes.call(reference, own_mark)
        self._add(f"[{mark}]")
        if note is not None:
            html = Story(note, known, f"[{mark}] ").html()
            (known.last if is_last else self._notes).append(html)

    def _comment(self, reference: etree._Element) -> None:
        element = self._known.comments.pop(attribute(reference, "w:id") or "", None)
        if element is None:
            return
        lines = story_lines(element, self._known)
        said = " ".join(line.text for line in lines if line.text)
        if line := comment(said, attribute(element, "w:author") or ""):
            self._notes.append(f"<p>{escape(line, quote=False)}</p>")

    def _drawing(self, element: etree._Element) -> None:
        found = shown(element)
        self._boxes += found.boxes
        for each in found.texts:
            self._add(each, EQUATION)
        for kind, identity in found.figures:
            html = self._known.figure(kind, identity)
            self._figures.append(html)
            found.lost += [] if html else [kind]
        for kind in found.lost:
            self._known.lost[kind] += 1
            self._add("" if kind == PICTURE else f"[{kind}, not read]", EQUATION)

    def _table(self, element: etree._Element) -> None:
        self._tables += 1
        rows = [self._row(each) for each in _rows(element)]
        self._tables -= 1
        self._html.append(table_html(rows))
        self._write_notes()

    def _row(self, element: etree._Element) -> list[Cell]:
        before = _span(number(element, "w:trPr", "w:gridBefore") or 0, 0)
        cells = [Cell(0, before, "")] if before else []
        self._cells(cells, element)
        return cells

    def _cells(self, cells: list[Cell], elements: Iterable[etree._Element]) -> None:
        """Add the cells of a row."""
        for each in elements:
            match tag(each):
                case "w:tc":
                    self._cell(each, cells)
                case "w:sdt" if is_on(each, "w:sdtPr", "w:showingPlcHdr"):
                    cells += [Cell(_end(cells), 1, "")]
                case "w:sdt":
                    self._control(each, partial(self._cells, cells))
                case name if name in _AROUND:
                    self._cells(cells, each)

    def _cell(self, element: etree._Element, cells: list[Cell]) -> None:
        properties = child(element, "w:tcPr")
        span = _span(number(properties, "w:gridSpan") or 1, 1)
        html = self._within(element)
        if _continues(child(properties, "w:hMerge")) and cells and not html:
            cells[-1].span += span
            return
        above = _continues(child(properties, "w:vMerge"))
        cells.append(Cell(_end(cells), span, html, above))


def story_lines(root: etree._Element, known: Known) -> list[Line]:
    """Return the lines of a story."""
    return lines_of(Story(root, known).html(), "")


def lines_of(html: str, name: str) -> list[Line]:
    """Return the lines of HTML that was made of a file called `name`."""
    lines, _ = html_lines(html.encode("utf-8-sig"), name)
    return lines


def _has_own_mark(reference: etree._Element) -> bool:
    """Tell whether a note is called by what follows, and not by a number."""
    return attribute(reference, "w:customMarkFollows") in {"1", "true", "on"}


def _text_of(run: etree._Element) -> str:
    return "".join(each.text or "" for each in run if tag(each) == "w:t").strip()


def _is_ticked(box: etree._Element) -> bool:
    ticked = child(box, "w14:checked")
    return ticked is not None and attribute(ticked, "w14:val") in {None, "1", "true", "on"}


def _rows(elements: Iterable[etree._Element]) -> Iterator[etree._Element]:
    """Yield the rows of a table that were not removed."""
    for each in elements:
        name = tag(each)
        if name == "w:tr":
            properties = child(each, "w:trPr")
            if child(properties, "w:del") is None and not is_on(properties, "w:hidden"):
                yield each
        elif name == "w:sdt":
            content = child(each, "w:sdtContent")
            yield from () if content is None else _rows(content)
        elif name in _AROUND:
            yield from _rows(each)


def _continues(merge: etree._Element | None) -> bool:
    return merge is not None and attribute(merge, "w:val") != "restart"


def _span(columns: int, least: int) -> int:
    return min(max(columns, least), _WIDEST)


def _end(cells: list[Cell]) -> int:
    return cells[-1].start + cells[-1].span if cells else 0
