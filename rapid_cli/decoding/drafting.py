"""Drafters: each proposes tokens to follow the committed output, and keeps its own state right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rapid_cli.decoding.context import Context, Logits, Tokens, common_prefix
from rapid_cli.decoding.sampling import Distribution, SamplingParams, distribution, sample


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
    ) -> None:
        """Take a `context` that has read the drafter's prompt except its `last` token."""
        self._context = context
        self._base = len(context)
        self._last = last
        self._read: list[int] = []
        self._sampling = sampling
        self._rng = rng
        self._confidence = confidence
        self._is_end = is_end

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Draw up to `gamma` tokens after `output`."""
        if gamma < 1:
            return Draft()
        logits = self._synchronise([self._last, *output])
        tokens: list[int] = []
        distributions: list[Distribution] = []
        while True:
            q = distribution(logits[-1], self._sampling)
            token = sample(q, self._rng)
            tokens.append(token)
            distributions.append(q)
            unsure = q.confidence < self._confidence
            if len(tokens) == gamma or unsure or self._is_end(token):
                return Draft(tuple(tokens), tuple(distributions))
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


class PromptLookupDrafter:
    """Proposes what followed the last `ngram` tokens the last time they stood in the text.

    `minimum` is the shortest match it trusts: short ones are nearly always rejected.
    """

    def __init__(self, prompt: Tokens, *, ngram: int = 8, minimum: int = 3) -> None:
        """Search `prompt` (document and question, as the target reads them) and the output."""
        self._sequence = list(prompt)
        self._prompt_length = len(prompt)
        self._ngram = ngram
        self._minimum = minimum
        self._ends: list[dict[tuple[int, ...], int]] = [{} for _ in range(ngram + 1)]
        self._indexed = 0
        self._index()

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Propose the continuation of the longest earlier occurrence of the output's end."""
        self._synchronise(output)
        for length in range(self._ngram, self._minimum - 1, -1):
            end = self._ends[length].get(tuple(self._sequence[-length:]))
            if end is not None:
                return Draft(tuple(self._sequence[end : end + gamma]))
        return Draft()

    def _synchronise(self, output: Tokens) -> None:
        """Take in what was committed since; the output only ever grows."""
        self._sequence += output[len(self._sequence) - self._prompt_length :]
        self._index()

    def _index(self) -> None:
        """Remember where each n-gram that something follows ended last."""
        for end in range(max(self._indexed, self._minimum), len(self._sequence)):
            for length in range(self._minimum, min(self._ngram, end) + 1):
                self._ends[length][tuple(self._sequence[end - length : end])] = end
        self._indexed = len(self._sequence)
