"""Drafts without a model: what followed the last words of the answer where they stood before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.drafting import Draft

SHORTEST, LONGEST = 2, 32
"""Matches of fewer tokens are not looked for; of a longer one, no more tokens are compared."""
GRADES = (2, 3, 4, 6, 9, 14)
"""Matches of at least so many tokens are of one kind: the longer, the likelier to go on alike."""
_INDEXED = (2, 4, 8, 16, 32)
BOUNDARY = -1
"""Stands between two texts; no draft goes on beyond it."""
_FACTOR = 0x9E3779B97F4A7C15
"""Odd and large, so that hashes of runs with this base differ, modulo 2 to the 64."""

_Hashes = NDArray[np.uint64]
_Ends = NDArray[np.intp]


class Index(Protocol):
    """Where runs of tokens end in texts."""

    def longest(self, output: Tokens) -> Occurrence | None:
        """Return the longest match with the end of `output`, the latest of several, if any."""
        ...

    def after(self, end: int, count: int) -> tuple[int, ...]:
        """Return up to `count` tokens from `end` on, within one text."""
        ...


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The last `length` tokens of the answer end at `end` in an indexed text, too."""

    length: int
    end: int
    text: Index


class TextIndex:
    """Texts that stay, and where in them runs of some lengths end.

    A text may repeat a run on every line, such as the dots of a table of contents. So a longest
    match is looked for from the longest runs on: what is left to compare is little, or most of a
    text that says the same all over, which numpy compares at once.
    """

    def __init__(self, texts: Iterable[Tokens]) -> None:
        whole = [token for text in texts for token in (*text, BOUNDARY)]
        self._tokens = np.array(whole, dtype=np.int64)
        self._runs = {length: self._sorted(length) for length in _INDEXED}

    def longest(self, output: Tokens) -> Occurrence | None:
        """Return the longest match with the end of `output`, the latest of several, if any."""
        tail = np.array(output[-LONGEST:], dtype=np.int64)
        length, ends = self._begun(tail)
        if not len(ends):
            return None
        while length < len(tail):
            further = ends[self._tokens[ends - length - 1] == tail[-length - 1]]
            further = further[further > length]
            if not len(further):
                break
            ends, length = further, length + 1
        return Occurrence(length, int(ends[-1]), self)

    def after(self, end: int, count: int) -> tuple[int, ...]:
        """Return up to `count` tokens from `end` on, within one text."""
        tokens = self._tokens[end : end + count].tolist()
        return tuple(tokens[: tokens.index(BOUNDARY)] if BOUNDARY in tokens else tokens)

    def _begun(self, tail: NDArray[np.int64]) -> tuple[int, _Ends]:
        """Return the longest indexed run that ends `tail` and is in the texts, and its ends."""
        longest, found = SHORTEST, np.empty(0, np.intp)
        for length, (hashes, ends) in self._runs.items():
            if length > len(tail):
                break
            wanted = _hashes(tail[-length:], length)[0]
            first, last = (np.searchsorted(hashes, wanted, side) for side in ("left", "right"))
            if first == last:
                break
            longest, found = length, ends[first:last]
        return longest, found

    def _sorted(self, length: int) -> tuple[_Hashes, _Ends]:
        """Return the hashes of all runs that something follows, in order, with their ends."""
        ends = np.flatnonzero(self._tokens != BOUNDARY)
        ends = ends[ends >= length]
        hashes = _hashes(self._tokens, length)[ends - length]
        order = np.argsort(hashes, kind="stable")
        return hashes[order], ends[order]


def _hashes(tokens: NDArray[np.int64], length: int) -> _Hashes:
    """Return the hash of each run of `length` tokens, a power of two."""
    hashes = (tokens + 1).astype(np.uint64)
    size = 1
    while size < length:
        hashes = hashes[:-size] * _power(size) + hashes[size:]
        size *= 2
    return hashes


@cache
def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(_FACTOR, exponent, 1 << 64))


class NgramIndex:
    """Texts that grow, and where in them each run of SHORTEST tokens ends."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._ends: dict[tuple[int, ...], list[int]] = {}
        self._indexed = SHORTEST

    def extend(self, tokens: Tokens) -> None:
        """Add tokens; a run that nothing follows yet is indexed when something does."""
        self._tokens += tokens
        for end in range(self._indexed, len(self._tokens)):
            if self._tokens[end] != BOUNDARY:
                run = tuple(self._tokens[end - SHORTEST : end])
                self._ends.setdefault(run, []).append(end)
        self._indexed = max(self._indexed, len(self._tokens))

    def longest(self, output: Tokens) -> Occurrence | None:
        """Return the longest match with the end of `output`, the latest of several, if any."""
        ends = self._ends.get(tuple(output[-SHORTEST:]), [])
        length = SHORTEST
        while length < min(LONGEST, len(output)):
            before = output[-length - 1]
            further = [
                end for end in ends if end > length and self._tokens[end - length - 1] == before
            ]
            if not further:
                break
            ends, length = further, length + 1
        return Occurrence(length, ends[-1], self) if ends else None

    def after(self, end: int, count: int) -> tuple[int, ...]:
        """Return up to `count` tokens from `end` on, within one text."""
        tokens = self._tokens[end : end + count]
        return tuple(tokens[: tokens.index(BOUNDARY)] if BOUNDARY in tokens else tokens)


class PromptLookupDrafter:
    """Proposes what followed the longest earlier occurrence of the output's end.

    It looks in texts that are there from the start, such as the document and the passages, in
    what others note while the answer is written, such as drafts, and in the answer itself; of
    matches equally long the last named place counts.
    """

    def __init__(self, texts: Iterable[Tokens], notes: Sequence[Tokens] = ()) -> None:
        """Index `texts`; `notes` may grow, and is read on before each draft."""
        self._texts = TextIndex(texts)
        self._drafts = NgramIndex()
        self._notes = notes
        self._noted = 0
        self._output = NgramIndex()
        self._output_length = 0

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Propose up to `gamma` tokens; none where nothing like it was read."""
        match = self._match(output)
        return Draft(match.text.after(match.end, gamma)) if match else Draft()

    def grade(self, output: Tokens) -> int | None:
        """Return the place in GRADES of the match that a draft would rest on, if there is one."""
        match = self._match(output)
        return bisect_right(GRADES, match.length) - 1 if match else None

    def _match(self, output: Tokens) -> Occurrence | None:
        self._synchronise(output)
        found = (each.longest(output) for each in (self._texts, self._drafts, self._output))
        matches = [match for match in found if match is not None]
        return max(reversed(matches), key=lambda match: match.length, default=None)

    def _synchronise(self, output: Tokens) -> None:
        """Take in what was noted and committed since; the output only ever grows."""
        for note in self._notes[self._noted :]:
            self._drafts.extend((*note, BOUNDARY))
        self._noted = len(self._notes)
        self._output.extend(output[self._output_length :])
        self._output_length = len(output)
