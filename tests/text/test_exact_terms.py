"""Terms that are looked for as they stand."""

from __future__ import annotations

import time

import pytest

from rapid_cli.text.exact_terms import MOST_EXACT, exact_terms, plain


def told(question):
    """Return what is looked for, by the first phrase of each term."""
    return [term.phrases[0] for term in exact_terms(question)]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("What does section 4.2.1 say?", ["4.2.1"]),
        ("Who signs under § 12(3)(b)?", ["12(3)(b)"]),
        ("What does E-4711 mean?", ["E-4711"]),
        ("RFC-2616 and RFC 2616", ["RFC-2616", "RFC 2616"]),
        ("What happened on 2024-03-15?", ["2024-03-15"]),
        ("Who paid $1,250.00?", ["1,250.00"]),
        ("Is 10.5% the rate?", ["10.5"]),
        ("Where is part A/B-77?", ["A/B-77"]),
        ("the fault P0420 of 10045", ["P0420", "10045"]),
        ("on 15 March 2024 or March 16th, 2024", ["15 March 2024", "March 16th, 2024"]),
        ("Table 3 and Fig. 2", ["table 3", "figure 2"]),
        ("Annex B", ["annex B"]),
    ],
)
def test_numbers_codes_dates_and_amounts_are_terms(question, terms):
    assert told(question) == terms


@pytest.mark.parametrize(
    "question",
    [
        "Who is Ahab?",
        "Which 3 of 12 cars?",
        "What was sold in 2023, in FY2023 and in Q2?",
        "the 3-year average and the well-known 1990s",
        "What is on page 14?",
        "Is it the and/or case of U.S. law?",
        "",
    ],
)
def test_words_years_periods_and_plain_numbers_are_none(question):
    assert told(question) == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("4.2.1", "4.2.1 Keys"),
        ("4.2.1", "as in 4.2.1."),
        ("4.2.1", "(see 4.2.1)"),
        ("E-4711", "code E4711"),
        ("E-4711", "code E 4711"),
        ("E-4711", "code e\u20114711,"),
        ("E-4711", "code E-\n4711"),
        ("12(3)(b)", "§12 (3) (b) holds"),
        ("2024-03-15", "on 2024\u201303\u201315"),
        ("$1,250.00", "a total of 1,250.00"),
        ("$500", "for $ 500"),
        ("10.5%", "at 10.5 %"),
        ("section 12", "12. Keys"),
        ("section 12", "under Sec. 12"),
        ("§ 12", "§12 Keys"),
        ("Table 3", "TABLE 3: Costs"),
        ("Fig. 2", "see figure 2"),
        ("March 15, 2024", "March 15 2024"),
    ],
)
def test_a_term_is_found_as_it_stands(question, text):
    (term,) = exact_terms(question)
    assert term.is_in(plain(text))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("4.2.1", "4.2.1.3"),
        ("4.2.1", "14.2.1"),
        ("4.2.1", "3.4.2.1"),
        ("4.2.1", "4.2.10"),
        ("4.2.1", "4, 2 and 1"),
        ("E-4711", "E-47112"),
        ("E-4711", "E-4711-B"),
        ("12(3)", "12(3)(b)"),
        ("2024-03-15", "2024 03 15"),
        ("$1,250.00", "11,250.00"),
        ("$500", "500 pages"),
        ("10.5%", "110.5%"),
        ("section 12", "12 of them were there, and 12.1"),
        ("Table 3", "table 33"),
    ],
)
def test_no_other_term_is_taken_for_it(question, text):
    (term,) = exact_terms(question)
    assert not term.is_in(plain(f"It says {text}"))


def test_a_number_that_opens_a_line_is_told_from_one_that_is_spoken_of():
    (term,) = exact_terms("4.2.1")
    assert term.opens("Rules\n  4.2.1 Keys")
    assert not term.opens("Rules\nsee 4.2.1")


def test_a_question_of_any_length_has_few_and_is_quick():
    started = time.process_time()
    assert len(exact_terms(" ".join(f"E-{n}" for n in range(100, 50_000)))) == MOST_EXACT
    assert exact_terms("(1" * 50_000 + "§ " * 50_000) == []
    assert time.process_time() - started < 5
