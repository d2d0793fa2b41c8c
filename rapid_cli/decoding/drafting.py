"""Drafters: each proposes tokens to follow the committed output, and keeps its own state right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from rapid_cli.decoding.context import Context, Logits, Tokens, common_prefix
from rapid_cli.decoding.sampling import Distribution, SamplingParams, distribution, sample

NOTED = 3
"""So many tokens before a draft are noted with it, for those who look its text up."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Proposed tokens, and for each the distribution it was drawn from; None: it was certain.

    `opinions` are what a drafter that is to be heard thinks of each position, and of the one after
    the last token, unless that ends the answer.
    """

    tokens: tuple[int, ...] = ()
    distributions: tuple[Distribution, ...] | None = None
    opinions: tuple[Distribution, ...] = ()

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

    If it `advises`, each draft, an empty one too, tells its opinion of every position and of the
    one after, for which it reads one token more.

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
        advises: bool = False,
        confidence: float = 0.0,
        singly: bool = False,
        is_end: Callable[[int], bool] = lambda _token: False,
        notes: list[Tokens] | None = None,
    ) -> None:
        """Take a `context` that has read the drafter's prompt except its `last` token.

        Each draft is added to `notes`, after the end of the output that it follows. With `singly`
        the two tokens that follow a draft which was accepted whole are read one by one.
        """
        self._context = context
        self._base = len(context)
        self._last = last
        self._read: list[int] = []
        self._ahead: list[tuple[int, Distribution]] = []
        self._sampling = sampling
        self._rng = rng
        self._advises = advises
        self._confidence = confidence
        self._singly = singly
        self._is_end = is_end
        self._notes = [] if notes is None else notes

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Draw up to `gamma` tokens after `output`, or take them from what was written ahead."""
        tokens: list[int] = []
        distributions: list[Distribution] = []
        while len(tokens) < gamma:
            token, q = self._next([*output, *tokens])
            tokens.append(token)
            distributions.append(q)
            if q.confidence < self._confidence or self._is_end(token):
                break
        if tokens:
            self._notes.append((*output[-NOTED:], *tokens))
        opinions = self._opinions(output, tokens, distributions) if self._advises else ()
        return Draft(tuple(tokens), tuple(distributions), opinions)

    def weigh(self, output: Tokens, tokens: Sequence[int]) -> tuple[Distribution, ...]:
        """Return its opinion of each of `tokens`, after `output`, and of the one after the last."""
        rows = self._synchronise([*output, *tokens], rows=len(tokens) + 1)
        return tuple(distribution(row, self._sampling) for row in rows)

    def is_ahead(self, output: Tokens) -> bool:
        """Tell whether what follows `output` is written already."""
        return bool(self._waiting(output))

    def write_ahead(self, rng: np.random.Generator) -> Iterator[int]:
        """Draw the answer up to its end token, one token at each step, with a generator apart.

        Take as many as there is time for; they wait until they are asked for.
        """
        while True:
            written = [token for token, _ in self._ahead]
            token, q = self._drawn(written, rng)
            self._ahead.append((token, q))
            yield token
            if self._is_end(token):
                return

    def forget_ahead(self) -> None:
        """Drop what was written ahead, to draft as if it had not been: the cache of it, too."""
        self._ahead.clear()
        self.rewind()

    def rewind(self) -> None:
        """Let the context hold the prompt alone, so that others may use it and return it so."""
        self._context.truncate(self._base)
        self._read.clear()

    def _next(self, output: Tokens) -> tuple[int, Distribution]:
        """Return the next token with its distribution, as it was written ahead or drawn now."""
        waiting = self._waiting(output)
        return waiting[0] if waiting else self._drawn(output, self._rng)

    def _waiting(self, output: Tokens) -> list[tuple[int, Distribution]]:
        """Return what was written ahead after `output`; once the answer differs, that is over."""
        written = [token for token, _ in self._ahead[: len(output)]]
        if written != list(output):
            self._ahead.clear()
        return self._ahead[len(output) :]

    def _opinions(
        self, output: Tokens, tokens: Sequence[int], distributions: Sequence[Distribution]
    ) -> tuple[Distribution, ...]:
        if tokens and self._is_end(tokens[-1]):
            return tuple(distributions)
        after = [*output, *tokens]
        waiting = self._waiting(after)
        return (*distributions, waiting[0][1] if waiting else self._opinion(after))

    def _drawn(self, output: Tokens, rng: np.random.Generator) -> tuple[int, Distribution]:
        q = self._opinion(output)
        return sample(q, rng), q

    def _opinion(self, output: Tokens) -> Distribution:
        return distribution(self._synchronise(output, rows=1)[-1], self._sampling)

    def _synchronise(self, output: Tokens, *, rows: int) -> Logits:
        """Make the cache hold `output` after the prompt; return the logits of its last `rows`."""
        sequence = [self._last, *output]
        common = min(common_prefix(self._read, sequence), len(sequence) - rows)
        self._context.truncate(self._base + common)
        del self._read[common:]
        unread = sequence[common:]
        self._read += unread
        if self._singly and rows == 1 and len(unread) == 2:
            self._context.extend(unread[:1], rows=1)
            unread = unread[1:]
        return self._context.extend(unread, rows=rows)


class AdvisedDrafter:
    """Proposes what another drafter does, and lets a model that advises tell its opinion of it."""

    def __init__(self, drafter: Drafter, adviser: ModelDrafter) -> None:
        self._drafter = drafter
        self._adviser = adviser

    def __call__(self, output: Tokens, gamma: int) -> Draft:
        """Draft, with an opinion of each position, all of them read in one batch."""
        draft = self._drafter(output, gamma)
        return replace(draft, opinions=self._adviser.weigh(output, draft.tokens))
