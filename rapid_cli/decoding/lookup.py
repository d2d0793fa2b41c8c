"""Drafts without a model: what followed the last words of the answer where they stood before."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.drafting import Draft

SHORTEST, LONGEST = 2, 32
"""Matches of fewer tokens are not looked for; of a longer one, no more tokens are compared."""
GRADES = (2, 3, 4, 6, 9, 14)
"""Matches of at least so many tokens are of one kind: the longer, the likelier to go on alike."""
BOUNDARY = -1
"""Stands between two texts; no draft goes on beyond it."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The last `length` tokens of the answer end at `end` in an indexed text, too."""

    length: int
    end: int
    text: NgramIndex


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
        self._texts = NgramIndex()
        for text in texts:
            self._texts.extend((*text, BOUNDARY))
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
        found = (self._texts.longest(output), self._output.longest(output))
        matches = [match for match in found if match is not None]
        return max(reversed(matches), key=lambda match: match.length, default=None)

    def _synchronise(self, output: Tokens) -> None:
        """Take in what was noted and committed since; the output only ever grows."""
        for note in self._notes[self._noted :]:
            self._texts.extend((*note, BOUNDARY))
        self._noted = len(self._notes)
        self._output.extend(output[self._output_length :])
        self._output_length = len(output)
