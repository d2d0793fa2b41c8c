from __future__ import annotations

import bz2
import gzip
import lzma
import tracemalloc
from io import BytesIO

import pytest

from rapid_cli.reader.kinds import kind_of
from tests.support.books import make_docx, make_epub, make_zip, paragraph, read, refusal
from tests.support.pdfs import make_pdf


def container(*streams: str) -> bytes:
    """Return what begins as a container of Microsoft's programs does, with its directory."""
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + b"\x09\0".ljust(18, b"\0") + b"\1"
    names = (name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams))
    return head.ljust(1024, b"\0") + b"".join(names) + b"\0" * 600


def kind(raw: bytes, name: str = "file") -> str:
    return kind_of(BytesIO(raw), name)


@pytest.mark.parametrize("name", ["file", "file.txt", "file.pdf", "file.html", "file.docx"])
def test_bytes_decide_over_names(name: str) -> None:
    assert kind(b"junk\n" * 100 + make_pdf(["text"]), name) == "PDF"
    assert kind(make_epub({"a.xhtml": "text"}), name) == "EPUB"
    assert kind(make_docx(paragraph("text")), name) == "DOCX"
    assert kind(b"<!DOCTYPE html><p>text", name) == "HTML"
    assert kind(b"{\\rtf1 text}", name) == "RTF"


@pytest.mark.parametrize(
    "text",
    [
        "<html lang=en>",
        "\ufeff<?xml version='1.0'?>\n<!-- one --><!-- two -->\n<html xmlns='x'>",
        "<!-- not closed in <!-- the first one --> <!DOCTYPE HTML PUBLIC 'x'>",
        "  <div class='a'><p>text",
        "<h1>Title</h1>",
    ],
)
def test_html_is_known_by_its_first_tag(text: str) -> None:
    assert kind(text.encode(), "file.txt") == "HTML"
    assert kind(text.encode("utf-16"), "file") == "HTML"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("readme.md", "<p align=center><img src=logo.png></p>\n\n# Title\n"),
        ("feed.xml", "<?xml version='1.0'?><factbook><country/></factbook>"),
        ("list.xml", "<title>text</title>"),
        ("notes.txt", "a < b and <p> is a tag"),
        ("notes.txt", "<someone@example.org> wrote:"),
        ("notes.txt", "<!-- never closed"),
    ],
)
def test_text_with_tags_in_it_is_text(name: str, text: str) -> None:
    assert kind(text.encode(), name) == "text"


def test_a_page_that_begins_with_words_is_html_if_it_says_so() -> None:
    assert kind(b"Hello <b>there</b>", "page.html") == "HTML"
    assert kind(b"Hello <b>there</b>", "page.txt") == "text"


UNREADABLE = {
    "an old Word file": container("WordDocument"),
    "an old Excel file": container("Workbook"),
    "an old PowerPoint file": container("PowerPoint Document"),
    "an Outlook message": container("__properties_version1.0"),
    "an OpenDocument drawing": make_zip(
        {"mimetype": "application/vnd.oasis.opendocument.graphics"}
    ),
    "a binary Excel file": make_zip({"xl/workbook.bin": "x"}),
    "a Pages, Numbers or Keynote file": make_zip({"Index/Document.iwa": "x"}),
    "a Kindle or Mobipocket book": b"name".ljust(60, b"\0") + b"BOOKMOBI" + b"\0" * 99,
    "a DjVu file": b"AT&TFORM\0\0\1\0DJVU",
    "a PostScript file": b"%!PS-Adobe-3.0\n",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_kind_that_nothing_reads_is_named_with_a_way_out(what: str) -> None:
    error = refusal(UNREADABLE[what], "file.txt")
    assert what in error.message
    assert "which rapid does not read" in error.message
    assert error.hint.startswith("save it as")


def test_an_archive_of_files_is_no_document() -> None:
    error = refusal(make_zip({"a.txt": "text"}), "files.zip")
    assert "is a ZIP archive" in error.message
    assert "unpack" in error.hint


def test_a_text_that_only_begins_like_an_archive_is_read() -> None:
    assert read(b"PK is short for Phil Katz", "notes.txt").text.startswith("PK")


def test_a_locked_office_file_is_not_called_an_old_one() -> None:
    error = refusal(container("EncryptionInfo", "EncryptedPackage"), "letter.docx")
    assert "is locked with a password" in error.message


def test_an_old_office_file_is_known_by_its_name_if_by_nothing_else() -> None:
    assert kind(container(), "letter.doc") == "Word"
    assert kind(container(), "thumbs.db") == "binary"


def test_an_archive_cut_short_is_said_to_be() -> None:
    error = refusal(make_epub({"a.xhtml": "text"})[:-30], "book.epub")
    assert "is a ZIP archive that is damaged or cut short" in error.message
    assert "download it again" in error.hint


@pytest.mark.parametrize(
    ("what", "raw"),
    [
        ("a gzip archive", gzip.compress(make_pdf(["text"]))),
        ("a bzip2 archive", bz2.compress(make_pdf(["text"]))),
        ("an xz archive", lzma.compress(make_pdf(["text"]))),
        ("a PNG image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 3),
        ("a JPEG image", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256)) * 3),
    ],
)
def test_what_is_only_called_a_document_is_named(what: str, raw: bytes) -> None:
    for name in ("file.pdf", "file.txt"):
        assert refusal(raw, name).message == f"{name} is {what}"


@pytest.mark.parametrize(
    "html",
    [
        "<html><body><div id=root></div><script src=app.js></script>",
        "<html><frameset><frame src=a.html></frameset>",
    ],
)
def test_a_page_that_scripts_or_frames_fill_is_refused_with_a_way_out(html: str) -> None:
    error = refusal(html.encode(), "page.html")
    assert "has no text of its own" in error.message
    assert "print it to PDF" in error.hint


def test_an_empty_file_is_called_empty() -> None:
    assert refusal(b"", "notes.txt").message == "notes.txt is empty"
    assert refusal(b" \n", "notes.txt").message == "notes.txt has no text"


def test_the_type_of_a_book_is_not_expanded_to_be_looked_at() -> None:
    members = {"mimetype": b"application/epub+zip" + b" " * (150 << 20)}
    raw = make_zip(members)
    tracemalloc.start()
    try:
        assert kind(raw) == "EPUB"
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
