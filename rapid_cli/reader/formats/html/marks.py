"""Marks of what a part of a line is: raised, lowered, struck out, a note, said of a picture.

While a line is collected they are characters that Unicode gives no meaning; what a page itself
has of them is left out. Once the line is whole, the text around decides how each is written.
"""

from __future__ import annotations

import re

from rapid_cli.reader.scripts import lowered, note, noted, raised

RAISED, LOWERED, NOTED, STRUCK, PICTURED = "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4"
END = "\ufdd5"
"""Ends what any of the others begins."""
_ANY = re.compile("[\ufdd0-\ufdd7]")
_EACH = re.compile("([\ufdd0-\ufdd7])")
_FRACTION = re.compile(
    rf"(\d?){RAISED}\s*(\d{{1,4}})\s*{END}\s*[/\u2044\u2215]\s*{LOWERED}\s*(\d{{1,4}})\s*{END}"
)
_DEEPEST = 8  # of marks in marks
_SEEN = 120  # characters before and after a mark that decide about it


def is_marked(text: str) -> bool:
    """Tell whether there is a mark in a text."""
    return _ANY.search(text) is not None


def unmarked(text: str) -> str:
    """Return a text without any marks."""
    return _ANY.sub("", text)


def only_pictures(text: str) -> bool:
    """Tell whether a line holds nothing but what is said of pictures."""
    return PICTURED in text and not _folded(_without_pictures(_EACH.split(text)))


def resolved(text: str) -> str:
    """Return a whole line with each mark written in signs."""
    pieces = _EACH.split(_FRACTION.sub(_fraction, text))
    words = _folded(unmarked(_without_pictures(pieces)))
    written: list[str] = []
    begun: list[tuple[str, int]] = []
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            written += [piece] if piece else []
        elif piece != END:
            begun.append((piece, len(written)))
        elif begun:
            mark, start = begun.pop()
            if len(begun) < _DEEPEST:
                inner = " ".join("".join(written[start:]).split())
                del written[start:]
                if inner:
                    before = _end_of(written, begun[-1][1] if begun else 0)
                    after = pieces[at + 1][:_SEEN]
                    written.append(_in_signs(mark, inner, before, after, words))
    return "".join(written)


def _fraction(match: re.Match[str]) -> str:
    whole = f"{match[1]} " if match[1] else ""
    return f"{whole}{match[2]}/{match[3]}"


def _in_signs(mark: str, inner: str, before: str, after: str, words: str) -> str:
    """Return what a mark makes of the text in it."""
    if mark == RAISED:
        return _apart(raised(inner, before, after), after)
    if mark == LOWERED:
        return _apart(lowered(inner, before), after)
    if mark == NOTED:
        return noted(note(inner), before)
    return f" ~~{inner}~~ " if mark == STRUCK else _picture(inner, words)


def _apart(script: str, after: str) -> str:
    """Return a script that does not run into the digits after it: log_2 8."""
    runs_on = script[:1] in {"^", "_"} and script[-1].isdigit() and after[:1].isdigit()
    return f"{script} " if runs_on else script


def _end_of(written: list[str], first: int) -> str:
    """Return the last characters of what was written from the piece `first` on."""
    pieces: list[str] = []
    length, at = 0, len(written)
    while at > first and length < _SEEN:
        at -= 1
        pieces.append(written[at][-_SEEN:])
        length += len(pieces[-1])
    return "".join(reversed(pieces))


def _picture(said: str, words: str) -> str:
    """Return what is said of a picture, unless the line says it too; a sign is a part of a word."""
    if _folded(said) in words:
        return " "
    return f" {said} " if any(map(str.isalnum, said)) else said


def _without_pictures(pieces: list[str]) -> str:
    """Return the text of a line but what is said of its pictures."""
    kept, depth = [], 0
    for piece in pieces:
        if depth:
            depth += (piece in {RAISED, LOWERED, NOTED, STRUCK, PICTURED}) - (piece == END)
        elif piece == PICTURED:
            depth = 1
        else:
            kept.append(piece)
    return "".join(kept)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
