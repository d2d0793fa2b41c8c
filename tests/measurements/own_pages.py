"""How well a drafter made of the target's own keys and values agrees with the target.

    python -m tests.measurements.own_pages MODEL PACK [--questions N]

Such a drafter reads nothing: what the target holds of the passages is put into its cache. It is
measured with the target's own weights and with a copy of them in Q4_0, each against a drafter that
reads the passages anew. All follow the target's answer, and a token counts if it is the one that
the target chose.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import llama_cpp
import numpy as np

from rapid_cli.api import Rapid
from rapid_cli.decoding.context import common_prefix
from rapid_cli.evaluation.packs import Pack, read_pack
from rapid_cli.llama import LlamaContext, Weights, requantize
from rapid_cli.models.specs import ModelSpec
from tests.support.ways import as_it_runs

State = ctypes.Array[ctypes.c_uint8]
PASSAGES = 6
LONGEST = 8_192
ANSWER = 32
INTRODUCTION = "Answer the question at the end from this text.\n\n"
PAGES = 1
"""The sequence in which the target's context collects what the drafter gets."""


@dataclass
class Agreement:
    """Over all answers: tokens that are the target's, of how many, and seconds until ready."""

    same: int = 0
    tokens: int = 0
    ready: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Prompt:
    """A document and a question as tokens, and the ranges of them that a drafter gets."""

    tokens: list[int]
    ranges: list[tuple[int, int]]

    @classmethod
    def of(cls, weights: Weights, text: str, spans: Sequence[tuple[int, int]], ask: str) -> Prompt:
        """Tokenize anew wherever one of the `spans` begins or ends, which a drafter gets."""
        tokens = weights.vocabulary.tokenize(INTRODUCTION)
        ranges = [(0, len(tokens))]
        edges = {0, len(text), *(edge for span in spans for edge in span)}
        for start, end in pairwise(sorted(edges)):
            before = len(tokens)
            tokens += weights.vocabulary.tokenize(text[start:end])
            if any(first <= start < last for first, last in spans):
                ranges.append((before, len(tokens)))
        before = len(tokens)
        tokens += weights.vocabulary.tokenize(f"\n\nQuestion: {ask}\nAnswer:")
        return cls(tokens, [*ranges, (before, len(tokens))])

    @property
    def short(self) -> list[int]:
        """The tokens that a drafter gets."""
        return [token for start, end in self.ranges for token in self.tokens[start:end]]


class Target:
    """A model that has read a text, in a context with room for a second sequence."""

    def __init__(self, context: LlamaContext, is_end: Callable[[int], bool]) -> None:
        self._context = context
        self._is_end = is_end
        self._read: list[int] = []

    def answer(self, prompt: Prompt) -> list[int]:
        """Return the likeliest answer; the context then holds the prompt and most of it."""
        common = min(common_prefix(self._read, prompt.tokens), len(prompt.tokens) - 1)
        self._context.truncate(common)
        self._read = prompt.tokens
        answer: list[int] = []
        unread = prompt.tokens[common:]
        while len(answer) < ANSWER and not (answer and self._is_end(answer[-1])):
            answer.append(int(np.argmax(self._context.extend(unread, rows=1)[0])))
            unread = answer[-1:]
        return answer

    def pages(self, prompt: Prompt) -> State:
        """Return keys and values of what a drafter gets, but for the last token."""
        handle = self._context._open()
        memory = llama_cpp.llama_get_memory(handle)
        for start, end in prompt.ranges:
            last = min(end, len(prompt.tokens) - 1)
            llama_cpp.llama_memory_seq_cp(memory, 0, PAGES, start, last)
        size = int(llama_cpp.llama_state_seq_get_size(handle, PAGES))
        state = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(handle, state, len(state), PAGES)
        assert written == len(state)
        llama_cpp.llama_memory_seq_rm(memory, PAGES, -1, -1)
        return state


@contextmanager
def two_sequences() -> Iterator[None]:
    """Let contexts that are opened meanwhile have two sequences in one cache."""
    defaults = llama_cpp.llama_context_default_params

    def with_two() -> llama_cpp.llama_context_params:
        params: llama_cpp.llama_context_params = defaults()
        params.n_seq_max, params.kv_unified = 2, True
        return params

    llama_cpp.llama_context_default_params = with_two
    try:
        yield
    finally:
        llama_cpp.llama_context_default_params = defaults


def put(drafter: LlamaContext, state: State, prompt: Prompt) -> None:
    """Let a drafter hold the target's pages, at the places that they have there."""
    read = llama_cpp.llama_state_seq_set_data(drafter._open(), state, len(state), 0)
    assert read == len(state)
    drafter._length = len(prompt.tokens) - 1


def read_anew(drafter: LlamaContext, _state: State, prompt: Prompt) -> None:
    """Let a drafter read what it gets."""
    drafter.extend(prompt.short[:-1], rows=1)


WAYS = {"the target's pages": put, "reads the passages anew": read_anew}


def follow(drafter: LlamaContext, last: int, answer: Sequence[int]) -> int:
    """Return how many tokens of an answer are those that a drafter would have written."""
    guesses = (int(np.argmax(drafter.extend([token], rows=1)[0])) for token in [last, *answer[:-1]])
    return sum(guess == token for guess, token in zip(guesses, answer, strict=True))


def measure(
    models: Mapping[str, Weights], target: Target, prompt: Prompt
) -> Iterator[tuple[str, int, int, float]]:
    """Yield for each drafter its name, the tokens that are the target's, of how many, and when."""
    answer = target.answer(prompt)
    for name, weights in models.items():
        for way, prepare in WAYS.items():
            with LlamaContext(weights, length=len(prompt.tokens) + ANSWER, rows=1) as drafter:
                started = time.perf_counter()
                prepare(drafter, target.pages(prompt), prompt)
                ready = time.perf_counter() - started
                same = follow(drafter, prompt.tokens[-1], answer)
            yield f"{name} | {way}", same, len(answer), ready


def prompts(rapid: Rapid, weights: Weights, pack: Pack, number: int) -> Iterator[Prompt]:
    """Yield questions of a pack with the passages that are found for each."""
    for question in pack.questions[:number]:
        (path,) = pack.paths[question.document]
        gathered = rapid.add(path)
        text = Path(path).read_text(encoding="utf-8")
        found = gathered.library.search(question.text, list(gathered.documents), PASSAGES)
        spans = [(passage.chunk.start, passage.chunk.end) for passage in found]
        yield Prompt.of(weights, text, spans, question.text)


def main() -> None:
    """Ask the questions of a pack, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--questions", type=int, default=8)
    arguments = parser.parse_args()
    found: dict[str, Agreement] = {}
    with ExitStack() as opened:
        rapid = opened.enter_context(Rapid())
        copy = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "copy.gguf"
        requantize(arguments.model, copy, "q4_0", lambda _done: None)
        spec = as_it_runs(arguments.model, ModelSpec("target", flash_attention=False))
        weights = opened.enter_context(Weights(arguments.model, spec))
        models = {"its own": weights, "a copy in Q4_0": opened.enter_context(Weights(copy, spec))}
        with two_sequences():
            context = LlamaContext(weights, length=LONGEST, rows=2)
        target = Target(opened.enter_context(context), weights.vocabulary.is_end)
        for prompt in prompts(rapid, weights, read_pack(arguments.pack), arguments.questions):
            for name, same, tokens, ready in measure(models, target, prompt):
                agreement = found.setdefault(name, Agreement())
                agreement.same += same
                agreement.tokens += tokens
                agreement.ready.append(ready)
            print(f"{len(prompt.tokens)} tokens, {len(prompt.short)} of them for a drafter")
    print(
        "\n| weights | drafter | as the target | of tokens | ready after |\n|---|---|---|---|---|"
    )
    for name, agreement in found.items():
        share, ready = agreement.same / agreement.tokens, median(agreement.ready)
        print(f"| {name} | {share:.3f} | {agreement.tokens} | {ready:.2f} s |")


if __name__ == "__main__":
    main()
