"""Matching the sentences of an answer to its passages, or else to others of the documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rapid_cli.answering.answer import Answer
from rapid_cli.answering.citing.citations import Embed, cite
from rapid_cli.documents import Document, Passage
from rapid_cli.retrieval.passages import whole_sentences
from rapid_cli.text.sentences import whole

MOST_SEARCHED = 10
"""For so many sentences that none of the answer's passages supports, others are searched."""


def match_sentences(
    answer: Answer,
    documents: Mapping[str, Document],
    search: Callable[[str], list[Passage]],
    embed: Embed,
) -> Iterator[Answer]:
    """Yield the answer with citations of its own passages, then with those others that it needs.

    `search` finds passages for a sentence; StoreError and ModelError come from there.
    """
    embed = _remembering(embed)
    answer = cite_sources(answer, embed)
    yield answer
    unsupported = dict.fromkeys(
        answer.text[each.start : each.end] for each in answer.citations if not each.sources
    )
    found = [each for sentence in islice(unsupported, MOST_SEARCHED) for each in search(sentence)]
    known = {passage.chunk for passage in answer.sources}
    others = {each.chunk: each for each in whole_sentences(found, documents)}
    new = [passage for chunk, passage in others.items() if chunk not in known]
    if new:
        more = replace(answer, sources=[*answer.sources, *new])
        yield _with_cited_sources(cite_sources(more, embed), always=len(answer.sources))


def cite_sources(answer: Answer, embed: Embed) -> Answer:
    """Match the answer's sentences to its passages, if there are any.

    A sentence that the answer's length cut off says nothing yet, and nothing is what supports
    that the text does not say.
    """
    if not answer.sources or answer.absent:
        return answer
    text = whole(answer.text) if answer.finish_reason == "length" else answer.text
    return replace(answer, citations=cite(text, answer.sources, embed, question=answer.question))


def _with_cited_sources(answer: Answer, *, always: int) -> Answer:
    """Drop the sources that nothing cites, but for the first so many."""
    cited = {number for citation in answer.citations for number in citation.sources}
    kept = sorted(cited.union(range(1, always + 1)))
    place = {number: new for new, number in enumerate(kept, start=1)}
    return replace(
        answer,
        sources=[answer.sources[number - 1] for number in kept],
        citations=[
            replace(each, sources=tuple(place[number] for number in each.sources))
            for each in answer.citations
        ],
    )


def _remembering(embed: Embed) -> Embed:
    """Return `embed` that embeds each text once."""
    known: dict[str, NDArray[np.float32]] = {}

    def embed_new(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, embed(new), strict=True) if new else ())
        return np.stack([known[text] for text in texts])

    return embed_new
