"""What the lexical index finds, by SQLite's own."""

from __future__ import annotations

import sqlite3
import time

import pytest

from rapid_cli.text.words import indexed, match, terms


def found(question, *texts):
    """Return which of the texts the question finds, best first."""
    expression = " OR ".join(map(match, terms(question)))
    assert expression
    database = sqlite3.connect(":memory:")
    tokenizer = "porter unicode61 remove_diacritics 2"
    database.execute(f"CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = '{tokenizer}')")
    for number, text in enumerate(texts):
        database.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, indexed(text)))
    query = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank"
    return [row[0] for row in database.execute(query, (expression,))]


def test_a_text_is_found_by_other_forms_of_its_words():
    assert found("How were the RETREATS organised?", "a retreat", "an advance") == [0]
    assert found("cafe", "the café", "the tea room") == [0]


def test_the_words_that_make_a_question_find_nothing():
    assert found("What is the capital of it?", "what is the of it", "a capital city") == [1]


def test_a_question_of_nothing_but_such_words_is_searched_for_all_of_them():
    assert found("Who are you?", "you and I", "nobody") == [0]


@pytest.mark.parametrize("question", ["", " ", "?!", '"', "***", "\x00"])
def test_a_question_without_words_has_no_expression(question):
    assert terms(question) == []


@pytest.mark.parametrize(
    "question",
    ['"apple', "apple AND NOT", "NEAR(apple, 5)", "apple*", "text: apple", "(apple", "^apple OR",
     "-apple + 'x' ; DROP TABLE words", "apple\x00", "{a apple} : b"],
)  # fmt: skip
def test_no_operator_in_a_question_is_one(question):
    assert found(question, "an apple a day", "nothing") == [0]


def test_words_hyphenated_at_a_line_end_are_whole():
    text = "the infor-\nmation, the tech\u00adnology, the know-\u00ad how"
    assert found("information", text) == [0]
    assert found("technology", text) == [0]


def test_a_hyphen_before_a_capital_or_a_number_stays():
    assert indexed("Anglo-\nSaxon 10-\n12") == "Anglo-\nSaxon 10-\n12"


def test_ligatures_and_wide_letters_are_plain():
    assert found("office", "the oﬃce", "ＡＢＣ") == [0]
    assert found("abc", "the oﬃce", "ＡＢＣ") == [1]


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("东京在哪里？", "日本的首都是东京。", "京的东西"),
        ("カタカナとは", "これはカタカナです", "タナハ"),
        ("한국어", "저는 한국어를 배웁니다", "국한"),
        ("ภาษาไทย", "ฉันพูดภาษาไทยได้", "ยทภ"),
    ],
)
def test_scripts_without_spaces_are_found_by_neighbouring_letters(question, text, other):
    assert found(question, text, other) == [0]


def test_one_letter_of_an_unspaced_script_is_a_word():
    assert found("水", "山水", "山") == [0]


def test_words_in_different_scripts_side_by_side_are_told_apart():
    assert found("Python", "学习Python语言") == [0]


def test_a_question_of_any_length_is_quick():
    started = time.process_time()
    many = terms("word " * 50_000 + " ".join(f"w{n}" for n in range(50_000)) + "漢字" * 9_000)
    assert 0 < len(many) < 100
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "question"),
    [("U.N.", "UN"), ("H_2O", "H2O"), ("H2O", "H_2O"), ("UN", "U.N."), ("j.k.", "J.K.")],
)
def test_initials_are_found_with_and_without_their_dots(text, question):
    texts = ("the chapter of letters u, n, j and k", f"The {text} office")
    assert found(f"Where is the {question} bureau?", *texts) == [1]


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("What does section 4.2.1 say?", "4.2.1 Keys", "1.2.4 Doors, 4.1 Paint, 2 cats"),
        ("error E-4711", "it shows E4711", "it shows E-4712"),
        ("on 2024-03-15", "dated 2024-03-15", "dated 2023-03-15"),
    ],
)
def test_a_code_is_looked_for_as_one(question, text, other):
    assert found(question, other, text)[0] == 1


def test_short_parts_of_a_code_are_not_looked_for_alone():
    assert terms("What does 4.2.1 say?") == ["4 2 1", "say"]
    assert terms("RFC-2616") == ["rfc 2616", "rfc2616", "rfc", "2616"]
