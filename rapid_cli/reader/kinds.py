"""The kind of a file, judged by its bytes; its name only decides where bytes allow two kinds."""

from __future__ import annotations

import re
import zipfile
from pathlib import PurePath
from typing import BinaryIO, Final

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import Archive
from rapid_cli.reader.plain import HEAD, decode_text, is_binary

PDF: Final = "PDF"
EPUB: Final = "EPUB"
DOCX: Final = "DOCX"
HTML: Final = "HTML"
TEXT: Final = "text"
ZIP: Final = "ZIP"
BINARY: Final = "binary"

READABLE_SUFFIXES = (
    *(".pdf", ".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".xhtml", ".epub"),
    *(".docx", ".csv", ".tsv", ".xml", ".org", ".log"),
)
UNREADABLE_SUFFIXES = (
    *(".odt", ".rtf", ".doc", ".pages", ".mobi", ".azw", ".azw3", ".pptx", ".ppt", ".xlsx"),
    *(".xls", ".djvu", ".ps"),
)
# What no reader reads: its name in a sentence, and what to save it as.
UNREADABLE = {
    "RTF": ("an RTF file", "DOCX or PDF"),
    "OLE": ("an old Word, Excel or PowerPoint file, or a locked new one", "DOCX or PDF"),
    "ODF": ("an OpenDocument file", "DOCX or PDF"),
    "XLSX": ("an Excel file", "CSV or PDF"),
    "PPTX": ("a PowerPoint file", "PDF"),
    "iWork": ("a Pages, Numbers or Keynote file", "DOCX or PDF"),
    "Mobipocket": ("a Kindle or Mobipocket book", "EPUB"),
    "DjVu": ("a DjVu file", "PDF"),
    "PostScript": ("a PostScript file", "PDF"),
}

_PDF_MARK = b"%PDF-"
_MARKS = (
    (b"{\\rtf", "RTF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"AT&TFORM", "DjVu"),
    (b"%!PS", "PostScript"),
    (b"\x04%!PS", "PostScript"),
)
_MEMBERS = (
    ("META-INF/container.xml", EPUB),
    ("word/", DOCX),
    ("xl/", "XLSX"),
    ("ppt/", "PPTX"),
    ("Index/Document.iwa", "iWork"),
    ("Index.zip", "iWork"),
)
_EPUB_TYPE = "application/epub+zip"
_HTML_SUFFIXES = {".html", ".htm", ".xhtml"}
# Files that may begin with a tag and still be what they are called.
_TAGGED_SUFFIXES = {".md", ".markdown", ".rst", ".xml", ".csv", ".tsv", ".org", ".log"}
_PAGE = re.compile(r"<(!doctype\s+html|html)\b", re.IGNORECASE)
_TAG = re.compile(
    r"<(head|body|title|meta|link|style|script|div|span|p|a|h[1-6]|table|tr|td|ul|ol|li|dl|pre"
    r"|section|article|main|nav|header|footer|br|hr|b|i|em|strong|font|center)[\s/>]",
    re.IGNORECASE,
)
_XML_DECLARATION = re.compile(r"<\?xml[^>]*>")


def kind_of(file: BinaryIO, name: str) -> str:
    """Return PDF, EPUB, DOCX, HTML, TEXT, ZIP, BINARY or a key of UNREADABLE.

    DocumentError for an archive beyond bounds.
    """
    file.seek(0)
    head = file.read(HEAD)
    if _PDF_MARK in head[:1024]:  # readers tolerate this much junk before it
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive_kind(file, name)
    if head[60:68] == b"BOOKMOBI":
        return "Mobipocket"
    marked = next((kind for mark, kind in _MARKS if head.startswith(mark)), None)
    return marked or _text_kind(head, PurePath(name).suffix.lower())


def refusal(kind: str, name: str) -> DocumentError:
    """Return the error for a file of a kind that no reader reads."""
    if kind == ZIP:
        hint = "unpack it, and give the folder"
        return DocumentError(f"{name} is a ZIP archive and neither EPUB nor DOCX", hint)
    if kind == BINARY:
        hint = "convert it to PDF or plain text first"
        return DocumentError(f"{name} is not a PDF or text, nor an EPUB, DOCX or HTML file", hint)
    what, better = UNREADABLE[kind]
    return DocumentError(f"{name} is {what}, which rapid does not read", f"save it as {better}")


def is_html_page(head: bytes) -> bool:
    """Tell whether a file begins as a whole HTML page does."""
    return not is_binary(head) and _PAGE.match(_beginning(head)) is not None


def is_markdown(name: str) -> bool:
    """Tell whether a text calls itself Markdown: no bytes can tell."""
    return PurePath(name).suffix.lower() in {".md", ".markdown"}


def _archive_kind(file: BinaryIO, name: str) -> str:
    try:
        archive = Archive(file, name)
        kind = _kind_by_type(archive)
    except DocumentError:
        raise
    except Exception:  # zipfile trips over damage in many ways
        return ZIP if zipfile.is_zipfile(file) else BINARY
    found = (
        kind
        for member, kind in _MEMBERS
        if any(each.startswith(member) for each in archive.names())
    )
    return kind or next(found, ZIP)


def _kind_by_type(archive: Archive) -> str | None:
    if "mimetype" not in archive:
        return None
    declared = archive.read("mimetype")[:200].decode("ascii", "replace").strip()
    if declared == _EPUB_TYPE:
        return EPUB
    return "ODF" if declared.startswith("application/vnd.oasis.opendocument") else None


def _text_kind(head: bytes, suffix: str) -> str:
    if is_binary(head):
        return BINARY
    beginning = _beginning(head)
    if suffix in _HTML_SUFFIXES or _PAGE.match(beginning):
        return HTML
    loose = suffix not in _TAGGED_SUFFIXES and _TAG.match(beginning)
    return HTML if loose else TEXT


def _beginning(head: bytes) -> str:
    """Return the text of the head from its first mark-up on that is no comment."""
    text = decode_text(head[:16_384])[0].lstrip("\ufeff \t\n")
    if declaration := _XML_DECLARATION.match(text):
        text = text[declaration.end() :].lstrip()
    while text.startswith("<!--") and "-->" in text:
        text = text[text.index("-->") + 3 :].lstrip()
    return text
