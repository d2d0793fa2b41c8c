"""Prompt lookup: the longest match in texts, notes and the answer itself, by an index."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest

from rapid_cli.decoding.lookup import GRADES, LONGEST, NgramIndex, PromptLookupDrafter, TextIndex


def lookup(*texts, notes=()):
    return PromptLookupDrafter(texts, notes)


def longest_by_scan(text, output):
    """Return the length of the longest match that something follows, and the last place of it."""
    best = (0, 0)
    for end in range(1, len(text)):
        length = 0
        while (
            length < min(end, len(output), LONGEST)
            and text[end - 1 - length] == output[-1 - length]
        ):
            length += 1
        best = max(best, (length, end))
    return best


def test_it_proposes_what_followed_the_last_time():
    assert lookup([1, 2, 3, 4, 5, 6, 7])([9, 2, 3], 3).tokens == (4, 5, 6)


def test_it_prefers_the_longest_match_and_then_the_latest():
    prompt = [1, 2, 3, 40, 2, 3, 50, 2, 3, 60]
    assert lookup(prompt)([1, 2, 3], 1).tokens == (40,)
    assert lookup(prompt)([9, 2, 3], 1).tokens == (60,)


def test_of_equal_matches_that_in_the_answer_counts_and_then_that_in_the_last_text():
    assert lookup([2, 3, 40], [2, 3, 50])([9, 2, 3], 1).tokens == (50,)
    assert lookup([2, 3, 40])([2, 3, 60, 9, 2, 3], 1).tokens == (60,)


def test_it_finds_what_the_answer_itself_said():
    assert lookup([1, 1, 1])([7, 8, 9, 4, 7, 8], 2).tokens == (9, 4)


def test_one_token_is_no_match():
    drafter = lookup([1, 2, 3, 4])
    assert len(drafter([9, 3], 2)) == 0
    assert drafter.grade([9, 3]) is None


def test_nothing_is_matched_or_proposed_across_the_end_of_a_text():
    drafter = lookup([1, 2, 3, 4], [5, 6, 7, 8])
    assert drafter([2, 3], 8).tokens == (4,)
    assert len(drafter([2, 3, 4, 5], 8)) == 0
    assert len(drafter([2, 3, 4, 5, 9, 7, 8], 8)) == 0


def test_it_follows_output_and_notes_that_grow():
    notes = []
    drafter = lookup([1, 2, 3, 4, 5], notes=notes)
    output = []
    for token in [2, 3]:
        output.append(token)
        draft = drafter(output, 2)
    assert draft.tokens == (4, 5)
    notes.append([2, 3, 70, 71])
    assert drafter(output, 2).tokens == (70, 71)


@pytest.mark.parametrize(("length", "grade"), [(2, 0), (3, 1), (5, 2), (6, 3), (13, 4), (40, 5)])
def test_longer_matches_have_higher_grades(length, grade):
    text = list(range(100, 100 + length))
    drafter = lookup([*text, 1])
    assert drafter.grade([0, *text]) == grade
    assert grade < len(GRADES)


@pytest.mark.parametrize("seed", range(40))
def test_the_index_finds_what_a_scan_finds(seed):
    rng = np.random.default_rng(seed)
    alphabet = int(rng.integers(2, 6))
    text, output = (
        rng.integers(alphabet, size=200).tolist(),
        rng.integers(alphabet, size=12).tolist(),
    )
    growing, whole = NgramIndex(), TextIndex([text])
    for start in range(0, 200, 7):
        growing.extend(text[start : start + 7])
    for size in range(2, len(output) + 1):
        length, end = longest_by_scan(text, output[:size])
        for index in (growing, whole):
            match = index.longest(output[:size])
            found = (match.length, match.end) if match else (0, 0)
            assert found == ((length, end) if length >= 2 else (0, 0))


@pytest.mark.parametrize("repeated", [1, 2, 3, 5, 31, 40])
@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 33, 50])
def test_a_text_that_repeats_itself_is_searched_as_a_scan_does(repeated, size):
    text = [*range(repeated)] * (200 // repeated)
    output = [99, *text[:size]]
    match = TextIndex([text]).longest(output)
    length, end = longest_by_scan(text, output)
    assert (match.length, match.end) == (length, end)


def test_looking_up_takes_little_in_a_text_that_repeats_itself():
    drafter = lookup([7, 7, 8] * 40_000)
    output = [7, 7, 8] * 20
    drafter(output, 8)
    started = perf_counter()
    for _ in range(20):
        assert drafter(output, 3).tokens == (7, 7, 8)
    assert perf_counter() - started < 0.5  # one by one these are twenty million comparisons


def test_looking_up_does_not_take_longer_in_a_longer_text():
    rng = np.random.default_rng(0)
    fastest = []
    for size in (5_000, 200_000):
        text = rng.zipf(1.5, size=size).clip(max=50_000).tolist()
        text[100:104] = [60_001, 60_002, 60_003, 60_004]
        drafter = lookup(text)
        drafter([60_001], 8)
        taken = []
        for _ in range(200):
            started = perf_counter()
            assert drafter([60_001, 60_002, 60_003], 8).tokens[0] == 60_004
            taken.append(perf_counter() - started)
        fastest.append(min(taken))  # other work only adds
    assert fastest[1] < 5 * fastest[0]  # a scan would take 40 times as long
