"""Drafters: each proposes tokens to follow the committed output, and keeps its own state right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from rapid_cli.decoding.context import Context, Logits, Tokens, common_prefix
from rapid_cli.decoding.sampling import Distribution, SamplingParams, distribution, sample

NOTED = 3
"""So many tokens before a draft are noted with it, for those who look its text up."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Proposed tokens, and for each the distribution it was drawn from; None: it was certain."""

    tokens: tuple[int, ...] = ()
    distributions: tuple[Distribution, ...] | None = None

    def __len__(self) -> int:
        """Return the number of proposed tokens."""
        return len(self.tokens)


class Drafter(Protocol):
    """Proposes up to `gamma` tokens after the committed `output`."""

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Draft; `output` is all that was committed so far, however it came about."""
        ...


def no_drafter(output: Tokens, gamma: int) -> Draft:  # noqa: ARG001 - it is a Drafter
    """Propose nothing: the target decodes alone."""
    return Draft()


class ModelDrafter:
    """A language model with a context of its own, such as retrieved passages.

    It cuts its cache back to what it shares with the committed output and reads the rest, so
    nobody has to tell it which of its proposals were accepted. It stops early once its
    confidence max q falls under `confidence`: that is decided from q alone, and the token
    drawn there stays in the draft, so the output distribution is not biased (method: dropping
    a drawn token because it was unlikely would leave something that is no longer q).

    What it wrote ahead, before the target could check anything, is proposed first, in drafts that
    end where any other would end. Each token was drawn from q after the tokens before it, and is
    proposed only after the same tokens, so drafts are distributed as without writing ahead.
    """

    def __init__(
        self,
        context: Context,
        last: int,
        *,
        sampling: SamplingParams,
        rng: np.random.Generator,
        confidence: float = 0.0,
        is_end: Callable[[int], bool] = lambda _token: False,
        notes: list[Tokens] | None = None,
    ) -> None:
        """Take a `context` that has read the drafter's prompt except its `last` token.

        Each draft is added to `notes`, after the end of the output that it follows.
        """
        self._context = context
        self._base = len(context)
        self._last = last
        self._read: list[int] = []
        self._ahead: list[tuple[int, Distribution]] = []
        self._sampling = sampling
        self._rng = rng
        self._confidence = confidence
        self._is_end = is_end
        self._notes = [] if notes is None else notes

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Draw up to `gamma` tokens after `output`, or take them from what was written ahead."""
        if gamma < 1:
            return Draft()
        waiting = self._waiting(output)
        drawn = iter(waiting) if waiting else self._draw([self._last, *output], self._rng)
        draft = self._until_unsure(islice(drawn, gamma))
        self._notes.append((*output[-NOTED:], *draft.tokens))
        return draft

    def is_ahead(self, output: Tokens) -> bool:
        """Tell whether what follows `output` is written already."""
        return bool(self._waiting(output))

    def write_ahead(self, rng: np.random.Generator) -> Iterator[int]:
        """Draw the answer up to its end token, one token at each step, with a generator apart.

        Take as many as there is time for; they wait until they are asked for.
        """
        for token, q in self._draw([self._last], rng):
            self._ahead.append((token, q))
            yield token
            if self._is_end(token):
                return

    def forget_ahead(self) -> None:
        """Drop what was written ahead, to draft as if it had not been: the cache of it, too."""
        self._ahead.clear()
        self._context.truncate(self._base)
        self._read.clear()

    def _waiting(self, output: Tokens) -> list[tuple[int, Distribution]]:
        """Return what was written ahead after `output`; once the answer differs, that is over."""
        written = [token for token, _ in self._ahead[: len(output)]]
        if written != list(output):
            self._ahead.clear()
        return self._ahead[len(output) :]

    def _until_unsure(self, drawn: Iterator[tuple[int, Distribution]]) -> Draft:
        tokens: list[int] = []
        distributions: list[Distribution] = []
        for token, q in drawn:
            tokens.append(token)
            distributions.append(q)
            if q.confidence < self._confidence or self._is_end(token):
                break
        return Draft(tuple(tokens), tuple(distributions))

    def _draw(
        self, sequence: list[int], rng: np.random.Generator
    ) -> Iterator[tuple[int, Distribution]]:
        """Draw tokens after `sequence`, each with its distribution, as long as they are taken."""
        logits = self._synchronise(sequence)
        while True:
            q = distribution(logits[-1], self._sampling)
            token = sample(q, rng)
            yield token, q
            logits = self._extend([token])

    def _synchronise(self, sequence: list[int]) -> Logits:
        """Make the cache hold `sequence` after the prompt; return the logits that follow it."""
        common = min(common_prefix(self._read, sequence), len(sequence) - 1)
        self._context.truncate(self._base + common)
        del self._read[common:]
        return self._extend(sequence[common:])

    def _extend(self, tokens: list[int]) -> Logits:
        self._read += tokens
        return self._context.extend(tokens, rows=1)
