from __future__ import annotations

import pytest

from rapid_cli.evaluation.judging import judge, supports
from rapid_cli.evaluation.questions import Question

FREE = Question("p", "1", "d", "Who?", answers=("Edith Marlow", "Marlow"), pages=(4, 9))
CHOICE = Question("p", "2", "d", "Which?", answers=("B",), choices={"A": "one", "B": "two"})
ABSENT = Question("p", "3", "d", "When?", answerable=False)


def test_a_free_answer_is_right_if_it_holds_any_right_answer() -> None:
    found = judge(FREE, "It was Marlow.", [(1, 2), (3, 4)])
    assert found.right
    assert found.contained
    assert not found.exact
    assert found.f1 == pytest.approx(0.5)
    assert found.evidence
    assert found.letter is None
    assert not judge(FREE, "It was Tom.", []).right


def test_an_answer_that_denies_what_the_text_holds_is_wrong_whatever_else_it_says() -> None:
    found = judge(FREE, "The text does not say whether it was Edith Marlow.", [])
    assert found.abstained
    assert not found.right
    assert (found.contained, found.exact, found.f1) == (False, False, 0.0)


def test_a_right_answer_that_sounds_like_denying_may_be_given() -> None:
    asked = Question("p", "1", "d", "What did the board find?", answers=("no evidence",))
    assert judge(asked, "The board found no evidence.", []).right


def test_a_choice_is_right_by_its_letter_and_has_no_other_measure() -> None:
    found = judge(CHOICE, "(B) two", [])
    assert found.right
    assert found.letter == "B"
    assert (found.contained, found.f1, found.exact) == (None, None, None)
    assert not judge(CHOICE, "A", []).right
    assert not judge(CHOICE, "neither", []).right


def test_what_the_text_does_not_hold_is_right_if_that_is_said() -> None:
    assert judge(ABSENT, "The text does not say.", []).right
    assert not judge(ABSENT, "In 1911.", []).right
    assert not judge(ABSENT, "", []).right


def test_evidence_counts_among_the_first_five_sources() -> None:
    others = [(1, 1)] * 4
    assert judge(FREE, "", [*others, (8, 10)]).evidence
    assert not judge(FREE, "", [*others, (1, 1), (4, 4)]).evidence
    assert judge(CHOICE, "B", [(1, 1)]).evidence is None


def test_a_cited_passage_is_judged_by_its_page_or_else_by_the_right_answer() -> None:
    without_pages = Question("p", "1", "d", "Who?", answers=("Edith Marlow",))
    assert supports(FREE, (4, 4), "anything")
    assert not supports(FREE, (5, 8), "Edith Marlow")
    assert supports(without_pages, (1, 1), "She was called Edith Marlow.")
    assert not supports(without_pages, (1, 1), "She rowed.")
    assert supports(CHOICE, (1, 1), "two") is None
    assert supports(ABSENT, (1, 1), "two") is None
