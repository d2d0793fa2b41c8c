"""What planned drafts cost and gain where recurrent states have to be put back.

    python -m tests.measurements.hybrids

For each small hybrid, with random weights: answers with drafts where they pay against plain
decoding, in turn, with the costs of this machine. A coin decides what is accepted. The drafter is
the model itself, and its opinion is not heard, which would take a step of it for each token.

The models do all of their work, and the clock moves on by the median of what such work took at
first: they are so small that what else the processor does disturbs single timings.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from rapid_cli.answering.answer import Options
from rapid_cli.answering.drafters import Drafters
from rapid_cli.answering.strategies import STRATEGIES, Strategy
from rapid_cli.bench.benchmark import _toss
from rapid_cli.decoding.measuring import Costs, draft_costs, verify_costs
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.llama import LlamaContext, RecurrentContext, Weights, open_context
from rapid_cli.models.specs import ModelSpec
from tests.support.tiny_hybrids import ARCHITECTURES, VOCABULARY, write_hybrid
from tests.support.ways import as_it_runs

TEXT, PASSAGES, TOKENS, REPEATS = 1024, 128, 256, 9
MEDIAN_OF, WARMING = 31, 12
CHANCES = (0.3, 0.6, 0.9)
"""Shares of drafted tokens that are accepted."""
SAMPLING = SamplingParams(temperature=0.1)
PLANNED = replace(STRATEGIES["speculative"], may_rest=True)
PLAIN = STRATEGIES["long-context"]


class Clock:
    """Seconds of work, each piece of which counts as what the first of its kind took, in median."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._timings: defaultdict[tuple[object, ...], list[float]] = defaultdict(list)

    def __call__(self) -> float:
        return self._seconds

    @contextmanager
    def running(self, *kind: object) -> Iterator[None]:
        """Do work of this kind."""
        started = time.perf_counter()
        yield
        timings = self._timings[kind]
        if len(timings) < MEDIAN_OF:
            timings.append(time.perf_counter() - started)
        self._seconds += median(timings)


class Timed:
    """A context whose work moves a clock on; its kind is what llama.cpp has to do."""

    def __init__(self, context: LlamaContext, clock: Clock) -> None:
        self.inner, self._clock = context, clock

    def __len__(self) -> int:
        return len(self.inner)

    def extend(self, tokens: Sequence[int], *, rows: int) -> NDArray[np.float32]:
        again = len(self.inner) - self.inner._length
        with self._clock.running(self, "extend", again, len(tokens)):
            return self.inner.extend(tokens, rows=rows)

    def truncate(self, length: int) -> None:
        behind, reach = self.inner._length - length, self._reach()
        with self._clock.running(self, "cut", behind > 0, behind > reach):
            self.inner.truncate(length)

    def _reach(self) -> int:
        assert isinstance(self.inner, RecurrentContext)
        return self.inner._reach


class Pair:
    """A target that has read a text, and a drafter on the same weights that has read passages."""

    def __init__(self, *contexts: LlamaContext) -> None:
        self.clock = Clock()
        drawn = np.random.default_rng(0).integers(3, VOCABULARY, TEXT)
        self.prompts = (
            [int(token) for token in drawn],
            [int(token) for token in drawn[-PASSAGES:]],
        )
        for context, prompt in zip(contexts, self.prompts, strict=True):
            list(context.read(prompt[:-1]))
            context.anchor()
        self.contexts = [Timed(context, self.clock) for context in contexts]
        last = self.prompts[0][-1]
        target, drafter = self.contexts
        for _ in range(WARMING):
            self.costs: Costs = verify_costs(target, last, self.clock)
            self.drafting: Costs = draft_costs(drafter, last, SAMPLING, self.clock)

    def seconds(self, strategy: Strategy, chance: float, seed: int) -> float:
        """Return how long an answer takes."""
        for context, prompt in zip(self.contexts, self.prompts, strict=True):
            context.truncate(len(prompt) - 1)
        target, drafter = self.contexts
        options = Options(strategy, SAMPLING, eta=0.0)
        rng = np.random.default_rng(seed)
        drafters = Drafters(
            options, self.prompts[0], rng=rng, is_end=lambda _token: False, confidence=0.0
        )
        if strategy is PLANNED:
            drafters.add_model(drafter, self.prompts[1], self.drafting)
        started = self.clock()
        answer = drafters.decode(
            target,
            self.costs,
            steady={},
            max_tokens=TOKENS,
            clock=self.clock,
            accept=partial(_toss, chance),
        )
        assert sum(len(done.tokens) for done in answer) == TOKENS
        return self.clock() - started


def main() -> None:
    """Measure, and print a table."""
    print(f"| architecture | {' | '.join(f'{chance:.0%} accepted' for chance in CHANCES)} |")
    print("|---|" + "---|" * len(CHANCES))
    with tempfile.TemporaryDirectory() as folder:
        for architecture in ARCHITECTURES:
            path = write_hybrid(Path(folder) / f"{architecture}.gguf", architecture)
            spec = as_it_runs(path, ModelSpec(architecture, threads=1, gpu_layers=0))
            with (
                Weights(path, spec) as weights,
                open_context(weights, length=TEXT + TOKENS + 32, rows=17) as target,
                open_context(weights, length=PASSAGES + TOKENS + 32, rows=17) as drafter,
            ):
                pair = Pair(target, drafter)
                cells = []
                for chance in CHANCES:
                    ratios = [
                        pair.seconds(PLAIN, chance, seed) / pair.seconds(PLANNED, chance, seed)
                        for seed in range(REPEATS)
                    ]
                    cells.append(f"{median(ratios):.2f}x")
            print(f"| {architecture} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
