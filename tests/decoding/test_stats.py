"""Statistics: counts add up, and rates are honest about having nothing to rate."""

import pytest

from rapid_cli.decoding.stats import ENOUGH_PLAIN_ROUNDS, DecodingStats, Round


def done(tokens, drafted, accepted):
    return Round(tuple(tokens), 0, drafted, drafted, accepted, 0.25, verify_seconds=1.0)


def test_rates_are_unknown_before_the_first_round():
    stats = DecodingStats()
    assert stats.acceptance_rate is None
    assert stats.mean_acceptance_length is None
    assert stats.gamma_mean is None


def test_plain_decoding_has_no_acceptance_rate():
    stats = DecodingStats()
    stats.add(done([1], 0, 0))
    assert stats.acceptance_rate is None
    assert stats.mean_acceptance_length == 1


def test_rounds_add_up():
    stats = DecodingStats()
    stats.add(done([1, 2, 3], 4, 2))
    stats.add(done([4], 2, 0))
    assert (stats.tokens, stats.rounds, stats.drafted, stats.accepted) == (4, 2, 6, 2)
    assert stats.acceptance_rate == pytest.approx(1 / 3)
    assert stats.mean_acceptance_length == 2
    assert stats.gamma_mean == 3
    assert (stats.draft_seconds, stats.verify_seconds) == (0.5, 2.0)


def test_a_plain_step_is_that_of_rounds_without_drafts_or_as_measured_before_while_they_are_few():
    stats = DecodingStats()
    assert stats.step_seconds is None
    for drafted in (0, 0, 3):
        stats.add(done([1], drafted, 0))
    assert stats.step_seconds == 1, "an opinion is no part of plain decoding"
    stats.plain_seconds = 0.5
    assert stats.step_seconds == 0.5
    for _ in range(ENOUGH_PLAIN_ROUNDS - 1):
        stats.add(done([1], 0, 0))
    assert stats.plain_rounds == ENOUGH_PLAIN_ROUNDS, "a step right after a draft is not plain"
    assert stats.step_seconds == 1, "what a step takes now counts more"


def test_what_disturbs_a_step_disturbs_plain_decoding_as_well():
    stats = DecodingStats()
    for seconds in (1.0, 1.0, 4.0):
        stats.add(Round((1,), 0, 0, 0, 0, 0.0, seconds))
    assert stats.step_seconds == 6 / stats.tokens
