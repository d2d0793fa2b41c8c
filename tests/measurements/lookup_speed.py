"""How long it takes to index a text for prompt lookup, and to look a draft up in it.

    python -m tests.measurements.lookup_speed

One text has words as often as a language has them, others say the same all over, as rules and dots
do. Each token of an answer that quotes the text is looked up.
"""

from __future__ import annotations

import time

import numpy as np

from rapid_cli.decoding.lookup import PromptLookupDrafter

LENGTHS = (5_000, 120_000)
ANSWER, DRAFT = 200, 8


def texts(length: int) -> dict[str, list[int]]:
    """Return texts of so many tokens."""
    rng = np.random.default_rng(0)
    return {
        "words": rng.zipf(1.3, length).clip(max=50_000).tolist(),
        "one token, repeated": [7] * length,
        "two tokens, repeated": [7, 8] * (length // 2),
    }


def main() -> None:
    """Print a table."""
    print("| tokens | text | indexed in | a draft, mean | slowest |")
    print("|---|---|---|---|---|")
    for length in LENGTHS:
        for name, text in texts(length).items():
            started = time.perf_counter()
            drafter = PromptLookupDrafter([text])
            built = time.perf_counter() - started
            begin = length // 3
            taken = []
            for size in range(1, ANSWER):
                started = time.perf_counter()
                drafter(text[begin : begin + size], DRAFT)
                taken.append(1e3 * (time.perf_counter() - started))
            times = f"{np.mean(taken):.2f} ms | {max(taken):.1f} ms"
            print(f"| {length:,} | {name} | {1e3 * built:.0f} ms | {times} |")


if __name__ == "__main__":
    main()
