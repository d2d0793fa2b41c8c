"""Where passages stand, and the sentences in them: pages, or sections where there are no pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rapid_cli.answering.answer import Answer
from rapid_cli.documents import Document, Page, Passage, is_file
from rapid_cli.text.naming import told_heading, told_label, told_name
from rapid_cli.text.sizes import percentage

Part = tuple[int, int]
"""From where to where in a passage's text its sentences go that matter."""
LONGEST_LABEL = 500
_WITHIN = " › "
"""What stands between a chapter's heading and that of a section in it."""
_BEGINNING = "the beginning"


@dataclass(frozen=True, slots=True)
class Place:
    """The pages and sections of a document that a passage touches, or the part of it that counts.

    That is `text[start:end]` of the document.
    """

    document: Document
    first: Page
    last: Page
    start: int
    end: int

    @property
    def section(self) -> str | None:
        """The heading above it, or the first and the last one; None without headings."""
        first, last = map(self.document.section_at, (self.start, self.end - 1))
        if first == last:
            return first
        return _range((first or _BEGINNING).split(_WITHIN), (last or _BEGINNING).split(_WITHIN))

    @property
    def told(self) -> str:
        """The place in words, such as `pages 3-4 (printed iii)`, without the document."""
        if self.document.paged:
            heading = f", {told_heading(self.section)}" if self.section else ""
            return self._told_pages() + heading
        if self.section:
            return told_heading(self.section)
        return f"{percentage(self.start / max(len(self.document.text), 1))} into the text"

    def _told_pages(self) -> str:
        pages = f"page {self.first.number}"
        if self.last.number != self.first.number:
            pages = f"pages {self.first.number}-{self.last.number}"
        return pages + (f" (printed {told_label(self.first.label)})" if self.first.label else "")

    def fields(self) -> dict[str, object]:
        """Return the fields of `--json` that say where it is."""
        paged = self.document.paged
        return {
            "page": self.first.number if paged else None,
            "last_page": self.last.number if paged else None,
            "page_label": (self.first.label or "")[:LONGEST_LABEL] or None if paged else None,
            "section": (self.section or "")[:LONGEST_LABEL] or None,
        }


def _range(first: list[str], last: list[str]) -> str:
    """Return the first and the last of some headings, with the chapter of both told once."""
    both = zip(first[:-1], last[:-1], strict=False)
    chapters = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], both)]
    ends = (_WITHIN.join(heading[len(chapters) :]) for heading in (first, last))
    return _WITHIN.join([*chapters, " – ".join(ends)])


def place_of(
    passage: Passage, documents: Mapping[str, Document], part: Part | None = None
) -> Place:
    """Return where a passage stands, or the part of it that counts."""
    chunk = passage.chunk
    document = documents[chunk.document_id]
    start, end = (chunk.start + offset for offset in part or _shown(chunk.text))
    end = max(end, start + 1)
    return Place(document, document.page_at(start), document.page_at(end - 1), start, end)


def _shown(text: str) -> Part:
    """Return where a text is but for the whitespace around it."""
    return len(text) - len(text.lstrip()), len(text.rstrip())


def place(passage: Passage, documents: Mapping[str, Document], part: Part | None = None) -> str:
    """Return where a passage stands, such as `book.pdf, pages 3-4 (printed iii)`, in one line."""
    found = place_of(passage, documents, part)
    return f"{told_name(found.document)}, {found.told}"


def address(place: Place) -> str | None:
    """Return a `file://` address of a page or a document; None if it is no file."""
    document = place.document
    if not is_file(document.path):
        return None  # least of all to a path that another machine says it has
    page = f"#page={place.first.number}" if document.paged else ""
    return Path(document.path).absolute().as_uri() + page


@dataclass(frozen=True, slots=True)
class Support:
    """A quote of a passage, of the sentence that it supports best, and where in it that stands."""

    quote: str
    part: Part | None


def best_support(answer: Answer) -> dict[int, Support]:
    """Return what the passages support best, by their numbers, of those that are cited."""
    supports: dict[int, Support] = {}
    for citation in sorted(answer.citations, key=lambda citation: -citation.support):
        for number, quote, part in citation.quoted:
            supports.setdefault(number, Support(quote, part))
    return supports
