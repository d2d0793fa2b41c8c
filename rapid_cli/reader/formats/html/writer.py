"""What a parser of HTML calls with each tag and text: the lines of a page as a person sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from rapid_cli.reader.formats.html.fields import Area, Selection, gauge_text, input_text, tick
from rapid_cli.reader.formats.html.formulas import Formula
from rapid_cli.reader.formats.html.hiding import UNSEEN, is_hidden, is_second_formula
from rapid_cli.reader.formats.html.lines import Lines
from rapid_cli.reader.formats.html.marks import LOWERED, NOTED, PICTURED, RAISED, STRUCK, unmarked
from rapid_cli.reader.formats.html.notes import Notes, is_reference, points_back
from rapid_cli.reader.formats.html.numbering import OpenList, numbered
from rapid_cli.reader.formats.html.tables import Tables
from rapid_cli.reader.sections import Line

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
        "body div ul ol menu li dt dd caption figcaption thead tbody tfoot tr legend summary"
        " center text",
    )
)
BLOCKS = _PARAGRAPHS | _LINES
"""Tags of what begins a line of its own, and ends it."""
_STYLES = (
    (re.compile(r"vertical-align\s*:\s*super\b", re.IGNORECASE), RAISED),
    (re.compile(r"vertical-align\s*:\s*sub\b", re.IGNORECASE), LOWERED),
    (re.compile(r"text-decoration[\w-]*\s*:[^;]*line-through", re.IGNORECASE), STRUCK),
)
_FILE_NAME = re.compile(r"\S+\.(?:jpe?g|png|gif|svg|webp|bmp|tiff?|avif)", re.IGNORECASE)
# What encyclopedias put around a formula that they show as a picture.
_DISPLAYED = re.compile(r"\{\\(?:displaystyle|textstyle)\s+(.*)\}", re.DOTALL)
_LONGEST_LINK = 8  # pieces of one that may be the mark of a note

_Attributes = Mapping[str, str]
_Start = Callable[[str, _Attributes], None]
_End = Callable[[str], None]


class _Inner(Protocol):
    """What takes all that is inside an element, and makes one text of it."""

    def start(self, tag: str, attributes: _Attributes) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...
    def text(self) -> str: ...


class Link(NamedTuple):
    """An open link: whether it `is_mark` of a note, and the first of its pieces in the line."""

    attributes: _Attributes
    is_mark: bool
    start: int

    @property
    def address(self) -> str:
        """Where it leads, empty for what is only called a link."""
        return self.attributes.get("href", "")


class Writer:
    """Called in order and properly nested; `titles` make headings of elements by their ids."""

    def __init__(self, titles: Mapping[str, str] | None = None) -> None:
        self._titles = titles or {}
        self._lines = Lines()
        self._tables = Tables(self._lines)
        self._notes = Notes()
        self._dropping = 0  # how many tags deep in what is left out
        self._inner: _Inner | None = None
        self._depth = 0  # how many tags deep in that
        self._around = ""  # what parts its text from that around it
        self._styled: list[bool] = []  # of each open element, whether its style is a mark
        self._headings: list[int] = []  # where the open ones began
        self._lists: list[OpenList] = []
        self._totals: list[int] = []  # items of each list that ended
        self._counts_down = False
        self._links: list[Link] = []
        self._rubies: list[list[str]] = []  # readings of the open ones
        self._begun: list[int] = []  # where the pieces of open readings and gauges began
        self._gauges: list[str] = []
        self._drawings = 0
        self._has_formulas = False
        self._starts, self._ends = self._actions()

    def start(self, tag: str, attributes: _Attributes) -> None:
        """Begin an element."""
        if self._inner:
            self._depth += 1
            self._inner.start(tag, attributes)
            return
        if self._dropping or ((attributes or tag in UNSEEN) and self._is_left_out(tag, attributes)):
            self._dropping += 1
            return
        if tag in BLOCKS:
            self._break(tag)
        styled = self._begin_attributes(attributes) if attributes else False
        self._styled.append(styled)
        begin = self._starts.get(tag)
        if begin:
            begin(tag, attributes)
        elif tag.endswith(":math"):
            self._start_formula(tag, attributes)

    def end(self, tag: str) -> None:
        """End an element."""
        if self._inner:
            self._end_inner(tag)
            return
        if self._dropping:
            self._dropping -= 1
            return
        end = self._ends.get(tag)
        if end:
            end(tag)
        if self._styled.pop():
            self._lines.end()
        if tag in BLOCKS:
            self._break(tag)

    def data(self, text: str) -> None:
        """Take text."""
        if self._inner:
            self._inner.data(text)
        elif self._dropping:
            return
        elif self._lines.verbatim:
            self._lines.take_lines(text)
        else:
            self._lines.pieces.append(text)

    def close(self) -> list[Line]:
        """Return all lines."""
        self._lines.write()
        lines = self._lines.lines
        if not self._counts_down:
            return lines
        return [
            line._replace(
                text=numbered(line.text, self._totals), title=numbered(line.title, self._totals)
            )
            for line in lines
        ]

    def _actions(self) -> tuple[dict[str, _Start], dict[str, _End]]:
        """Return what to do at the start of an element and at its end, by its tag."""
        tables = self._tables
        sections = ("thead", "tbody", "tfoot")
        struck = ("del", "s", "strike")
        starts: dict[str, _Start] = {
            **dict.fromkeys(_HEADINGS, self._start_heading),
            **dict.fromkeys(("ol", "ul", "menu"), self._start_list),
            **dict.fromkeys(("td", "th"), tables.start_cell),
            **dict.fromkeys(sections, tables.start_section),
            **dict.fromkeys(struck, self._start_struck),
            **dict.fromkeys(("progress", "meter"), self._start_gauge),
            "a": self._start_link,
            "br": self._break_line,
            "button": self._part,
            "img": self._picture,
            "input": self._input,
            "li": self._start_item,
            "math": self._start_formula,
            "pre": self._start_verbatim,
            "q": self._start_quotation,
            "rt": self._start_piece,
            "ruby": self._start_ruby,
            "select": self._start_selection,
            "sub": self._start_lowered,
            "sup": self._start_raised,
            "svg": self._start_drawing,
            "table": tables.start_table,
            "textarea": self._start_area,
            "title": self._start_title,
            "tr": tables.start_row,
        }
        ends: dict[str, _End] = {
            **dict.fromkeys(_HEADINGS, self._end_heading),
            **dict.fromkeys(("ol", "ul", "menu"), self._end_list),
            **dict.fromkeys(("td", "th"), tables.end_cell),
            **dict.fromkeys(sections, tables.end_section),
            **dict.fromkeys((*struck, "sub", "sup"), self._end_mark),
            **dict.fromkeys(("progress", "meter"), self._end_gauge),
            "a": self._end_link,
            "button": self._part,
            "li": self._end_item,
            "pre": self._end_verbatim,
            "q": self._end_quotation,
            "rt": self._end_reading,
            "ruby": self._end_ruby,
            "svg": self._end_drawing,
            "table": tables.end_table,
            "title": self._end_title,
            "tr": tables.end_row,
        }
        return starts, ends

    def _break(self, tag: str) -> None:
        if self._lines.pieces:
            self._lines.write()
        if tag in _PARAGRAPHS:
            self._lines.gap = True

    def _is_left_out(self, tag: str, attributes: _Attributes) -> bool:
        # One kind of script writes the MathML before what is shown, another one behind.
        twice = (self._has_formulas or tag == "nobr") and is_second_formula(tag, attributes)
        return twice or is_hidden(tag, attributes)

    def _begin_attributes(self, attributes: _Attributes) -> bool:
        """Do what attributes ask for; tell whether a mark began that the element ends."""
        if "id" in attributes or "name" in attributes:
            self._begin_place(attributes)
        if "role" in attributes and (ticked := tick(attributes)):
            self._lines.take(f" {ticked} ")
        style = attributes.get("style")
        mark = next((mark for form, mark in _STYLES if form.search(style)), "") if style else ""
        if mark:
            self._lines.begin(mark)
        return bool(mark)

    def _begin_place(self, attributes: _Attributes) -> None:
        """Begin what is known by its name: a note, or a chapter."""
        if number := self._notes.number(attributes):
            self._lines.begin_note(number)
        identity = attributes.get("id") or attributes.get("name", "")
        if title := self._titles.get(identity):
            self._lines.write()
            self._lines.add([Line("", 1, title)])

    def _start_inner(self, inner: _Inner, around: str = " ") -> None:
        self._inner, self._around, self._depth = inner, around, 0

    def _end_inner(self, tag: str) -> None:
        assert self._inner
        if self._depth:
            self._depth -= 1
            self._inner.end(tag)
            return
        text, self._inner = self._inner.text(), None
        around = self._around
        if text:
            self._lines.take_lines(f"{around}{text}{around}")
        if self._styled.pop():
            self._lines.end()

    def _start_formula(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        around = "\n" if attributes.get("display") == "block" else ""
        self._has_formulas = True
        self._start_inner(Formula(), around)

    def _start_selection(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._start_inner(Selection(attributes))

    def _start_area(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._start_inner(Area())

    def _input(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        if text := input_text(attributes):
            self._lines.take(f" {text} ")

    def _part(self, tag: str, attributes: _Attributes | None = None) -> None:  # noqa: ARG002
        self._lines.take(" ")  # what has a frame is no part of the word beside it

    def _start_gauge(self, tag: str, attributes: _Attributes) -> None:
        self._gauges.append(gauge_text(attributes))
        self._start_piece(tag, attributes)

    def _end_gauge(self, tag: str) -> None:  # noqa: ARG002
        text, inside = self._gauges.pop(), self._lines.pieces[self._begun.pop() :]
        if not "".join(inside).strip():
            self._lines.take(f" {text} ")

    def _start_heading(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._headings.append(len(self._lines.lines))

    def _end_heading(self, tag: str) -> None:
        self._lines.write()
        self._lines.mark_heading(self._headings.pop(), _HEADINGS[tag])

    def _start_list(self, tag: str, attributes: _Attributes) -> None:
        self._lists.append(OpenList(tag, attributes, len(self._totals)))
        self._totals.append(0)
        self._counts_down |= self._lists[-1].counts_down

    def _end_list(self, tag: str) -> None:  # noqa: ARG002
        ended = self._lists.pop()
        self._totals[ended.identity] = ended.items

    def _start_item(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        if self._lists and (label := self._lists[-1].label(attributes)):
            self._lines.label(label)

    def _end_item(self, tag: str) -> None:  # noqa: ARG002
        self._lines.end_item()

    def _start_verbatim(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._lines.verbatim += 1

    def _end_verbatim(self, tag: str) -> None:  # noqa: ARG002
        self._lines.write()
        self._lines.verbatim -= 1

    def _break_line(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._lines.gap |= self._lines.is_empty()  # the second one in a row
        self._lines.write()

    def _start_raised(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        link = self._links[-1] if self._links else None
        is_mark = link is not None and "#" in link.address and not link.is_mark
        self._lines.begin(NOTED if is_mark else RAISED)

    def _start_lowered(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._lines.begin(LOWERED)

    def _start_struck(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._lines.begin(STRUCK)

    def _end_mark(self, tag: str) -> None:  # noqa: ARG002
        self._lines.end()

    def _start_link(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        address = attributes.get("href", "")
        is_mark = is_reference(attributes) or ("#" in address and self._lines.is_within(RAISED))
        if is_mark:
            self._lines.begin(NOTED)
        self._links.append(Link(attributes, is_mark, len(self._lines.pieces)))

    def _end_link(self, tag: str) -> None:  # noqa: ARG002
        link = self._links.pop()
        pieces = self._lines.pieces[link.start :]
        if "#" in link.address and len(pieces) <= _LONGEST_LINK:
            text = unmarked("".join(pieces))
            if points_back(text):
                del self._lines.pieces[link.start :]
            elif link.is_mark or NOTED in pieces:
                self._refer(link, text)
        if link.is_mark:
            self._lines.end()

    def _refer(self, link: Link, text: str) -> None:
        """Take a link with this text that may refer to a note."""
        self._notes.refer(link.address, text)

    def _start_quotation(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._lines.take("“")

    def _end_quotation(self, tag: str) -> None:  # noqa: ARG002
        self._lines.take("”")

    def _picture(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        said = " ".join(attributes.get("alt", "").split())
        if shown := _DISPLAYED.fullmatch(said):
            said = shown[1].strip()
        if said and not _FILE_NAME.fullmatch(said):
            self._lines.begin(PICTURED)
            self._lines.take(said)
            self._lines.end()

    def _start_drawing(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._drawings += 1

    def _end_drawing(self, tag: str) -> None:  # noqa: ARG002
        self._drawings -= 1

    def _start_title(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        if self._drawings:
            self._lines.begin(PICTURED)

    def _end_title(self, tag: str) -> None:  # noqa: ARG002
        if self._drawings:
            self._lines.end()

    def _start_piece(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._begun.append(len(self._lines.pieces))

    def _start_ruby(self, tag: str, attributes: _Attributes) -> None:  # noqa: ARG002
        self._rubies.append([])

    def _end_reading(self, tag: str) -> None:  # noqa: ARG002
        start = self._begun.pop()
        if self._rubies:
            self._rubies[-1].append(unmarked("".join(self._lines.pieces[start:])).strip())
            del self._lines.pieces[start:]

    def _end_ruby(self, tag: str) -> None:  # noqa: ARG002
        if readings := self._rubies.pop():
            self._lines.take(f"({''.join(readings)})")
