"""The time that tuning may take: by what a person says, or else by the speed of the model."""

from __future__ import annotations

import pytest

from rapid_cli.bench.budget import ENDS, LEAST_SECONDS, MOST_SECONDS, WORK_TOKENS, TimeBudget
from tests.support.fakes import FakeClock


@pytest.mark.parametrize(
    ("token_seconds", "seconds"),
    [
        (1e-6, LEAST_SECONDS),
        (100 / WORK_TOKENS, 100.0),
        (1.0, MOST_SECONDS),
    ],
)
def test_it_is_planned_once_by_the_speed_of_the_model(token_seconds, seconds):
    clock = FakeClock()
    budget = TimeBudget(clock, None)
    for each in (token_seconds, 1.0):
        budget.plan(each)
        assert budget.token_seconds == each
        assert budget.left("costs") == pytest.approx(seconds)


def test_what_a_person_says_holds_however_slow_the_model_is():
    budget = TimeBudget(FakeClock(), 10.0)
    budget.plan(5.0)
    assert budget.left("costs") == pytest.approx(10.0)


def test_each_stage_is_over_after_its_share_of_the_time_since_the_start():
    clock = FakeClock()
    clock.now = 1000.0
    budget = TimeBudget(clock, 100.0)
    for stage, share in ENDS.items():
        clock.now = 1000.0 + 100 * share - 0.1
        assert not budget.is_over(stage)
        clock.now += 0.2
        assert budget.is_over(stage)
