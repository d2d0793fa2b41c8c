"""The seam between answering and a language model, and prompts as the tokens of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from rapid_cli.decoding.context import Context, Tokens
from rapid_cli.prompts import Part, Prompt, PromptFormat


class ReadableContext(Context, Protocol):
    """A context that can read a long prompt in pieces, and knows the size of its cache."""

    def read(self, tokens: Tokens) -> Iterator[int]:
        """Read `tokens` without logits, yielding how many are done."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys and values of what was read."""
        ...


class Tokenizer(Protocol):
    """The vocabulary of a model."""

    @property
    def bos(self) -> int:
        """The token that begins a text."""
        ...

    @property
    def adds_bos(self) -> bool:
        """Whether every prompt begins with it."""
        ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of `text`; markup in it counts only with `special`."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the bytes that `token` stands for."""
        ...

    def is_end(self, token: int) -> bool:
        """Tell whether `token` ends an answer."""
        ...


class LanguageModel(Protocol):
    """Weights in memory, on which contexts can be opened."""

    @property
    def name(self) -> str:
        """What models.toml or the file calls it."""
        ...

    @property
    def device(self) -> str:
        """Where it computes."""
        ...

    @property
    def fingerprint(self) -> str:
        """What its speed depends on: file, settings, library and device."""
        ...

    @property
    def context_limit(self) -> int:
        """The most tokens it may read."""
        ...

    @property
    def vocabulary(self) -> Tokenizer:
        """Its vocabulary."""
        ...

    @property
    def format(self) -> PromptFormat:
        """How it wants to be asked."""
        ...

    def open(self, *, length: int, rows: int) -> AbstractContextManager[ReadableContext]:
        """Open a context for `length` tokens that gives logits for `rows` of them at a time."""
        ...


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt in a model's tokens; `context` is what other questions share."""

    context: tuple[int, ...]
    question: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.context) + len(self.question)

    @property
    def all(self) -> tuple[int, ...]:
        """Context and question."""
        return self.context + self.question


def tokenize_prompt(prompt: Prompt, vocabulary: Tokenizer) -> PromptTokens:
    """Return the tokens of `prompt`, begun as the model wants it."""
    context = _tokens(prompt.context, vocabulary)
    if vocabulary.adds_bos and context[:1] != [vocabulary.bos]:
        context.insert(0, vocabulary.bos)
    return PromptTokens(tuple(context), tuple(_tokens(prompt.question, vocabulary)))


def _tokens(parts: tuple[Part, ...], vocabulary: Tokenizer) -> list[int]:
    return [
        token for part in parts for token in vocabulary.tokenize(part.text, special=part.markup)
    ]
