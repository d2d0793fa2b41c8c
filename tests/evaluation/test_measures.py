from __future__ import annotations

import pytest

from rapid_cli.evaluation.measures import best, contains, exact, f1, words


def test_small_letters_punctuation_and_articles_make_no_difference() -> None:
    assert words("The U.S. Navy, a “fleet”!") == ["us", "navy", "fleet"]
    assert exact("The Silver Whistle.", "silver whistle")
    assert not exact("a silver whistle on a cord", "silver whistle")


def test_a_text_of_articles_alone_keeps_them() -> None:
    assert exact("A", "a")
    assert not exact("A", "the")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She was called Edith Marlow.", "edith marlow"),
        ("They won 13-7 in the end", "13 - 7"),
        ("Kareem Abdul-Jabbar did", "Kareem Abdul - Jabbar"),
        ("It cost $1,000.50 then", "1000.50"),
        ("ｔｈｅ ＮＡＳＡ", "NASA"),
        ("答えは東京です。", "東京"),
        ("그 수도는 서울이다", "서울"),
        ("عاصمة فرنسا هي باريس.", "باريس"),
    ],
)
def test_an_answer_is_contained_however_it_is_written(text: str, answer: str) -> None:
    assert contains(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("sixty", "six"), ("Marlow Edith", "Edith Marlow"), ("", "six"), ("a", "%")],
)
def test_parts_of_words_and_other_orders_are_not_contained(text: str, answer: str) -> None:
    assert not contains(text, answer)


def test_f1_is_that_of_the_words_as_in_squad() -> None:
    assert f1("the silver whistle", "silver whistle") == 1.0
    assert f1("a silver whistle on a cord", "silver whistle") == pytest.approx(2 / 3)
    assert f1("x x y", "x y y") == pytest.approx(2 / 3)
    assert f1("gold", "silver") == 0.0
    assert f1("", "silver") == 0.0
    assert f1("東京", "東京都") == pytest.approx(0.8)


def test_the_best_of_several_right_answers_counts() -> None:
    assert best(f1, "whistle", ["a silver whistle", "whistle"]) == 1.0
    assert best(exact, "whistle", ["silver whistle"]) == 0.0
    assert best(exact, "whistle", []) == 0.0
