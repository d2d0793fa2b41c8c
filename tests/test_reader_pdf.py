from __future__ import annotations

import random

import pytest
from books import labels, read, refusal
from pdfs import (
    make_partly_scanned_pdf,
    make_pdf,
    make_pdf_for_pdfium,
    make_pdf_with_damaged_labels,
    make_pdf_with_damaged_pages,
    make_scanned_pdf,
)
from pypdf.errors import PdfReadError

from rapid_cli import reader
from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.reader.pdf import MANY_PAGES, page_ranges
from rapid_cli.reader.pypdf import PypdfFile


def read_pdf(raw: bytes) -> Document:
    return read(raw, "file.pdf")


def refuse_pdf(raw: bytes) -> DocumentError:
    return refusal(raw, "file.pdf")


def page_texts(document: Document) -> list[str]:
    return [page.text.strip() for page in document.pages]


def test_a_pdf_is_read_page_by_page() -> None:
    document = read_pdf(make_pdf(["First (page)\nline two", "Ünïcode page", "3"]))
    assert page_texts(document) == ["First (page)\nline two", "Ünïcode page", "3"]
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.paged
    assert document.warnings == ()


def test_a_pdf_is_recognised_by_content_and_behind_leading_junk() -> None:
    raw = make_pdf(["text of a page"])
    assert read(raw, "notes.txt").paged
    assert page_texts(read_pdf(b"\n" * 1000 + raw)) == ["text of a page"]


def test_labels_are_kept_only_where_they_differ_from_the_number() -> None:
    raw = make_pdf(list("abcde"), labels={0: ("/r", ""), 2: ("/D", "A-"), 3: ("/D", "")})
    assert [page.label for page in read_pdf(raw).pages] == ["i", "ii", "A-1", "1", "2"]
    plain = make_pdf(list("abc"), labels={0: ("/D", "")})
    assert [page.label for page in read_pdf(plain).pages] == [None, None, None]


def test_damaged_labels_cost_only_the_labels() -> None:
    document = read_pdf(make_pdf_with_damaged_labels(["one", "two"]))
    assert page_texts(document) == ["one", "two"]
    assert [page.label for page in document.pages] == [None, None]


def test_an_encrypted_pdf_that_opens_without_a_password_is_read() -> None:
    assert page_texts(read_pdf(make_pdf(["secret"], user_password=""))) == ["secret"]


def test_a_pdf_locked_with_a_password_is_refused_with_a_way_out() -> None:
    error = refuse_pdf(make_pdf(["secret"], user_password="sesame"))
    assert "password" in error.message
    assert "qpdf" in error.hint


def test_a_damaged_page_costs_only_itself() -> None:
    document = read_pdf(make_pdf_with_damaged_pages(["one", "two", "three"], [1]))
    assert page_texts(document) == ["one", "", "three"]
    assert document.warnings == ("page 2 could not be read",)


def test_many_damaged_pages_make_one_short_warning() -> None:
    raw = make_pdf_with_damaged_pages(["text"] * 15, range(1, 14))
    assert read_pdf(raw).warnings == ("pages 2-14 could not be read",)


def test_a_pdf_of_which_every_page_is_damaged_is_not_called_a_scan() -> None:
    assert "damaged" in refuse_pdf(make_pdf_with_damaged_pages(["one", "two"], [0, 1])).message


def test_blank_pages_are_named_and_need_no_ocr() -> None:
    document = read_pdf(make_pdf(["one", "", "three", "", "five"]))
    assert document.warnings == ("pages 2 and 4 are blank",)
    assert page_texts(document) == ["one", "", "three", "", "five"]
    assert not reader.needs_ocr(document)


def test_a_scanned_pdf_is_refused_with_a_hint_at_ocr() -> None:
    error = refuse_pdf(make_scanned_pdf(3))
    assert "has no text; 3 pages look scanned" in error.message
    assert "--ocr" in error.hint
    assert "ocrmypdf" in error.hint


def test_a_blank_pdf_is_not_called_a_scan() -> None:
    error = refuse_pdf(make_pdf(["", ""]))
    assert "has no text" in error.message
    assert "scan" not in error.message


def test_a_pdf_without_pages_is_refused() -> None:
    assert "no pages" in refuse_pdf(make_pdf([])).message


def test_a_pdf_cut_short_anywhere_is_read_or_refused() -> None:
    raw = make_pdf(["some text on a page"] * 3)
    for length in range(5, len(raw) - 1, 50):
        try:
            assert "some text" in read_pdf(raw[:length]).text
        except DocumentError as error:
            assert error.message.startswith("file.pdf")


def test_no_damage_to_a_pdf_escapes_as_anything_but_a_document_error() -> None:
    rng = random.Random(7)
    raw = make_pdf(["some text", "more text"], labels={0: ("/r", "")})
    read_count = 0
    for _ in range(300):
        damaged = bytearray(raw)
        for _ in range(rng.randrange(1, 20)):
            damaged[rng.randrange(8, len(raw))] = rng.randrange(256)
        try:
            read_count += bool(read_pdf(bytes(damaged)).text)
        except DocumentError:
            continue
    assert read_count > 0


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([3], "page 3"),
        ([3, 4], "pages 3-4"),
        ([1, 3], "pages 1 and 3"),
        ([1, *range(3, 10), 12], "pages 1, 3-9 and 12"),
        (range(1, 21, 2), "pages 1, 3, 5, 7, 9, 11, 13, 15, 17 and 19"),
        ([*range(1, 21, 2), 30, 31], "pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 2 more"),
    ],
)
def test_pages_are_named_in_ranges(numbers: list[int], expected: str) -> None:
    assert page_ranges(numbers) == expected


def test_scanned_pages_among_others_are_named() -> None:
    document = read_pdf(make_partly_scanned_pdf(["one", "two", *[None] * 7, "ten", None]))
    assert document.warnings == ("pages 3-9 and 11 have no text: needs OCR",)
    assert reader.needs_ocr(document)


def test_a_long_pdf_is_read_with_its_labels_and_the_pages_without_text_named() -> None:
    texts = [f"page {number}" for number in range(1, MANY_PAGES)]
    raw = make_pdf([*texts, ""], labels={0: ("/r", ""), 9: ("/D", "")})
    document = read_pdf(raw)
    assert page_texts(document) == [*texts, ""]
    assert labels(document)[7:11] == ["viii", "ix", "1", "2"]
    assert document.warnings == (f"page {MANY_PAGES} is blank",)
    assert labels(read_pdf(make_pdf(["text"] * MANY_PAGES))) == [None] * MANY_PAGES


def test_a_damaged_page_of_a_long_pdf_costs_only_itself() -> None:
    document = read_pdf(make_pdf_with_damaged_pages(["text"] * MANY_PAGES, [5]))
    assert page_texts(document).count("text") == MANY_PAGES - 1


def test_a_word_split_at_the_end_of_a_line_is_joined_in_a_long_pdf() -> None:
    raw = make_pdf(["the retrie-\nval works"] * MANY_PAGES)
    text = page_texts(read_pdf(raw))[0]
    assert "retrieval" in text.replace("-\n", "")
    assert text.isprintable() or "\n" in text


def test_a_page_that_pypdf_cannot_read_is_read() -> None:
    raw = make_pdf_for_pdfium("text of a page")
    assert PypdfFile(raw).text(0) is None
    document = read_pdf(raw)
    assert page_texts(document) == ["text of a page"]
    assert document.warnings == ()


def test_a_pdf_that_pypdf_cannot_open_is_read() -> None:
    raw = make_pdf(["text of a page"])
    damaged = raw[: raw.rindex(b"startxref")]
    with pytest.raises(PdfReadError):
        PypdfFile(damaged)
    assert page_texts(read_pdf(damaged)) == ["text of a page"]


def test_an_absurd_number_of_pages_is_refused() -> None:
    raw = make_pdf(["text"])
    assert b"/Count 1\n" in raw
    error = refuse_pdf(raw.replace(b"/Count 1\n", b"/Count 30000\n"))
    assert "says that it has 30,000 pages" in error.message
