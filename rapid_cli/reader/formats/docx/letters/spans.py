"""The text of a paragraph in one line of letters, with its raised and lowered parts marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rapid_cli.reader.formats.docx.letters.symbols import EMPTY_BOX, TICKED_BOX
from rapid_cli.reader.formats.docx.styles import LOWERED, RAISED

EQUATION = "equation"

_LONGEST = 40  # characters; more of them raised is a layout and no exponent
_ORDINALS = {"st", "nd", "rd", "th", "er", "re", "ère", "ème", "a", "os", "as"}
_PLAIN = re.compile(r"[™®©℠*†‡§°ºª′″\s/.,;:()\[\]]+")
_NOTE = re.compile(r"\[?(\d{1,3}(?:\s?[,–-]\s?\d{1,3})*)\]?")
# What a raised number stands after when it calls a note; other words are symbols and units.
_CALLS = re.compile(r"(^|[\s.,;:!?”\"’»]|[^\W\d_]{4})$")
_MEASURES = re.compile(r"(met(er|re)s?|inch(es)?|feet|foot|miles?|yards?|\b(sin|cos|tan)h)$")
_SIMPLE = re.compile(r"[+−–-]?[\w.,]*\w[+−–-]?|[^\w\s]")
_FRACTION_LINES = {"/", "⁄", "∕"}
_DEGREES = {"o", "O", "0"}
_SCALES = {"C", "F"}
_TAIL = 20  # characters that decide what comes after them
_BEFORE_BOX = re.compile(rf"(?<=[^\s(\[])(?=[{EMPTY_BOX}{TICKED_BOX}☑🗹🗷])")
_AFTER_BOX = re.compile(rf"([{EMPTY_BOX}{TICKED_BOX}☑🗹🗷])(?=[^\s.,;:)\]])")
_BOXES = str.maketrans({EMPTY_BOX: "[ ]", **dict.fromkeys((TICKED_BOX, "☑", "🗹", "🗷"), "[x]")})


class Span(NamedTuple):
    """A piece of a paragraph; `kind` is RAISED, LOWERED, EQUATION, or nothing."""

    text: str
    kind: str = ""


def joined(spans: Iterable[Span]) -> str:
    r"""Return the text of a paragraph: 10^6, H_2O, notes as [1], boxes as [x], `\n` for a break."""
    line = _Line()
    merged = list(_merged(spans))
    place = 0
    while place < len(merged):
        after = merged[place + 1].text[:1] if place + 1 < len(merged) else ""
        fraction = _fraction(merged[place : place + 3])
        if fraction:
            line.add_apart(fraction)
        else:
            line.add(merged[place], after)
        place += 3 if fraction else 1
    return _with_boxes("".join(line.pieces))


class _Line:
    """A line that grows, with as much of its end as decides what comes after it."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._tail = ""

    def add(self, span: Span, after: str) -> None:
        """Add what comes before the character `after`."""
        if span.kind == EQUATION:
            self.add_apart(span.text)
            self._add(" " if after.isalnum() else "")
        else:
            self._add(_marked(span, self._tail, after) if span.kind else span.text)

    def add_apart(self, text: str) -> None:
        """Add what must not run into letters before it."""
        runs_on = self._tail[-1:].isalnum() or self._tail.endswith((")", "]"))
        self._add(" " if runs_on else "")
        self._add(text)

    def _add(self, text: str) -> None:
        self.pieces.append(text)
        self._tail = (self._tail + text[-_TAIL:])[-_TAIL:]


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans with those of one kind in a row joined, but for equations."""
    pieces: list[str] = []
    kind = ""
    for span in spans:
        if pieces and (span.kind != kind or kind == EQUATION):
            yield Span("".join(pieces), kind)
            pieces = []
        if span.text:
            pieces.append(span.text)
            kind = span.kind
    if pieces:
        yield Span("".join(pieces), kind)


def _fraction(spans: Sequence[Span]) -> str:
    """Return a fraction that is written with a raised and a lowered number, if this is one."""
    if [span.kind for span in spans] != [RAISED, "", LOWERED]:
        return ""
    above, line, below = (span.text.strip() for span in spans)
    is_one = above.isdigit() and line in _FRACTION_LINES and below.isdigit()
    return f"{above}/{below}" if is_one else ""


def _marked(span: Span, before: str, after: str) -> str:
    """Return a raised or lowered text with a mark that says so, where that means something."""
    text = span.text.strip()
    start = span.text[: len(span.text) - len(span.text.lstrip())]
    end = span.text[len(start) + len(text) :]
    if not text or len(text) > _LONGEST or "\n" in text or _PLAIN.fullmatch(text):
        return span.text
    before, after = before + start, end or after
    if span.kind == RAISED:
        return start + _raised(text, before, after) + end
    return f"{start}_{_grouped(text, after)}{end}"


def _raised(text: str, before: str, after: str) -> str:
    follows_number = before[-1:].isdigit()
    if follows_number and text in _ORDINALS:
        return text
    if text in _DEGREES and after in _SCALES and before.rstrip()[-1:].isdigit():
        return "°"
    note = _NOTE.fullmatch(text)
    if note and _CALLS.search(before) and not _MEASURES.search(before):
        return f"[{note[1]}]"
    return "^" + _grouped(text, after)


def _grouped(text: str, after: str) -> str:
    """Return a text in parentheses where it would run into what comes after it."""
    runs_on = (text[-1].isdigit() and after.isdigit()) or (text[-1].isalpha() and after.isalpha())
    return f"({text})" if runs_on or not _SIMPLE.fullmatch(text) else text


def _with_boxes(text: str) -> str:
    text = _AFTER_BOX.sub(r"\1 ", _BEFORE_BOX.sub(" ", text))
    return text.translate(_BOXES)
