"""Pages as pictures with a quote marked: real PDFs, drawn by the real library."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from rapid_cli.documents import PagePicture
from rapid_cli.errors import DocumentError
from rapid_cli.reader.pdf.pictures import MOST_PIXELS, MOST_WIDTH, page_picture
from rapid_cli.reader.reading import draw_page
from rapid_cli.reader.workers import Extractor
from tests.support.marked_pages import pixels, share_painted, text_within
from tests.support.odd_pdfs import one_page, stream
from tests.support.pdfs import (
    make_drawn_pdf,
    make_pdf,
    make_pdf_with_damaged_pages,
    make_scanned_pdf,
)
from tests.support.printed_pdfs import Row, drawn, printed, seen, with_annotations

KEEPER = (
    "The lighthouse keeper was called Edith Marlow. She kept\n"
    "the light on Gannet Rock for forty-one years. In the win-\n"
    "ter of 1911 she rowed out alone to save the crew.\n"
    "The harbour board gave her a silver whistle for it."
)
QUOTE = "She kept the light on Gannet Rock for forty-one years."
LEFT = [
    *("the old keeper of the light went", "down to the boat in the morning and"),
    *(
        "rowed out alone to",
        "save the crew of the ship that had",
        "run upon the rocks in the night",
    ),
]
RIGHT = [
    *("all of the board met at noon and", "talked of nothing but the weather"),
    *(
        "until it was dark and",
        "they went home to sleep in their",
        "own warm beds until the morning",
    ),
]


def picture(
    raw: bytes, quote: str, passage: str = "", *, page: int = 1, width: int = 900
) -> PagePicture:
    return page_picture(raw, "book.pdf", page, quote, passage, width=width)


def page_with(
    entries: bytes, content: bytes = drawn([(72, 700, "Edith kept the light here.")])
) -> bytes:
    """Return a PDF of a page with more entries, such as how it is turned."""
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>"
    return one_page(content, {3: page + entries + b">>"})


def test_the_words_of_a_quote_are_marked_and_nothing_else_is() -> None:
    raw = make_pdf(["", KEEPER])
    found = picture(raw, QUOTE, page=2)
    assert (found.width, found.pages, found.has_text, found.marked) == (900, 2, True, True)
    assert text_within(raw, 2, found) == "She kept the light on Gannet Rock for forty-one years."
    assert found.png.startswith(b"\x89PNG")
    assert pixels(found).shape == (found.height, found.width, 3)
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in found.marks)
    assert share_painted(found) == pytest.approx(area / found.width / found.height, rel=0.5)
    bare = picture(raw, "", page=2)
    assert (bare.marks, share_painted(bare)) == ((), 0.0)


def test_letters_stay_readable_under_the_mark() -> None:
    found = picture(make_pdf([KEEPER]), QUOTE)
    left, top, right, bottom = found.marks[0]
    inside = pixels(found)[top + 3 : bottom - 3, left + 3 : right - 3].min(axis=2)
    assert inside.min() < 60


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("In the winter of 1911 she rowed out", "In the win- ter of 1911 she rowed out"),
        ("…called Edith Marlow. She kept the light…", "called Edith Marlow. She kept the light"),
        ("a silver whistle", "a silver whistle"),
    ],
)
def test_divided_words_and_cut_quotes_are_found(quote: str, found: str) -> None:
    raw = make_pdf([KEEPER])
    within = text_within(raw, 1, picture(raw, quote)).replace("\x02", "- ").replace("\ufffe", "- ")
    assert within.replace("win ter", "win- ter").replace("-  ", "- ") == found


def test_a_sentence_that_is_not_there_is_not_marked_and_the_page_is_shown() -> None:
    found = picture(make_pdf([KEEPER]), "She kept the light on Gannet Rock for forty-two years.")
    assert (found.marked, found.has_text) == (False, True)


def test_a_scan_is_shown_without_marks() -> None:
    for raw in (make_scanned_pdf(1), make_drawn_pdf([KEEPER], dpi=72)):
        found = picture(raw, QUOTE)
        assert (found.marked, found.has_text) == (False, False)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [b"", b"/CropBox[50 400 400 750]"])
def test_turned_and_cropped_pages_are_marked_where_their_words_are(turn: int, crop: bytes) -> None:
    raw = page_with(b"/MediaBox[0 0 612 792]/Rotate %d" % turn + crop)
    found = picture(raw, "kept the light")
    assert text_within(raw, 1, found) == "kept the light"
    ((left, top, right, bottom),) = found.marks
    assert (right - left > bottom - top) == (turn % 180 == 0)
    inside = pixels(found)[top:bottom, left:right]
    assert inside.min(axis=2).min() < 60, "the letters are within the mark"
    shown = (350, 350) if crop else (612, 792)
    across, up = shown if turn % 180 == 0 else shown[::-1]
    assert found.height == pytest.approx(found.width * up / across, abs=2)


def test_columns_that_are_drawn_row_by_row_are_marked_one_after_the_other() -> None:
    rows: list[Row] = []
    for at, (one, other) in enumerate(zip(LEFT, RIGHT, strict=True)):
        rows += [(72, 700 - 14 * at, one), (330, 700 - 14 * at, other)]
    raw = printed(rows)
    found = picture(raw, "rowed out alone to save the crew of the ship")
    assert text_within(raw, 1, found) == "rowed out alone to save the crew of the ship"


def test_ligatures_and_other_scripts_are_marked() -> None:
    raw = seen(["the ﬁrst oﬃce of the harbour", "灯台守は四十一年間その灯を守った。"])
    assert len(picture(raw, "first office of the").marks) == 1
    assert len(picture(raw, "その灯を守った。").marks) == 1


def test_of_several_places_the_one_in_the_passage_is_marked() -> None:
    raw = make_pdf(["In May the board met.\n\n\nIn June the board met.\nIt said yes."])
    first = picture(raw, "the board met.", "In May the board met.").marks
    second = picture(raw, "the board met.", "In June the board met.\nIt said yes.").marks
    assert first[0][1] < second[0][1]


def test_a_passage_is_marked_line_by_line() -> None:
    raw = make_pdf([KEEPER])
    found = picture(raw, KEEPER)
    assert len(found.marks) == 4


def test_values_of_forms_are_drawn() -> None:
    field = "/Subtype/Widget/FT/Tx/T(name)/V(Edith)/Rect[72 600 300 620]/DA(/Helv 12 Tf 0 g)"
    plain = picture(printed([(72, 700, "Edith")]), "")
    marked = picture(with_annotations([(72, 700, "Edith")], [field]), "")
    assert not np.array_equal(pixels(plain), pixels(marked))


@pytest.mark.parametrize(
    "box",
    [
        b"0 0 14400 14400",
        b"0 0 1000000 3",
        b"0 0 3 1000000",
        b"0 0 0 0",
        b"5 5 5 5",
        b"0 0 9e9 9e9",
    ],
)
@pytest.mark.parametrize("width", [-5, 1, 1_400, 10**9])
def test_pictures_are_of_a_size_that_can_be_shown_whatever_the_page_is(
    box: bytes, width: int
) -> None:
    found = picture(page_with(b"/MediaBox[" + box + b"]"), "the light", width=width)
    assert 1 <= found.width <= MOST_WIDTH + 1
    assert found.height >= 1
    assert found.width * found.height <= MOST_PIXELS * 1.1
    for left, top, right, bottom in found.marks:
        assert 0 <= left < right <= found.width
        assert 0 <= top < bottom <= found.height


def test_a_page_that_is_not_there_is_told_with_those_that_are() -> None:
    for page in (0, 3, 10**9):
        with pytest.raises(DocumentError) as raised:
            picture(make_pdf(["a", "b"]), "", page=page)
        assert raised.value.message == f"book.pdf has 2 pages, and no page {page:,}"
        assert raised.value.hint == "name one from 1 to 2"


def test_what_cannot_be_opened_is_told_as_when_it_is_read() -> None:
    with pytest.raises(DocumentError, match="locked with a password"):
        picture(make_pdf(["secret"], user_password="secret"), "")
    with pytest.raises(DocumentError, match=r"book.pdf is cut short"):
        picture(b"%PDF-1.7\nnothing more", "")


def test_a_damaged_page_costs_no_more_than_what_is_on_it() -> None:
    raw = make_pdf_with_damaged_pages(["whole", "damaged"], [1])
    assert picture(raw, "whole").marked
    assert not picture(raw, "damaged", page=2).marked


def test_what_stands_before_the_mark_of_the_format_does_not_matter() -> None:
    assert picture(b"junk\n" * 500 + make_pdf([KEEPER]), QUOTE).marked


def test_the_file_must_be_the_one_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(make_pdf([KEEPER]))
    known = hashlib.sha256(path.read_bytes()).hexdigest()
    assert draw_page(path, 1, QUOTE, "", width=300, document_id=known).marked
    path.write_bytes(make_pdf([KEEPER, "more"]))
    with pytest.raises(DocumentError, match=r"book.pdf has changed since it was read"):
        draw_page(path, 1, QUOTE, "", width=300, document_id=known)


def test_only_pdfs_have_pages(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n\nNothing.")
    with pytest.raises(DocumentError, match=r"notes.md has no pages to show"):
        draw_page(tmp_path / "notes.md", 1, "", "", width=300, document_id=None)


@pytest.mark.slow
def test_a_reader_in_a_process_of_its_own_draws_the_same(tmp_path: Path) -> None:
    path, missing = tmp_path / "book.pdf", tmp_path / "missing.pdf"
    path.write_bytes(make_pdf([KEEPER]))
    with Extractor() as extractor:
        found = extractor.picture(path, 1, QUOTE, width=900)
        assert found == picture(path.read_bytes(), QUOTE)
        with pytest.raises(DocumentError, match="no page 2"):
            extractor.picture(path, 2)
        with pytest.raises(DocumentError, match=r"missing.pdf"):
            extractor.picture(missing, 1)
        assert extractor.read(path).pages[0].text.startswith("The lighthouse"), "it still reads"


@pytest.mark.slow
def test_a_page_that_takes_too_long_or_too_much_costs_only_itself(tmp_path: Path) -> None:
    slow, large, good = (tmp_path / f"{name}.pdf" for name in ("slow", "large", "good"))
    good.write_bytes(make_pdf([KEEPER]))
    slow.write_bytes(one_page(b"300 w 0 0 m 600 700 0 700 600 0 c S\n" * 20_000))
    picture_of = b"/Type/XObject/Subtype/Image/Width 30000/Height 30000/BitsPerComponent 8"
    content = b"612 0 0 792 0 0 cm /Im Do"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
    large.write_bytes(
        one_page(
            content,
            {
                3: page + b"/Resources<</XObject<</Im 6 0 R>>>>>>",
                6: stream(b"\x00" * 10_000, picture_of + b"/ColorSpace/DeviceRGB"),
            },
        )
    )
    with Extractor(timeout_seconds=1) as extractor:
        with pytest.raises(DocumentError, match=r"slow.pdf takes longer than 1 s to draw"):
            extractor.picture(slow, 1)
        try:  # what is too large may be left out, or cost its reader
            extractor.picture(large, 1)
        except DocumentError as error:
            assert "large.pdf" in error.message
        assert extractor.picture(good, 1, QUOTE, width=300).marked
