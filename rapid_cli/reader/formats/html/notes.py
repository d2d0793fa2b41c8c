"""Notes and what refers to them: the number goes with the note where it does not have it itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapid_cli.reader.formats.html.hiding import purposes

_REFERRING = {"noteref", "doc-noteref", "biblioref", "doc-biblioref"}
_REFERRING_CLASSES = {"footnoteref", "noteref", "endnoteref", "fnanchor", "duokanfootnote"}
_REFERRING_ELSEWHERE = {
    *("biblioref", "doc-biblioref", "glossref", "doc-glossref", "backlink", "doc-backlink")
}
_NOTES = {"footnote", "endnote", "rearnote", "note", "doc-footnote", "doc-endnote"}
_NAMED = re.compile(r"(?:foot|end)?note|\bfn|cite_?note", re.IGNORECASE)
_NAMED_BOOK = re.compile(r"(?:bib|ref|cit|cr)[a-z\W_]{0,12}\d", re.IGNORECASE)
_NUMBER = re.compile(r"[\[(]?\s*(\w{1,8}|[*†‡§¶]{1,3})\s*[\])]?")
_BEFORE_MARK = " \t\n[(^↑*"
_GOES_ON = re.compile(r"[.,]\d")  # as 3 does in 3.5
_MOST = 100_000
_ARROWS = re.compile("[\\s\u2190-\u21ff\u2934\u2935\u2b05-\u2b07\u2b0f\u2b11\ufe0e\ufe0f^]+")


class Notes:
    """The numbers by which the text refers to notes that come later."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def refer(self, link: str, text: str) -> None:
        """Remember the text of a link that refers to a note."""
        mark = mark_of(text)
        if mark and len(self._numbers) < _MOST:
            self._numbers.setdefault(_fragment(link), mark)

    def number(self, attributes: Mapping[str, str]) -> str:
        """Return the number of the note that an element is, empty if it is none."""
        identity = attributes.get("id", "")
        number = self._numbers.get(identity, "") if identity else ""
        return number if number and (is_named_note(identity) or is_note(attributes)) else ""


def mark_of(text: str) -> str:
    """Return the number or sign by which a link with this text refers to a note, if it has one."""
    match = _NUMBER.fullmatch(text.strip())
    return match[1] if match else ""


def after_mark(text: str, mark: str) -> str | None:
    """Return what comes after the mark with which a text begins, None if it begins otherwise."""
    begun = text.lstrip(_BEFORE_MARK)
    if not begun.startswith(mark):  # a sign such as * may be the mark itself
        begun = text.lstrip()
    rest = begun.removeprefix(mark)
    is_longer = rest[:1].isalnum() or rest[:1] == "_" or _GOES_ON.match(rest)
    return rest if begun.startswith(mark) and not (is_longer and mark[-1:].isalnum()) else None


def is_named_note(identity: str) -> bool:
    """Tell whether an element is called as notes are."""
    return _NAMED.search(identity) is not None


def leads_to_book(link: str) -> bool:
    """Tell whether a link leads to what is called as entries of a list of books are."""
    identity = _fragment(link)
    return _NAMED_BOOK.match(identity) is not None and not is_named_note(identity)


def is_note(attributes: Mapping[str, str]) -> bool:
    """Tell whether an element says that it is a note."""
    return not _NOTES.isdisjoint(purposes(attributes))


def is_reference(attributes: Mapping[str, str]) -> bool:
    """Tell whether a link says that it refers to a note."""
    if not _fragment(attributes.get("href", "")):
        return False
    classes = attributes.get("class", "").lower().replace("-", "").split()
    said = not _REFERRING.isdisjoint(purposes(attributes))
    return said or not _REFERRING_CLASSES.isdisjoint(classes)


def refers_elsewhere(attributes: Mapping[str, str]) -> bool:
    """Tell whether a link says that it refers to something like a note, such as a book."""
    return not _REFERRING_ELSEWHERE.isdisjoint(purposes(attributes))


def points_back(text: str) -> bool:
    """Tell whether all that a link shows is an arrow, as from a note back to its place."""
    return bool(text) and _ARROWS.fullmatch(text) is not None


def _fragment(link: str) -> str:
    return link.partition("#")[2]
