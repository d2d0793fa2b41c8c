"""What batches that keep their width gain on the simulated H100 of the tests.

    python -m tests.measurements.keeping_widths

Prints speed-ups over plain decoding as Markdown, medians of three runs of 2,000 tokens.
"""

from __future__ import annotations

from itertools import product
from statistics import median

from tests.decoding.test_planning import decoding_on_h100
from tests.support import h100

COINS = (0.77, 0.95)


def main() -> None:
    """Simulate both ways at each length, with each drafter and coin, and print a table."""
    print("| context | drafter | coin | batches as they come | filled up |\n|---|---|---|---|---|")
    for length, drafter, coin in product(h100.VERIFY, h100.ALONE, COINS):
        draft = h100.drafted_now(drafter)
        as_they_come, filled_up = (
            median(decoding_on_h100(length, draft, coin, pads=pads, seed=seed) for seed in range(3))
            for pads in (False, True)
        )
        print(f"| {length:,} | {drafter} | {coin} | {as_they_come:.2f}x | {filled_up:.2f}x |")


if __name__ == "__main__":
    main()
