"""What is tried and what is chosen, with made-up timings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rapid_cli.bench.trials import (
    GAIN,
    Comparison,
    Speed,
    Trial,
    attention_candidates,
    choose,
    thread_candidates,
    ubatch_candidates,
)
from rapid_cli.session.tuned import RunSettings

AS_IT_IS = RunSettings(None, "f16", "f16", None, None)


def speed(seconds):
    """Return a speed with this objective."""
    return Speed(seconds / 3 / 4096, seconds / 3 / 128, seconds / 3 / 32)


def trial(*seconds, **more):
    return Trial(AS_IT_IS, tuple(map(speed, seconds)), **more)


def test_the_objective_is_reading_4096_tokens_and_writing_256():
    assert Speed(0.01, 0.1, 0.5).objective == pytest.approx(4096 * 0.01 + 128 * 0.1 + 32 * 0.5)


def test_the_fastest_is_chosen():
    trials = [trial(10.0), trial(7.0), trial(6.0), trial(8.0)]
    assert choose(trials) is trials[2]


def test_a_tie_keeps_what_is_in_use():
    trials = [trial(10.0), trial(10.0 * (1 - GAIN) + 0.01)]
    assert choose(trials) is trials[0]
    faster = trial(10.0 * (1 - GAIN) - 0.01)
    assert choose([*trials, faster]) is faster


def test_a_noisy_tie_keeps_what_is_in_use():
    """The other one was faster once, in a quiet moment, and slower in most rounds."""
    trials = [trial(10.0, 10.0, 30.0, 10.0), trial(11.0, 8.0, 8.0, 11.0)]
    assert trials[1].speed.objective < trials[0].speed.objective * (1 - GAIN)
    assert choose(trials) is trials[0]


def test_a_disturbed_round_does_not_hide_the_fastest():
    trials = [trial(10.0, 10.0, 10.0), trial(5.0, 50.0, 5.0)]
    assert choose(trials) is trials[1]


def test_what_is_not_allowed_is_not_chosen_however_fast():
    refused = trial(1.0, allowed=False)
    trials = [trial(10.0), refused, trial(8.0)]
    assert choose(trials) is trials[2]
    assert choose([trial(10.0), replace(refused, allowed=True)]).speed == speed(1.0)


def test_what_could_not_be_tried_is_not_chosen():
    trials = [trial(10.0), trial(note="no memory")]
    assert choose(trials) is trials[0]
    assert choose([trials[1], trials[0], trial(12.0)]) is trials[0]
    assert choose([trials[1]]) is trials[1]


def test_noise_is_how_much_the_same_candidate_swings():
    compared = Comparison("threads", 256, (trial(10.0, 11.0), trial(5.0, 10.0), trial(note="no")))
    assert compared.noise == pytest.approx(2.0)
    assert compared.chosen is compared.trials[1]


def caches(candidates):
    return [(each.flash_attention, each.k_type, each.v_type) for each in candidates]


def test_attention_is_tried_in_all_ways_that_llama_cpp_supports():
    assert caches(attention_candidates(AS_IT_IS, may_fuse=True)) == [
        (None, "f16", "f16"),
        (False, "f16", "f16"),
        (False, "q8_0", "f16"),
        (True, "q8_0", "q8_0"),
    ]
    packaged = replace(AS_IT_IS, flash_attention=False, k_type="q8_0")
    assert len(set(caches(attention_candidates(packaged, may_fuse=True)))) == 4


@pytest.mark.parametrize("flash", [None, False, True])
def test_where_flash_attention_is_not_as_good_it_is_never_tried(flash):
    settings = replace(AS_IT_IS, flash_attention=flash, v_type="q8_0" if flash else "f16")
    found = caches(attention_candidates(settings, may_fuse=False))
    assert all(flash_attention is not True for flash_attention, _, _ in found)
    assert [each[1:] for each in found] == [("f16", "f16"), ("q8_0", "f16")]


def test_threads_are_all_three_quarters_or_half():
    def counts(available, settings=AS_IT_IS):
        return [each.threads for each in thread_candidates(settings, available)]

    assert counts(1) == counts(2) == [None]
    assert counts(4) == [None, 3, 2]
    assert counts(16) == [None, 12, 8]
    assert counts(16, replace(AS_IT_IS, threads=8)) == [8, 16, 12]


def test_parts_of_a_batch_are_tried_but_nothing_twice():
    def counts(batch, settings=AS_IT_IS):
        return [each.ubatch for each in ubatch_candidates(settings, batch)]

    assert counts(512) == [None, 256, 128]
    assert counts(512, replace(AS_IT_IS, ubatch=256)) == [256, 512, 128]
    assert counts(512, replace(AS_IT_IS, ubatch=4096)) == [4096, 256, 128]
