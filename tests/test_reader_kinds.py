from __future__ import annotations

from io import BytesIO

import pytest
from books import make_docx, make_epub, make_zip, paragraph, read, refusal
from pdfs import make_pdf

from rapid_cli.reader.kinds import kind_of

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


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
    "an RTF file": b"{\\rtf1 text}",
    "an old Word": OLE,
    "an OpenDocument file": make_zip({"mimetype": "application/vnd.oasis.opendocument.text"}),
    "an Excel file": make_zip({"xl/workbook.xml": "x"}),
    "a PowerPoint file": make_zip({"ppt/presentation.xml": "x"}),
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
