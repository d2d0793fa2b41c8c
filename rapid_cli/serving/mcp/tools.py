"""The tools of the MCP server: what each takes, what it does, and what it gives, as plain data."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from rapid_cli.answering.answer import (
    Answer,
    Decoded,
    Event,
    Finished,
    Note,
    Prefilled,
    Retrieved,
)
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.api.answers import Answered, Source, found_sources
from rapid_cli.api.choices import Choices
from rapid_cli.api.places import Place
from rapid_cli.api.rapid import Rapid
from rapid_cli.api.report import coverage_note
from rapid_cli.documents import Document, Passage
from rapid_cli.errors import DocumentError, RapidError
from rapid_cli.serving.mcp.offered import Offered
from rapid_cli.serving.mcp.told import (
    AnsweredSentence,
    DocumentList,
    Found,
    FoundPassage,
    GivenAnswer,
    ListedDocument,
    Progress,
    ShownPassage,
    Told,
)
from rapid_cli.text.naming import title
from rapid_cli.text.printable import printable_line

ID_LETTERS = 12
"""So much of an id is told: more than enough to tell documents apart."""
LONGEST_PASSAGE = 20_000
"""Characters that are shown at once, at most."""
_STRICT = ConfigDict(extra="forbid")
_PASSAGE = re.compile(r"([0-9a-f]{8,64}):(\d{1,9})-(\d{1,9})")

Question = Annotated[str, Field(min_length=1, max_length=10_000)]
Documents = Annotated[
    list[str],
    Field(
        max_length=1000,
        description="Names or ids of documents, as list_documents gives them. "
        "Without any, all documents are used.",
    ),
]


Steps = Generator[Progress | Told, None, None]
"""What a tool's work tells: how far it is, and at last what it gives."""


@dataclass(frozen=True, slots=True)
class Means:
    """What tools work with; with `remembers`, answers go into the history."""

    rapid: Rapid
    offered: Offered
    remembers: bool


@dataclass(frozen=True)
class ListDocuments:
    """Lists the documents."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    containing: Annotated[
        str, Field(max_length=1000, description="Only those with these letters in their names.")
    ] = ""
    limit: Annotated[int, Field(ge=1, le=10_000, description="How many documents at most.")] = 200

    def work(self, means: Means) -> Steps:
        """Give the list."""
        letters = self.containing.casefold()
        listed = means.offered.listed(means.rapid)
        found = [each for each in listed if letters in each.name.casefold()]
        shown = [
            ListedDocument(each.id[:ID_LETTERS], title(each.name), each.pages)
            for each in found[: self.limit]
        ]
        yield DocumentList(shown, len(found))


@dataclass(frozen=True)
class Search:
    """Finds passages."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    question: Annotated[
        Question, Field(description="A question, or words, in the language of the documents.")
    ]
    documents: Documents = field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=50, description="How many passages.")] = 8

    def work(self, means: Means) -> Steps:
        """Give the passages."""
        rapid, offered = means.rapid, means.offered
        ids = offered.ids(rapid, self.documents)
        for _ in rapid.library.prepare(ids):
            pass
        passages = rapid.library.search(self.question, ids, self.limit)
        held = dict.fromkeys(passage.chunk.document_id for passage in passages)
        documents = {each: offered.document(rapid, each) for each in held}
        yield Found(_found(found_sources(self.question, passages, documents), passages))


@dataclass(frozen=True)
class Ask:
    """Answers a question."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    question: Annotated[
        Question,
        Field(description="A whole question: what was asked before is not known."),
    ]
    documents: Documents = field(default_factory=list)
    strategy: Annotated[
        str,
        Field(
            description=" ".join(f"{each.name}: {each.summary}." for each in STRATEGIES.values()),
            json_schema_extra={"enum": list(STRATEGIES)},
        ),
    ] = "rapid"
    max_tokens: Annotated[int, Field(ge=1, le=100_000, description="The longest answer.")] = 512

    def work(self, means: Means) -> Steps:
        """Tell how far it is read and written, and give the answer."""
        choices = Choices(strategy=self.strategy, max_tokens=self.max_tokens)
        rapid, offered = means.rapid, means.offered
        gathered = offered.gather(rapid, offered.ids(rapid, self.documents))
        notes: list[str] = []
        with closing(rapid.stream(self.question, gathered, choices)) as events:
            answer = yield from self._followed(events, notes)
        answered = Answered(answer, gathered.documents)
        notes += _remembered(rapid, answered) if means.remembers else []
        yield _given(answered, notes)

    def _followed(
        self, events: Iterable[Event], notes: list[str]
    ) -> Generator[Progress, None, Answer]:
        """Tell how far an answer is, and return it; what a person should know is noted."""
        read = 0
        for event in events:
            match event:
                case Retrieved(coverage=coverage, truncated=truncated):
                    notes += filter(None, [coverage_note(coverage, truncated=truncated)])
                case Note(text=text):
                    notes.append(printable_line(text))
                case Prefilled(role="target", done=done, total=read):
                    said = f"read {done:,} of {read:,} tokens"
                    yield Progress(done, read + self.max_tokens, said)
                case Decoded(stats=stats):
                    said = f"wrote {stats.tokens:,} of at most {self.max_tokens:,} tokens"
                    yield Progress(read + stats.tokens, read + self.max_tokens, said)
                case Finished(answer=answer):
                    return answer
        raise AssertionError("an answer ended without its last event")


@dataclass(frozen=True)
class ShowPassage:
    """Shows a passage."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    passage: Annotated[
        str,
        Field(description="What search and ask give as `passage`, as in 3f2a9c01b2d4:1200-1650."),
    ]
    surroundings: Annotated[
        int, Field(ge=0, le=LONGEST_PASSAGE, description="Characters shown before and after it.")
    ] = 1200

    def work(self, means: Means) -> Steps:
        """Give the passage."""
        named = _PASSAGE.fullmatch(self.passage)
        if named is None:
            raise _no_passage(self.passage)
        document_id, *_ = means.offered.ids(means.rapid, [named[1]])
        document = means.offered.document(means.rapid, document_id)
        start, end = int(named[2]), int(named[3])
        if not start < end <= min(len(document.text), start + LONGEST_PASSAGE):
            raise _no_passage(self.passage)
        yield _shown(document, start, end, self.surroundings)


Arguments = ListDocuments | Search | Ask | ShowPassage


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what it is called and for, what it takes, and what it gives."""

    name: str
    title: str
    description: str
    takes: type[Arguments]
    gives: type[Told]


TOOLS = [
    Tool(
        "list_documents",
        "List the documents",
        "List the documents that can be searched and asked about, with their names, ids and "
        "numbers of pages, all of them or those with some letters in their names. Use it first, to "
        "learn what there is.",
        ListDocuments,
        DocumentList,
    ),
    Tool(
        "search",
        "Search the documents",
        "Find the passages of the documents that match a question best, by words and by meaning, "
        "with the document, page and section of each. Quick: no language model runs. Use it to "
        "look something up, and to read the passages yourself.",
        Search,
        Found,
    ),
    Tool(
        "ask",
        "Ask about the documents",
        "Let a language model on this machine read the whole text of the documents and answer a "
        "question. Each sentence of the answer is matched to the passages that support it. Reading "
        "may take minutes the first time; what was read is kept. Name the documents that the "
        "question is about, if you know them. A sentence that no passage supports may be made up.",
        Ask,
        GivenAnswer,
    ),
    Tool(
        "show_passage",
        "Show a passage",
        "Show a passage that search or ask gave, between what stands before and after it in the "
        "document, with its page and section. Use it to check a source, or to read on.",
        ShowPassage,
        ShownPassage,
    ),
]


def _found(sources: Sequence[Source], passages: Sequence[Passage]) -> list[FoundPassage]:
    return [
        FoundPassage(
            number=source.number,
            passage=_handle(passage.chunk.document_id, passage.chunk.start, passage.chunk.end),
            document=source.document,
            document_id=passage.chunk.document_id[:ID_LETTERS],
            place=source.place,
            page=source.page,
            last_page=source.last_page,
            section=source.section,
            score=round(source.score, 4),
            quote=source.quote,
            content=source.text,
        )
        for source, passage in zip(sources, passages, strict=True)
    ]


def _given(answered: Answered, notes: Iterable[str]) -> GivenAnswer:
    answer = answered.answer
    return GivenAnswer(
        answer=answer.text,
        absent=answer.absent,
        finish_reason=answer.finish_reason,
        strategy=answer.options.strategy.name,
        coverage=round(answer.target.coverage, 4),
        sentences=[
            AnsweredSentence(each.start, each.end, list(each.sources), round(each.support, 4))
            for each in answered.sentences
        ],
        sources=_found(answered.sources, answer.sources),
        notes=list(notes),
        statistics=answered.summary,
    )


def _remembered(rapid: Rapid, answered: Answered) -> list[str]:
    """Put an answer into the history, and return what went wrong with that."""
    try:
        rapid.remember(answered)
    except RapidError as error:
        return [f"The answer is not in the history: {error.message}."]
    return []


def _shown(document: Document, start: int, end: int, around: int) -> ShownPassage:
    """Return `text[start:end]` of a document between what stands around it."""
    place = Place(document, document.page_at(start), document.page_at(end - 1), start, end)
    first, last = max(start - around, 0), min(end + around, len(document.text))
    handle, length = partial(_handle, document.id), end - start
    return ShownPassage(
        passage=handle(start, end),
        document=title(document.name),
        document_id=document.id[:ID_LETTERS],
        place=place.told,
        page=place.first.number if document.paged else None,
        last_page=place.last.number if document.paged else None,
        section=place.section,
        before=document.text[first:start],
        content=document.text[start:end],
        after=document.text[end:last],
        earlier=handle(max(first - length, 0), first) if first > 0 else None,
        later=handle(last, min(last + length, len(document.text)))
        if last < len(document.text)
        else None,
    )


def _handle(document_id: str, start: int, end: int) -> str:
    """Return what a client calls a passage."""
    return f"{document_id[:ID_LETTERS]}:{start}-{end}"


def _no_passage(name: str) -> DocumentError:
    return DocumentError(f"there is no passage {name[:80]!r}", "take one that search or ask gave")
