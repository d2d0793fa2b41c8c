"""What a benchmark lets the models read: a text with a question, or tokens drawn at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rapid_cli.documents import Passage
from rapid_cli.errors import ConfigError
from rapid_cli.models.interface import LanguageModel, tokenize_prompt
from rapid_cli.models.prompts import OMISSION
from rapid_cli.retrieval.passages import about_budget, drafter_budget, in_document_order

EXCERPTS = 4
"""Without an index the drafter reads so many evenly spaced pieces of the text."""


class TextMaterial:
    """The beginning of a text, and passages of it: those found for the question, if any were."""

    def __init__(
        self,
        text: str,
        question: str,
        model: LanguageModel,
        passages: Sequence[Passage] | None = None,
    ) -> None:
        """Take passages best first; None stands for evenly spaced excerpts."""
        self._model = model
        self._question = question
        self._passages = passages
        self._text = text
        self._tokens = model.vocabulary.tokenize(text)
        empty = tokenize_prompt(model.format.prompt("", question), model.vocabulary)
        self._head, self._tail = list(empty.context), list(empty.question)

    @property
    def longest(self) -> int:
        """The longest prompt that can be made of the text."""
        return len(self._head) + len(self._tokens) + len(self._tail)

    def target_prompt(self, length: int) -> list[int]:
        """Return a prompt of `length` tokens, or ConfigError if the text is too short for it."""
        if length > self.longest:
            raise ConfigError(
                f"the text has {self.longest} tokens, too few for a context of {length}",
                "name a longer file, or give shorter --context-lengths",
            )
        return self._head + self._tokens[: self._read(length)] + self._tail

    def drafter_prompt(self, length: int) -> list[int]:
        """Return the passages' prompt, within the budget for a text of this length."""
        budget = drafter_budget(self._read(length))
        if self._passages is None:
            return self._head + self._excerpts(length, budget) + self._tail
        text = self._found(length, budget)
        prompt = self._model.format.prompt(text, self._question)
        return list(tokenize_prompt(prompt, self._model.vocabulary).all)

    def is_end(self, token: int) -> bool:
        """Tell whether `token` ends an answer."""
        return self._model.vocabulary.is_end(token)

    def _read(self, length: int) -> int:
        return length - len(self._head) - len(self._tail)

    def _found(self, length: int, budget: int) -> str:
        """Return the best passages that stand in the part of the text that is read."""
        pieces = map(self._model.vocabulary.piece, self._tokens[: self._read(length)])
        end = len(b"".join(pieces).decode("utf-8", "ignore"))
        inside = [passage for passage in self._passages or () if passage.chunk.end <= end]
        chosen = about_budget(inside, budget, lambda t: len(self._model.vocabulary.tokenize(t)))
        ordered = in_document_order(chosen, [p.chunk.document_id for p in chosen])
        return OMISSION.join(passage.chunk.text.strip() for passage in ordered)

    def _excerpts(self, length: int, budget: int) -> list[int]:
        gap = self._model.vocabulary.tokenize(OMISSION)
        starts = np.linspace(0, self._read(length) - budget // EXCERPTS, EXCERPTS).astype(int)
        pieces = [self._tokens[start : start + budget // EXCERPTS] for start in starts]
        return [token for piece in pieces for token in (*piece, *gap)]


class RandomMaterial:
    """Tokens drawn at random, for models with random weights. No answer ever ends by itself."""

    def __init__(self, vocabulary_size: int, seed: int = 0) -> None:
        self._size = vocabulary_size
        self._seed = seed

    def target_prompt(self, length: int) -> list[int]:
        """Return `length` tokens; the shorter prompts begin the longer ones."""
        rng = np.random.default_rng(self._seed)
        return list(rng.integers(self._size, size=length).tolist())

    def drafter_prompt(self, length: int) -> list[int]:
        """Return as many tokens as the drafter would read of a text of this length."""
        rng = np.random.default_rng(self._seed + 1)
        return list(rng.integers(self._size, size=drafter_budget(length)).tolist())

    def is_end(self, token: int) -> bool:  # noqa: ARG002 - it is a Material
        """Say no."""
        return False


def built_in_text() -> str:
    """Return a long text that every Python brings: the topics of its own reference."""
    try:
        from pydoc_data.topics import topics  # noqa: PLC0415 - large, and only for benchmarks
    except ImportError as error:
        message = "this Python comes without the text that benchmarks read by default"
        raise ConfigError(message, "name a file: rapid bench FILE") from error
    return "\n\n".join(topics[name] for name in sorted(topics))
