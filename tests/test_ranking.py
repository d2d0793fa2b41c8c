"""Which passages are read."""

from __future__ import annotations

import random

import pytest

from rapid_cli.documents import Chunk, Passage
from rapid_cli.ranking import (
    about_budget,
    drafter_budget,
    in_document_order,
    similar_enough,
)


def passage(score, text="word", *, document="d", index=0):
    return Passage(Chunk(document, index, text, 0, len(text), 1, 1), score)


def scores(passages):
    return [passage.score for passage in passages]


def words(text):
    return len(text.split())


@pytest.mark.parametrize(
    ("document", "budget"),
    [
        (0, 512),
        (4_000, 512),
        (4_096, 512),
        (8_000, 1_000),
        (32_768, 4_096),
        (60_000, 4_096),
        (98_304, 4_096),
        (120_000, 5_000),
    ],
)
def test_the_drafter_reads_an_eighth_of_short_texts_and_a_24th_of_long_ones(document, budget):
    assert drafter_budget(document) == budget


def test_the_budget_never_shrinks_as_the_document_grows():
    budgets = [drafter_budget(tokens) for tokens in range(0, 200_000, 500)]
    assert budgets == sorted(budgets)


def test_passages_unlike_the_question_are_dropped_and_the_best_come_first():
    found = [passage(score) for score in (0.1, 0.9, 0.3, 0.29, 0.5)]
    assert scores(similar_enough(found)) == [0.9, 0.5, 0.3]


def test_one_similar_passage_is_enough_to_drop_all_others():
    assert scores(similar_enough([passage(0.2), passage(0.31), passage(0.29)])) == [0.31]


def test_the_best_few_are_kept_where_none_is_similar():
    found = [passage(score) for score in (-0.2, 0.1, 0.25, 0.0, 0.2)]
    assert scores(similar_enough(found)) == [0.25, 0.2, 0.1]
    assert scores(similar_enough(found[:1])) == [-0.2]
    assert similar_enough([]) == []


def test_the_best_passages_that_come_nearest_to_the_budget_are_chosen():
    found = [passage(0.4, "a b c"), passage(0.9, "a b"), passage(0.6, "a b c d")]
    assert scores(about_budget(found, 9, words)) == [0.9, 0.6, 0.4]
    assert scores(about_budget(found, 8, words)) == [0.9, 0.6, 0.4]
    assert scores(about_budget(found, 7, words)) == [0.9, 0.6]
    assert scores(about_budget(found, 4, words)) == [0.9, 0.6]
    assert scores(about_budget(found, 3, words)) == [0.9]


def test_the_best_passage_is_chosen_however_long_it_is():
    found = [passage(0.4, "a"), passage(0.9, "a b c d e f")]
    assert scores(about_budget(found, 3, words)) == [0.9]
    assert about_budget([], 3, words) == []


def test_no_worse_passage_takes_the_place_of_a_better_one_that_is_too_long():
    found = [passage(0.9, "a b"), passage(0.8, "a b c d e"), passage(0.7, "a")]
    assert scores(about_budget(found, 4, words)) == [0.9]


def test_the_budget_is_missed_by_no_more_than_half_a_passage():
    rng = random.Random(0)
    for _ in range(200):
        found = [passage(rng.random(), "w " * rng.randint(1, 9)) for _ in range(12)]
        budget = rng.randint(1, 60)
        chosen = about_budget(found, budget, words)
        assert scores(chosen) == sorted(scores(found), reverse=True)[: len(chosen)]
        lengths = [words(passage.chunk.text) for passage in chosen]
        assert sum(lengths) <= budget + lengths[-1] / 2 or len(chosen) == 1


def test_passages_are_read_by_document_in_the_order_given_and_by_place_in_it():
    found = [
        passage(0.9, document="b", index=10),
        passage(0.8, document="a", index=3),
        passage(0.7, document="b", index=9),
        passage(0.6, document="a", index=0),
    ]
    places = [
        (passage.chunk.document_id, passage.chunk.index)
        for passage in in_document_order(found, ["b", "a"])
    ]
    assert places == [("b", 9), ("b", 10), ("a", 0), ("a", 3)]
