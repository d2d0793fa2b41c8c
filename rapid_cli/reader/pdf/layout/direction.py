"""Lines of scripts that are written from right to left, read from what is seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple
from unicodedata import bidirectional, category, normalize

from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line, around

_FROM_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_FROM_LEFT = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]")
_SPACE = 0.2
"""Of the height of letters: from there on, a blank is a space."""
_LIGATURES = [(0xFBEA, 0xFDFB), (0xFEF5, 0xFEFC)]
_INSIDE = frozenset("-–/.,:'+٫٬×*_#@&=")
"""What stands within a number, a date or an address."""
_BEFORE = frozenset("+-−$€£₪#±")
_AFTER = frozenset("%°$€£₪'")
_OPENING = dict(zip("([{<«‹", ")]}>»›", strict=True))
_CLOSING = {closing: opening for opening, closing in _OPENING.items()}
_NUMBER, _LETTER, _RIGHT, _OTHER = "number", "letter", "right", "other"


class _Unit(NamedTuple):
    """Letters at one place: one with its marks, or several printed as one."""

    text: str
    box: Box
    kind: str


def is_from_right(text: str) -> bool:
    """Tell whether most letters of a text are read from right to left."""
    if not has_from_right(text):
        return False
    return len(_FROM_RIGHT.findall(text)) >= len(_FROM_LEFT.findall(text))


def has_from_right(text: str) -> bool:
    """Tell whether any letter of a text is read from right to left."""
    return not text.isascii() and _FROM_RIGHT.search(text) is not None


def as_read(line: Line, *, from_right: bool) -> Line:
    """Return a line in the order in which it is read, if it has letters from right to left.

    `from_right` is the direction of its page.
    """
    text = "".join(letter.text for letter in line)
    if not has_from_right(text):
        return line
    seen = _units(line)
    if not _is_level(seen):
        return line
    seen = _spaced(sorted(seen, key=lambda unit: unit.box.left + unit.box.right), line)
    units = _from_right(seen) if from_right or is_from_right(text) else _from_left(seen)
    return [Letter(unit.text, unit.box) for unit in units]


def _units(line: Line) -> list[_Unit]:
    """Return what is seen of a line, in no order: letters with their marks, joined ones as one."""
    groups: list[list[Letter]] = []
    for letter in line:
        if letter.is_space:
            continue
        if groups and (_is_at(letter, groups[-1][0]) or _is_mark(letter)):
            groups[-1].append(letter)
        else:
            groups.append([letter])
    return [_unit(group) for group in groups]


def _is_mark(letter: Letter) -> bool:
    return category(letter.text[0]) == "Mn"


def _is_at(letter: Letter, other: Letter) -> bool:
    return letter.box.left == other.box.left and letter.box.right == other.box.right


def _unit(group: list[Letter]) -> _Unit:
    letters = "".join(letter.text for letter in group if not _is_mark(letter))
    marks = "".join(letter.text for letter in group if _is_mark(letter))
    if len(letters) > 1 and letters[::-1] in _ligatures() and letters not in _ligatures():
        letters = letters[::-1]
    base = [letter.box for letter in group if not _is_mark(letter)]
    box = around(base or [letter.box for letter in group])
    return _Unit(normalize("NFC", letters + marks), box, _kind(letters or marks))


@cache
def _ligatures() -> frozenset[str]:
    """Return the letters of each sign that stands for several of them in Arabic."""
    signs = (chr(code) for start, end in _LIGATURES for code in range(start, end + 1))
    return frozenset(normalize("NFKC", sign) for sign in signs)


def _kind(text: str) -> str:
    classes = {bidirectional(character) for character in text}
    if classes & {"R", "AL"}:
        return _RIGHT
    if "L" in classes:
        return _LETTER
    return _NUMBER if classes & {"EN", "AN"} else _OTHER


def _is_level(units: Sequence[_Unit]) -> bool:
    """Tell whether a line goes from side to side."""
    if not units:
        return False
    box = around([unit.box for unit in units])
    return box.top - box.bottom <= max(2.5 * median(unit.box.height for unit in units), 1.0) or (
        box.right - box.left > 2 * (box.top - box.bottom)
    )


def _spaced(units: list[_Unit], line: Line) -> list[_Unit]:
    """Return units from left to right with spaces between them."""
    drawn = {
        letter.box for letter in line if letter.is_space and letter.box.right > letter.box.left
    }
    between = _parted(line)
    spaces = sorted((box.left + box.right) / 2 for box in drawn)
    spaced: list[_Unit] = []
    at = 0
    for unit in units:
        middle = (unit.box.left + unit.box.right) / 2
        passed = at
        while at < len(spaces) and spaces[at] <= middle:
            at += 1
        if spaced:
            before = spaced[-1].box
            gap = unit.box.left - before.right
            wide = gap >= _SPACE * min(unit.box.height, before.height)
            if at > passed or wide or (before, unit.box) in between:
                spaced.append(
                    _Unit(" ", Box(before.right, before.bottom, unit.box.left, before.top), _OTHER)
                )
        spaced.append(unit)
    return spaced


def _parted(line: Line) -> set[tuple[Box, Box]]:
    """Return the letters, from left to right, between which the file has a space."""
    pairs = set()
    before: Box | None = None
    space = False
    for letter in line:
        if letter.is_space:
            space = True
            continue
        if before and space:
            one, other = sorted((before, letter.box))
            pairs.add((one, other))
        before, space = letter.box, False
    return pairs


def _from_right(seen: list[_Unit]) -> list[_Unit]:
    """Return what is seen from left to right in a line that is read from the right."""
    ordered: list[_Unit] = []
    for is_run, part in reversed(_runs(seen)):
        ordered += part if is_run else reversed(part)
    return _with_brackets(ordered)


def _from_left(seen: list[_Unit]) -> list[_Unit]:
    """Return what is seen in a line that is read from the left, but for some of its words."""
    ordered: list[_Unit] = []
    for turned, group in groupby(_turned(seen), key=lambda each: each[0]):
        part = [unit for _, unit in group]
        ordered += _from_right(part) if turned else part
    return ordered


def _turned(seen: list[_Unit]) -> list[tuple[bool, _Unit]]:
    """Return each unit with whether it is of a part that is read from the right."""
    rights = [at for at, unit in enumerate(seen) if unit.kind == _RIGHT]
    turned = [False] * len(seen)
    for at in rights:
        turned[at] = True
    for one, other in pairwise(rights):
        if not any(unit.kind == _LETTER for unit in seen[one:other]):
            turned[one:other] = [True] * (other - one)
    return list(zip(turned, seen, strict=True))


def _runs(seen: list[_Unit]) -> list[tuple[bool, list[_Unit]]]:
    """Return units in parts, and of each whether it is read from the left, as numbers are."""
    parts: list[tuple[bool, list[_Unit]]] = []
    at = 0
    while at < len(seen):
        end = _run_end(seen, at)
        if end > at:
            parts.append((True, seen[at:end]))
        elif parts and not parts[-1][0]:
            parts[-1][1].append(seen[at])
        else:
            parts.append((False, [seen[at]]))
        at = max(end, at + 1)
    return parts


def _run_end(seen: list[_Unit], start: int) -> int:
    """Return where the words and numbers that begin at `start` and are read from the left end."""
    first = start + (seen[start].text in _BEFORE and start + 1 < len(seen))
    if first > start and (
        seen[first].kind != _NUMBER or (start and seen[start - 1].kind in (_NUMBER, _RIGHT))
    ):
        return start
    if seen[first].kind not in (_NUMBER, _LETTER):
        return start
    end = first + 1
    worded = seen[first].kind == _LETTER
    at = end
    while at < len(seen) and seen[at].kind != _RIGHT:
        if seen[at].kind == _OTHER:
            at += 1
            continue
        between = seen[end:at]
        words = worded or seen[at].kind == _LETTER
        if not words and not _is_inside(between):
            break
        worded, at = words, at + 1
        end = at
    if end < len(seen) and seen[end].text in _AFTER and _is_digit(seen[end - 1].text):
        end += 1
    return end


def _is_inside(between: Sequence[_Unit]) -> bool:
    return not between or (len(between) == 1 and between[0].text in _INSIDE)


def _is_digit(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _with_brackets(units: list[_Unit]) -> list[_Unit]:
    """Return units in reading order with brackets that open before they close."""
    turned: list[_Unit] = []
    for at, unit in enumerate(units):
        text = unit.text
        if text in _OPENING or text in _CLOSING:
            open_before = at == 0 or units[at - 1].text.isspace()
            open_after = at == len(units) - 1 or units[at + 1].text.isspace()
            if open_before and not open_after:
                text = _CLOSING.get(text, text)
            elif open_after and not open_before:
                text = _OPENING.get(text, text)
        turned.append(unit._replace(text=text))
    return turned


def directed(lines: Iterable[Line], *, from_right: bool) -> list[Line]:
    """Return lines in the order in which their letters are read."""
    return [as_read(line, from_right=from_right) for line in lines]
