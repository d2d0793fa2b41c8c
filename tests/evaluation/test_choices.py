from __future__ import annotations

import pytest

from rapid_cli.evaluation.choices import chosen

CHOICES = {
    "A": "a man of means",
    "B": "to earn money by painting portraits",
    "C": "in France",
    "D": "both in France and in Spain",
}


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("B.", "B"),
        ("(B) to earn money", "B"),
        ("**B**: because", "B"),
        ("B, because of the money", "B"),
        ("B\n\nIt says so.", "B"),
        ("The answer is B", "B"),
        ("The correct answer is (C).", "C"),
        ("Answer: D", "D"),
        ("The best option would be B.", "B"),
        ("I think it is C because", "C"),
        ("C is the right one", "C"),
        ("A is correct", "A"),
        ("Option A is right", "A"),
        ("A man of means", "A"),
        ("He wanted to earn money by painting portraits.", "B"),
        ("in France", "C"),
        ("It was both in France and in Spain.", "D"),
        ("earn money", "B"),
        ("A. a man of means\nB. to earn money\nThe answer is B.", "B"),
    ],
)
def test_the_choice_that_is_named_is_found(answer: str, letter: str) -> None:
    assert chosen(answer, CHOICES) == letter


@pytest.mark.parametrize(
    "answer",
    [
        *("", "none", "A or B", "A, B and C", "Both B and C", "E", "A woman who paints"),
        *("I cannot say", "A. a man of means\nB. to earn money\nC. in France"),
    ],
)
def test_none_is_found_where_none_is_named_or_several(answer: str) -> None:
    assert chosen(answer, CHOICES) is None


def test_a_letter_counts_before_the_text_of_another_choice() -> None:
    assert chosen("D. They worked in France and Spain, and he was a man of means", CHOICES) == "D"
