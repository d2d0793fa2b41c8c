"""What the tools of the MCP server give: fields for programs, and a text for people and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field

from rapid_cli.text.printable import printable, printable_line

UNSUPPORTED = "no passage supports this"
PageNumber = Annotated[int | None, Field(description="null in formats without pages")]


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of the work is done, and what that is in words."""

    done: int
    total: int
    message: str


class Told(Protocol):
    """What a tool gives: fields for programs, and a text for people and models."""

    def text(self) -> str:
        """Return what the fields say as a text."""
        ...


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document that can be asked about."""

    id: str
    name: str
    pages: Annotated[int, Field(description="pages, or sections in formats without pages")]


@dataclass(frozen=True, slots=True)
class DocumentList:
    """The documents that can be asked about, or the first of them."""

    documents: list[ListedDocument]
    total: Annotated[int, Field(description="how many there are, shown or not")]

    def text(self) -> str:
        """Return a line for each document."""
        lines = [
            f"{each.name} ({_counted(each.pages, 'page')}, id {each.id})" for each in self.documents
        ]
        if more := self.total - len(lines):
            lines.append(f"and {more:,} more: say what letters their names have")
        return "\n".join(lines) or "There are no documents."


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage of a document, and where it stands."""

    number: Annotated[int, Field(description="counted from 1, best first; answers cite it as [1]")]
    passage: Annotated[str, Field(description="what show_passage takes to show it")]
    document: str
    document_id: str
    place: Annotated[str, Field(description="where it stands, in words")]
    page: PageNumber
    last_page: PageNumber
    section: str | None
    score: Annotated[float, Field(description="how well it matches the question, from 0 to 1")]
    quote: Annotated[str | None, Field(description="the words that support the answer, if any do")]
    content: Annotated[str, Field(description="the text of the passage")]

    def heading(self) -> str:
        """Return the line that says which it is."""
        quote = f"  “{printable_line(self.quote)}”" if self.quote else ""
        name = printable_line(self.document)
        return f"[{self.number}] {name}, {self.place} (passage {self.passage}){quote}"


@dataclass(frozen=True, slots=True)
class Found:
    """The passages that match a question best."""

    passages: list[FoundPassage]

    def text(self) -> str:
        """Return the passages, each under its place."""
        parts = [f"{each.heading()}\n{printable(each.content).strip()}" for each in self.passages]
        return "\n\n".join(parts) or "Nothing was found."


@dataclass(frozen=True, slots=True)
class AnsweredSentence:
    """A sentence of an answer, and what supports it."""

    start: Annotated[int, Field(description="where it begins in the answer, in characters")]
    end: int
    sources: Annotated[list[int], Field(description="numbers of sources; empty: nothing does")]
    support: Annotated[float, Field(description="how well the best of them does, from 0 to 1")]


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer, what supports it, and how it came about."""

    answer: str
    absent: Annotated[bool, Field(description="whether the answer is that the text does not say")]
    finish_reason: Annotated[str, Field(description="stop, or length if max_tokens cut it off")]
    strategy: str
    coverage: Annotated[float, Field(description="the share of the text that was read, 0 to 1")]
    sentences: list[AnsweredSentence]
    sources: list[FoundPassage]
    notes: list[str]
    statistics: str

    def text(self) -> str:
        """Return the answer with its marks, then the sources, and the line of statistics."""
        parts = [printable(self._marked()), *self.notes]
        if self.sources:
            parts.append("\n".join(["Sources", *(each.heading() for each in self.sources)]))
        return "\n\n".join([*parts, self.statistics])

    def _marked(self) -> str:
        """Return the answer with the numbers of sources after each sentence."""
        parts, before = [], 0
        for each in self.sentences:
            marks = "".join(f"[{number}]" for number in each.sources) or f"[{UNSUPPORTED}]"
            parts += [self.answer[before : each.end], " ", marks]
            before = each.end
        return "".join([*parts, self.answer[before:]])


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage between what stands before and after it."""

    passage: str
    document: str
    document_id: str
    place: Annotated[str, Field(description="where it stands, in words")]
    page: PageNumber
    last_page: PageNumber
    section: str | None
    before: str
    content: Annotated[str, Field(description="the text of the passage")]
    after: str
    earlier: Annotated[
        str | None, Field(description="what show_passage takes to go on before this; null: nothing")
    ]
    later: Annotated[
        str | None, Field(description="what show_passage takes to go on after this; null: nothing")
    ]

    def text(self) -> str:
        """Return the place, and the passage between two marks."""
        heading = f"{printable_line(self.document)}, {self.place}"
        shown = f"{self.before}>>>{self.content}<<<{self.after}"
        return f"{heading}\nThe passage stands between >>> and <<<.\n\n{printable(shown)}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
