"""How much earlier questions count beside one that goes on from them."""

from __future__ import annotations

import pytest

from rapid_cli.text.follow_ups import LEANING, MOST_TURNS, STANDING, earlier_weights, leans, names

ALBA = "How much is a tyre change for the Alba 3?"


@pytest.mark.parametrize(
    "question",
    ["And a windscreen replacement?", "What about the battery?", "When was it built?", "Why?"],
)
def test_what_says_little_by_itself_leans_on_the_questions_before(question):
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [ALBA, "Which harbour did the mail steamer Halcyon leave in winter?"],
)
def test_a_question_that_says_all_by_itself_stands(question):
    assert not leans(question)


def test_all_earlier_questions_together_count_less_than_the_question():
    earlier = [ALBA, "And a windscreen replacement?", "And the brakes?"]
    assert sum(earlier_weights("The battery?", earlier).values()) == pytest.approx(LEANING)
    assert sum(earlier_weights(ALBA, earlier).values()) == pytest.approx(STANDING)
    assert max(LEANING, STANDING) < 1


def test_the_last_question_counts_most_and_one_that_names_something_as_much():
    weights = earlier_weights("The battery?", [ALBA, "How long?", "And a new windscreen?"])
    assert weights[ALBA] == weights["And a new windscreen?"] > weights["How long?"]


def test_a_later_name_takes_the_place_of_an_earlier_one():
    weights = earlier_weights("The battery?", [ALBA, "And for the Iris?"])
    assert weights["And for the Iris?"] > weights[ALBA]
    weights = earlier_weights("And for the Lupo?", [ALBA, "The battery?"])
    assert weights["The battery?"] > weights[ALBA]


def test_a_question_without_others_before_it_has_no_weights():
    assert earlier_weights("Why?", []) == {}


def test_of_many_questions_the_last_few_count():
    weights = earlier_weights("Why?", [f"question {n}?" for n in range(100)])
    assert len(weights) == MOST_TURNS


def test_names_are_words_with_capitals_within_a_sentence_or_with_digits():
    assert names("How much is it for the Alba 3? Or the X5?") == {"alba", "3", "x5"}
    assert names("Who? Where? the yard") == set()
