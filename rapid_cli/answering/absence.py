"""Whether the text tells what was asked at all: put to both readings before an answer is given out.

Models hold back an answer more readily when they are reminded right after the question that they
may. But a question that always ends so is left unanswered too often. So the answer is written
without the reminder, and it stands unless "The text does not say." is clearly likelier with it. No
more tokens of an answer are compared than this phrase has: a longer one would be less likely for
its length alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rapid_cli.answering.answer import Seconds
from rapid_cli.answering.prefill import PromptReader
from rapid_cli.answering.readings import Reading
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.drafting import ModelDrafter
from rapid_cli.decoding.measuring import Clock
from rapid_cli.decoding.stats import Round
from rapid_cli.models.interface import LanguageModel
from rapid_cli.models.prompts import ABSENT

LIKELIER = 1.1
"""By so many nats each reading must find it likelier that the text does not say."""
LEAST = math.log(0.1)
"""What a reading must give the phrase at least: beside a surprising answer anything is likely."""
MOST_ROWS = 16
"""Of the tokens that are compared."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A model and what it has read; its `writer` if it is the one that drafts."""

    reader: PromptReader
    reading: Reading
    writer: ModelDrafter | None = None

    def doubt(self, phrase: Tokens, output: Tokens) -> float:
        """Return by how many nats `phrase` is likelier, with the reminder, than `output` without.

        Its context is used for that, and then holds what it held before. It has no doubt where
        that is not possible, or the phrase itself is unlikely.
        """
        reminded = self.reading.reminded
        if reminded is None or not self.reader.can_turn_to(reminded):
            return -math.inf
        if self.writer:
            self.writer.rewind()
        absent = self.reader.log_likelihood(reminded, phrase)
        told = self.reader.log_likelihood(self.reading.prompt, output[: len(phrase)])
        if self.writer:  # which reads what it drafts after by itself
            self.reader.turn_to(self.reading.prompt)
        elif rest := output[len(phrase) - 1 : -1]:
            self.reader.context.extend(rest, rows=1)
            self.reader.took(rest)
        return absent - told if absent >= LEAST else -math.inf


class Absence:
    """The check of one answer; `found` tells that the text does not say, by its `witnesses`.

    They are asked in their order: who has read least comes first.
    """

    def __init__(self, model: LanguageModel, seconds: Seconds, clock: Clock) -> None:
        """Take the model that answers."""
        self.found = False
        self.witnesses: list[Witness] = []
        self._phrase = model.vocabulary.tokenize(ABSENT)
        self._vocabulary, self._format = model.vocabulary, model.format
        self._seconds, self._clock = seconds, clock

    def can_be_said(self, max_tokens: int) -> bool:
        """Tell whether the model follows reminders at once, and the phrase fits and can end."""
        follows = self._format.is_chat and self._format.open_thought is None
        fits = len(self._phrase) < min(max_tokens, MOST_ROWS)
        return follows and fits and self._vocabulary.is_end(self._vocabulary.eos)

    def rounds(self, rounds: Iterator[Round]) -> Iterator[Round]:
        """Yield `rounds`, or the phrase in their place."""
        held: list[Round] = []
        output: list[int] = []
        for done in rounds:
            held.append(done)
            output += done.tokens
            if len(output) >= len(self._phrase) or self._vocabulary.is_end(output[-1]):
                break
        before = self._clock()
        self.found = self._is_doubted(output)
        self._seconds.check = self._clock() - before
        if self.found:
            yield _said((*self._phrase, self._vocabulary.eos))
            return
        yield from held
        yield from rounds

    def _is_doubted(self, output: Tokens) -> bool:
        """Tell whether all find the phrase clearly likelier; no one is asked in vain."""
        return all(each.doubt(self._phrase, output) >= LIKELIER for each in self.witnesses)


def _said(tokens: tuple[int, ...]) -> Round:
    """Return the round in which neither model drafts, and the answer is this."""
    return Round(tokens, 0, planned=0, drafted=0, accepted=0, draft_seconds=0.0, verify_seconds=0.0)
