"""Files in, documents out: PDF, EPUB, DOCX, HTML, Markdown and text, judged by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from rapid_cli.documents import Document, Page, PagePicture
from rapid_cli.errors import DocumentError, LibraryError
from rapid_cli.machine.libraries import unimportable
from rapid_cli.reader import kinds
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean, reason, without_embedded
from rapid_cli.reader.finding import MAX_FILE, Found, find, load
from rapid_cli.reader.formats.mail import marks
from rapid_cli.reader.markdown import markdown_lines, without_pictures
from rapid_cli.reader.pdf.page_texts import NEEDS_OCR, Textless
from rapid_cli.reader.plain import Unrecognised, decode_named, decode_text, turns_binary
from rapid_cli.reader.sections import Line, section_pages

__all__ = [
    "MAX_FILE",
    "VERSION",
    "Found",
    "draw_page",
    "find",
    "needs_ocr",
    "read",
    "read_bytes",
]

VERSION = 7
"""Raised whenever files may read otherwise than before: the library then reads them again."""
MAX_TEXT = 16_000_000
"""Characters of a document, some 8,000 pages: what follows takes a multiple of their memory."""
_WIDEST = 4  # bytes of a character
_CROWDING = 128 * MEGABYTE
"""Beside a file of so many bytes a library may find no room to be loaded in."""

_ReadLines = Callable[[bytes, str], tuple[list[Line], tuple[str, ...]]]
_Read = tuple[tuple[Page, ...], tuple[str, ...]]


def read(
    path: Path,
    *,
    ocr: bool = False,
    takes: Callable[[float], None] | None = None,
    careful: bool = False,
    folder: Path | None = None,
    raw: bytes | None = None,
    encoding: str | None = None,
) -> Document:
    """Read one file, which is in `folder` if one was searched; DocumentError for all that is wrong.

    With `ocr`, a PDF that has pages without text is read through ocrmypdf; `takes` is told before
    for how many seconds at most. With `careful`, native libraries that may crash are not used.
    With `raw` these are its bytes, and there is no file. An `encoding` is that of texts which are
    not Unicode; None is for what their letters show.
    """
    raw = load(path, folder, encoding) if raw is None else raw
    place = str(path.absolute())
    try:
        document = read_bytes(raw, name=path.name, path=place, careful=careful, encoding=encoding)
    except Textless:
        if not ocr:
            raise
    else:
        if not (ocr and needs_ocr(document)):
            return document
    from rapid_cli.reader.pdf.ocr import read_scanned  # noqa: PLC0415 - rarely needed

    return read_scanned(path, raw, takes)


def draw_page(
    path: Path, number: int, quote: str, passage: str, *, width: int, document_id: str | None
) -> PagePicture:
    """Return a page of a file as a picture, as `pictures.page_picture` draws it.

    DocumentError for all that is wrong, also if the file is not the one of the `document_id`.
    """
    raw, name = load(path), clean(path.name)
    if document_id and hashlib.sha256(raw).hexdigest() != document_id:
        hint = "ask again about it as it is now, or look at it as it is by its name"
        raise DocumentError(f"{name} has changed since it was read", hint)
    if kinds.kind_of(BytesIO(raw), name) != kinds.PDF:
        raise DocumentError(f"{name} has no pages to show", "only PDFs have: ask for no page")
    # Imported here as it brings numpy, whose memory other files do without.
    from rapid_cli.reader.pdf.pictures import page_picture  # noqa: PLC0415

    return page_picture(raw, name, number, quote, passage, width=width)


def needs_ocr(document: Document) -> bool:
    """Tell whether pages of a document show something, but have no text."""
    return document.paged and any(NEEDS_OCR in warning for warning in document.warnings)


def read_bytes(
    raw: bytes, *, name: str, path: str, careful: bool = False, encoding: str | None = None
) -> Document:
    """Read the bytes of a file called `name`, judging its kind by content.

    The name only decides where the bytes allow two kinds, as for Markdown and text.
    """
    # A name that is not UTF-8 arrives with lone surrogates, which nothing downstream can store.
    name, path = clean(name), clean(path)
    kind = kinds.kind_of(BytesIO(raw), name, encoding)
    try:
        text, named = _recoded(raw, encoding) if kind in kinds.TEXTS and encoding else (raw, ())
        pages, notes = _pages(kind, text, name, careful=careful)
    except DocumentError:
        raise
    except Unrecognised as error:
        raise _not_in(encoding, name) from error
    except (ImportError, LibraryError) as error:  # which is not the file's fault
        is_absent = isinstance(error.__cause__ or error, ModuleNotFoundError)
        if len(raw) > _CROWDING and not is_absent:
            raise MemoryError from error
        broken = unimportable(error) if isinstance(error, ImportError) else error
        raise DocumentError(f"{name} cannot be read: {broken.message}", broken.hint) from error
    except Exception as error:  # damage surfaces as whatever a library trips over
        message = f"{name} is not a readable {kind} file: {reason(error)}"
        raise DocumentError(message, "open it in its own program and save it again") from error
    if not any(page.text.strip() for page in pages):
        raise kinds.textless(kind, name, raw)
    if sum(len(page.text) for page in pages) > MAX_TEXT:
        raise _too_long(name)
    identity = hashlib.sha256(raw).hexdigest()
    return Document(identity, name, path, pages, kind == kinds.PDF, (*named, *notes))


def _recoded(raw: bytes, encoding: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a text in marked UTF-8 whose encoding the user named, and warnings."""
    text, notes = decode_named(raw, encoding)
    return text.encode("utf-8-sig"), notes


def _not_in(encoding: str | None, name: str) -> DocumentError:
    """Return the error for a text that does not fit the encoding named, or none at all."""
    if encoding:
        return DocumentError(
            f"{name} is not in {encoding}", "leave out --encoding, or name another one"
        )
    hint = "name it, as with --encoding Shift-JIS, or save the text as UTF-8"
    return DocumentError(f"{name} is in an encoding that is not recognised", hint)


def _too_long(name: str) -> DocumentError:
    message = f"{name} holds more than {MAX_TEXT // 1_000_000} million characters"
    return DocumentError(message, "split it into parts")


def _pages(kind: str, raw: bytes, name: str, *, careful: bool) -> _Read:
    match kind:
        case kinds.PDF:
            # Imported here as it brings numpy, whose memory other files do without.
            from rapid_cli.reader.pdf.pages import pdf_pages  # noqa: PLC0415

            return pdf_pages(raw, name, careful=careful)
        case kinds.TEXT:
            return _text_pages(raw, name)
    if reader := _reader(kind):
        lines, notes = reader(raw, name)
        return section_pages(lines), notes
    raise kinds.refusal(kind, name, raw)


def _reader(kind: str) -> _ReadLines | None:  # noqa: PLR0911 - a table
    """Return what reads the lines of a kind, None for one that is not read.

    Imported here as they bring lxml, which `rapid --help` need not wait for.
    """
    match kind:
        case kinds.EPUB:
            from rapid_cli.reader.formats.epub.book import epub_lines  # noqa: PLC0415

            return epub_lines
        case kinds.DOCX:
            from rapid_cli.reader.formats.docx.document import docx_lines  # noqa: PLC0415

            return docx_lines
        case kinds.HTML:
            from rapid_cli.reader.formats.html import html_lines  # noqa: PLC0415

            return html_lines
        case marks.MAIL:
            from rapid_cli.reader.formats.mail.messages import mail_lines  # noqa: PLC0415

            return mail_lines
        case marks.MAILBOX:
            from rapid_cli.reader.formats.mail.messages import mailbox_lines  # noqa: PLC0415

            return mailbox_lines
        case kinds.ODT:
            from rapid_cli.reader.formats.office.opendocument import opendocument_lines  # noqa: PLC0415

            return opendocument_lines
        case kinds.PPTX:
            from rapid_cli.reader.formats.office.pptx import pptx_lines  # noqa: PLC0415

            return pptx_lines
        case kinds.XLSX:
            from rapid_cli.reader.formats.office.xlsx import xlsx_lines  # noqa: PLC0415

            return xlsx_lines
        case kinds.RTF:
            from rapid_cli.reader.formats.office.rtf import rtf_lines  # noqa: PLC0415

            return rtf_lines
        case kinds.TABLE:
            from rapid_cli.reader.formats.office.tables import table_lines  # noqa: PLC0415

            return table_lines
    return None


def _text_pages(raw: bytes, name: str) -> _Read:
    if len(raw) > _WIDEST * MAX_TEXT:
        raise _too_long(name)
    if turns_binary(raw):
        message = f"{name} begins as text and goes on as something else"
        raise DocumentError(message, "take the text out of it, and save that")
    text, notes = decode_text(raw)
    is_markdown = kinds.is_markdown(name)
    text = without_pictures(text) if is_markdown else without_embedded(text)
    if len(text) > MAX_TEXT:
        raise _too_long(name)
    if is_markdown:
        return section_pages(markdown_lines(text)), notes
    return (Page(1, None, text),), notes
