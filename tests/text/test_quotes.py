"""Quotes found again in texts that are told otherwise."""

from __future__ import annotations

import time

import pytest

from rapid_cli.text.quotes import NOWHERE, WINDOW, find_quote

PAGE = (
    "The ship's ﬁrst mate, who was called Star-\nbuck, did not sleep. It had 45 million barrels.\n"
    "Total revenue 2022 was 10. The keeper rowed out\nalone in the winter of 1911 to save all.\n"
)


def marked(text: str, quote: str, passage: str = "") -> list[str]:
    return [text[start:end] for start, end in find_quote(text, quote, passage).spans]


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("first mate, who was called Starbuck,", "ﬁrst mate, who was called Star-\nbuck,"),
        ("…WAS CALLED Starbuck, did…", "was called Star-\nbuck, did"),
        ("The keeper rowed  out alone", "The keeper rowed out\nalone"),
        ("45 million barrels", "45 million barrels"),
    ],
)
def test_spaces_hyphens_ligatures_case_and_dots_do_not_matter(quote: str, found: str) -> None:
    assert marked(PAGE, quote) == [found]
    assert find_quote(PAGE, quote).share == 1


@pytest.mark.parametrize(
    "quote",
    [
        *("", "…", "!?", "art", "5 million", "5 million barrels", "Total revenue 2021 was 10"),
        "Total revenue 2022 was 101",
        "The keeper rowed out alone in the winter of 1912 to save all.",
        "The cook rowed out alone, and nobody ever saw the boat or the crew again.",
        "A sentence that stands on no page at all",
    ],
)
def test_another_sentence_a_part_of_a_word_and_another_number_are_not_found(quote: str) -> None:
    assert find_quote(PAGE, quote) == NOWHERE


def test_a_quote_with_a_letter_lost_or_a_note_within_it_is_found_with_what_is_between() -> None:
    lost = "The keeper rwed out alone in the winter of 1911 to save all."
    (found,) = marked(PAGE, lost)
    assert found.startswith("The keeper")
    assert found.endswith("save all.")
    page = (
        "He sailed from the harbour in the\n12 See the log of the harbour board.\nmorning of May."
    )
    assert marked(page, "He sailed from the harbour in the morning of May.") == [
        "He sailed from the harbour in the",
        "morning of May.",
    ]


def test_the_cells_of_a_row_may_stand_in_another_order() -> None:
    page = "Working capital\nDepreciation\nOther assets\n1,204,511 in 2022\n1,199,300 in 2021\n"
    row = "Working capital 1,204,511 in 2022 1,199,300 in 2021 Depreciation"
    assert marked(page, row) == [
        *("Working capital", "Depreciation", "1,204,511 in 2022\n1,199,300 in 2021"),
    ]


def test_of_several_places_the_one_in_the_passage_counts() -> None:
    page = "In May the board met. It said no. In June the board met. It said yes. The end."
    quote, start = "the board met.", page.index("June")
    assert find_quote(page, quote, "In June the board met. It said yes.").spans[0][0] > start
    assert find_quote(page, quote, "In May the board met.").spans[0][0] < start
    assert find_quote(page, quote, "Nothing like it.").spans[0][0] < start


@pytest.mark.parametrize(
    ("page", "quote"),
    [
        ("灯台守は四十一年間その灯を守った。彼女は一人で漕ぎ出した。", "その灯を守った。"),
        ("حارس المنارة أبقى النور مضاء", "المنارة أبقى"),
        ("Le déjeuner coûte 12 €", "de\u0301jeuner cou\u0302te 12"),
    ],
)
def test_all_scripts_are_found(page: str, quote: str) -> None:
    assert find_quote(page, quote).share == 1


def test_long_texts_are_looked_through_in_parts() -> None:
    text = "Nothing is here. " * (2 * WINDOW // 17) + "The ferry leaves at nine. " + "No. " * 99
    assert marked(text, "The ferry leaves at nine.") == ["The ferry leaves at nine."]


def test_a_page_that_says_the_same_all_over_takes_no_longer() -> None:
    page = "the same words again and again, 10 times. " * 2_000
    quote = "the same words again and again, 11 times, " * 90
    before = time.perf_counter()
    assert find_quote(page, quote) == NOWHERE
    assert time.perf_counter() - before < 3
