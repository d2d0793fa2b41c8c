"""The encoding of a text that is neither UTF-8 nor marked, by how likely its letters are."""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache

from rapid_cli.reader.formats.encodings.letters import (
    CANDIDATES,
    INNER_SIGNS,
    WIDE,
    Candidate,
    likelihoods,
)

_SAMPLE = 2048  # bytes
_PLACES = 16  # of a longer text, from which the sample is taken
_FIT = 0.65
"""Share of the letters beyond ASCII that are of the language, and where they can be. Of right
texts it is 0.88 and more, of noise 0.45 and less."""

# Logarithms of how likely a character is, or of how much less likely it is where it stands.
_LETTER, _BLANK, _OTHER = math.log(0.04), math.log(0.12), math.log(0.015)
_UNLISTED_LETTER, _UNLISTED_SIGN, _SENSELESS = math.log(2e-4), math.log(2e-5), math.log(1e-7)
_OTHER_SCRIPT, _CAPITAL_INSIDE, _SIGN_INSIDE = -5.0, -3.0, -3.0
_UNUSUAL = -2.0  # but not out of place

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_CHARACTER_START = re.compile(rb"[\x00-\x7f](?=[\x80-\xff])")
_CONTROLS = bytes({*range(9), *range(14, 27), *range(28, 32), 127})
# Of Chinese, Japanese and Korean in UTF-16, with their punctuation and what is of ASCII.
_HIGH_HALVES = bytes({0x00, 0x20, 0x30, 0xFF, *range(0x4E, 0xA0), *range(0xAC, 0xD8)})
_LATIN, _COMBINING = "LATIN", "COMBINING"
_WITHOUT_BLANKS = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}
_ESCAPES = ((b"\x1b$)C", "iso2022_kr", "ISO-2022-KR"), (b"\x1b$", "iso2022_jp_ext", "ISO-2022-JP"))


def guess(raw: bytes) -> Candidate | None:
    """Return what a text is in that is neither UTF-8 nor marked, None where nothing fits."""
    return _guess(_sample(raw))


def escaped(raw: bytes) -> Candidate | None:
    """Return what a text of ASCII alone is in that switches to other letters, if it does."""
    for mark, encoding, title in _ESCAPES:
        if mark in raw:
            try:
                raw.decode(encoding)
            except UnicodeDecodeError:
                return None
            return Candidate(encoding, title, ())
    return None


@lru_cache(4)
def _guess(sample: bytes) -> Candidate | None:
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    narrow = CANDIDATES if controls * 20 <= len(sample) else ()
    judged = {each: _Judged(sample, each) for each in (*narrow, *_possible_wide(sample))}
    # Half of the pairs of any bytes are Chinese letters in UTF-16.
    likely = [each for each in judged if each in narrow or judged[each].fit >= _FIT]
    best = max(likely, key=lambda each: judged[each].score, default=None)
    return best if best and judged[best].fit >= _FIT else None


def _possible_wide(sample: bytes) -> tuple[Candidate, ...]:
    """Return which kinds of UTF-16 a text may be in, by the halves that say which script it is."""
    halves = (sample[1::2], sample[0::2])
    others = (len(half.translate(None, _HIGH_HALVES)) for half in halves)
    return tuple(
        each
        for each, half, count in zip(WIDE, halves, others, strict=True)
        if count * 10 <= len(half)
    )


def _sample(raw: bytes) -> bytes:
    """Return the places of a text where it has letters beyond ASCII, from all of it."""
    if len(raw) <= _SAMPLE or _possible_wide(raw[:_SAMPLE]):  # no piece of UTF-16 begins anywhere
        return raw[:_SAMPLE]
    length, pieces, end = _SAMPLE // _PLACES, [], 0
    for place in range(0, len(raw), -(-len(raw) // _PLACES)):
        start = _character_start(raw, max(place, end))
        end = start + length
        pieces.append(raw[start:end])
    return b"\n".join(filter(None, pieces))


def _character_start(raw: bytes, place: int) -> int:
    """Return where a character beyond ASCII begins, or the word before it, at or after `place`."""
    first = _BEYOND_ASCII.search(raw, place)
    if first is None:
        return len(raw)
    if first.start() > place:
        return max(place, first.start() - 20)
    # It may be the middle of a character of several bytes.
    start = _CHARACTER_START.search(raw, place, place + _SAMPLE)
    return start.end() if start else place


class _Judged:
    """How likely a text is in an encoding, and how well its letters beyond ASCII fit."""

    def __init__(self, raw: bytes, candidate: Candidate) -> None:
        # What the end of the sample cuts in two is left out.
        decoder = codecs.getincrementaldecoder(candidate.encoding)("replace")
        text = decoder.decode(raw)
        beyond = Counter(char for char in text if not char.isascii())
        tables = map(likelihoods, candidate.languages)
        table = max(tables, key=lambda each: _likelihood(beyond, each))
        places = [_place(*each) for each in _neighbours(text)]
        within = len(text) - beyond.total()
        self.score = (
            _likelihood(beyond, table)
            + _likelihood(Counter(char for char in text if char.isascii()), {})
            + sum(places)
            - candidate.doubt
        )
        known = sum(count for char, count in beyond.items() if char in table)
        misplaced = sum(place < _UNUSUAL for place in places)
        self.fit = (known - misplaced) / max(1, len(text) - within)


def _likelihood(counts: Counter[str], table: dict[str, float]) -> float:
    return sum(count * (table.get(char) or _unlisted(char)) for char, count in counts.items())


@cache
def _unlisted(char: str) -> float:
    """Return how likely a character is that is not of the language."""
    if char.isascii() and (char.isprintable() or char.isspace()):
        return _LETTER if char.isalpha() else _BLANK if char.isspace() else _OTHER
    category = unicodedata.category(char)
    if category[0] == "C" or char == "\ufffd":
        return _SENSELESS
    return _UNLISTED_LETTER if category[0] == "L" else _UNLISTED_SIGN


def _neighbours(text: str) -> list[tuple[str, str, str, str]]:
    """Return each pair of which one is beyond ASCII, with what is before and after it."""
    padded = f"  {text} "
    found = zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    return [each for each in found if not (each[1].isascii() and each[2].isascii())]


def _place(second_last: str, last: str, char: str, following: str) -> float:
    """Return how much less likely a character is where it stands."""
    kind, before = _script(char), _script(last)
    if not kind:
        inside = before and char not in INNER_SIGNS and not char.isascii() and following.isalpha()
        return _SIGN_INSIDE if inside else 0
    total = 0.0
    if before and before != kind and _LATIN in {kind, before} and _COMBINING not in {kind, before}:
        total += _UNUSUAL if {kind, before} & _WITHOUT_BLANKS else _OTHER_SCRIPT
    if char.isupper() and last.islower():
        total += _CAPITAL_INSIDE
    row = (second_last, last, char)
    if kind == before == _script(second_last) == _LATIN and not any(map(str.isascii, row)):
        total += _UNUSUAL
    return total


@cache
def _script(char: str) -> str:
    """Return the script of a letter, as the first word of its name; nothing for other signs."""
    if char.isascii():
        return _LATIN if char.isalpha() else ""
    category = unicodedata.category(char)
    is_letter = category[0] in "LM" and category != "Lm"
    return unicodedata.name(char, "").split(" ")[0] if is_letter else ""
