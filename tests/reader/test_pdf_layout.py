from __future__ import annotations

import pytest

from rapid_cli.reader.pdf.layout.doubles import without_doubles
from rapid_cli.reader.pdf.layout.hyphens import joined
from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line, text_of
from rapid_cli.reader.pdf.layout.raised import with_scripts
from rapid_cli.reader.pdf.layout.spacing import is_spaced_better
from tests.support.books import read
from tests.support.odd_pdfs import one_page
from tests.support.printed_pdfs import Row, printed, seen, with_annotations

LEFT = [
    "The mill was built beside the",
    "weir in the year of the great",
    "flood, and ground rye for the",
    "villages on both banks until",
    "the railway came at last.",
]
RIGHT = [
    "After the fire the owner moved",
    "the stones to the new house,",
    "where they lie in the garden",
    "and serve as tables for the",
    "guests of the old inn.",
]
THIRD = [
    "Nobody in the village knows",
    "what became of the wheel, for",
    "it was sold in the same year",
    "to a dealer who came from the",
    "city and paid in cash.",
]


def text(raw: bytes) -> str:
    return read(raw, "file.pdf").text.strip()


def across(*columns: list[str], top: int = 700, step: float = 180) -> list[Row]:
    """Return columns row by row."""
    return [
        (60 + step * column, top - 14 * row, line)
        for row, lines in enumerate(zip(*columns, strict=True))
        for column, line in enumerate(lines)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("רניד 1234 תוינבתהו 2025 הנשה", "השנה 2025 והתבניות 1234 דינר"),
        ("۱۲۳۴ هجدوب", "بودجه ۱۲۳۴"),
        ("12/05/2024 םויב", "ביום 12/05/2024"),
        ("٢٠٢٤/٠٥/١٢ خيرات", "تاريخ ٢٠٢٤/٠٥/١٢"),
        ("50% החנה", "הנחה 50%"),
        ("John Smith ידי לע", "על ידי John Smith"),
        ("(1234) ריחמ", "מחיר (1234)"),
    ],
)
def test_lines_from_right_to_left_have_their_numbers_as_printed(line: str, expected: str) -> None:
    assert text(seen([line, "םולש םלוע", "םולש םלוע הזה"])).splitlines()[0] == expected


def test_columns_that_are_drawn_row_by_row_are_read_one_after_the_other() -> None:
    assert text(printed(across(LEFT, RIGHT, step=270))).splitlines() == [*LEFT, *RIGHT]


def test_three_columns_are_read_one_after_the_other() -> None:
    assert text(printed(across(LEFT, RIGHT, THIRD))).splitlines() == [*LEFT, *RIGHT, *THIRD]


def test_a_heading_over_all_columns_stays_before_them() -> None:
    heading = "A history of the mill, its owners, the fire, and what became of the stones later on"
    rows = [(60.0, 730.0, heading), *across(LEFT, RIGHT, step=270)]
    assert text(printed(rows)).splitlines() == [heading, *LEFT, *RIGHT]


def test_rows_of_a_table_are_read_across() -> None:
    names = ["Rye flour, finely ground here", "Wheat flour of the last year", "Oats for horses"]
    prices = ["Sold by the sack in the yard", "Sold at the market on Fridays", "Not sold any more"]
    rows = text(printed(across(names, prices, step=270))).splitlines()
    assert rows == [f"{name} {price}" for name, price in zip(names, prices, strict=True)]


def test_letters_printed_twice_are_read_once() -> None:
    rows: list[Row] = [(72, 700, "Total assets"), (72.4, 700, "Total assets"), (72, 680, "end")]
    assert text(printed(rows)).splitlines() == ["Total assets", "end"]


FIELDS = [
    "/Subtype/Widget/FT/Tx/T(owner)/V(Mara Lindqvist)/Rect[220 712 470 730]",
    "/Subtype/Widget/FT/Ch/T(port)/V(n)/Opt[[(n)(North quay)][(s)(South quay)]]"
    "/Rect[220 688 470 706]",
    "/Subtype/Widget/FT/Btn/T(insured)/V/Yes/AS/Yes/Rect[220 664 238 682]",
    "/Subtype/Widget/FT/Btn/T(paid)/AS/Off/Rect[220 640 238 658]",
    "/Subtype/Widget/FT/Tx/Ff 4096/T(remarks)/V(first line\\nsecond line)/Rect[72 560 470 610]",
    "/Subtype/Widget/FT/Tx/Ff 8192/T(secret)/V(sesame)/Rect[220 540 470 555]",
    "/Subtype/FreeText/Contents(typed here)/Rect[220 520 470 538]",
    "/Subtype/Text/T(Ann)/Contents(please check)/Rect[500 716 520 730]",
    "/Subtype/Widget/F 2/FT/Tx/T(hidden)/V(unseen)/Rect[220 500 470 515]",
]
LABELS: list[Row] = [
    (72, 716, "Name of the owner:"),
    (72, 692, "Berth:"),
    (72, 668, "Insured:"),
    (72, 644, "Paid:"),
    (72, 620, "Remarks:"),
    (72, 524, "Further:"),
]


def test_values_of_fields_stand_where_a_reader_sees_them() -> None:
    assert text(with_annotations(LABELS, FIELDS)).splitlines() == [
        "Name of the owner: Mara Lindqvist",
        "[note] Ann: please check",
        "Berth: North quay",
        "Insured: [x]",
        "Paid: [ ]",
        "Remarks:",
        "first line",
        "second line",
        "Further: typed here",
    ]


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (["the retrie-\nval works"], "the retrieval\nworks"),
        (["a long-\nterm plan"], "a long-term\nplan"),
        (["a cross-\nborder trade", "of cross-border kind"], "a cross-border\ntrade"),
        (["the state-of-\nthe-art way"], "the state-of-the-art\nway"),
        (["a deci\u00ad\nsion"], "a decision\n"),
        (["pages 12-\n15"], "pages 12-\n15"),
        (["low-\nand zero-emission cars"], "low-\nand zero-emission cars"),
        (["a U-\nshaped balcony"], "a U-shaped\nbalcony"),
        (["a cross-\nagency plan", "cross-border, an agency"], "a cross-agency\nplan"),
        (["privacy-\npreserving", "an in-\nhouse team", "in-house"], "privacy-preserving\n"),
        (["priva-\ncy", "a deci-\nsion", "the decision"], "privacy\n"),
    ],
)
def test_words_that_lines_divide_are_whole(pages: list[str], expected: str) -> None:
    assert joined(pages)[0] == expected


def word(text: str, places: list[float]) -> list[Letter]:
    return [
        Letter(one, Box(place, 0, place + 6, 10)) for one, place in zip(text, places, strict=True)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (word("Offer", [0, 6, 6, 12, 18]), "Offer"),  # the second f is of a ligature
        (word("OOwwnn", [0, 0, 6, 6, 12, 12]), "Own"),
        (word("OwnOwn", [0, 6, 12, 0.5, 6.5, 12.5]), "Own"),
    ],
)
def test_letters_of_a_ligature_are_not_taken_for_doubles(line: Line, expected: str) -> None:
    assert text_of(without_doubles([line])) == expected


def test_a_reading_that_lost_ligatures_is_not_taken_for_its_spaces() -> None:
    apart = " ".join(["sufficient"] * 3 + LEFT + RIGHT)
    glued = apart.replace(" ", "", 40)
    assert is_spaced_better(apart, glued)
    assert not is_spaced_better(apart.replace("ffi", " "), glued)


Part = tuple[float, float, int, str]
"""Where a text begins, its size, and its letters."""


def in_sizes(*parts: Part) -> bytes:
    """Return a PDF of one page that draws texts of several sizes."""
    shown = (f"/F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj\n" for x, y, size, text in parts)
    return one_page(f"BT\n{''.join(shown)}ET".encode("cp1252"))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(72, 700, 12, "10"), (85.5, 704.5, 7, "6"), (92, 700, 12, "bacteria")], "10^6 bacteria"),
        ([(72, 700, 12, "5 cm"), (98.5, 704.5, 7, "3"), (104, 700, 12, "of it")], "5 cm^3 of it"),
        ([(72, 700, 12, "10"), (85.5, 704.5, 7, "-3"), (94, 700, 12, "m")], "10^-3 m"),
        ([(72, 700, 12, "H"), (81, 697.5, 8, "2"), (85.5, 700, 12, "O")], "H_2O"),
        ([(72, 700, 12, "It was so."), (123, 704.5, 7, "4")], "It was so. [4]"),
        (
            [(72, 700, 12, "on the 5"), (115.5, 704.5, 7, "th"), (124, 700, 12, "day")],
            "on the 5th day",
        ),
        ([(72, 700, 12, "about 106"), (131, 700, 8, "27 of them")], "about 106 27 of them"),
    ],
)
def test_raised_and_lowered_numbers_are_told_from_others(parts: list[Part], expected: str) -> None:
    assert " ".join(text(in_sizes(*parts, (72, 660, 12, "106 others"))).split()) == (
        f"{expected} 106 others"
    )


def test_raised_numbers_are_told_in_a_text_of_another_order_than_the_drawn_one() -> None:
    upper, lower = (
        [*word(base, [0, 6]), Letter("6", Box(12, 5, 15, 11)), *word(rest, [20, 26, 32])]
        for base, rest in (("10", "off"), ("cm", "now"))
    )
    assert with_scripts("cm6 now 106 off", [upper, lower]) == "cm^6 now 10^6 off"
