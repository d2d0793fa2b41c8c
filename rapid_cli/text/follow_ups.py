"""What a question is about that goes on from earlier ones: how much each of those still counts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapid_cli.text.words import terms

LEANING, STANDING = 0.6, 0.2
"""What all earlier questions count together beside one that leans on them, and one that does not.

It is less than what the question itself counts, so that a new subject is found.
"""
DECAY = 0.6
"""An earlier question counts so much of what the one after it does."""
MOST_TURNS = 8
"""Of the questions before these nothing is left."""
_FEW_TERMS = 2
"""A question with no more terms says little by itself."""

_LEANING = re.compile(
    r"^\W*(?:and|but|or|so|then|also|what about|how about|what else|why|since when|really)\b"
    r"|\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there"
    r"|one|ones|same|other|others|another|else|both|former|latter|instead|too|again)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[^\s.?!:])\s+[\"'(“‘]*(?=[^\W\d_])(\w+)|(\w*\d\w*)")


def points_back(question: str) -> bool:
    """Tell whether a question has a word such as `it` or `and` that goes back to those before."""
    return _LEANING.search(question) is not None


def leans(question: str) -> bool:
    """Tell whether a question seems to be understood only with those before it."""
    return points_back(question) or len(terms(question)) <= _FEW_TERMS


def earlier_weights(question: str, earlier: Sequence[str]) -> dict[str, float]:
    """Return what earlier questions, oldest first, count beside this one, which counts 1.

    The last one counts most. That which names something counts as if it were the last, unless a
    later one does: "And the battery?" is about the car that was named three questions ago.
    """
    told: dict[str, float] = {}
    names_seen = bool(names(question))
    for age, before in enumerate(reversed(earlier[-MOST_TURNS:])):
        named = names(before)
        told.setdefault(before, 1.0 if named and not names_seen else DECAY**age)
        names_seen = names_seen or bool(named)
    share = LEANING if leans(question) else STANDING
    total = sum(told.values())
    return {before: share * weight / total for before, weight in told.items()}


def names(question: str) -> set[str]:
    """Return the words with a capital that is not that of the first word, and those with digits."""
    found = (match[1] or match[2] for match in _NAME.finditer(question))
    return {word.lower() for word in found if word[0].isupper() or word[0].isdigit()}
