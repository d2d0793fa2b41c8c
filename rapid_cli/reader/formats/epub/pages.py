"""The pages of a book as lines, with marks for where the text calls notes and where these stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rapid_cli.reader.formats.epub.notes import Call, Called, Calls, Note, Taken, note_of
from rapid_cli.reader.formats.html.hiding import UNSEEN, purposes
from rapid_cli.reader.formats.html.marks import unmarked
from rapid_cli.reader.formats.html.notes import (
    is_named_note,
    is_note,
    is_reference,
    leads_to_book,
    mark_of,
    refers_elsewhere,
)
from rapid_cli.reader.formats.html.writer import BLOCKS, Link, Writer
from rapid_cli.reader.sections import Line

_MOST_LINES = 100  # of a note
_LOOKED_AT = 20  # pieces of a line, to see whether there is text before a link
_SECTIONS = {"footnotes", "endnotes", "rearnotes", "notes", "doc-footnotes", "doc-endnotes"}
_BOOKS = {"bibliography", "doc-bibliography", "biblioentry", "doc-biblioentry"}
_CLASSES = {"footnote", "endnote", "rearnote", "note", "duokan-footnote-item"}

_Attributes = Mapping[str, str]


class CallWriter(Writer):
    """Writes a page, and after each paragraph marks which notes it calls."""

    def __init__(
        self, calls: Calls, target: Callable[[str], str], titles: Mapping[str, str] | None = None
    ) -> None:
        """Add to `calls`; `target` returns the key of the place that an address names, if any."""
        super().__init__(titles)
        self._calls = calls
        self._target = target
        self._called_here: list[str] = []  # since the last paragraph ended

    def close(self) -> list[Line]:
        """Return all lines."""
        self._lines.write()
        self._mark_calls()
        return super().close()

    def _break(self, tag: str) -> None:
        super()._break(tag)
        if self._called_here and not self._goes_on():
            self._mark_calls()

    def _goes_on(self) -> bool:
        """Tell whether lines belong to something larger, such as a table."""
        return bool(self._headings or self._lines.verbatim or self._tables.are_open)

    def _mark_calls(self) -> None:
        self._lines.lines += [Called("", 0, key) for key in self._called_here]
        self._called_here.clear()

    def _refer(self, link: Link, text: str) -> None:
        super()._refer(link, text)
        if refers_elsewhere(link.attributes):
            return
        mark, is_said = mark_of(text), is_reference(link.attributes)
        if not is_said and (not mark or leads_to_book(link.address) or self._begins_line(link)):
            return  # what begins a line is the number of a note, which leads back to the text
        if key := self._target(link.address):
            self._calls.add(key, mark, is_said=is_said)
            self._called_here.append(key)

    def _begins_line(self, link: Link) -> bool:
        before = self._lines.pieces[: min(link.start, _LOOKED_AT)]
        return _is_blank(before)


@dataclass(slots=True)
class _Block:
    """An open block: the first of its lines, and by which id it is called as a note."""

    start: int
    attributes: _Attributes
    tag: str
    purposes: frozenset[str]
    identity: str = ""

    @property
    def says_note(self) -> bool:
        """Whether it says that it is a note."""
        classes = self.attributes.get("class", "").lower().split()
        return not _CLASSES.isdisjoint(classes) or is_note(self.attributes)

    @property
    def holds_note(self) -> bool:
        """Whether it is as large as a note."""
        return self.tag == "li" or self.says_note


class NoteWriter(CallWriter):
    """Writes a page of which some places are called as notes, and takes these out."""

    def __init__(
        self,
        calls: Calls,
        target: Callable[[str], str],
        called: Mapping[str, Call],
        titles: Mapping[str, str] | None = None,
    ) -> None:
        """Take the notes that are `called`, by their ids."""
        super().__init__(calls, target, titles)
        self.notes: dict[str, Note] = {}
        self._called = called
        self._open: list[bool] = []  # of each open element, whether it is a block
        self._blocks: list[_Block] = []
        self._of_notes = 0  # how many blocks deep in a section of notes
        self._of_books = 0  # and in one of books
        self._claimed: set[str] = set()
        self._hidden: set[str] = set()

    def start(self, tag: str, attributes: _Attributes) -> None:
        """Begin an element."""
        identity = attributes.get("id") or attributes.get("name", "") if attributes else ""
        may_be_note = self._may_be_note(identity)
        super().start(tag, attributes)
        is_seen = not (self._inner or self._dropping)
        is_block = is_seen and tag in BLOCKS
        self._open.append(is_block)
        if is_block:
            self._begin_block(tag, attributes)
        if is_seen and may_be_note and self._blocks:
            self._claim(identity, is_block=is_block)

    def end(self, tag: str) -> None:
        """End an element."""
        super().end(tag)
        if self._open.pop():
            self._end_block(self._blocks.pop())

    def _is_left_out(self, tag: str, attributes: _Attributes) -> bool:
        if not super()._is_left_out(tag, attributes):
            return False
        identity = attributes.get("id", "")
        if is_note(attributes) and tag in BLOCKS - UNSEEN and self._may_be_note(identity):
            self._hidden.add(identity)  # an e-book reader shows it where the text calls it
            return False
        return True

    def _may_be_note(self, identity: str) -> bool:
        is_free = identity in self._called and identity not in self._claimed
        return is_free and not self._of_books and not self._goes_on()

    def _begin_block(self, tag: str, attributes: _Attributes) -> None:
        said = frozenset(purposes(attributes))
        self._blocks.append(_Block(len(self._lines.lines), attributes, tag, said))
        self._of_notes += not _SECTIONS.isdisjoint(said)
        self._of_books += not _BOOKS.isdisjoint(said)

    def _claim(self, identity: str, *, is_block: bool) -> None:
        """Let the block that an id begins be the note which is called so."""
        block = self._blocks[-1]
        if not block.identity and (is_block or self._is_begun(block)):
            block.identity = identity
            self._claimed.add(identity)

    def _is_begun(self, block: _Block) -> bool:
        """Tell whether nothing of a block has come yet."""
        pieces = self._lines.pieces
        return len(self._lines.lines) == block.start and _is_blank(pieces[:_LOOKED_AT])

    def _end_block(self, block: _Block) -> None:
        if block.identity:
            self._take(block)
        elif block.holds_note:
            self._lengthen(block)
        self._of_notes -= not _SECTIONS.isdisjoint(block.purposes)
        self._of_books -= not _BOOKS.isdisjoint(block.purposes)

    def _take(self, block: _Block) -> None:
        """Take the lines of a block out if they are a note."""
        lines = self._lines.lines
        is_hidden = block.identity in self._hidden
        own = lines[block.start : block.start + _MOST_LINES + 1]
        call = self._called[block.identity]
        given = note_of(own, call, is_said=self._is_said(block)) if len(own) <= _MOST_LINES else []
        if given:
            self.notes[call.key] = Note(call, [] if is_hidden else own, given)
            lines[block.start :] = [Taken("", 0, call.key)]
        elif is_hidden:
            del lines[block.start :]
        else:
            self._hand_on(block)

    def _hand_on(self, block: _Block) -> None:
        """Let the block around one be the note, where that one holds only its number."""
        around = self._blocks[-1] if self._blocks else block
        if around.start == block.start and around.holds_note and not around.identity:
            around.identity = block.identity

    def _is_said(self, block: _Block) -> bool:
        """Tell whether something says that a block is a note."""
        return self._of_notes > 0 or block.says_note or is_named_note(block.identity)

    def _lengthen(self, block: _Block) -> None:
        """Let a note that a block begins with go on to its end."""
        lines = self._lines.lines
        if not 1 < len(lines) - block.start <= _MOST_LINES:
            return
        first, *others = lines[block.start :]
        note = self.notes.get(first.title) if isinstance(first, Taken) else None
        if note is None or not note.own:
            return
        own = [*note.own, *others]
        given = note_of(own, note.call, is_said=True)
        if given:
            self.notes[first.title] = Note(note.call, own, given)
            lines[block.start :] = [first]


def _is_blank(pieces: list[str]) -> bool:
    return not unmarked("".join(pieces)).strip()
