"""Which chunks come first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rapid_cli.documents import Chunk, Passage
from rapid_cli.retrieval.ranking import (
    FEW_HOLDERS,
    exact_worth,
    fuse,
    rank,
    repetitions_last,
    similar_enough,
    spread,
)


def passage(score, text="word", *, document="d", index=0, similarity=None, lexical=None, page=1):
    chunk = Chunk(document, index, text, 0, len(text), page, page)
    return Passage(chunk, score, similarity, lexical)


def scores(passages):
    return [passage.score for passage in passages]


def test_first_places_in_all_rankings_score_one_and_less_further_down():
    ranked = fuse([["a", "b", "c"], ["a", "c"]], [1, 1])
    assert [key for key, _ in ranked] == ["a", "c", "b"]
    assert ranked[0][1] == pytest.approx(1)
    assert ranked[1][1] == pytest.approx((6 / 8 + 6 / 7) / 2)
    assert ranked[2][1] == pytest.approx(6 / 7 / 2)


def test_a_key_that_two_rankings_like_beats_one_that_only_one_ranking_likes():
    assert fuse([["a", "b"], ["c", "b"]], [1, 1])[0][0] == "b"


def test_a_ranking_that_holds_nothing_takes_nothing_from_the_scores():
    assert fuse([["a", "b"], []], [1, 1])[0] == ("a", pytest.approx(1))
    assert fuse([[], []], [1, 1]) == []


def test_a_ranking_counts_by_its_weight():
    assert fuse([["a", "b"], ["b", "a"]], [1, 0.5])[0][0] == "a"
    assert fuse([["a", "b"], ["b", "a"]], [0.5, 1])[0][0] == "b"


def test_passages_that_neither_mean_nor_say_the_same_are_dropped():
    found = [
        passage(0.9, similarity=0.1, lexical=8.0),
        passage(0.8, similarity=0.3),
        passage(0.7, similarity=0.29, lexical=3.9),
        passage(0.6, lexical=4.0),
        passage(0.5, similarity=0.1),
    ]
    assert scores(similar_enough(found)) == [0.9, 0.8, 0.6]


def test_the_first_few_are_kept_where_none_is_similar():
    found = [passage(score, similarity=0.1) for score in (0.5, 0.4, 0.3, 0.2)]
    assert scores(similar_enough(found)) == [0.5, 0.4, 0.3]
    assert scores(similar_enough(found[:1])) == [0.5]
    assert similar_enough([]) == []


def test_the_first_passages_come_from_different_pages():
    pages = [4, 4, 4, 2, 4, 7, 2]
    found = [passage(1 - n / 10, index=n, page=page) for n, page in enumerate(pages)]
    assert [each.chunk.index for each in spread(found)] == [0, 3, 5, 1, 2, 4, 6]


def test_no_more_than_five_passages_are_put_first():
    found = [passage(1, index=n, page=page) for n, page in enumerate([1, 1, 2, 3, 4, 5, 6])]
    assert [each.chunk.index for each in spread(found)] == [0, 2, 3, 4, 5, 1, 6]


def test_documents_without_pages_keep_their_order():
    found = [passage(1, document=name, index=n) for n, name in enumerate("aabbab")]
    assert spread(found) == found


def test_what_is_said_word_by_word_before_comes_last_in_its_order():
    one = "This page is left blank on purpose.\n\nAnnual report"
    found = [
        passage(0.9, f"{one}\nPage 3 of 9"),
        passage(0.8, f"  {one.upper()}\n\n- page 14 - "),
        passage(0.7, "What differs in all of its words."),
        passage(0.6, one.replace("\n\n", " ")),
    ]
    assert scores(repetitions_last(found)) == [0.9, 0.7, 0.8, 0.6]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "The tyre change of the Alba costs 301 euros.",
            "The tyre change of the Iris costs 301 euros.",
        ),
        ("It costs 301 euros.", "It costs 310 euros."),
        ("Price\n301", "Price\n165"),
        ("Clause 7: the tenant shall pay.", "Clause 7: the tenant shall not pay."),
        ("See page 3 of it.", "See page 4 of it."),
        ("all that is here and more", "all that is here"),
    ],
)
def test_what_differs_in_a_number_or_a_name_stays_where_it_is(one, other):
    long = "with all that is written in each of the records, again and again " * 6
    found = [passage(0.9, long + one), passage(0.8, long + other), passage(0.7, "something else")]
    assert repetitions_last(found) == found


def test_the_ranking_by_meaning_counts_more_than_that_by_words():
    ranked = rank({("d", 1): 0.9, ("d", 5): 0.8}, {("d", 9): 7.0}, [], {})
    assert [key for key, _ in ranked][:2] == [("d", 1), ("d", 5)]


def test_a_chunk_gains_by_the_words_of_its_neighbours():
    lexical = {("d", 1): 5.0, ("d", 20): 4.9, ("d", 21): 4.0, ("e", 2): 4.0}
    ranked = [key for key, _ in rank({}, lexical, [], {})]
    assert ranked[:2] == [("d", 20), ("d", 1)]
    assert ("d", 2) in ranked, "a neighbour without the words is found as well"


def test_chunks_of_a_named_page_come_first_in_the_order_of_their_likeness():
    similarities = {("d", number): 1 - number / 100 for number in range(60)}
    ranked = rank(similarities, {("d", 3): 9.0}, [("d", 80), ("d", 41), ("d", 40)], {})
    keys, scores = zip(*ranked, strict=True)
    assert keys[0] == ("d", 40)
    assert set(keys[:6]) >= {("d", 40), ("d", 41), ("d", 80)}
    assert all(0 < score <= 1 for score in scores)


def test_passages_of_a_named_page_are_read_however_unlike_the_question_they_are():
    named = replace(passage(0.5, similarity=0.01), named=True)
    others = [passage(0.4, similarity=0.02), passage(0.3, similarity=0.5)]
    assert similar_enough([named, *others]) == [named, others[1]]


def test_chunks_with_the_very_term_come_before_all_others():
    similarities = {("d", number): 1 - number / 100 for number in range(60)}
    exact = {("d", 40): 1, ("d", 77): 2, ("d", 50): 1}
    ranked = rank(similarities, {("d", 3): 9.0}, [], exact)
    assert [key for key, _ in ranked][:3] == [("d", 77), ("d", 40), ("d", 50)]
    assert all(0 < score <= 1 for _, score in ranked)


def test_a_term_that_opens_a_line_is_worth_more_than_one_spoken_of():
    assert exact_worth([{("d", 1): True, ("d", 2): False}, {("d", 2): False}]) == {
        ("d", 1): 2,
        ("d", 2): 2,
    }


def test_a_term_that_much_of_a_document_holds_tells_no_chunk_but_where_it_opens_a_line():
    everywhere = {("d", number): False for number in range(FEW_HOLDERS)}
    assert exact_worth([everywhere | {("e", 1): False, ("d", 90): True}]) == {
        ("e", 1): 1,
        ("d", 90): 2,
    }
