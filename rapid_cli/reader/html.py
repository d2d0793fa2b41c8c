"""The text of HTML: one line for each block, rows of cells, headings marked as such.

lxml calls back while it reads, so that neither depth nor size of a page costs a tree.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.plain import decode_text, wide_encoding
from rapid_cli.reader.sections import Line

MAX_HTML = 50 * MEGABYTE

_DROPPED = frozenset({"script", "style", "noscript", "template", "head"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PARAGRAPHS = frozenset(
    re.findall(
        r"\w+",
        "p h1 h2 h3 h4 h5 h6 pre table blockquote section article header footer main nav aside"
        " figure form fieldset hr address details dl",
    )
)
_LINES = frozenset(
    re.findall(
        r"\w+",
        "body div ul ol li dt dd caption figcaption thead tbody tfoot tr option legend summary"
        " center",
    )
)
_CELLS = frozenset({"td", "th"})
_CELL_LINES = 5  # a cell with more of them only places its text on the page
_DEEPEST_TABLE = 20
_LONGEST_HEADING = 300  # characters; a longer one was never closed
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_CHARSET = re.compile(rb"""(?:charset|<\?xml[^>]{1,80}encoding)\s*=\s*["']?([\w.:-]{2,40})""", re.I)
# These name no charset of a page, or take time that grows with the square of its length.
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"}
# What pages mean by the names of older charsets, as all browsers read them.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_HEAD = 16_384  # bytes in which a charset is looked for
# A document type that declares entities of its own, which HTML cannot, and would be shown.
_DECLARATIONS = re.compile(r"(<!doctype[^<>\[]{0,500})\[[^\]]{0,10000}\]\s*>", re.IGNORECASE)


def html_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of the page in a file called `name`, and warnings about its encoding."""
    if len(raw) > MAX_HTML:
        message = f"{name} holds a page of more than {MAX_HTML // MEGABYTE} MB"
        raise DocumentError(message, "split it, or save it as PDF")
    text, notes = _decode(raw)
    writer = _Writer()
    text = _DECLARATIONS.sub(r"\1>", text[:_HEAD]) + text[_HEAD:]
    if text.strip():
        parser = etree.HTMLParser(target=writer, encoding="utf-8", huge_tree=True)
        etree.fromstring(text.encode(), parser)
    return writer.close(), notes


def _decode(raw: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = None if wide_encoding(raw) or _is_utf8(raw) else _declared(raw)
    if encoding:
        try:
            return clean(raw.decode(encoding)), ()
        except (UnicodeError, LookupError):  # it is not what it says
            pass
    return decode_text(raw)


def _is_utf8(raw: bytes) -> bool:
    """Tell whether other letters than those of ASCII are UTF-8, which no other charset looks like.

    A page that says otherwise has been converted since.
    """
    try:
        return not raw.isascii() and bool(raw.decode())
    except UnicodeDecodeError:
        return False


def _declared(raw: bytes) -> str | None:
    match = _CHARSET.search(raw[:_HEAD])
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii", "replace")).name
    except LookupError:
        return None
    if name in _NO_CHARSETS or name.startswith("utf"):  # the bytes of UTF-16 would have shown
        return None
    return _MEANT.get(name, name)


class _Writer:
    """What lxml calls with each tag and text, in order and properly nested."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._pieces: list[str] = []
        self._gap = False
        self._dropping = 0  # how many tags deep in what is left out
        self._verbatim = 0
        self._headings: list[int] = []  # where the open ones began
        self._rows: list[list[list[Line]]] = []  # of the open tables and rows, their cells
        self._outside: list[tuple[list[Line], bool]] = []  # lines and gap before each open cell

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        hidden = "hidden" in attributes or _HIDDEN.search(attributes.get("style", ""))
        if self._dropping or tag in _DROPPED or hidden:
            self._dropping += 1
            return
        self._break(tag)
        self._verbatim += tag == "pre"
        if tag in _HEADINGS:
            self._headings.append(len(self._lines))
        elif tag in {"table", "tr"}:
            self._rows.append([])
        elif tag in _CELLS:
            self._open_cell()
        elif tag == "br":
            self._gap |= not self._pieces  # the second one in a row
            self._write()

    def end(self, tag: str) -> None:
        """End an element."""
        if self._dropping:
            self._dropping -= 1
            return
        if tag in _CELLS:
            self._close_cell()
        self._break(tag)
        self._verbatim -= tag == "pre"
        if tag in _HEADINGS:
            self._mark_heading(self._headings.pop(), _HEADINGS[tag])
        elif tag in {"table", "tr"}:
            self._write_row(self._rows.pop())

    def data(self, text: str) -> None:
        """Take text."""
        if self._dropping:
            return
        first, *others = text.split("\n") if self._verbatim else [text]
        self._pieces.append(first)
        for other in others:
            self._write()
            self._pieces.append(other)

    def close(self) -> list[Line]:
        """Return all lines."""
        self._write()
        return self._lines

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS or tag in _LINES:
            self._write()
            self._gap |= tag in _PARAGRAPHS

    def _write(self) -> None:
        text = "".join(self._pieces).replace("\u00ad", "")
        self._pieces.clear()
        line = text.rstrip() if self._verbatim else " ".join(text.split())
        if line or (self._verbatim and self._lines):
            self._add([Line(line)])

    def _add(self, lines: list[Line]) -> None:
        if self._gap and self._lines:
            self._lines.append(Line(""))
        self._gap = False
        self._lines += lines

    def _mark_heading(self, start: int, level: int) -> None:
        title = " ".join(line.text for line in self._lines[start:]).strip()
        if title and len(title) <= _LONGEST_HEADING:
            gap = [Line("")] if start else []
            self._lines[start:] = [*gap, Line(title, level, title)]

    def _open_cell(self) -> None:
        self._write()
        self._outside.append((self._lines, self._gap))
        if len(self._outside) <= _DEEPEST_TABLE:
            self._lines, self._gap = [], False

    def _close_cell(self) -> None:
        self._write()
        cell = self._lines
        self._lines, gap = self._outside.pop()
        if cell is not self._lines:
            self._gap = gap
            self._cells().append(cell)

    def _cells(self) -> list[list[Line]]:
        if not self._rows:  # a cell outside of any table
            self._rows.append([])
        return self._rows[-1]

    def _write_row(self, cells: list[list[Line]]) -> None:
        filled = [cell for cell in cells if cell]
        if len(filled) == 1 or any(map(_is_layout, filled)):
            for cell in filled:
                self._gap |= len(filled) > 1 or len(cell) > 1
                self._add(cell)
            return
        texts = [" ".join(line.text for line in cell).strip() for cell in cells]
        if 5 * texts.count("") >= 2 * len(texts):  # so many only place the others
            texts = [text for text in texts if text]
        if any(texts):
            self._add([Line(" | ".join(texts))])


def _is_layout(cell: list[Line]) -> bool:
    """Tell whether a cell holds a part of the page rather than of a table."""
    return len(cell) > _CELL_LINES or any(line.level for line in cell)
