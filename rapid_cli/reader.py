"""Files in, documents out: PDF through pypdf, and plain text in the encodings people have."""

from __future__ import annotations

import codecs
import hashlib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.documents import Document, Page
from rapid_cli.errors import DocumentError

if TYPE_CHECKING:
    from pypdf import PdfReader

SUFFIXES = (".pdf", ".txt", ".text", ".md", ".markdown", ".rst")

_PDF_MARK = b"%PDF-"
_HEAD = 65536  # bytes that decide what kind of file this is
_REPLACEMENT = "\ufffd"
_RESAVE = "open it in a PDF viewer and print it to a new PDF"
# Control characters that no text has a use for; bell, backspace and escape occur in terminal logs.
_ODD = re.compile(r"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find(path: Path) -> list[Path]:
    """Return the documents at `path`: a file itself, or the readable kinds below a folder, sorted.

    Hidden files and folders are skipped. A missing path or a folder without documents is a
    DocumentError.
    """
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        found = list(_documents(path))
    except OSError as error:
        raise _unreadable(path, error) from error
    if not found:
        hint = f"folders are searched for {', '.join(SUFFIXES)}"
        raise DocumentError(f"{_clean(str(path))} has no documents", hint)
    return found


def read(path: Path) -> Document:
    """Read one file; whatever is wrong with it is a DocumentError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD)
            # A model given by mistake is gigabytes, and its first bytes are enough to refuse it.
            if _is_pdf(raw) or not _is_binary(raw):
                raw += file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    return read_bytes(raw, name=path.name, path=str(path.absolute()))


def read_bytes(raw: bytes, *, name: str, path: str) -> Document:
    """Read the bytes of a file called `name`, judging its kind by content, never by its name."""
    # A name that is not UTF-8 arrives with lone surrogates, which nothing downstream can store.
    name, path = _clean(name), _clean(path)
    paged = _is_pdf(raw)
    pages, notes = _read_pdf(raw, name) if paged else _read_text(raw, name)
    identity = hashlib.sha256(raw).hexdigest()
    return Document(identity, name, path, pages, paged, notes)


def _documents(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except PermissionError:
        yield folder  # one closed folder must not hide the others: reading it will say why
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():  # a link may lead back up
                yield from _documents(entry)
        elif entry.suffix.lower() in SUFFIXES and entry.is_file():
            yield entry


def _unreadable(path: Path, error: OSError) -> DocumentError:
    name = _clean(str(path))
    if isinstance(error, FileNotFoundError):
        return DocumentError(f"{name} does not exist", "check the path for a typing mistake")
    reason = (error.strerror or type(error).__name__).lower()
    return DocumentError(f"{name} cannot be read: {reason}", "give a file that you may read")


def _clean(text: str) -> str:
    """Return `text` as valid Unicode with `\\n` line ends and without NUL."""
    # The round trip joins surrogates that form a pair and replaces those that do not.
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _read_text(raw: bytes, name: str) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    if _is_binary(raw):
        raise DocumentError(f"{name} is not a PDF or text", "convert it to PDF or plain text first")
    text, notes = _decode(raw)
    text = _clean(text)
    if not text.strip():
        raise DocumentError(f"{name} has no text", "check that this is the right file")
    return (Page(1, None, text),), notes


def _is_binary(raw: bytes) -> bool:
    """Tell whether the head of a file is full of characters that occur in no text."""
    text, notes = _decode(raw[:_HEAD])
    zeros, odd = text.count("\0"), len(_ODD.findall(text))
    # Stray NULs occur in real text files, but hardly together with an encoding that does not fit.
    zeros_allowed = 0.01 if notes else 0.3
    # Compressed data is 10 % odd characters and more; a short text may well hold one.
    return zeros > zeros_allowed * len(text) or odd > max(1, 0.05 * len(text))


def _decode(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text, and a warning if the encoding had to be guessed or did not fit."""
    encoding = _wide_encoding(raw) or "utf-8"
    try:
        return raw.decode(encoding), ()
    except UnicodeDecodeError:
        text = raw.decode(encoding, "replace")
    misfits = text.count(_REPLACEMENT)
    # One bad byte in a UTF-8 file must not turn all its other letters into pairs of wrong ones.
    if encoding != "utf-8" or misfits * 10 < len(re.findall(r"[^\x00-\x7f]", text)):
        return text, (f"{misfits} unreadable characters were replaced by {_REPLACEMENT}",)
    return raw.decode("cp1252", "replace"), ("the text is not UTF-8; it was read as Windows-1252",)


def _wide_encoding(raw: bytes) -> str | None:
    """Return the encoding that a byte order mark, or the zero bytes of UTF-16, give away."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return encoding
    head = raw[:_HEAD]
    high_first, low_first = head[0::2].count(0), head[1::2].count(0)
    # Spaces and Latin letters have a zero half; zeros that mean something else are in both halves.
    fewer, more = sorted((high_first, low_first))
    if more <= max(2, len(head) // 20) or fewer * 10 > more:
        return None
    return "utf-16-be" if high_first > low_first else "utf-16-le"


def _is_pdf(raw: bytes) -> bool:
    return _PDF_MARK in raw[:1024]  # readers tolerate this much junk before it


def _read_pdf(raw: bytes, name: str) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    # pypdf reports each oddity of a file it can read; a reader of the answer has no use for them.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings(action="ignore"):
        reader = _open_pdf(raw, name)
        texts = [_page_text(reader, index) for index in range(len(reader.pages))]
        if not any(texts):
            raise _textless(reader, texts, name)
        labels = _labels(reader)
    pages = (
        Page(number, label if label != str(number) else None, text or "")
        for number, (label, text) in enumerate(zip(labels, texts, strict=True), start=1)
    )
    return tuple(pages), tuple(_page_warnings(texts))


def _open_pdf(raw: bytes, name: str) -> PdfReader:
    """Return a reader with at least one page whose text is not locked."""
    from pypdf import PdfReader  # noqa: PLC0415 - keeps `rapid --help` fast

    try:
        reader = PdfReader(BytesIO(raw), strict=False)
        locked = reader.is_encrypted and not reader.decrypt("")
        page_count = 0 if locked else len(reader.pages)
    # Damage surfaces as whatever pypdf trips over: KeyError, TypeError, RecursionError and more.
    except Exception as error:
        raise DocumentError(f"{name} is not a readable PDF: {_reason(error)}", _RESAVE) from error
    if locked:
        hint = "save a copy without it, such as: qpdf --password=... --decrypt in.pdf out.pdf"
        raise DocumentError(f"{name} is locked with a password", hint)
    if page_count == 0:
        raise DocumentError(f"{name} has no pages", "check that this is the right file")
    return reader


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:100].rstrip(".") if lines else type(error).__name__


def _page_text(reader: PdfReader, index: int) -> str | None:
    """Return the text of a page, "" if it has none, or None if the page is damaged."""
    try:
        text = _clean(reader.pages[index].extract_text())
    except Exception:  # as in `_open_pdf`; the other pages may be sound
        return None
    return text if text.strip() else ""


def _labels(reader: PdfReader) -> Sequence[str | None]:
    """Return the label printed on each page, None where it is blank or the labels are damaged."""
    try:
        return [_clean(label).strip() or None for label in reader.page_labels]
    except Exception:  # as in `_open_pdf`; labels are a convenience
        return [None] * len(reader.pages)


def _textless(reader: PdfReader, texts: Sequence[str | None], name: str) -> DocumentError:
    if all(text is None for text in texts):
        return DocumentError(f"{name} is damaged: none of its pages can be read", _RESAVE)
    scanned = sum(_has_image(reader, index) for index in range(len(texts)))
    found = f"{_pages(scanned)} {'looks' if scanned == 1 else 'look'} scanned"
    message = f"{name} has no text; {found if scanned else 'its pages are blank or drawn'}"
    return DocumentError(message, "add text by OCR first, such as: ocrmypdf in.pdf out.pdf")


def _has_image(reader: PdfReader, index: int) -> bool:
    try:
        return len(reader.pages[index].images) > 0
    except Exception:  # as in `_open_pdf`
        return False


def _page_warnings(texts: Sequence[str | None]) -> Iterator[str]:
    damaged = [str(number) for number, text in enumerate(texts, start=1) if text is None]
    if damaged:
        rest = f" and {len(damaged) - 10} more" if len(damaged) > 10 else ""
        noun = "page" if len(damaged) == 1 else "pages"
        yield f"{noun} {', '.join(damaged[:10])}{rest} could not be read"
    empty = texts.count("")
    if empty:
        yield f"{empty} of {_pages(len(texts))} {'has' if empty == 1 else 'have'} no text"


def _pages(count: int) -> str:
    return f"{count} page" if count == 1 else f"{count} pages"
