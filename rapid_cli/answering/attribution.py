"""Matching the sentences of an answer to its passages, or else to others of the documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rapid_cli.answering.answer import Answer
from rapid_cli.answering.citations import Embed
from rapid_cli.documents import Document, Passage
from rapid_cli.retrieval.passages import whole_sentences

MOST_SEARCHED = 10
"""For so many sentences that none of the answer's passages supports, others are searched."""


def match_sentences(
    answer: Answer,
    documents: Mapping[str, Document],
    search: Callable[[str], list[Passage]],
    embed: Embed,
) -> None:
    """Fill in the answer's citations, and add to its sources those passages that it needs.

    `search` finds passages for a sentence. StoreError and ModelError come from there, and leave
    the citations of the answer's own passages.
    """
    embed = _remembering(embed)
    answer.cite(embed)
    first = list(answer.sources or ())
    unsupported = dict.fromkeys(
        answer.text[each.start : each.end] for each in answer.citations if not each.sources
    )
    found = [each for sentence in islice(unsupported, MOST_SEARCHED) for each in search(sentence)]
    known = {passage.chunk for passage in first}
    others = {each.chunk: each for each in whole_sentences(found, documents)}
    new = [passage for chunk, passage in others.items() if chunk not in known]
    if new:
        answer.sources = [*first, *new]
        answer.cite(embed)
        answer.keep_sources(range(1, len(first) + 1))


def _remembering(embed: Embed) -> Embed:
    """Return `embed` that embeds each text once."""
    known: dict[str, NDArray[np.float32]] = {}

    def embed_new(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, embed(new), strict=True) if new else ())
        return np.stack([known[text] for text in texts])

    return embed_new
