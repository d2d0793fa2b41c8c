"""What a token costs beside the decode: to draft it from logits, and to check it with transfer.

    python -m tests.measurements.sampling_cost

The logits are normal ones with a peak, as those of a model that is rather sure. The fastest of many
runs counts: whatever else the machine does only adds to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from rapid_cli.decoding.context import Logits
from rapid_cli.decoding.drafting import Draft
from rapid_cli.decoding.sampling import SamplingParams, distribution, sample
from rapid_cli.decoding.verification import verify

VOCABULARIES = {"Llama 3": 128_256, "Qwen 2.5": 151_936}
TEMPERATURES = (0.1, 1.0)
RUNS, DRAFT, ETA = 300, 8, 200.0
DEVIATION, PEAK = 2.5, 18.0


def fastest(work: Callable[[], object]) -> float:
    """Return the milliseconds of the fastest of many runs."""
    least = float("inf")
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - started)
    return 1e3 * least


def checked(logits: Logits, sampling: SamplingParams, rng: np.random.Generator) -> float:
    """Return the milliseconds of each token of a draft that is accepted whole."""
    opinions = tuple(
        distribution(row, sampling)
        for row in logits + rng.normal(0, 0.3, logits.shape).astype(np.float32)
    )
    tokens = tuple(opinion.likeliest for opinion in opinions[:-1])
    draft = Draft(tokens, opinions[:-1], opinions)
    check = partial(verify, logits, draft, sampling=sampling, eta=ETA, rng=rng)
    return fastest(lambda: check(accept=lambda *_: True)) / len(logits)


def main() -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    print("| vocabulary | temperature | with a probability | ms drafted | ms checked |")
    print("|---|---|---|---|---|")
    for name, size in VOCABULARIES.items():
        logits = rng.normal(0, DEVIATION, (DRAFT + 1, size)).astype(np.float32)
        logits[:, rng.integers(size)] += PEAK
        for temperature in TEMPERATURES:
            sampling = SamplingParams(temperature)
            count = len(distribution(logits[0], sampling).tokens)
            drafted = fastest(lambda: sample(distribution(logits[0], sampling), rng))  # noqa: B023
            took = f"{drafted:.3f} | {checked(logits, sampling, rng):.3f}"
            print(f"| {name}, {size:,} | {temperature} | {count:,} | {took} |")


if __name__ == "__main__":
    main()
