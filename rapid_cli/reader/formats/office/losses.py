"""Sentences on what a reader of a document sees, and its text does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

MOST_KINDS = 10
"""Kinds of what is not read that are named."""


def loss_notes(lost: Counter[str]) -> Iterator[str]:
    """Yield sentences on the kinds of what is not read, such as "chart on slide 3"."""
    for kind, count in lost.most_common(MOST_KINDS):
        what, _, which = kind.partition(" ")
        shown = (
            f"1 {what} {which}".rstrip() if count == 1 else f"{count:,} {what}s {which}".rstrip()
        )
        yield f"{shown} {'is' if count == 1 else 'are'} not read"
    if len(lost) > MOST_KINDS:
        yield f"{len(lost) - MOST_KINDS} further kinds of content are not read"
