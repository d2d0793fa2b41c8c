"""From ranked passages to what is read."""

from __future__ import annotations

import random

import pytest

from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.retrieval.passages import (
    about_budget,
    drafter_budget,
    in_document_order,
    joined,
    whole_sentences,
)


def passage(score, text="word", *, document="d", index=0, similarity=None, lexical=None, page=1):
    chunk = Chunk(document, index, text, 0, len(text), page, page)
    return Passage(chunk, score, similarity, lexical)


def piece(document, start, end, *, index=0, score=1.0):
    """Return a passage that is a slice of a document's text."""
    first, last = document.page_at(start).number, document.page_at(end - 1).number
    chunk = Chunk(document.id, index, document.text[start:end], start, end, first, last)
    return Passage(chunk, score)


def make_document(*texts):
    pages = tuple(Page(number, None, text) for number, text in enumerate(texts, start=1))
    return Document("d", "name", "/name", pages, paged=True)


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


def test_a_passage_that_cuts_sentences_takes_along_the_rest_of_them():
    document = make_document("One is here. Two is cut here. Three is", "cut too. Four is not.")
    text = document.text
    start, end = text.index("cut here"), text.index("is\n\ncut")
    (whole,) = whole_sentences([piece(document, start, end)], {"d": document})
    assert whole.chunk.text == "Two is cut here. Three is"
    (whole,) = whole_sentences([piece(document, text.index("cut too"), len(text))], {"d": document})
    assert (whole.chunk.text, whole.chunk.first_page) == ("cut too. Four is not.", 2)


def test_a_passage_of_whole_sentences_stays_as_it_is():
    document = make_document("One is here. Two is here. Three is here.")
    found = [piece(document, 13, 26)]
    assert found[0].chunk.text == "Two is here. "
    assert whole_sentences(found, {"d": document}) == found


def test_a_table_without_sentences_stays_cut():
    document = make_document("12 " * 400)
    found = [piece(document, 300, 600)]
    assert whole_sentences(found, {"d": document}) == found


def test_passages_that_touch_or_overlap_are_one_in_document_order():
    document = make_document("abcdefghij", "klmnopqrst")
    found = [
        piece(document, 14, 18, index=3, score=0.9),
        piece(document, 0, 4, index=0, score=0.5),
        piece(document, 2, 6, index=1, score=0.7),
        piece(document, 6, 8, index=2, score=0.6),
    ]
    one, two = joined(found, ["d"])
    assert (one.chunk.text, one.score) == ("abcdefgh", 0.7)
    assert one.chunk.text == document.text[one.chunk.start : one.chunk.end]
    assert two == found[0]


def test_passages_of_different_documents_are_never_joined():
    found = [passage(0.9, document="a"), passage(0.8, document="b")]
    assert joined(found, ["b", "a"]) == found[::-1]


def test_the_best_passages_that_come_nearest_to_the_budget_are_chosen():
    found = [passage(0.9, "a b"), passage(0.6, "a b c d"), passage(0.4, "a b c")]
    assert scores(about_budget(found, 9, words)) == [0.9, 0.6, 0.4]
    assert scores(about_budget(found, 8, words)) == [0.9, 0.6, 0.4]
    assert scores(about_budget(found, 7, words)) == [0.9, 0.6]
    assert scores(about_budget(found, 4, words)) == [0.9, 0.6]
    assert scores(about_budget(found, 3, words)) == [0.9]


def test_the_best_passage_is_chosen_however_long_it_is():
    found = [passage(0.9, "a b c d e f"), passage(0.4, "a")]
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
        assert scores(chosen) == scores(found)[: len(chosen)]
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
