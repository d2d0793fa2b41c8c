"""What a source of an answer points to: the page, the words that are cited, and the text around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rapid_cli.documents import Document, PagePicture, is_file, is_shared
from rapid_cli.errors import ConfigError, DocumentError
from rapid_cli.library.library import Library
from rapid_cli.text.naming import told_heading, told_label
from rapid_cli.text.printable import printable_line
from rapid_cli.text.quotes import find_quote

SURROUNDINGS = 1_500
"""Characters that are shown before and after a passage, or up to a paragraph more."""
_LONGEST_PARAGRAPH = 1_000
_PARAGRAPH = "\n\n"
_ASK_AGAIN = "ask again about it as it is now, or look at it by its name"

Record = Mapping[str, Any]
"""An answer as `report.answer_json` gives it, and the history keeps it."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cited:
    """A place in a document, and what is to be marked there.

    `page` counts from 1; it is None in formats without pages. `quote` are words of the `passage`,
    which is empty where only words are looked for. Where `is_cited` is False no sentence of the
    answer rests on the passage, and the whole of it is the quote. The `document_id` is None where
    any file will do that is there.
    """

    document: str
    path: str
    document_id: str | None
    page: int | None
    place: str
    quote: str
    passage: str = ""
    is_cited: bool = True


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a text, and where in it the words stand that are marked; nowhere if they do not."""

    text: str
    marks: tuple[Span, ...]
    is_beginning: bool
    is_end: bool


def cited(record: Record, number: int | None = None) -> Cited:
    """Return what source `number` of an answer points to, or else the first one that is cited.

    ConfigError if there is none.
    """
    sources = cast("Sequence[Record]", record["sources"])
    if not sources:
        raise _sourceless(record)
    number = _first_cited(record) if number is None else number
    if not 1 <= number <= len(sources):
        has = f"sources 1 to {len(sources)}" if len(sources) > 1 else "source 1 alone"
        raise ConfigError(f"the answer has no source {number}", f"it has {has}")
    source = sources[number - 1]
    place = _best_place(record, number)
    page, text = place.get("page", source["page"]), str(source["text"])
    return Cited(
        str(source["document"]),
        str(source["path"]),
        source.get("document_id"),
        page,
        _told({**source, **place}),
        str(place.get("quote", text)),
        text,
        is_cited=bool(place),
    )


def _sourceless(record: Record) -> ConfigError:
    asked = printable_line(" ".join(str(record["question"]).split()))
    if record.get("absent"):
        return ConfigError(f"the answer to “{asked}” has no sources", "it is that no text says so")
    hint = "of what came by standard input nothing is kept: name a file, as it can be opened"
    return ConfigError(f"the answer to “{asked}” has no sources", hint)


def _first_cited(record: Record) -> int:
    """Return the number of the source that supports the first sentence with any, or else 1."""
    return next((each["sources"][0] for each in record["citations"] if each["sources"]), 1)


def _best_place(record: Record, number: int) -> Record:
    """Return the place of the sentence that a source supports best; nothing if it supports none."""
    places = [
        (each["support"], place)
        for each in record["citations"]
        for source, place in zip(each["sources"], each.get("places", ()), strict=False)
        if source == number
    ]
    return max(places, key=lambda each: float(each[0]), default=(0, {}))[1]


def _told(place: Record) -> str:
    """Return a place in words: `page 7 (printed iii)`, or the heading of a section."""
    if place["page"] is None:
        return told_heading(place["section"]) if place.get("section") else ""
    label = place.get("page_label")
    return f"page {place['page']}" + (f" (printed {told_label(label)})" if label else "")


def draw(wanted: Cited, library: Library, *, width: int | None = None) -> PagePicture:
    """Return the page of a place as a picture with its quote marked; DocumentError if it cannot be.

    A quote that is not on the page is no error, as scans and pictures have no letters. The
    picture has `width` pixels in a row, by default as many as are usual.
    """
    page = wanted.page
    assert page is not None
    wanted = _checked(wanted, library)
    return library.extractor.picture(
        Path(wanted.path),
        page,
        wanted.quote,
        passage=wanted.passage,
        document_id=wanted.document_id,
        **({} if width is None else {"width": width}),
    )


def read(wanted: Cited, library: Library) -> Document:
    """Return the document of a place as it is now; DocumentError if it is another one."""
    wanted = _checked(wanted, library)
    path = Path(wanted.path)
    held = library.held(path)
    document = library.get(held) if held else library.extractor.read(path)
    if wanted.document_id not in (None, document.id):
        raise DocumentError(f"{wanted.document} has changed since it was read", _ASK_AGAIN)
    return document


def _checked(wanted: Cited, library: Library) -> Cited:
    """Return a place in a file that is there, with the id that it has in the library if needed."""
    if is_shared(wanted.path):
        message = f"{wanted.document} is a file of another machine"
        raise DocumentError(message, "open it there, where it was indexed")
    if not is_file(wanted.path):
        hint = "nothing of it is kept: name a file, as it can be opened"
        raise DocumentError(f"{wanted.document} came by standard input", hint)
    # Of what was named just now, the reader says what is wrong.
    if (wanted.document_id or wanted.passage) and not Path(wanted.path).exists():
        raise DocumentError(f"{wanted.document} is gone", f"it was read from {wanted.path}")
    if wanted.document_id or not wanted.passage:
        return wanted
    # Answers of an earlier version do not say it.
    ids = (entry.document_id for entry in library.find(wanted.path))
    return replace(wanted, document_id=next(ids, None))


def excerpt(document: Document, wanted: Cited) -> Excerpt:
    """Return the passage of a place with what surrounds it, and its quote marked."""
    text = document.text
    around = _span(text, wanted.passage)
    start, end = around or (0, len(text))
    within = find_quote(text[start:end], wanted.quote, wanted.passage).spans
    marks = [(start + first, start + last) for first, last in within]
    if around is None:
        start, end = (marks[0][0], marks[-1][1]) if marks else (0, 0)
    first, last = _paragraph_start(text, start), _paragraph_end(text, end)
    shown = tuple((one - first, other - first) for one, other in marks)
    return Excerpt(text[first:last], shown, is_beginning=first == 0, is_end=last == len(text))


def _span(text: str, passage: str) -> Span | None:
    """Return where a passage stands in the text that it is from; None if it does not."""
    if not passage:
        return None
    if (at := text.find(passage)) >= 0:
        return at, at + len(passage)
    spans = find_quote(text, passage).spans
    return (spans[0][0], max(end for _, end in spans)) if spans else None


def _paragraph_start(text: str, offset: int) -> int:
    """Return where the surroundings of a place begin: with a paragraph, unless it is a long one."""
    earliest = max(offset - SURROUNDINGS, 0)
    first = max(earliest - _LONGEST_PARAGRAPH, 0)
    found = text.rfind(_PARAGRAPH, first, earliest)
    if found >= 0:
        return found + len(_PARAGRAPH)
    return first if first == 0 else earliest


def _paragraph_end(text: str, offset: int) -> int:
    """Return where they end, likewise."""
    latest = offset + SURROUNDINGS
    last = latest + _LONGEST_PARAGRAPH
    found = text.find(_PARAGRAPH, latest, last)
    if found >= 0:
        return found
    return len(text) if last >= len(text) else latest
