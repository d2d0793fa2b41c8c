"""`rapid open`, once its command line is understood, and `/open` in a chat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from rapid_cli.api.cited import Cited, cited, draw, excerpt, read
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.open import OpenOptions
from rapid_cli.cli.render import pictures
from rapid_cli.cli.render.console import console, tell
from rapid_cli.cli.render.excerpts import print_excerpt
from rapid_cli.cli.streams import require_output
from rapid_cli.config import expanded, home
from rapid_cli.documents import Document, PagePicture, is_shared
from rapid_cli.errors import ConfigError, DocumentError, StoreError
from rapid_cli.library.library import Library
from rapid_cli.library.sources import exists
from rapid_cli.session.session import Session
from rapid_cli.storage.history import History
from rapid_cli.text.quotes import find_quote
from rapid_cli.text.sentences import one_line

LONGEST_TOLD, MOST_DIGITS = 120, 9
UNSEEN = "open it with a program for pictures, or name a file with --output"


def run(options: OpenOptions) -> None:
    """Show the page of a source with its quote marked, or a page of a file."""
    is_number = options.target is None or is_source_number(options.target)
    if is_number and (options.page or options.find):
        raise typer.BadParameter("--page and --find go with a file")
    if not is_number and options.answer:
        raise typer.BadParameter("--answer goes with the number of a source, and with no file")
    if options.output:
        pictures.check_output(expanded(options.output))
    errors = console(quiet=options.quiet)
    models_file = models_file_in_force(None, errors)
    with Session(models_file, collection=options.collection, encoding=options.encoding) as session:
        library = session.library
        if is_number:
            number = None if options.target is None else int(options.target)
            wanted, document = cited(_record(options.answer or 1), number), None
        else:
            wanted, document = _in_file(options, library)
        show(wanted, library, errors, document=document, output=options.output)


def show(
    wanted: Cited,
    library: Library,
    errors: Console,
    *,
    document: Document | None = None,
    output: Path | None = None,
) -> None:
    """Show a place in a document, or write its page to a file; the `document` if it is read."""
    if wanted.page is not None:
        _show_page(wanted, draw(wanted, library), errors, output)
    elif output is not None:
        message = f"{wanted.document} has no pages, so there is no picture of it"
        raise ConfigError(message, "leave out --output: the text is printed")
    else:
        _show_text(wanted, document or read(wanted, library), errors)


def is_source_number(word: str) -> bool:
    """Tell whether a word may be the number of a source, and is no longer than that."""
    return word.isdecimal() and len(word) <= MOST_DIGITS


def _record(back: int) -> dict[str, object]:
    """Return the newest answer of the history, or that many back; ConfigError if there is none."""
    with History(home()) as history:
        found = history.search(None, back)
    count = len(found)
    if not found:
        hint = "ask something first, or name a file: rapid open book.pdf --page 1"
        raise ConfigError("the history is empty, so there is no source to open", hint)
    if count < back:
        has = "one answer" if count == 1 else f"{count} answers"
        raise ConfigError(f"there is no answer {back}", f"the history has {has}: 1 is the newest")
    return dict(found[-1].record)


def _in_file(options: OpenOptions, library: Library) -> tuple[Cited, Document | None]:
    """Return the place that is asked for in a file or a document of the library, if read that."""
    name, quote = str(options.target), options.find or ""
    path, document_id = _file(name, library)
    place = Cited(
        Path(path).name or name,
        path,
        document_id,
        options.page,
        f"page {options.page}" if options.page else "",
        quote,
    )
    if options.page:
        return place, None
    document = read(place, library)
    return _found(place, document), document


def _file(name: str, library: Library) -> tuple[str, str | None]:
    """Return the path of a file; of a name in the library also the id of what was read there."""
    path = expanded(name)
    if exists(path) or not (entries := library.find(name)):
        return str(path), None
    if len({entry.document_id for entry in entries}) > 1:
        paths = ", ".join(entry.path for entry in entries)
        raise StoreError(f"{name!r} may mean several documents: {paths}", "give one path")
    entry = min(entries, key=lambda each: is_shared(each.path))  # one's own, if there is one
    return entry.path, entry.document_id


def _found(place: Cited, document: Document) -> Cited:
    """Return a place with the page on which its words stand, or the first one without any."""
    number = 1
    if place.quote:
        shares = {page.number: find_quote(page.text, place.quote).share for page in document.pages}
        number = max(shares, key=lambda each: (shares[each], -each))
        if not shares[number]:
            message = f"{place.document} does not have the words “{one_line(place.quote)}”"
            raise DocumentError(message, "check how they are written, or name a page with --page")
    if not document.paged:
        return place
    return replace(place, document_id=document.id, page=number, place=f"page {number}")


def _show_page(wanted: Cited, picture: PagePicture, errors: Console, output: Path | None) -> None:
    lost = "not found on the page" if picture.has_text else "the page is a picture without letters"
    _tell_place(wanted, errors, lost="" if picture.marked else lost)
    if output is not None:
        path = expanded(output)
        pictures.write(picture, path)
        tell(errors, f"written to {path}", whole=str(path))
        return
    require_output()
    if terminal := pictures.picture_terminal():
        if not terminal.show(picture):
            tell(errors, "This is the part that fits; --output writes the whole page.", "dim")
        return
    path = pictures.keep(picture, f"{wanted.document}-page-{wanted.page}")
    if viewer := pictures.view(path):
        tell(errors, f"shown by {viewer}", "dim")
        return
    print(path, flush=True)
    tell(errors, f"Nothing here shows pictures: {UNSEEN}.", "dim")


def _show_text(wanted: Cited, document: Document, errors: Console) -> None:
    require_output()
    shown = excerpt(document, wanted)
    _tell_place(wanted, errors, lost="" if shown.marks else "not found in the text")
    print_excerpt(shown)


def _tell_place(wanted: Cited, errors: Console, *, lost: str) -> None:
    """Say what is shown and what is marked there, or why nothing is: it is `lost`."""
    where = ", ".join(filter(None, [wanted.document, wanted.place]))
    quote = one_line(wanted.quote)
    quote = quote if len(quote) <= LONGEST_TOLD else f"{quote[: LONGEST_TOLD - 1]}…"
    if not quote:
        tell(errors, where)
    elif lost:
        tell(errors, f"{where}: nothing is marked, {lost}: “{quote}”", "yellow")
    elif wanted.is_cited:
        tell(errors, f"{where}: “{quote}”")
    else:
        tell(errors, f"{where}: marked is the passage, as no sentence of the answer rests on it")
