"""A quote found again in a text that has the same words, but other spaces, hyphens and line ends.

Only letters and digits are compared, without their case and accents. A quote that stands there as
it is wins. Otherwise it is put together from stretches of it that stand near each other, and a
quote of which too much is missing, or any digit, is not found: to mark nothing is better than to
mark another sentence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from unicodedata import normalize

from rapid_cli.text.language import HANGUL, UNSPACED

LONGEST_QUOTE = 4_000
"""Characters that are looked for."""
WINDOW = 200_000
"""Characters of a text that are looked at together, so that long ones take no more memory."""
LEAST_SHARE = 0.9
"""How much of a quote must be there."""
SHORTEST_STRETCH = 8
"""Letters in a row that are no chance."""
SHORTEST_GLUED = 12
"""Letters of a quote that may begin or end within a word, as where a text lacks its spaces."""
REACH = 300
"""Letters between stretches that may belong to one quote: a note or the head of a column."""
BRIDGED = 12
"""Letters between two stretches that belong to the sentence, though they are told otherwise."""
_MOST_PLACES = 50
"""Places of the same letters that are looked at."""
_MOST_ANCHORS = 8
_CONTEXT = 60
"""Letters around a quote that tell which of several places is meant."""
_WITHIN_WORD = re.compile(rf"[^\W_{UNSPACED}{HANGUL}]")

Span = tuple[int, int]
"""From where to where in a text, in characters."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a quote stands in a text: parts of it in order, and how much of the quote they hold."""

    spans: tuple[Span, ...]
    share: float


NOWHERE = Found((), 0.0)


class _Letters(NamedTuple):
    """The letters and digits of a text as they are compared, each with its place in the text."""

    text: str
    places: Sequence[int]


class _Stretch(NamedTuple):
    """Letters of a quote from `start` on that stand in a text at `place`."""

    place: int
    start: int
    size: int


def find_quote(text: str, quote: str, passage: str = "") -> Found:
    """Return where `quote` stands in `text`; of several places that which is like the `passage`.

    Dots at the ends of a quote that was cut do not matter. NOWHERE if it is not there.
    """
    best = NOWHERE
    for start in range(0, max(len(text) - LONGEST_QUOTE, 1), WINDOW - LONGEST_QUOTE):
        found = _find(text[start : start + WINDOW], quote, passage)
        if found.share > best.share:
            spans = [(start + first, start + last) for first, last in found.spans]
            best = Found(tuple(_with_edges(text, spans, quote[:LONGEST_QUOTE])), found.share)
        if best.share == 1:
            break
    return best


def _find(text: str, quote: str, passage: str) -> Found:
    held, sought = _letters(text), _letters(quote[:LONGEST_QUOTE])
    wanted = sought.text
    if not wanted:
        return NOWHERE
    starts = [at for at in _occurrences(held.text, wanted) if _is_apart(text, held, at, wanted)]
    if starts:
        best = max(starts, key=_likeness(held.text, wanted, _letters(passage).text))
        return Found(_spans(held, [(best, best + len(wanted))]), 1.0)
    return _pieced(held, sought)


def _with_edges(text: str, spans: Sequence[Span], quote: str) -> Iterator[Span]:
    """Yield spans with the punctuation around the quote, where the text has the same."""
    told = [at for at, character in enumerate(quote) if _folded(character)]
    before, after = quote[: told[0]], quote[told[-1] + 1 :]
    for at, (start, end) in enumerate(spans):
        behind = text[max(start - len(before), 0) : start] if at == 0 else ""
        ahead = text[end : end + len(after)] if at == len(spans) - 1 else ""
        yield start - _agreeing(behind[::-1], before[::-1]), end + _agreeing(ahead, after)


def _letters(text: str) -> _Letters:
    folded = [_folded(character) for character in text]
    places = [at for at, letters in enumerate(folded) for _ in letters]
    return _Letters("".join(folded), places)


@lru_cache(4096)
def _folded(character: str) -> str:
    """Return what is compared of a character: ligatures are several letters, a dash is none."""
    return "".join(filter(str.isalnum, normalize("NFKD", character).casefold()))


def _occurrences(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _is_apart(text: str, held: _Letters, at: int, wanted: str) -> bool:
    """Tell whether letters begin and end with words, or are too many to be there by chance."""
    first, last = held.places[at], held.places[at + len(wanted) - 1]
    edges = text[max(first - 1, 0) : first + 1], text[last : last + 2]
    inside = [edge for edge in edges if len(edge) == 2 and all(map(_WITHIN_WORD.match, edge))]
    if any(edge.isdigit() for edge in inside):  # 5 is not in 45, however much follows
        return False
    return not inside or len(wanted) >= SHORTEST_GLUED


def _likeness(held: str, wanted: str, passage: str) -> _Likeness:
    """Return what tells how much the surroundings of a place are like those in a passage."""
    at = passage.find(wanted)
    before = passage[max(at - _CONTEXT, 0) : at] if at >= 0 else ""
    after = passage[at + len(wanted) :][:_CONTEXT] if at >= 0 else ""
    return _Likeness(held, len(wanted), before, after)


@dataclass(frozen=True, slots=True)
class _Likeness:
    """How many letters around a place agree with those before and after a quote."""

    text: str
    size: int
    before: str
    after: str

    def __call__(self, start: int) -> int:
        behind = self.text[max(start - _CONTEXT, 0) : start]
        ahead = self.text[start + self.size :][:_CONTEXT]
        return _agreeing(behind[::-1], self.before[::-1]) + _agreeing(ahead, self.after)


def _agreeing(one: str, other: str) -> int:
    """Return with how many of the same letters two texts begin."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _pieced(held: _Letters, sought: _Letters) -> Found:
    """Return the stretches of a quote that stand near each other, if they are most of it."""
    whole = (_with_whole_numbers(each, held, sought) for each in _stretches(held, sought))
    stretches = [each for each in whole if each.size >= SHORTEST_STRETCH]
    anchors = sorted(stretches, key=lambda each: -each.size)[:_MOST_ANCHORS]
    around = [_around(anchor, stretches) for anchor in anchors]
    best = max(around, key=lambda chosen: len(_covered(chosen)), default=[])
    covered = _covered(best)
    digits = {at for at, letter in enumerate(sought.text) if letter.isdigit()}
    share = len(covered) / len(sought.text)
    if share < LEAST_SHARE or not digits <= covered:
        return NOWHERE
    return Found(_spans(held, _bridged(best)), share)


def _stretches(held: _Letters, sought: _Letters) -> list[_Stretch]:
    """Return the longest common stretches of a text and a quote, none shorter than the shortest."""
    text, wanted = held.text, sought.text
    found: list[_Stretch] = []
    reached: dict[int, int] = {}  # by the distance of both, up to where a stretch is known
    places = _grams(text, {wanted[at : at + SHORTEST_STRETCH] for at in range(len(wanted))})
    for start in range(len(wanted) - SHORTEST_STRETCH + 1):
        for place in places[wanted[start : start + SHORTEST_STRETCH]]:
            if reached.get(place - start, -1) >= start + SHORTEST_STRETCH:
                continue
            size = _agreeing(text[place : place + len(wanted)], wanted[start:])
            reached[place - start] = start + size
            found.append(_Stretch(place, start, size))
    return found


def _with_whole_numbers(stretch: _Stretch, held: _Letters, sought: _Letters) -> _Stretch:
    """Return a stretch without what it has of numbers that go on outside of it."""
    place, start, size = stretch
    while size and (_parts_number(held, place) or _parts_number(sought, start)):
        place, start, size = place + 1, start + 1, size - 1
    while size and (_parts_number(held, place + size) or _parts_number(sought, start + size)):
        size -= 1
    return _Stretch(place, start, size)


def _parts_number(letters: _Letters, at: int) -> bool:
    """Tell whether a cut before a letter parts the digits of a number."""
    if not 0 < at < len(letters.text) or not letters.text[at - 1 : at + 1].isdigit():
        return False
    return letters.places[at] - letters.places[at - 1] <= 1


def _grams(text: str, wanted: set[str]) -> Mapping[str, list[int]]:
    """Return where in a text the wanted runs of the shortest length stand, each a few times."""
    places: dict[str, list[int]] = defaultdict(list)
    for at in range(len(text) - SHORTEST_STRETCH + 1):
        gram = text[at : at + SHORTEST_STRETCH]
        if gram in wanted and len(places[gram]) < _MOST_PLACES:
            places[gram].append(at)
    return places


def _around(anchor: _Stretch, stretches: Iterable[_Stretch]) -> list[_Stretch]:
    """Return an anchor and the stretches near it, the longest first, that add to what is covered.

    They may stand in another order: a table is not read by all in the same one.
    """
    chosen = [anchor]
    taken = _range(anchor)
    for each in sorted(stretches, key=lambda one: (-one.size, abs(one.place - anchor.place))):
        new = sorted(_range(each) - taken)
        if len(new) < SHORTEST_STRETCH or not _is_near(each, chosen):
            continue
        # What two stretches share of the quote is marked once.
        chosen.append(_Stretch(each.place + new[0] - each.start, new[0], new[-1] - new[0] + 1))
        taken |= _range(each)
    return chosen


def _covered(stretches: Iterable[_Stretch]) -> set[int]:
    """Return which letters of a quote stretches hold."""
    return set().union(*map(_range, stretches))


def _range(stretch: _Stretch) -> set[int]:
    return set(range(stretch.start, stretch.start + stretch.size))


def _is_near(stretch: _Stretch, others: Sequence[_Stretch]) -> bool:
    end = stretch.place + stretch.size
    return any(
        stretch.place - (other.place + other.size) <= REACH and other.place - end <= REACH
        for other in others
    )


def _bridged(stretches: Iterable[_Stretch]) -> list[Span]:
    """Return stretches as spans of letters, with the few between two that follow on in a quote."""
    spans: list[Span] = []
    before: _Stretch | None = None
    for each in sorted(stretches):
        end = each.place + each.size
        if before and _follows(before, each):
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((each.place, end))
        before = each
    return spans


def _follows(one: _Stretch, other: _Stretch) -> bool:
    within = other.place - one.place - one.size, other.start - one.start - one.size
    return all(gap <= BRIDGED for gap in within) and within[1] >= 0


def _spans(held: _Letters, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans of letters as spans of the text that they are from."""
    return tuple((held.places[start], held.places[end - 1] + 1) for start, end in spans)
