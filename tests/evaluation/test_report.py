from __future__ import annotations

import pytest

from rapid_cli.evaluation.report import WHOLE, rows
from tests.support.evaluations import PLAIN, RAPID, make_question, make_record

GOOD, BAD = "Edith", "Tom"


def test_each_variant_is_compared_with_the_baseline_on_the_same_questions() -> None:
    questions = [make_question(number) for number in range(4)]
    base = [make_record(q, PLAIN, a) for q, a in zip(questions, [GOOD, BAD, BAD, BAD], strict=True)]
    mine = [
        make_record(q, RAPID, a) for q, a in zip(questions, [BAD, GOOD, GOOD, BAD], strict=True)
    ]
    extra = [make_record(make_question(9), RAPID, GOOD)]
    plain, rapid = rows([*base, *mine, *extra], "long-context")
    assert (plain.variant, plain.right, plain.difference) == ("long-context", 0.25, None)
    assert (rapid.questions, rapid.right) == (5, 0.6)
    assert rapid.difference == pytest.approx(0.25), (
        "the question that only one answered is left out"
    )
    assert (rapid.better, rapid.worse, rapid.p_value) == (2, 1, 1.0)
    assert rapid.difference_low <= 0.25 <= rapid.difference_high
    assert not rapid.by_document


def test_packs_come_first_and_then_all_of_them() -> None:
    records = [
        make_record(make_question(number, document=f"d{number}", pack=pack))
        for pack in ("one", "two")
        for number in range(3)
    ]
    found = rows(records, "long-context")
    assert [(row.pack, row.questions) for row in found] == [("one", 3), ("two", 3), (WHOLE, 6)]
    assert [row.by_document for row in found] == [False, False, True]


def test_what_failed_is_counted_and_wrong() -> None:
    records = [make_record(make_question(1)), make_record(make_question(2), answer="", error="no")]
    (row,) = rows(records, "long-context")
    assert (row.questions, row.failed, row.right, row.f1) == (2, 1, 0.5, 0.5)


def test_saying_that_the_text_does_not_say_has_precision_and_recall() -> None:
    denied = "The text does not say."
    records = [
        make_record(make_question(1), answer=denied),
        make_record(make_question(2)),
        make_record(make_question(3, answerable=False), answer=denied),
        make_record(make_question(4, answerable=False), answer="1911"),
        make_record(make_question(5, answerable=False), answer=denied),
    ]
    (row,) = rows(records, "long-context")
    assert row.abstention_precision == pytest.approx(2 / 3)
    assert row.abstention_recall == pytest.approx(2 / 3)
    assert row.right == pytest.approx(3 / 5)
    assert row.contained == pytest.approx(1 / 2), "of the questions that have an answer"
    (other,) = rows(records[:2], "long-context")
    assert (other.abstention_precision, other.abstention_recall) == (None, None)


def test_the_rest_is_of_the_answers_that_have_it() -> None:
    choices = {"A": "Edith", "B": "Tom"}
    records = [
        make_record(
            make_question(1, pages=(2,)),
            sources=((2, 2),),
            citations=(True, True, False),
            tokens=10,
            drafted=8,
            accepted=6,
            seconds={"total": 3.0, "decode": 1.0},
        ),
        make_record(
            make_question(2, pages=(2,)),
            sources=((1, 1),),
            tokens=20,
            seconds={"total": 5.0, "decode": 2.0},
        ),
        make_record(make_question(3, choices=choices), answer="B", seconds={"total": 100.0}),
    ]
    (row,) = rows(records, "long-context")
    assert (row.evidence, row.choice_accuracy) == (0.5, 0.0)
    assert row.citation_precision == pytest.approx(2 / 3)
    assert (row.seconds, row.decode_seconds, row.tokens_per_second) == (5.0, 1.5, 10.0)
    assert row.acceptance_rate == 0.75
