"""A question as the library searches for it: texts for their meaning, words, and exact terms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rapid_cli.text.exact_terms import ExactTerm, exact_terms
from rapid_cli.text.follow_ups import earlier_weights, points_back
from rapid_cli.text.page_references import NamedPages, named_pages
from rapid_cli.text.related_terms import related_terms
from rapid_cli.text.words import run, terms

RELATED = 0.7
"""What terms that are related to the question count, where those of its own count 1."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for. `texts` are embedded and `words` looked for, each with its weight.

    `related` are further words, which count in both ways where a document has them.
    """

    texts: Mapping[str, float]
    words: Mapping[str, float]
    related: Mapping[str, str]
    exact: tuple[ExactTerm, ...]
    pages: NamedPages

    def alone(self, question: str) -> Query:
        """Return this query without the meaning and the words of earlier questions."""
        only = query(question)
        return replace(self, texts=only.texts, words=only.words)


def query(question: str, earlier: Sequence[str] = ()) -> Query:
    """Return what a question is searched for with that goes on from earlier ones, oldest first."""
    before = earlier_weights(question, earlier)
    asked = (question, *(reversed(earlier) if points_back(question) else ()))
    return Query(
        {question: 1.0} | before,
        _words(question, before),
        {run(term): term for term in related_terms(question)},
        next(filter(None, (tuple(exact_terms(one)) for one in asked)), ()),
        next(filter(None, map(named_pages, asked)), NamedPages()),
    )


def _words(question: str, before: Mapping[str, float]) -> dict[str, float]:
    """Return the terms to look for; those of earlier questions weigh together what these do."""
    asked = terms(question)
    told = {one: [term for term in terms(one) if term not in asked] for one in before}
    weights = dict.fromkeys(asked, 1.0)
    for one, words in told.items():
        for term in words:
            weight = before[one] * min(1.0, len(asked) / len(words))
            weights[term] = max(weights.get(term, 0.0), weight)
    return weights


def rareness(holders: int, chunks: int) -> float:
    """Return what a word is worth that so many of the chunks hold: the rarer, the more."""
    return math.log(1 + (chunks - holders + 0.5) / (holders + 0.5))
