from __future__ import annotations

import random
import re
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from unicodedata import category, name

import pytest

from rapid_cli.documents import Chunk, Document, Page
from rapid_cli.retrieval.chunking import split

UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL SYLLABLE", "THAI")


def make_document(*texts: str) -> Document:
    pages = tuple(Page(number, None, text) for number, text in enumerate(texts, start=1))
    return Document("hash", "name", "/name", pages, paged=True)


def starts_of(pattern: str, text: str) -> list[int]:
    return [match.start() for match in re.finditer(pattern, text)]


def word_starts(text: str) -> list[int]:
    return starts_of(r"\S+", text)


def pieces(text: str, size: int, token_starts: Sequence[int] | None = None) -> list[str]:
    starts = word_starts(text) if token_starts is None else token_starts
    return [chunk.text for chunk in split(make_document(text), starts, size=size)]


def tokens_in(starts: Sequence[int], start: int, end: int) -> int:
    return bisect_left(starts, end) - bisect_left(starts, start)


def builds_words(character: str) -> bool:
    """Judge by the names that Unicode gives, where the code under test judges by ranges."""
    if name(character, "").startswith(UNSPACED):
        return False
    return bool(re.match(r"\w", character)) or category(character) in ("Mn", "Mc", "Me")


def splits_a_word(text: str, offset: int) -> bool:
    before, after = text[offset - 1], text[offset]
    if before.isspace():
        return False
    if category(after).startswith("M") or "\u200d" in (before, after):
        return True
    if all(name(each, "").startswith("REGIONAL INDICATOR") for each in (before, after)):
        return True
    return builds_words(before) and builds_words(after)


def word_around(text: str, offset: int) -> tuple[int, int]:
    start, end = offset, offset
    while start > 0 and splits_a_word(text, start):
        start -= 1
    while end < len(text) and splits_a_word(text, end):
        end += 1
    return start, end


def check(document: Document, starts: Sequence[int], size: int) -> list[Chunk]:
    chunks = split(document, starts, size=size)
    text = document.text
    assert "".join(chunk.text for chunk in chunks) == text
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    end = 0
    for chunk in chunks:
        assert chunk.start == end < chunk.end
        end = chunk.end
        assert chunk.text == text[chunk.start : chunk.end]
        assert tokens_in(starts, chunk.start, chunk.end) <= size
        if chunk.end < len(text) and splits_a_word(text, chunk.end):
            assert chunk.end in starts
            assert tokens_in(starts, *word_around(text, chunk.end)) > size
    return chunks


# Where chunks end


def test_a_text_that_fits_is_one_chunk() -> None:
    assert pieces("one two three", 3) == ["one two three"]


def test_an_empty_text_has_no_chunks() -> None:
    assert pieces("", 3) == []


def test_a_text_without_tokens_is_one_chunk() -> None:
    assert pieces("one two", 3, []) == ["one two"]


def test_chunks_are_as_long_as_the_size_allows() -> None:
    assert pieces("a b c d e f g", 3) == ["a b c ", "d e f ", "g"]


def test_a_paragraph_end_is_preferred_to_all_other_ends() -> None:
    text = "aa aa aa aa.\n\nbb. cc\ncc dd dd dd"
    assert pieces(text, 7)[0] == "aa aa aa aa.\n\n"


def test_a_sentence_end_is_preferred_to_a_line_end() -> None:
    assert pieces("aa aa aa aa. bb\nbb bb bb bb", 7)[0] == "aa aa aa aa. "


def test_a_line_end_is_preferred_to_a_word_end() -> None:
    assert pieces("aa aa aa aa\nbb bb bb bb", 6)[0] == "aa aa aa aa\n"


def test_the_last_end_of_its_kind_is_taken() -> None:
    assert pieces("aa aa. aa. aa. aa aa aa", 5)[0] == "aa aa. aa. aa. "


def test_ends_in_the_first_half_are_not_worth_a_short_chunk() -> None:
    assert pieces("aa.\n\nbb bb bb bb bb bb bb bb", 7)[0] == "aa.\n\nbb bb bb bb bb bb "


def test_a_sentence_may_end_behind_its_closing_quotes() -> None:
    assert pieces("aa aa aa aa.”) bb bb bb bb", 6)[0] == "aa aa aa aa.”) "


def test_a_blank_line_may_hold_spaces() -> None:
    assert pieces("aa aa aa aa\n \t\nbb. bb bb bb", 6)[0] == "aa aa aa aa\n \t\n"


def test_whitespace_ends_a_chunk_and_never_begins_one() -> None:
    text = "aa  aa \n aa\n\n\n   bb \t bb   bb aa.  aa"
    for size in range(1, 8):
        assert not any(piece[0].isspace() for piece in pieces(text, size))


def test_a_word_is_kept_whole_when_its_tokens_cross_the_limit() -> None:
    text = "aa aa abcdef aa"
    assert pieces(text, 4, [0, 3, 6, 8, 10, 13]) == ["aa aa ", "abcdef aa"]


def test_a_word_in_the_first_half_of_the_window_ends_a_chunk_before_a_long_word() -> None:
    text = "a " + "b" * 20 + " c"
    assert pieces(text, 20, [0, *range(2, 22), 23]) == ["a ", "b" * 20 + " ", "c"]


def test_a_chunk_rather_ends_at_a_space_than_behind_a_bracket() -> None:
    text = "a (" + "b" * 20
    assert pieces(text, 20, [0, *range(2, 23)])[0] == "a "


def test_only_a_word_that_is_too_long_alone_is_split() -> None:
    text = "aa abcdefgh bb"
    assert pieces(text, 3, [0, 3, 5, 7, 9, 12]) == ["aa ", "abcdef", "gh bb"]


def test_a_text_without_spaces_is_cut_between_its_marks_of_punctuation() -> None:
    text = "abc,def,ghi,jkl"
    assert pieces(text, 4, range(0, 15, 2)) == ["abc,def,", "ghi,jkl"]


def test_whitespace_before_a_word_that_is_too_long_is_no_chunk_of_its_own() -> None:
    assert pieces("   abcdefgh", 2, [3, 5, 7, 9]) == ["   abcd", "efgh"]
    assert pieces("\n\nabcdefgh", 4, [0, 1, 2, 4, 5, 6, 7]) == ["\n\nabc", "defgh"]


def test_whitespace_that_costs_tokens_does_not_split_a_word_that_fits() -> None:
    assert pieces("\n\nabcd", 4, range(6)) == ["\n\n", "abcd"]


def test_tokens_that_share_a_character_do_not_stop_the_cut() -> None:
    assert pieces("😀😀", 2, [0, 0, 0, 1, 1, 1]) == ["😀", "😀"]


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("我们今天去。明天再来吧", 7, ["我们今天去。", "明天再来吧"]),
        ("カタカナとひらがな", 4, ["カタカナ", "とひらが", "な"]),
        ("ภาษาไทยไม่มีวรรค", 8, ["ภาษาไทยไ", "ม่มีวรรค"]),
    ],
)
def test_scripts_without_spaces_are_cut_between_letters(
    text: str, size: int, expected: list[str]
) -> None:
    assert pieces(text, size, range(len(text))) == expected


@pytest.mark.parametrize(
    "unit",
    ["e\u0301\u0323", "👩\u200d👧", "👍\U0001f3fd", "4\ufe0f\u20e3", "か\u3099", "नि"],
    ids=["accents", "family", "skin tone", "keycap", "kana mark", "vowel sign"],
)
def test_a_character_is_not_parted_from_its_marks(unit: str) -> None:
    text = unit * 40
    for size in range(6, 12):
        offsets = [0]
        for piece in pieces(text, size, range(len(text))):
            offsets.append(offsets[-1] + len(piece))
        assert all(offset % len(unit) == 0 for offset in offsets)


def test_words_with_vowel_signs_are_kept_whole() -> None:
    text = "हिन्दी भाषा में लिखना"
    for piece in pieces(text, 8, range(len(text)))[:-1]:
        assert piece.endswith(" ")


# Pages


def test_a_chunk_knows_its_first_and_last_page() -> None:
    document = make_document("aa aa", "", "bb bb bb", "cc")
    chunks = split(document, word_starts(document.text), size=2)
    found = [(chunk.text.split(), chunk.first_page, chunk.last_page) for chunk in chunks]
    expected = [(["aa", "aa"], 1, 1), (["bb", "bb"], 3, 3), (["bb"], 3, 3), (["cc"], 4, 4)]
    assert found == expected


def test_a_chunk_never_goes_on_to_the_next_page_with_text() -> None:
    document = make_document("", "aa bb", " ", "cc dd", "")
    chunks = split(document, word_starts(document.text), size=100)
    assert [(each.text.split(), each.first_page) for each in chunks] == [
        (["aa", "bb"], 2),
        (["cc", "dd"], 4),
    ]
    assert "".join(chunk.text for chunk in chunks) == document.text


def test_a_document_without_pages_is_cut_by_its_text_alone() -> None:
    document = replace(make_document("aa", "bb"), paged=False)
    assert len(split(document, word_starts(document.text), size=100)) == 1


def test_whitespace_does_not_count_towards_the_pages() -> None:
    document = make_document("\n \n", "text", " \n")
    (chunk,) = split(document, word_starts(document.text), size=5)
    assert (chunk.first_page, chunk.last_page) == (2, 2)
    assert chunk.document_id == "hash"


def test_a_text_of_nothing_but_whitespace_is_still_covered() -> None:
    (chunk,) = split(make_document(" ", "\n"), [], size=5)
    assert (chunk.text, chunk.first_page, chunk.last_page) == (" \n\n\n", 1, 2)


# Any text


PARTS = [
    *("word", "a", "of", "Hyphen-ated", "don't", "3.14", "snake_case", "слово", "x" * 40),
    *(" ", " ", " ", "  ", "\n", "\n\n", "\n \n", "\t", "\u00a0", "\u3000", "\f"),
    *(". ", ".", "! ", "?” ", "。", "！」", ", ", "(", ")", "—", "…"),
    *("漢字", "かな", "カタカナ", "한국어", "ไทย", "हिन्दी", "العربية", "ﬁ"),
    *("😀", "👩\u200d👧", "🇩🇪", "e\u0301", "Z\u0336\u0321\u0323", "\u200b", "\ufeff", "\u202e"),
]


@pytest.mark.parametrize("seed", range(30))
def test_any_text_is_covered_within_the_size(seed: int) -> None:
    rng = random.Random(seed)
    parts = rng.sample(PARTS, rng.randrange(1, len(PARTS)))
    text = "".join(rng.choices(parts, k=rng.randrange(1, 300)))
    every = rng.choice((r"\S", r"\S{1,4}", r"\w{1,3}|[^\w\s]", r".|\n", r"\s*\S{1,5}", r"\S+"))
    cut_at = sorted(rng.sample(range(len(text) + 1), rng.randrange(2)))
    edges = [0, *cut_at, len(text)]
    document = make_document(*(text[a:b] for a, b in pairwise(edges)))
    for size in (1, 2, 3, 7, 20, 64, 512):
        check(document, starts_of(every, document.text), size)


@pytest.mark.parametrize("seed", range(12))
def test_chunks_start_with_text_when_whitespace_costs_no_tokens(seed: int) -> None:
    rng = random.Random(seed)
    text = "x" + "".join(rng.choices(PARTS, k=300))
    for size in (1, 3, 10, 50):
        for chunk in check(make_document(text), starts_of(r"\w{1,3}|[^\w\s]", text), size):
            assert not chunk.text[0].isspace()


def test_token_starts_of_any_kind_are_survived() -> None:
    rng = random.Random(3)
    for _ in range(200):
        text = "".join(rng.choices(PARTS, k=rng.randrange(1, 80)))
        starts = sorted(rng.choices(range(len(text)), k=rng.randrange(0, 2 * len(text))))
        chunks = split(make_document(text), starts, size=rng.randrange(1, 9))
        assert "".join(chunk.text for chunk in chunks) == text


# Time


LONG_TEXTS = {
    "a book": ("It was a dark and stormy night; the rain fell. " * 20 + "\n\n") * 700,
    "no spaces": "abcdefghij" * 20_000,
    "slashes": "abcdefghi/" * 20_000,
    "spaces": " " * 200_000,
    "line ends": ("\n" + " " * 2000) * 150,
    "marks": "e" + "\u0301" * 200_000,
    "quotes": "." + '"' * 200_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG_TEXTS)
@pytest.mark.parametrize("every", [r".|\n", r"\w{1,4}|[^\w\s]", r"\S+"])
def test_the_time_grows_with_the_text_and_not_faster(kind: str, every: str) -> None:
    text = LONG_TEXTS[kind]
    starts = starts_of(every, text)
    begun = time.process_time()
    split(make_document(text), starts, size=256)
    assert time.process_time() - begun < 5  # well under 1 s, where a quadratic scan takes minutes
