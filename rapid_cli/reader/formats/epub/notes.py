"""The notes of a book: each once, after the paragraph that calls it first.

Books keep them at the end of a chapter, or all in a file of their own; an e-book reader opens them
where the text calls them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rapid_cli.reader.formats.html.notes import after_mark
from rapid_cli.reader.sections import Line

_LONGEST = 5_000  # characters of a note
_MOST_CALLED = 100_000
_UNNUMBERED = "note"
_AFTER_MARK = re.compile(r"\A\s*[\])]?[.:]?(?:\s*\|)?\s*")
_GAP = Line("")


class Called(Line):
    """An empty line after a paragraph that calls a note; the `title` is the key of that."""

    __slots__ = ()


class Taken(Line):
    """An empty line in the place of a note; the `title` is its key."""

    __slots__ = ()


@dataclass(slots=True)
class Call:
    """How the text calls a note: by which marks, and whether a link says that it is one."""

    key: str
    marks: dict[str, None] = field(default_factory=dict)
    is_said: bool = False


class Note(NamedTuple):
    """A note: the lines in its own place, and those where the text calls it."""

    call: Call
    own: list[Line]
    given: list[Line]


class Calls:
    """The places that the text calls as notes, by key: the file, # and the name of the place."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def add(self, key: str, mark: str, *, is_said: bool) -> None:
        """Add a call by a mark, which is empty if a picture stands for it."""
        if len(self._calls) < _MOST_CALLED:
            call = self._calls.setdefault(key, Call(key))
            call.is_said |= is_said
            if mark:
                call.marks[mark] = None

    def by_file(self) -> dict[str, dict[str, Call]]:
        """Return the calls of each file by the names of their places."""
        found: dict[str, dict[str, Call]] = {}
        for key, call in self._calls.items():
            file, _, place = key.partition("#")
            found.setdefault(file, {})[place] = call
        return found


def note_of(lines: Sequence[Line], call: Call, *, is_said: bool) -> list[Line]:
    """Return lines as the note that is called, with its mark; none if they are no note.

    They must say so themselves, or begin with the mark, unless it `is_said` or the call does.
    """
    if len(call.marks) > 1 or any(line.level or isinstance(line, Taken) for line in lines):
        return []
    length = sum(len(line.text) for line in lines)
    if not any(line.text for line in lines) or length > _LONGEST:
        return []
    mark = next(iter(call.marks), "")
    begin = next(at for at, line in enumerate(lines) if line.text)
    first = _without_mark(lines[begin].text, mark)
    if not (is_said or call.is_said or first != lines[begin].text):
        return []
    others = _without_blanks(lines[begin + 1 :])
    if not first and others:
        first, others = others[0].text, others[1:]
    said = any(any(map(str.isalnum, text)) for text in (first, *(each.text for each in others)))
    return [Line(f"[{mark or _UNNUMBERED}] {first}"), *others] if said else []


def _without_mark(text: str, mark: str) -> str:
    """Return the text of a note without the mark that begins it."""
    rest = after_mark(text, mark) if mark else None
    return text if rest is None else _AFTER_MARK.sub("", rest, count=1)


def _without_blanks(lines: Sequence[Line]) -> list[Line]:
    """Return lines without the empty ones before and after the others."""
    filled = [at for at, line in enumerate(lines) if line.text or line.title]
    return list(lines[filled[0] : filled[-1] + 1]) if filled else []


def with_notes(lines: Sequence[Line], notes: Mapping[str, Note]) -> Iterator[Line]:
    """Yield lines with each note where it is called first; one that is not called stays."""
    is_parted, before = False, _GAP
    for line in _placed(lines, notes, _reached(lines, notes)):
        if line is _GAP:
            is_parted = True
            continue
        if is_parted and before.text and line.text:
            yield Line("")
        is_parted, before = False, line
        yield line


def _reached(lines: Iterable[Line], notes: Mapping[str, Note]) -> set[str]:
    """Return the keys of the notes that the text calls, and of those that these call."""
    reached: set[str] = set()
    waiting = [line.title for line in lines if isinstance(line, Called)]
    while waiting:
        key = waiting.pop()
        if key in notes and key not in reached:
            reached.add(key)
            waiting += [each.title for each in notes[key].given if isinstance(each, Called)]
    return reached


def _placed(lines: Iterable[Line], notes: Mapping[str, Note], reached: set[str]) -> Iterator[Line]:
    """Yield lines and, between two gaps, notes; a note may call others, in a circle too."""
    given: set[str] = set()
    within = [iter(lines)]
    while within:
        line = next(within[-1], None)
        if line is None:
            within.pop()
        elif isinstance(line, Called):
            if line.title in reached and line.title not in given:
                given.add(line.title)
                within.append(iter([_GAP, *notes[line.title].given, _GAP]))
        elif isinstance(line, Taken):
            own = [] if line.title in reached else notes[line.title].own
            within.append(iter(own))
        else:
            yield line
