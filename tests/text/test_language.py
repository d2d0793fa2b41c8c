"""The tables of languages: what is in them, and how the rules made of them see a text."""

from __future__ import annotations

import re

import pytest

from rapid_cli.text.language import (
    CLAIM_STOP_WORDS,
    HANGUL,
    JAMO,
    NUMBERS,
    QUESTION_STOP_WORDS,
    SENTENCE_BREAK,
    UNSPACED,
    WIDE_FORMS,
)


@pytest.mark.parametrize("letter", "กລမខ海々いカｶ𠀀")
def test_letters_of_scripts_without_spaces_are_known(letter):
    assert re.fullmatch(f"[{UNSPACED}]", letter)


def test_korean_is_apart_since_it_has_spaces():
    assert re.fullmatch(f"[{HANGUL}]+", "한국어")
    assert not re.search(f"[{UNSPACED}]", "한국어\ua960")
    assert re.fullmatch(f"[{JAMO}]", "\ua960")


def test_no_punctuation_is_a_letter():
    assert not re.search(f"[{UNSPACED}{HANGUL}{JAMO}]", "a1é .，。「」（！")
    assert re.fullmatch(f"[{WIDE_FORMS}]+", "，。「」（！")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! (Three.) Four?", 4),
        ("“One.” Two… three", 3),
        ("一。二！「三。」四", 4),
        ("3.14 is e.g.so", 1),
        ("यह है। वह है।", 1),
    ],
)
def test_sentences_of_documents_end_with_a_stop_and_space_or_a_wide_stop(text, parts):
    assert len([part for part in re.split(SENTENCE_BREAK, text) if part]) == parts


def test_a_question_may_be_after_words_with_which_an_answer_claims_nothing():
    assert "the" in QUESTION_STOP_WORDS & CLAIM_STOP_WORDS
    assert not {"may", "well", "passage"} & QUESTION_STOP_WORDS
    assert {"may", "well", "passage"} <= CLAIM_STOP_WORDS
    assert "list" in QUESTION_STOP_WORDS - CLAIM_STOP_WORDS


def test_number_words_stand_for_their_numbers():
    assert [NUMBERS[word] for word in ("zero", "one", "nineteen", "twenty", "ninety")] == [
        *(0, 1, 19, 20, 90)
    ]
