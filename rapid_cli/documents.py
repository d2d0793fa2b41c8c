"""Documents, their pages, and the pieces of them that are stored and found."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self

PAGE_BREAK = "\n\n"
STDIN = "stdin:"
"""What the path of a document begins with that came by standard input."""
SHARED = "shared:"
"""What the path of a document begins with that another library on the server holds."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or one section of a format without pages; `number` counts them from 1.

    `label` is what is printed on the page if that differs from its number, or the section's
    heading, after that of the chapter it is in: "Chapter 3 › Installing". `sections` are those
    that begin on a page: their offsets in `text`, in order, and such headings.
    """

    number: int
    label: str | None
    text: str
    sections: tuple[tuple[int, str], ...] = ()

    @classmethod
    def stored(
        cls, number: int, label: str | None, text: str, sections: Iterable[tuple[int, str]] = ()
    ) -> Self:
        """Return a page from its fields as JSON has them."""
        return cls(number, label, text, tuple((start, heading) for start, heading in sections))


@dataclass(frozen=True)
class Document:
    """A text with pages. `id` is a hash of the file's bytes, `name` is what people call it.

    In a format without pages, `paged` is False and sections stand for them; plain text has one.
    """

    id: str
    name: str
    path: str
    pages: tuple[Page, ...]
    paged: bool
    warnings: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """All pages, joined by a blank line."""
        return PAGE_BREAK.join(page.text for page in self.pages)

    @cached_property
    def _page_starts(self) -> list[int]:
        lengths = (len(page.text) + len(PAGE_BREAK) for page in self.pages[:-1])
        return list(accumulate(lengths, initial=0))

    def page_at(self, offset: int) -> Page:
        """Return the page that holds the character at `offset` of `text`."""
        return self.pages[bisect_right(self._page_starts, offset) - 1]

    @cached_property
    def _sections(self) -> list[tuple[int, str]]:
        starts = zip(self._page_starts, self.pages, strict=True)
        return [(at + start, heading) for at, page in starts for start, heading in page.sections]

    def section_at(self, offset: int) -> str | None:
        """Return the heading above the character at `offset` of `text`; None without one."""
        if not self.paged:
            return self.page_at(offset).label
        before = bisect_right(self._sections, offset, key=lambda section: section[0])
        return self._sections[before - 1][1] if before else None


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page of a document as a picture, and what is marked on it.

    `png` are the bytes of a file of `width` times `height` pixels. `marks` are rectangles in
    pixels, as left, top, right and bottom, from the top left corner; there are none where what was
    to be marked is not on the page. `has_text` tells whether any letters are, as on a scan there
    are none. `pages` is how many the document has.
    """

    png: bytes
    width: int
    height: int
    marks: tuple[tuple[int, int, int, int], ...]
    has_text: bool
    pages: int

    @property
    def marked(self) -> bool:
        """Whether anything is marked."""
        return bool(self.marks)


def is_file(path: str) -> bool:
    """Tell whether a document with this path comes from a file on this machine."""
    return not path.startswith((STDIN, SHARED))


def is_shared(path: str) -> bool:
    """Tell whether a document with this path is what another library on the server holds."""
    return path.startswith(SHARED)


def origin_of(path: str) -> str | None:
    """Return which other library a document with this path is from; None if it is one's own."""
    return path.removeprefix(SHARED).partition(":")[0] if is_shared(path) else None


@dataclass(frozen=True, slots=True)
class Chunk:
    """`document.text[start:end]`, and the 1-based pages it touches."""

    document_id: str
    index: int
    text: str
    start: int
    end: int
    first_page: int
    last_page: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk found for a question; `score` is what ranks it, in 0..1.

    `similarity` is the cosine of its vector with that of the question, in -1..1, None where it has
    no vector yet; `lexical` is what the words weigh that it shares with the question, None where it
    has none; `named` tells whether the question names its page or a term that it holds.
    """

    chunk: Chunk
    score: float
    similarity: float | None = None
    lexical: float | None = None
    named: bool = False
