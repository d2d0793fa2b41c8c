"""Fields: what Word computes or a person fills in, shown by what it says and not by its code."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from rapid_cli.reader.formats.docx.letters.symbols import EMPTY_BOX, TICKED_BOX
from rapid_cli.reader.formats.docx.names import attribute, child, full_names, number, switch, tag

_UNSHOWN = {"EQ": "equation in a field", "LISTNUM": "number in a field"}
_UNSHOWN |= dict.fromkeys(("AUTONUM", "AUTONUMLGL", "AUTONUMOUT"), "number in a field")
_REMOVED = {"w:del", "w:moveFrom"}


@dataclass(slots=True)
class _Field:
    shows: bool = False
    settled: bool = False  # its value was told already
    code: str = ""


class Fields:
    """The fields that are open at a place of a story, which begin and end in any paragraph."""

    def __init__(self, root: etree._Element) -> None:
        self._whole = set(_whole(root))
        self._open: list[_Field] = []
        self._hidden = 0

    @property
    def hiding(self) -> bool:
        """Tell whether the place is within the code of a field, or within what was told."""
        return self._hidden > 0

    def add_code(self, code: str) -> None:
        """Take a piece of the code of the innermost field."""
        if self._open:
            self._open[-1].code += code

    def meet(self, mark: etree._Element) -> tuple[str, str]:
        """Pass a mark; return the value of a field of a form, and what is lost at its end."""
        kind = attribute(mark, "w:fldCharType")
        if mark not in self._whole or not (self._open or kind == "begin"):
            return "", ""
        if kind == "begin":
            return self._begin(child(mark, "w:ffData")), ""
        if kind == "separate":
            field = self._open[-1]
            self._hidden -= not (field.shows or field.settled)
            field.shows = not field.settled
            return "", ""
        return "", self._end()

    def _begin(self, form: etree._Element | None) -> str:
        value = _value(form)
        self._open.append(_Field(settled=value is not None))
        self._hidden += 1
        return (value or "") if self._hidden == 1 else ""

    def _end(self) -> str:
        field = self._open.pop()
        self._hidden -= not field.shows
        words = field.code.split(maxsplit=1)
        return "" if field.shows or not words else _UNSHOWN.get(words[0].upper(), "")


def _value(form: etree._Element | None) -> str | None:
    """Return the value of a box or a choice of a form, None where the text of a field says it."""
    box, choice = child(form, "w:checkBox"), child(form, "w:ddList")
    if box is not None:
        ticked = switch(child(box, "w:checked"))
        ticked = switch(child(box, "w:default")) if ticked is None else ticked
        return TICKED_BOX if ticked else EMPTY_BOX
    if choice is not None:
        entries = [attribute(each, "w:val") or "" for each in choice if tag(each) == "w:listEntry"]
        chosen = number(choice, "w:result")
        chosen = number(choice, "w:default") or 0 if chosen is None else chosen
        return entries[chosen] if 0 <= chosen < len(entries) else ""
    return None


def _whole(root: etree._Element) -> list[etree._Element]:
    """Return the marks of the fields that have both a beginning and an end."""
    found: list[etree._Element] = []
    opened: list[list[etree._Element]] = []
    for mark in root.iter(*full_names("w:fldChar")):
        kind = attribute(mark, "w:fldCharType")
        if _is_removed(mark):
            continue
        if kind == "begin":
            opened.append([mark])
        elif kind == "separate" and opened:
            opened[-1].append(mark)
        elif kind == "end" and opened:
            found += [*opened.pop(), mark]
    return found


def _is_removed(mark: etree._Element) -> bool:
    run = mark.getparent()
    around = None if run is None else run.getparent()
    return around is not None and tag(around) in _REMOVED
