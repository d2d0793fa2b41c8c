"""The sections of a PDF: the headings of its outline, at the places on its pages that they name."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.pdf.pdfium import Bookmark, PdfiumFile
from rapid_cli.reader.sections import MAX_SECTIONS, Headings, label_of

Sections = tuple[tuple[int, str], ...]
"""Where sections begin in the text of a page, and what they are called."""

_LOOK_SECONDS = 2.0
"""After this time no page is looked at for the height of a heading."""
_MOST_WORDS, _MOST_PLACES = 40, 50
_WORD = re.compile(r"\w+")
_APART = r"\W{1,20}"
_NUMBER = re.compile(r"[\W\d_]*(?:(?!table|fig|listing)[^\W\d_]\w{0,11}[\W\d_]+)?", re.IGNORECASE)
"""What may stand before a heading in its line: "3.2", "A.", "Chapter 3:"; no caption does."""
_NUMBER_BEFORE = re.compile(r"^[^\W_]{1,9}(?:[.-][^\W_]{0,9})*[.:)]? (?=.*\w{3})")
"""What an outline shows before a heading that its page may write otherwise: "II-A"."""
_PAGE = re.compile(r"(?:page|slide|p\.)?[\W\d_]*", re.IGNORECASE)
"""What a program makes that names each page by its number alone."""


def outline_sections(quick: PdfiumFile, texts: Sequence[str | None]) -> list[Sections]:
    """Return the sections that begin on each page, in the order of their places in its text."""
    end = time.monotonic() + _LOOK_SECONDS
    sections: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    headings = Headings()
    for bookmark in islice(quick.outline(), MAX_SECTIONS):
        heading = one_line(bookmark.title).strip()
        if _PAGE.fullmatch(heading):
            continue
        label = label_of(headings.under(bookmark.level, heading))
        at = bookmark.page
        if label and at is not None and at < len(texts) and (text := texts[at]):
            start = _start(quick if time.monotonic() < end else None, bookmark, heading, text)
            sections[at].append((start, label))
    return [tuple(sorted(sections[at], key=lambda section: section[0])) for at in range(len(texts))]


def _start(quick: PdfiumFile | None, bookmark: Bookmark, heading: str, text: str) -> int:
    """Return where in the text of its page a section begins."""
    starts = _places(heading, text) or _places(_NUMBER_BEFORE.sub("", heading), text)
    if len(starts) == 1:
        return starts[0]
    share = quick.share_above(bookmark) if quick else None
    if share is None:
        return starts[0] if starts else 0
    place = _beginning_of_line(text, round(share * len(text)))
    return min(starts, key=lambda start: abs(start - place), default=place)


def _places(heading: str, text: str) -> list[int]:
    """Return where a heading stands: the beginnings of the lines that begin with it, if any do.

    The page may show a number before it that the outline leaves out.
    """
    words = _WORD.findall(heading)[:_MOST_WORDS]
    if not words:
        return []
    pattern = rf"(?<!\w){_APART.join(map(re.escape, words))}(?!\w)"
    found = islice(re.finditer(pattern, text, re.IGNORECASE), _MOST_PLACES)
    places = [match.start() for match in found]
    lines = {place: text.rfind("\n", 0, place) + 1 for place in places}
    beginnings = [line for place, line in lines.items() if _NUMBER.fullmatch(text, line, place)]
    return beginnings or places


def _beginning_of_line(text: str, place: int) -> int:
    """Return where the line begins whose beginning is nearest to a place."""
    before = text.rfind("\n", 0, place) + 1
    after = text.find("\n", place) + 1
    return after if after and after - place < place - before else before
