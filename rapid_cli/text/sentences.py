"""Where the sentences of a text start and end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from unicodedata import east_asian_width

from rapid_cli.text.language import (
    ALL_STOPS,
    CLOSERS,
    UNSPACED,
    WIDE_CLOSERS,
    WIDE_FORMS,
    WIDE_STOPS,
)

LONGEST_SENTENCE = 400
WRAPPED, WRAPPED_BEFORE_SMALL = 48, 24
"""How wide a line is that may go on with the next one, and with one that begins in small letters.

Shorter ones are verses, labels, addresses and the like. A letter of CJK scripts is two wide.
"""

# A line, or a fenced block of code with all its lines.
_BLOCK = re.compile(
    r"^[^\S\n]*(?P<fence>```|~~~)[\s\S]*?(?:\n[^\S\n]*(?P=fence)[^\n]*|\Z)|[^\n]+", re.MULTILINE
)
# A line that the next one does not belong to: it announces something, is bold, or is a heading, a
# rule or the row of a table.
_CLOSED = re.compile(
    r"[:：][\"'”’»)*_]*$|^(?:#{1,6}\s|\||[-=*_~]{3,}$|(?P<bold>\*\*|__).+(?P=bold)$)|\t| \| "
)
# A line that does not belong to the one before: it begins with a mark or number, or as above.
_OPENING = re.compile(
    r"(?:[-*+•‣◦▪●–—]|#{1,6}|[(（]?(?:\d{1,3}|[ivxIVX]{1,5}|[^\W\d_])[.)])\s"
    r"|[(（]?\d{1,3}[、．）]|[\u2460-\u249b>|]|\*\*|__|[-=*_~]{3,}$|.*(?:\t| \| )"
)
_LABEL = re.compile(r"(?:[^\s:：]{1,20}\s+){0,2}[^\s:：]{1,20}(?::\s|:$|：)")
_UNSPACED = f"[{UNSPACED}{WIDE_FORMS}]"
_UNSPACED_BREAK = re.compile(rf"(?<={_UNSPACED})[^\S\n]*\n[^\S\n]*(?={_UNSPACED})")
_PARAGRAPH = re.compile(r"(?:[^\n]|\n(?!\s*\n))+")
_NON_SPACE = re.compile(r"\S")
_CODE = re.compile(r"`[^`\n]+`")
_STOP = f"[{ALL_STOPS}]"
_MARKUP = "*_"
_END = re.compile(
    rf"(?<!{_STOP}){_STOP}++[{CLOSERS}{_MARKUP}]*+(?=\s)|[{WIDE_STOPS}]+[\"'{WIDE_CLOSERS}]*"
)
_ENDED = re.compile(rf"[{ALL_STOPS}{WIDE_STOPS}][{CLOSERS}{_MARKUP}{WIDE_CLOSERS}]*$|```$|~~~$")
_LAST_PIECE = re.compile(rf"[{ALL_STOPS}{WIDE_STOPS}{CLOSERS}{WIDE_CLOSERS}{_MARKUP}`]\s*$|\n\s*$")
_LAST_WORD = re.compile(r"(?:[^\W_]+\.)*[^\W_]+$")
_MARKER = re.compile(r"[^\w`]*(?:\d{1,3}|[^\W\d_])?$")
_LONGEST_MARKER, _LONGEST_ABBREVIATION = 40, 8
_ABBREVIATION = re.compile(
    r"e\.g|i\.e|cf|mrs?|ms|dr|prof|st|vs|al|gen|col|lt|sgt|capt|rep|sen|gov|rev|hon", re.IGNORECASE
)
_BEFORE_NUMBERS = re.compile(
    r"nos?|vol|pp?|ch|sect?|figs?|eqs?|art|par|ca|approx"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec",
    re.IGNORECASE,
)


def may_end(piece: str) -> bool:
    """Tell whether a sentence may end with this piece of a text.

    It does with a stop, with what closes behind one, and with a line.
    """
    return bool(_LAST_PIECE.search(piece))


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of an answer start and end, in order and without gaps but space.

    A line ends a sentence unless it seems to be broken because it was wide enough; a block of code
    is one.
    """
    spans = []
    for start, end, is_code in _blocks(text):
        spans += _stripped(text, [start, end]) if is_code else _split(text, start, end)
    return spans


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where a line with those it goes on with starts and ends, or code; and if it is code."""
    lines = list(_BLOCK.finditer(text))
    starts = [at for at, line in enumerate(lines) if not at or not _goes_on(lines[at - 1], line)]
    for first, after in pairwise([*starts, len(lines)]):
        yield lines[first].start(), lines[after - 1].end(), bool(lines[first]["fence"])


def _goes_on(before: re.Match[str], after: re.Match[str]) -> bool:
    """Tell whether a line was broken because it was wide enough, and not where it ends."""
    line, following = before[0].strip(), after[0].strip()
    apart = before["fence"] or after["fence"] or after.start() > before.end() + 1 or not following
    if apart or _CLOSED.search(line) or _OPENING.match(following):
        return False
    width = len(line) + sum(east_asian_width(letter) in "WF" for letter in line)
    if following[0].islower():
        return width >= WRAPPED_BEFORE_SMALL
    return width >= WRAPPED and not _LABEL.match(following)


def whole(text: str) -> str:
    """Return `text` without a last sentence that has no end."""
    spans = sentences(text)
    if spans and not _ENDED.search(text[slice(*spans[-1])]):
        return text[: spans[-1][0]]
    return text


def one_line(text: str) -> str:
    """Return `text` on one line; lines of scripts without spaces are joined without one."""
    return " ".join(_UNSPACED_BREAK.sub("", text).split())


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the sentences of `text[start:end]`."""
    code = [match.span() for match in _CODE.finditer(text, start, end)]
    cuts = [start]
    for found in _END.finditer(text, start, end):
        inside = any(low < found.start() < high for low, high in code)
        if not inside and _ends(text, cuts[-1], found, end):
            cuts.append(found.end())
    return _stripped(text, [*cuts, end])


def _ends(text: str, start: int, found: re.Match[str], limit: int) -> bool:
    """Tell whether the sentence that begins at `start` ends with the full stop `found`."""
    if found[0][0] in WIDE_STOPS:
        return True
    said, after = text[start : found.start()], _NON_SPACE.search(text, found.end(), limit)
    follows = after[0] if after else ""
    begins_line = after is not None and "\n" in text[found.end() : after.start()]
    goes_on = follows.islower() and not begins_line
    if goes_on or (len(said) <= _LONGEST_MARKER and _MARKER.match(said)):
        return False
    word = _LAST_WORD.search(said[-_LONGEST_ABBREVIATION:])
    return word is None or found[0][:2].strip(")") != "." or not _abbreviated(word[0], follows)


def _abbreviated(word: str, follows: str) -> bool:
    """Tell whether the full stop after `word` belongs to it."""
    initial = word.isupper() and all(len(part) == 1 for part in word.split("."))
    before_number = bool(_BEFORE_NUMBERS.fullmatch(word)) and follows.isdigit()
    return initial or before_number or bool(_ABBREVIATION.fullmatch(word))


def _stripped(text: str, cuts: Sequence[int]) -> list[tuple[int, int]]:
    """Return the spans between `cuts`, without the space around them and without empty ones."""
    spans = []
    for start, end in pairwise(cuts):
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        if piece.strip():
            spans.append((first, first + len(piece.strip())))
    return spans


def passage_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a passage's sentences, whose lines may break anywhere; long ones are cut.

    They are cut where a line ends, so that a table is not one sentence.
    """
    for paragraph in _PARAGRAPH.finditer(text):
        for start, end in _split(text, *paragraph.span()):
            yield from _stripped(text, [*_cuts(text, start, end), end])


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Yield `start` and where else the sentence that begins there is cut."""
    yield start
    while end - start > LONGEST_SENTENCE:
        limit = start + LONGEST_SENTENCE
        line, space = (text.rfind(gap, start + 1, limit) for gap in "\n ")
        start = line if line > 0 else space if space > 0 else limit
        yield start
