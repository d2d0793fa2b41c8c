from __future__ import annotations

import random
from io import BytesIO

import pytest
from pypdf import PdfWriter
from pypdf.errors import PdfReadError

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading
from rapid_cli.reader.pdf.layout.legibility import is_nothing, legibility
from rapid_cli.reader.pdf.notes import page_ranges
from rapid_cli.reader.pdf.pages import MANY_PAGES, pdf_pages
from rapid_cli.reader.pdf.pdfium import with_end
from rapid_cli.reader.pdf.pypdf import PypdfFile
from tests.support.books import labels, read, refusal
from tests.support.odd_pdfs import PLAIN_FONT, bomb, font_with, one_page, shown, stream
from tests.support.pdfs import (
    make_partly_scanned_pdf,
    make_pdf,
    make_pdf_for_pdfium,
    make_pdf_with_damaged_labels,
    make_pdf_with_damaged_pages,
    make_scanned_pdf,
)


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
    assert not reading.needs_ocr(document)


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
    assert reading.needs_ocr(document)


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


def kids(count: int, pages: int) -> dict[int, bytes]:
    """Return the tree of a file that says that it has so many pages, and has others."""
    return {2: b"<</Type/Pages/Kids[%b]/Count %d>>" % (b"3 0 R " * pages, count)}


def test_an_absurd_number_of_pages_is_refused() -> None:
    error = refuse_pdf(one_page(shown(b"text"), kids(30_000, 30_000)))
    assert "has 30,000 pages; rapid reads up to 20,000" in error.message
    assert "--split-pages" in error.hint


@pytest.mark.parametrize("count", [0, -5, 2, 300, 30_000, 2**31 - 1, 10**20])
def test_a_file_that_does_not_know_how_many_pages_it_has_is_read(count: int) -> None:
    assert page_texts(read_pdf(one_page(shown(b"the only page"), kids(count, 1)))) == [
        "the only page"
    ]


@pytest.mark.parametrize("junk", [100, 1_000, 1_100, 60_000])
def test_a_pdf_behind_much_junk_is_read_where_it_is_called_one(junk: int) -> None:
    raw = (b"HTTP/1.1 200 OK\nServer: x\n" * junk)[:junk] + b"\n" + make_pdf(["text of a page"])
    assert page_texts(read_pdf(raw)) == ["text of a page"]


@pytest.mark.parametrize("name", ["notes.txt", "notes.md"])
def test_a_text_that_only_speaks_of_pdfs_is_none(name: str) -> None:
    text = "Such a file begins with %PDF-1.7 and ends with %%EOF."
    assert read(text.encode(), name).text == text


def test_a_pdf_cut_short_is_said_to_be() -> None:
    raw = make_pdf(["some text"] * 3)
    error = refuse_pdf(raw[: len(raw) // 3])
    assert "is cut short: its end is missing" in error.message
    assert "download it again" in error.hint
    assert with_end(raw[:20]) == b""
    document = read_pdf(raw[: raw.rindex(b"startxref")])
    assert document.warnings == ("its end is missing: pages may be missing too",)
    assert read_pdf(raw + b"\0" * 5_000).warnings == ()


def test_the_pages_of_a_pdf_cut_short_that_are_there_are_read() -> None:
    raw = make_pdf(["first page", "second page", "third page"])
    raw = raw[: raw.index(b"third page")]
    assert b"/Catalog" in raw
    with pytest.raises(PdfReadError):
        PypdfFile(raw)
    document = read_pdf(raw)
    assert page_texts(document)[:2] == ["first page", "second page"]
    assert "its end is missing: pages may be missing too" in document.warnings


def test_fonts_that_call_letters_by_their_codes_are_read() -> None:
    names = "/G54 /G68 /G65 /G20 /G77 /G68 /G61 /G6C /G65 /G92 /G73"  # the ninety-second is ’
    raw = one_page(shown(b"\\1\\2\\3\\4\\5\\6\\7\\10\\11\\12\\13"), {5: font_with(names)})
    assert page_texts(read_pdf(raw)) == ["The whale’s"]


def test_they_are_read_in_a_long_pdf_too() -> None:
    content = shown(b"\\1\\2\\3\\4" * 20)
    raw = one_page(content, kids(MANY_PAGES, MANY_PAGES) | {5: font_with("/G68 /G61 /G68 /G20")})
    assert page_texts(read_pdf(raw)) == [" ".join(["hah"] * 20)] * MANY_PAGES


def test_a_page_of_codes_in_place_of_letters_is_named() -> None:
    more = {
        4: stream(b"BT /F1 12 Tf 72 720 Td <00010041000200420003> Tj ET"),
        5: b"<</Type/Font/Subtype/Type0/BaseFont/Odd/Encoding/Identity-H/DescendantFonts[6 0 R]>>",
        6: b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Odd/DW 500"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>",
        8: stream(shown(b"a page of words")),
        9: b"<</Type/Page/Parent 2 0 R/Contents 8 0 R/Resources<</Font<</F1 10 0 R>>>>>>",
        10: PLAIN_FONT,
        2: b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>",
    }
    whole = one_page(b"", more)
    note = "page 1 may be garbled: fonts there do not tell their letters"
    assert read_pdf(whole).warnings == (note,)
    cut = whole[: whole.index(b"xref")]
    document = read_pdf(cut)
    assert page_texts(document) == ["", "a page of words"]
    assert document.warnings[0] == "page 1 could not be read"


def test_what_pypdf_garbles_and_pdfium_reads_is_read_by_pdfium() -> None:
    names = " ".join(f"/g{number}" for number in range(1, 100))
    raw = one_page(shown(b"Ahab"), {5: font_with(names)})
    assert "/g" in (PypdfFile(raw).text(0) or "")
    assert page_texts(read_pdf(raw)) == ["Ahab"]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("o(hô..i.p3xSTRxtT3xR2tTOR /xNhyM/TTw2W", "BAIN, J MATTHEW DISTRICT DIRECTOR 37,499.96"),
        ("/G437/g258 /g12/g77/g3", "the words of a page"),
        ("\ufeadﻟﻌﺮﺑﻴﺔ اﳋﻄﻮط", "انواع الخطوط العربية"),
        ("ABC \u034d\u034b\u034f\u0353 \u0351", "ABC あいうえお 123"),
        ("\x01-\x03 \x05\x06\x04 \x07\x08", "Your Directors have"),
    ],
)
def test_words_are_told_from_what_fonts_make_of_them(worse: str, better: str) -> None:
    assert legibility(better) > 0.9
    assert legibility(worse) < 0.6


@pytest.mark.parametrize(
    "text",
    [
        "Call me Ishmael. Some years ago—never mind how long precisely—having little money",
        "E = mc2, x1 + x2 = 3.5 (see eq. 4) ................ 17",
        "Größe über naïve Mädchen; חָכְמָה; नमस्ते दुनिया; 日本語の文章です。",
        "iPhone, JavaScript, PDFs, 3rd, 2003-04-01, $1,234.56, 50%",
        "",
    ],
)
def test_ordinary_pages_are_legible(text: str) -> None:
    assert legibility(text) > 0.75


@pytest.mark.parametrize(
    "nothing", ["\ufffd\ufffd \ufffd", "/g437/g258", "\x19\x12\n", "\ue001", " "]
)
def test_marks_that_stand_for_no_letter_are_no_text(nothing: str) -> None:
    assert is_nothing(nothing)
    assert not is_nothing(nothing + "a")


def test_labels_are_one_printable_line() -> None:
    long = "long " * 40
    raw = make_pdf(["one", "two"], labels={0: ("/D", "\x1b[31mred\n\n"), 1: ("/D", long)})
    first, second = labels(read_pdf(raw))
    assert first is not None
    assert first.endswith("[31mred 1")
    assert first.isprintable()
    assert second is not None
    assert len(second) <= 120


def test_attached_files_are_said_not_to_be_read() -> None:
    more = {
        1: b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a.txt) 6 0 R]>>>>>>",
        6: b"<</Type/Filespec/F(a.txt)/EF<</F 7 0 R>>>>",
        7: stream(b"inner text", b"/Type/EmbeddedFile"),
    }
    document = read_pdf(one_page(shown(b"see the attached file"), more))
    assert document.warnings == ("1 attached file is not read",)


def test_a_page_that_expands_beyond_bounds_is_named_without_pdfium() -> None:
    pages = {
        2: b"<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>",
        6: b"<</Type/Page/Parent 2 0 R/Contents 7 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        7: bomb(80),
    }
    read_pages, notes = pdf_pages(one_page(shown(b"a good page"), pages), "file.pdf", careful=True)
    assert [page.text.strip() for page in read_pages] == ["a good page", ""]
    assert notes == ("page 2 expands too far to be read",)
    with pytest.raises(DocumentError, match="has pages that expand too far to be read"):
        pdf_pages(one_page(b"", {4: bomb(80)}), "file.pdf", careful=True)


HOSTILE = {
    "a page tree in a circle": {2: b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 2>>"},
    "a page that is its own parent": {
        3: b"<</Type/Page/Parent 3 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
    },
    "an outline in a circle": {
        1: b"<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>",
        6: b"<</First 7 0 R/Last 7 0 R/Count 1>>",
        7: b"<</Title(a)/Parent 6 0 R/Next 7 0 R/First 6 0 R>>",
    },
    "labels in a circle": {
        1: b"<</Type/Catalog/Pages 2 0 R/PageLabels 6 0 R>>",
        6: b"<</Kids[6 0 R]>>",
    },
    "a length that is the stream": {
        4: b"<</Length 4 0 R>>\nstream\n" + shown(b"words of a page") + b"\nendstream"
    },
    "a vast page": {
        3: b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>"
        b"/MediaBox[0 0 1000000000 1000000000]>>"
    },
    "an array of arrays": {6: b"[" * 50_000 + b"]" * 50_000},
    "letters without number": {
        5: b"<</Type/Font/Subtype/TrueType/BaseFont/A/FirstChar 0/LastChar 2000000000/Widths[1]>>"
    },
}


@pytest.mark.parametrize("oddity", HOSTILE)
def test_what_would_go_on_for_ever_is_read_all_the_same(oddity: str) -> None:
    document = read_pdf(one_page(shown(b"words of a page"), HOSTILE[oddity]))
    assert page_texts(document)[0] == "words of a page"


def test_forms_within_themselves_end() -> None:
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>"
    more = {
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>/XObject<</X 6 0 R>>>>>>",
        6: stream(b"/X Do /X Do /X Do", form),
    }
    assert "words" in read_pdf(one_page(b"/X Do " + shown(b"words of a page"), more)).text


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_every_encryption_opens_without_a_password_or_is_said_to_need_one(algorithm: str) -> None:
    def encrypted(password: str) -> bytes:
        writer, target = PdfWriter(BytesIO(make_pdf(["secret"]))), BytesIO()
        writer.encrypt(password, "owner", algorithm=algorithm)
        writer.write(target)
        return target.getvalue()

    assert page_texts(read_pdf(encrypted(""))) == ["secret"]
    assert "is locked with a password" in refuse_pdf(encrypted("sesame")).message


def test_an_unknown_encryption_is_not_called_a_password() -> None:
    lock = b"/Encrypt<</Filter/Standard/V 9/R 99/Length 99/O(x)/U(x)/P -1>>/ID[(a)(b)]/Root"
    error = refuse_pdf(one_page(shown(b"text")).replace(b"/Root", lock))
    assert "password" not in error.message


@pytest.mark.parametrize("pages", [1, MANY_PAGES])
def test_letters_joined_in_print_are_parted(pages: int) -> None:
    raw = one_page(shown(b"de\\1ne \\2ow"), kids(pages, pages) | {5: font_with("/fi /fl")})
    raw = raw.replace(b"/Subtype/Type1/BaseFont/Odd", b"/Subtype/Type1/BaseFont/Helvetica")
    assert page_texts(read_pdf(raw)) == ["define flow"] * pages


def pictured(size: int, lines: int) -> bytes:
    """Return a PDF of one page with a picture of so many points a side, and lines over it."""
    picture = stream(
        b"\x80",
        b"/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray",
    )
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>/XObject<</I 6 0 R>>>>>>"
    )
    drawn = b"q %d 0 0 %d 0 0 cm /I Do Q BT /F1 11 Tf 14 TL 72 700 Td %b ET"
    words = b"(Sales rose in May, and fell in June) Tj T* " * lines
    return one_page(drawn % (size, size, words), {3: page, 6: picture})


@pytest.mark.parametrize(
    ("size", "lines", "is_said"), [(800, 1, True), (200, 1, False), (800, 30, False)]
)
def test_a_page_that_is_a_picture_with_few_words_is_named(
    size: int, lines: int, is_said: bool
) -> None:
    warning = "page 1 is a picture with few words: what is written in it is not read"
    assert read_pdf(pictured(size, lines)).warnings == ((warning,) if is_said else ())
