"""The kind of a file, judged by its bytes; its name only decides where bytes allow two kinds."""

from __future__ import annotations

import re
import struct
from pathlib import PurePath
from typing import BinaryIO, Final

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import Archive
from rapid_cli.reader.formats.mail.marks import MAIL, MAIL_SUFFIXES, MAILBOX, mail_kind
from rapid_cli.reader.plain import HEAD, beginning_of, is_binary, recoded_head

PDF: Final = "PDF"
EPUB: Final = "EPUB"
DOCX: Final = "DOCX"
HTML: Final = "HTML"
ODT: Final = "OpenDocument"
PPTX: Final = "PPTX"
XLSX: Final = "XLSX"
RTF: Final = "RTF"
TABLE: Final = "table"
TEXT: Final = "text"
ZIP: Final = "ZIP"
DAMAGED: Final = "damaged ZIP"
LOCKED: Final = "locked"
BINARY: Final = "binary"

READABLE_SUFFIXES = (
    *(".pdf", ".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".xhtml", ".epub"),
    *(".docx", ".odt", ".ods", ".odp", ".pptx", ".xlsx", ".xlsm", ".rtf"),
    *(".csv", ".tsv", ".xml", ".org", ".log", *sorted(MAIL_SUFFIXES)),
)
UNREADABLE_SUFFIXES = (
    *(".doc", ".pages", ".mobi", ".azw", ".azw3", ".ppt", ".xls", ".djvu", ".ps", ".msg"),
)
DOCUMENTS = {PDF, EPUB, DOCX, ODT, PPTX, XLSX, RTF, MAIL, MAILBOX}
"""The kinds that are documents whatever a file is called."""
TEXTS = {TEXT, HTML, TABLE}
"""The kinds whose letters may be in any encoding."""
# What no reader reads: its name in a sentence, and what to save it as.
UNREADABLE = {
    "Word": ("an old Word file", "DOCX or PDF"),
    "Excel": ("an old Excel file", "XLSX or CSV"),
    "PowerPoint": ("an old PowerPoint file", "PPTX or PDF"),
    "Outlook": ("an Outlook message", "EML or PDF"),
    "ODF": ("an OpenDocument drawing or database", "PDF"),
    "Excel binary": ("a binary Excel file", "XLSX or CSV"),
    "iWork": ("a Pages, Numbers or Keynote file", "DOCX or PDF"),
    "Mobipocket": ("a Kindle or Mobipocket book", "EPUB"),
    "DjVu": ("a DjVu file", "PDF"),
    "PostScript": ("a PostScript file", "PDF"),
}

_PDF_MARK = b"%PDF-"
# What else begins in a way that tells what it is: its name, and what to do with it.
_OTHERS = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ\0", "an xz archive", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (b"\x89PNG\r\n", "a PNG image", "make a PDF of it, and read that with --ocr"),
    (b"\xff\xd8\xff", "a JPEG image", "make a PDF of it, and read that with --ocr"),
    (b"GIF8", "a GIF image", "make a PDF of it, and read that with --ocr"),
    (b"II*\0", "a TIFF image", "make a PDF of it, and read that with --ocr"),
    (b"MM\0*", "a TIFF image", "make a PDF of it, and read that with --ocr"),
)
# Names of streams in the container of Microsoft's programs.
_STREAMS = (
    ("EncryptedPackage", LOCKED),
    ("WordDocument", "Word"),
    ("Workbook", "Excel"),
    ("Book", "Excel"),
    ("PowerPoint Document", "PowerPoint"),
    ("__properties_version1.0", "Outlook"),
)
_OLD_SUFFIXES = {".doc": "Word", ".xls": "Excel", ".ppt": "PowerPoint"}
_CONTAINER_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OBJECT = re.compile(rb"\b\d+\s+\d+\s+obj\b")
_MARKS = (
    (b"{\\rtf", RTF),
    (b"AT&TFORM", "DjVu"),
    (b"%!PS", "PostScript"),
    (b"\x04%!PS", "PostScript"),
)
_MEMBERS = (
    ("META-INF/container.xml", EPUB),
    ("word/", DOCX),
    ("xl/workbook.bin", "Excel binary"),
    ("xl/", XLSX),
    ("ppt/", PPTX),
    ("Index/Document.iwa", "iWork"),
    ("Index.zip", "iWork"),
)
_EPUB_TYPE = "application/epub+zip"
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_ODF_READ = ("text", "spreadsheet", "presentation")
_TABLE_SUFFIXES = {".csv", ".tsv"}
_HTML_SUFFIXES = {".html", ".htm", ".xhtml"}
# Files that may begin with a tag and still be what they are called.
_TAGGED_SUFFIXES = {".md", ".markdown", ".rst", ".xml", ".csv", ".tsv", ".org", ".log"}
_PAGE = re.compile(r"<(!doctype\s+html|html)\b", re.IGNORECASE)
_TAG = re.compile(
    r"<(head|body|title|meta|link|style|script|div|span|p|a|h[1-6]|table|tr|td|ul|ol|li|dl|pre"
    r"|section|article|main|nav|header|footer|br|hr|b|i|em|strong|font|center)[\s/>]",
    re.IGNORECASE,
)
_FILLED_LATER = re.compile(rb"<(script|i?frame)\b", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"<\?xml[^>]*>")


def kind_of(file: BinaryIO, name: str, encoding: str | None = None) -> str:
    """Return what kind of file this is: one of the constants here, or a key of UNREADABLE.

    An `encoding` is that of files without marks that show what else they are.
    DocumentError for an archive beyond bounds.
    """
    file.seek(0)
    head = file.read(HEAD)
    suffix = PurePath(name).suffix.lower()
    if _is_pdf(head, suffix):
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive_kind(file, name)
    if head.startswith(_CONTAINER_MARK):
        return _container_kind(file, suffix)
    if head[60:68] == b"BOOKMOBI":
        return "Mobipocket"
    marked = next((kind for mark, kind in _MARKS if head.startswith(mark)), None)
    if marked:
        return marked
    return _text_kind(recoded_head(head, encoding) if encoding else head, suffix)


def refusal(kind: str, name: str, head: bytes = b"") -> DocumentError:
    """Return the error for a file of a kind that no reader reads, which begins with `head`."""
    if kind == ZIP:
        hint = "unpack it, and give the folder"
        return DocumentError(f"{name} is a ZIP archive and no document", hint)
    if kind == DAMAGED:
        hint = "copy or download it again"
        return DocumentError(f"{name} is a ZIP archive that is damaged or cut short", hint)
    if kind == LOCKED:
        return DocumentError(f"{name} is locked with a password", "save a copy without it")
    if kind == BINARY:
        for mark, what, hint in _OTHERS:
            if head.startswith(mark):
                return DocumentError(f"{name} is {what}", hint)
        hint = "convert it to PDF, or to plain text in UTF-8"
        return DocumentError(
            f"{name} is neither text nor a document of a kind that rapid reads", hint
        )
    what, better = UNREADABLE[kind]
    return DocumentError(f"{name} is {what}, which rapid does not read", f"save it as {better}")


def textless(kind: str, name: str, raw: bytes) -> DocumentError:
    """Return the error for the bytes of a file of a kind that is read, but without text."""
    if kind == HTML and _FILLED_LATER.search(raw):
        hint = "scripts or frames may fill it: open it in a browser and print it to PDF"
        return DocumentError(f"{name} has no text of its own", hint)
    what = "has no text" if raw else "is empty"
    return DocumentError(f"{name} {what}", "check that this is the right file")


def is_html_page(head: bytes) -> bool:
    """Tell whether a file begins as a whole HTML page does."""
    return not is_binary(head) and _PAGE.match(_beginning(head)) is not None


def is_markdown(name: str) -> bool:
    """Tell whether a text calls itself Markdown: no bytes can tell."""
    return PurePath(name).suffix.lower() in {".md", ".markdown"}


def _is_pdf(head: bytes, suffix: str) -> bool:
    """Tell whether the mark of a PDF is where it makes one; a text may only mention it."""
    place = head.find(_PDF_MARK)
    if place <= 0 or suffix == ".pdf":
        return place >= 0
    return place < 1024 and _OBJECT.search(head, place) is not None


def _container_kind(file: BinaryIO, suffix: str) -> str:
    """Return what is in a container of Microsoft's programs, by the names of its streams."""
    file.seek(0)
    shift, sector = struct.unpack("<30xH16xI", file.read(52).ljust(52, b"\0"))
    if shift in {9, 12}:
        file.seek((sector + 1) << shift)
    directory = file.read(HEAD)
    named = (kind for name, kind in _STREAMS if f"{name}\0".encode("utf-16-le") in directory)
    return next(named, _OLD_SUFFIXES.get(suffix, BINARY))


def _archive_kind(file: BinaryIO, name: str) -> str:
    try:
        archive = Archive(file, name)
        kind = _kind_by_type(archive)
    except DocumentError:
        raise
    except Exception:  # zipfile trips over damage in many ways
        return DAMAGED
    found = (
        kind
        for member, kind in _MEMBERS
        if any(each.startswith(member) for each in archive.names())
    )
    return kind or next(found, ZIP)


def _kind_by_type(archive: Archive) -> str | None:
    if "mimetype" not in archive:
        return None
    declared = archive.read("mimetype", 200).decode("ascii", "replace").strip()
    if declared == _EPUB_TYPE:
        return EPUB
    if not declared.startswith(_OPEN_DOCUMENT):
        return None
    return ODT if declared.removeprefix(_OPEN_DOCUMENT).startswith(_ODF_READ) else "ODF"


def _text_kind(head: bytes, suffix: str) -> str:
    if is_binary(head):
        return BINARY
    if mail := mail_kind(head, suffix):
        return mail
    beginning = _beginning(head)
    if suffix in _HTML_SUFFIXES or _PAGE.match(beginning):
        return HTML
    if suffix in _TABLE_SUFFIXES:
        return TABLE
    loose = suffix not in _TAGGED_SUFFIXES and _TAG.match(beginning)
    return HTML if loose else TEXT


def _beginning(head: bytes) -> str:
    """Return the text of the head from its first mark-up on that is no comment."""
    text = beginning_of(head[:16_384]).lstrip("\ufeff \t\n")
    if declaration := _XML_DECLARATION.match(text):
        text = text[declaration.end() :].lstrip()
    while text.startswith("<!--") and "-->" in text:
        text = text[text.index("-->") + 3 :].lstrip()
    return text
