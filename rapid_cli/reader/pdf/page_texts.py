"""What a PDF reader finds on the pages of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapid_cli.errors import DocumentError

NEEDS_OCR = "needs OCR"


class Textless(DocumentError):
    """No page of a PDF has text, but there are pages."""


@dataclass(slots=True)
class PageTexts:
    """The text of each page, "" where there is none, None where it is damaged; their labels.

    `bombs` are the places of pages at which one reader met a bound: what another one reads there
    may not be all. On `hurried` pages there was no time to look where their letters stand, and
    `unread` ones have fields or notes that could not be read. On `endless` ones PDFium
    does not come to an end.
    """

    texts: list[str | None]
    labels: Sequence[str | None]
    bombs: set[int] = field(default_factory=set)
    hurried: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    endless: list[int] = field(default_factory=list)
