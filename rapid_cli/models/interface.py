"""The seam between answering and a language model, and prompts as the tokens of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from rapid_cli.decoding.context import Context, Tokens
from rapid_cli.models.prompts import Part, Prompt, PromptFormat


@dataclass(frozen=True, slots=True)
class Restored:
    """How many tokens were restored from the prefix cache; `note` says what went wrong."""

    tokens: int = 0
    note: str = ""


class ReadableContext(Context, Protocol):
    """A context that can read a long prompt in pieces, and knows the size of its cache.

    Where it is `steady`, what it computes does not depend on what else the machine does.
    """

    steady: bool

    def read(self, tokens: Tokens) -> Iterator[int]:
        """Read `tokens` without logits, yielding how many are done."""
        ...

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys and values of what was read."""
        ...

    @property
    def note(self) -> str:
        """What a person should know of how it was opened, or nothing."""
        ...

    @property
    def floor(self) -> int:
        """The shortest length above 0 to which it can be cut back."""
        ...

    @property
    def cuts_freely(self) -> bool:
        """Whether a cut is easy at any length: not where layers have recurrent states."""
        ...

    def anchor(self) -> None:
        """Take note that cuts back to the present length are to be expected."""
        ...

    @property
    def capacity(self) -> int:
        """The most tokens it can hold."""
        ...

    @property
    def batch_size(self) -> int:
        """Tokens that `read` reads at once."""
        ...

    @property
    def state_key(self) -> str:
        """What keys and values depend on besides tokens and engine, as one line."""
        ...

    @property
    def engine(self) -> str:
        """The library and version whose format `save` writes."""
        ...

    def save(self, path: Path) -> None:
        """Write keys and values of what was read to a file; OSError if it cannot be written."""
        ...

    def restore(self, path: Path) -> None:
        """Put what `save` wrote in the place of what was read; NativeError if that fails."""
        ...


def reachable(context: ReadableContext, length: int) -> int:
    """Return `length` if `context` can be cut back to it, or else 0: all has to be read again."""
    return length if length >= context.floor else 0


class StateStore(Protocol):
    """A prefix cache: keys and values of texts that were read before."""

    def restore(self, context: ReadableContext, tokens: Tokens) -> Restored:
        """Restore what is cached of `tokens` into `context`, which may hold some of the first."""
        ...

    def keep(self, context: ReadableContext, name: str, tokens: Tokens, whole: int) -> str:
        """Keep the first `whole` of `tokens`, which `context` holds; return why not, or nothing."""
        ...


class Tokenizer(Protocol):
    """The vocabulary of a model."""

    @property
    def bos(self) -> int:
        """The token that begins a text."""
        ...

    @property
    def eos(self) -> int:
        """The token that ends a text."""
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

    def text(self, token: int) -> str:
        """Return `token` as the vocabulary writes it, control tokens too."""
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
    def offloaded(self) -> bool:
        """Whether it computes on a GPU, which leaves the CPU free."""
        ...

    @property
    def fingerprint(self) -> str:
        """What its speed depends on: file, settings, library and device."""
        ...

    @property
    def parameters(self) -> int:
        """The number of its weights."""
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

    @property
    def stop(self) -> tuple[str, ...]:
        """The texts before which an answer ends."""
        ...

    def open(self, *, length: int, rows: int) -> AbstractContextManager[ReadableContext]:
        """Open a context for `length` tokens that gives logits for `rows` of them at a time."""
        ...


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt in a model's tokens; `context` is what other questions share.

    It begins with as many tokens of instructions as `instructions` says; the rest is the text.
    """

    context: tuple[int, ...]
    question: tuple[int, ...]
    instructions: int = 0

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.context) + len(self.question)

    @property
    def all(self) -> tuple[int, ...]:
        """Context and question."""
        return self.context + self.question

    @property
    def text_tokens(self) -> int:
        """The number of tokens of the text."""
        return len(self.context) - self.instructions


def tokenize_prompt(prompt: Prompt, vocabulary: Tokenizer) -> PromptTokens:
    """Return the tokens of `prompt`, begun as the model wants it."""
    *instructions, text = prompt.context
    before, of_text = _tokens(instructions, vocabulary), _tokens([text], vocabulary)
    if vocabulary.adds_bos and before[:1] != [vocabulary.bos]:
        before.insert(0, vocabulary.bos)
    question = _tokens(prompt.question, vocabulary)
    return PromptTokens(tuple(before + of_text), tuple(question), len(before))


def other_question(prompt: PromptTokens, asked: Prompt, vocabulary: Tokenizer) -> PromptTokens:
    """Return the tokens of `asked`, whose text is that of `prompt` and is not tokenized again."""
    return replace(prompt, question=tuple(_tokens(asked.question, vocabulary)))


def _tokens(parts: Iterable[Part | tuple[int, ...]], vocabulary: Tokenizer) -> list[int]:
    tokens: list[int] = []
    for part in parts:
        if isinstance(part, Part):
            tokens += vocabulary.tokenize(part.text, special=part.markup)
        else:
            tokens += part
    return tokens
