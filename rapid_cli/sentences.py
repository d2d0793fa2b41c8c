"""Where the sentences of a text start and end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

LONGEST_SENTENCE = 400

# A line, or a fenced block of code with all its lines.
_BLOCK = re.compile(
    r"^[^\S\n]*(?P<fence>```|~~~)[\s\S]*?(?:\n[^\S\n]*(?P=fence)[^\n]*|\Z)|[^\n]+", re.MULTILINE
)
_PARAGRAPH = re.compile(r"(?:[^\n]|\n(?!\s*\n))+")
_NON_SPACE = re.compile(r"\S")
_CODE = re.compile(r"`[^`\n]+`")
_END = re.compile(r"(?<![.!?…؟۔।॥])[.!?…؟۔।॥]++[\"'”’»)\]*_]*+(?=\s)|[。！？｡]+[\"'”’」』）]*")
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


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of an answer start and end, in order and without gaps but space.

    A line ends a sentence, as does a full stop; a block of code is one.
    """
    spans = []
    for block in _BLOCK.finditer(text):
        if block["fence"]:
            spans += _stripped(text, [block.start(), block.end()])
        else:
            spans += _split(text, block.start(), block.end())
    return spans


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
    if found[0][0] in "。！？｡":
        return True
    said, after = text[start : found.start()], _NON_SPACE.search(text, found.end(), limit)
    follows = after[0] if after else ""
    if follows.islower() or (len(said) <= _LONGEST_MARKER and _MARKER.match(said)):
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
