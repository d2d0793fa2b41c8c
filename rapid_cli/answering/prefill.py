"""Contexts that stay open, each reading a prompt on from what it shares with the last one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from rapid_cli.answering.answer import Note, Origin, Prefilled
from rapid_cli.decoding.context import Tokens, common_prefix
from rapid_cli.decoding.measuring import Clock
from rapid_cli.decoding.sampling import log_likelihood
from rapid_cli.models.interface import (
    LanguageModel,
    PromptTokens,
    ReadableContext,
    StateStore,
    reachable,
)

CHECKPOINT_SECONDS = 10.0
"""What was read is kept this often, so that an interrupted reading can go on."""
SHARE_OF_SAVING = 0.05
"""Checkpoints may take this share of the time."""


class PromptReader:
    """A context and the tokens it has read; with a store, texts are kept and restored."""

    def __init__(
        self, role: Origin, context: ReadableContext, states: StateStore | None, clock: Clock
    ) -> None:
        """Take an empty `context`."""
        self.context = context
        self.reused = 0
        self._role = role
        self._states = states
        self._clock = clock
        self._tokens: list[int] = []
        self._note = context.note

    def read(
        self, prompt: PromptTokens, *, kept_as: str | None = None, fresh: bool = False
    ) -> Iterator[Prefilled | Note]:
        """Recall what is known of `prompt`, and read the rest."""
        yield from self.recall(prompt, kept_as=kept_as, fresh=fresh)
        yield from self.finish(prompt, kept_as=kept_as)

    def recall(
        self, prompt: PromptTokens, *, kept_as: str | None = None, fresh: bool = False
    ) -> Iterator[Note]:
        """Hold what is known of `prompt`; `reused` tells how many tokens of its text that is.

        With `kept_as` its text is restored if it was kept, unless `fresh`.
        """
        if self._note:
            yield Note(self._note)
            self._note = ""
        self.turn_to(prompt)
        text = prompt.context
        if kept_as is not None and self._states is not None and len(self._tokens) < len(text):
            # In the same batches as without what is known, or else it would be kept a bit off.
            self._cut(len(self._tokens) - len(self._tokens) % self.context.batch_size)
            if not fresh:
                yield from self._restore(self._states, text)
        self.reused = min(len(self._tokens), len(text))

    def left(self, prompt: PromptTokens) -> int:
        """Return how many tokens of `prompt`, as it was recalled, are still to be read."""
        return len(prompt) - 1 - len(self._tokens)

    def finish(
        self, prompt: PromptTokens, *, kept_as: str | None = None
    ) -> Iterator[Prefilled | Note]:
        """Read all of `prompt`, as it was recalled, but its last token.

        With `kept_as` its text is kept under that name if there was anything of it to read.
        """
        wanted = prompt.all[:-1]
        text = prompt.context
        if kept_as is not None and self._states is not None and self.reused < len(text):
            yield from self._read_with_checkpoints(self._states, text, len(wanted), kept_as)
        if not self.context.cuts_freely and len(self._tokens) <= len(text):
            yield from self._read_on(text, len(wanted))
            self.context.anchor()
        yield from self._read_on(wanted, len(wanted))

    def can_turn_to(self, prompt: PromptTokens) -> bool:
        """Tell whether `prompt` can be read without reading again what it shares with the last."""
        return common_prefix(self._tokens, prompt.all[:-1]) >= self.context.floor

    def log_likelihood(self, prompt: PromptTokens, answer: Tokens) -> float:
        """Return the nats of `answer` after `prompt`; both are held then but the last token.

        What is new in them is read in one batch.
        """
        self.turn_to(prompt)
        read = [*prompt.all[len(self._tokens) :], *answer[:-1]]
        logits = self.context.extend(read, rows=len(answer))
        self.took(read)
        return log_likelihood(logits, answer)

    def turn_to(self, prompt: PromptTokens) -> None:
        """Hold what is known of `prompt` and nothing else."""
        self._cut(common_prefix(self._tokens, prompt.all[:-1]))

    def took(self, tokens: Sequence[int]) -> None:
        """Take note of tokens that the context has read since."""
        self._tokens += tokens

    def _restore(self, states: StateStore, text: Tokens) -> Iterator[Note]:
        """Let the context hold what was kept, or what it held of `text` already."""
        self._tokens.clear()  # should Ctrl-C come while the context changes
        restored = states.restore(self.context, text)
        self._tokens = list(text[: len(self.context)])
        if restored.note:
            yield Note(f"{restored.note} The text is read again.")

    def _read_with_checkpoints(
        self, states: StateStore, text: Tokens, total: int, name: str
    ) -> Iterator[Prefilled | Note]:
        saved, wait = self._clock(), CHECKPOINT_SECONDS
        for event in self._read_on(text, total):
            yield event
            before = self._clock()
            if event.done < len(text) and before - saved < wait:
                continue
            if refusal := states.keep(self.context, name, text, event.done):
                yield Note(refusal)
                break
            saved = self._clock()
            wait = max(CHECKPOINT_SECONDS, (saved - before) / SHARE_OF_SAVING)

    def _read_on(self, tokens: Tokens, total: int) -> Iterator[Prefilled]:
        """Read what is new in `tokens`."""
        start = len(self._tokens)
        for done in self.context.read(tokens[start:]):
            self._tokens = list(tokens[: start + done])
            yield Prefilled(self._role, start + done, total)

    def _cut(self, length: int) -> None:
        length = reachable(self.context, length)
        del self._tokens[length:]
        self.context.truncate(length)


@dataclass(slots=True)
class _Open:
    model: LanguageModel
    rows: int
    reader: PromptReader
    closing: ExitStack


class Contexts(AbstractContextManager["Contexts"]):
    """The open contexts, one for each role; a context manager.

    `spare` tokens are added to what a context must hold, for the questions that follow.
    """

    def __init__(self, clock: Clock, *, states: StateStore | None = None, spare: int = 0) -> None:
        self._clock = clock
        self._states = states
        self._spare = spare
        self._opened: dict[Origin, _Open] = {}

    def reader(self, role: Origin, model: LanguageModel, *, length: int, rows: int) -> PromptReader:
        """Return the role's context if it holds `length` tokens, or else a new one that does."""
        known = self._opened.get(role)
        if known is not None:
            enough = known.reader.context.capacity >= length and known.rows >= rows
            if known.model is model and enough:
                return known.reader
            self._close(role)
        closing = ExitStack()
        length = max(length, min(length + self._spare, model.context_limit))
        context = closing.enter_context(model.open(length=length, rows=rows))
        reader = PromptReader(role, context, self._states, self._clock)
        self._opened[role] = _Open(model, rows, reader, closing)
        return reader

    def __exit__(self, *_error: object) -> None:
        """Close all contexts."""
        for role in list(self._opened):
            self._close(role)

    def _close(self, role: Origin) -> None:
        self._opened.pop(role).closing.close()
