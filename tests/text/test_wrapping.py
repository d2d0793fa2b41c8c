"""Where lines end on a terminal: in all scripts, and never within a word that fits a line."""

from __future__ import annotations

import re
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from wcwidth import iter_graphemes, wcswidth

from rapid_cli.text.wrapping import cells, lines, rows

SPACED = [
    "a",
    "light-house",
    "and/or",
    "naïve",
    "cafe\u0301",
    "слово",
    "שלום",
    "مرحبا",
    "문장입니다",
]
SPACED += ["keeper's", "(said)", "“word”", "10,000", "हिन्दी", "क्\u200dष", "https://a.b/c?d=e&f"]
UNSPACED = [
    "中国人民。",
    "「日本語」",
    "テスト、",
    "ประเทศไทย",
    "หกสิบล้าน",
    "ភាសាខ្មែរ",
    "\U00020000字",
    "，对",
]
EMOJI = ["👨\u200d👩\u200d👧", "👍🏽", "🇩🇪", "❤\ufe0f", "1\ufe0f\u20e3", "🙂"]
WORD = some.sampled_from(SPACED)
RUN = some.lists(some.sampled_from(SPACED + UNSPACED + EMOJI), min_size=1, max_size=5)
SPACE = some.sampled_from([" "] * 8 + ["  ", "\u3000", "    ", "\u00a0"])
TEXT = some.lists(
    some.tuples(WORD | RUN.map("".join) | some.text("ab", min_size=1, max_size=30), SPACE)
).map(lambda parts: "".join(word + space for word, space in parts))
PARAGRAPH = some.tuples(some.sampled_from(["", "  ", "    ", "- ", "\u3000"]), TEXT).map("".join)
WIDTH = some.integers(1, 10) | some.integers(1, 130)
SCRIPTS_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u17ff\u2e80-\u9fff\uff00-\uff9f\U00020000-\U0003ffff]"
)


@pytest.fixture
def without_icu(monkeypatch):
    """A machine for which ICU is not built."""
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)


def test_without_icu_lines_end_at_spaces_and_between_letters_of_scripts_without_them(without_icu):
    text = "The landlord of the silver-grey 宿屋 was 彼は昨日行きました ok"
    assert broken(text, 12) == [
        *("The landlord", "of the", "silver-grey", "宿屋 was 彼", "は昨日行きま", "した ok"),
    ]
    assert broken("a  embargoed word ", 9) == ["a", "embargoed", "word "]


def broken(text, width, **options):
    return [text[start:end] for start, end in lines(text, width, **options)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("The keeper of the light. ", 10, ["The keeper", "of the", "light. "]),
        ("Edith embargo", 13, ["Edith embargo"]),
        ("Edith embargo", 12, ["Edith", "embargo"]),
        ("silver-grey and/or x", 8, ["silver-grey", "and/or x"]),
        (
            "中国人民。「日本語」のテスト、Pythonです。",
            10,
            ["中国人民。", "「日本語」", "のテスト、", "Pythonで", "す。"],
        ),
        ("ประเทศไทยมีประชากรมากกว่าหกสิบล้านคน", 12, ["ประเทศไทยมี", "ประชากร", "มากกว่าหกสิบ", "ล้านคน"]),
        ("ភាសាខ្មែរស្រឡាញ់", 8, ["ភាសាខ្មែរ", "ស្រឡាញ់"]),
        ("한국어 문장입니다", 12, ["한국어", "문장입니다"]),
        ("שלום עולם טוב", 9, ["שלום עולם", "טוב"]),
        ("see /usr and .env", 8, ["see /usr", "and .env"]),
        ("into /usr or .env", 6, ["into", "/usr", "or", ".env"]),
        ("« oui » (non)", 8, ["« oui »", "(non)"]),
        ("« oui »", 5, ["« oui", "»"]),
        ("zero\u200bwidth", 6, ["zero\u200b", "width"]),
        ("no\u00a0break here", 9, ["no\u00a0break", "here"]),
        ("一\u3000二", 3, ["一", "二"]),
        ("", 5, [""]),
        ("    ", 2, ["  "]),
    ],
)
def test_lines_end_where_scripts_allow_it(text, width, expected):
    assert broken(text, width) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("    x = call(a, b)", 14, ["    x =", "call(a, b)"]),
        ("    x = call(a, b)", 13, ["    x =", "call(a, b)"]),
        ("      word", 5, [" word"]),  # and no line is empty
        ("\u3000\u3000word", 7, ["\u3000word"]),
        ("word\u3000", 5, ["word"]),
        ("    longer", 4, ["    longer"]),
        ("- one two", 6, ["- one", "two"]),
    ],
)
def test_indentation_stays_unless_a_word_needs_its_room(text, width, expected):
    assert broken(text, width) == expected


def test_a_word_that_fits_no_line_is_left_whole_and_drawn_in_pieces():
    text = "see /usr/lib/python3/dist-packages now"
    assert broken(text, 12) == ["see", "/usr/lib/python3/dist-packages now"]
    drawn = [text[start:end] for start, end in rows(text, 12)]
    assert drawn == ["see", "/usr/lib/pyt", "hon3/dist-pa", "ckages now"]


def test_emoji_of_several_parts_are_whole_at_the_edge():
    family = "👨\u200d👩\u200d👧"
    assert broken(family * 3, 4) == [family] * 3
    assert broken("🇩🇪" * 4, 5) == ["🇩🇪"] * 4
    assert broken("🙂" * 4, 5) == ["🙂" * 4], "any terminal keeps these whole"
    assert broken("e\u0301" * 4, 2) == ["e\u0301" * 4]


def test_what_is_to_stay_whole_ends_no_line():
    text = "look into /my own/file please"
    span = (text.index("/my"), text.index(" please"))
    assert broken(text, 12, whole=[span]) == ["look into", "/my own/file", "please"]
    assert broken(text, 8, whole=[span])[2:] == ["/my own/file", "please"]


def is_end_of_word(text, place):
    """Tell whether a line may end here, by the simplest of rules."""
    before, after = text[place - 1], text[place]
    return (
        before.isspace()
        or after.isspace()
        or before == "\u200b"
        or any(map(SCRIPTS_WITHOUT_SPACES.match, (before, after)))
    )


def word_at(text, place):
    """Return the word around a place, between spaces."""
    start = max(text.rfind(space, 0, place) for space in " \u3000") + 1
    return re.match("[^ \u3000]*", text[start:])[0]


@given(PARAGRAPH, WIDTH)
@example("« oui »", 3)
@example("    " + "🇩🇪" * 3, 5)
def test_nothing_is_lost_or_doubled_and_no_word_that_fits_is_torn(text, width):
    found = lines(text, width)
    assert found[0][0] == 0 or not text[: found[0][0]].strip(" \u3000")
    between = zip(
        [0, *(end for _, end in found)], [*(start for start, _ in found), len(text)], strict=True
    )
    for end, start in between:
        assert not text[end:start].strip(" \u3000"), "only spaces are left out"
    for (_, end), (start, _) in pairwise(found):
        assert start > 0
        if end == start and not is_end_of_word(text, end):
            assert cells(word_at(text, end)) > width
    assert all(start < end for start, end in found) or not text.strip()


@given(PARAGRAPH, WIDTH)
def test_a_line_is_wider_than_the_window_only_for_a_word_that_is(text, width):
    for start, end in lines(text, width):
        line = text[start:end]
        if wcswidth(line) > width:
            assert any(cells(word) > width for word in re.split("[ \u3000]+", line)), line


@given(PARAGRAPH, WIDTH)
def test_lines_are_filled(text, width):
    found = lines(text, width)
    for (start, end), (following, last) in pairwise(found):
        first = re.match("[^ \u3000]*", text[following:last])[0]
        if not SCRIPTS_WITHOUT_SPACES.search(text):
            line = text[start:end] + text[end:following] + first
            assert cells(line) > width or end == following


@given(PARAGRAPH, WIDTH)
def test_no_drawn_row_is_wider_than_the_window(text, width):
    found = rows(text, width)
    shown = [text[start:end] for start, end in found]
    for row in shown:
        assert wcswidth(row) <= width or len(list(iter_graphemes(row))) == 1
    assert "".join("".join(shown).split()) == "".join(text.split())


@given(some.text(max_size=60), some.integers(1, 20))
def test_any_text_at_all_has_lines(text, width):
    flat = " ".join(text.split("\n"))
    found = lines(flat, width)
    assert [end <= start for (_, end), (start, _) in pairwise(found)].count(False) == 0
