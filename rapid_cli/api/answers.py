"""Answers and found passages as programs read them: text, sources, and what supports what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapid_cli.answering.answer import Answer
from rapid_cli.answering.citing.nearest import nearest_part
from rapid_cli.api.places import Part, Place, best_support, place_of
from rapid_cli.api.report import Json, answer_json, summary
from rapid_cli.documents import STDIN, Document, Passage
from rapid_cli.text.naming import title


@dataclass(frozen=True, slots=True)
class Source:
    """A passage, by the place of what matters in it.

    `number` counts from 1, as the marks of an answer do. `document` is a name and `place` says
    where: "page 7". `page` and `last_page` count from 1; they are None in formats without pages.
    `quote` is the sentence that supports the answer best, None if no sentence of it is cited.
    `score` ranks passages, in 0..1.
    """

    number: int
    document: str
    path: str
    place: str
    page: int | None
    last_page: int | None
    section: str | None
    quote: str | None
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer, `text[start:end]`, with the numbers of the sources that support it.

    `support` is that of the best of them, in 0..1.
    """

    text: str
    start: int
    end: int
    sources: tuple[int, ...]
    support: float


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and the documents it is about, by their ids."""

    answer: Answer
    documents: Mapping[str, Document]

    @property
    def text(self) -> str:
        """The answer itself."""
        return self.answer.text

    @property
    def is_temporary(self) -> bool:
        """Whether any document came by standard input, of which nothing is kept."""
        return any(document.path.startswith(STDIN) for document in self.documents.values())

    @property
    def summary(self) -> str:
        """The statistics in one line."""
        return summary(self.answer)

    @property
    def sources(self) -> list[Source]:
        """The passages that the answer rests on, best first."""
        supports, found = best_support(self.answer), []
        for number, passage in enumerate(self.answer.sources, start=1):
            support = supports.get(number)
            place = place_of(passage, self.documents, support.part if support else None)
            found.append(_source(number, passage, place, support.quote if support else None))
        return found

    @property
    def sentences(self) -> list[Sentence]:
        """The sentences that were matched to sources, in order."""
        return [
            Sentence(
                self.text[each.start : each.end],
                each.start,
                each.end,
                each.sources,
                each.support,
            )
            for each in self.answer.citations
        ]

    def as_json(self) -> Json:
        """Return the object that `rapid ask --json` prints."""
        return answer_json(self.answer, self.documents)


def found_sources(
    question: str, passages: Iterable[Passage], documents: Mapping[str, Document]
) -> list[Source]:
    """Return passages that were found for a question, each by its part most like that."""
    return [
        _source(number, each, place_of(each, documents, _nearest(question, each, documents)))
        for number, each in enumerate(passages, start=1)
    ]


def _nearest(question: str, passage: Passage, documents: Mapping[str, Document]) -> Part | None:
    return nearest_part(question, passage, documents[passage.chunk.document_id])


def _source(number: int, passage: Passage, place: Place, quote: str | None = None) -> Source:
    paged = place.document.paged
    return Source(
        number,
        title(place.document.name),
        place.document.path,
        place.told,
        place.first.number if paged else None,
        place.last.number if paged else None,
        place.section,
        quote,
        passage.chunk.text,
        passage.score,
    )
