"""Timing on a context whose costs are known: what is found is what it costs, and nothing stays."""

from __future__ import annotations

from collections import Counter

import pytest

from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.measuring import (
    REPEATS,
    SIZES,
    TIME_LIMIT_SECONDS,
    WIDTHS,
    draft_costs,
    pair_costs,
    steady_costs,
    step_cost,
    verify_costs,
)
from rapid_cli.decoding.sampling import SamplingParams
from tests.support.fakes import FakeClock, MarkovContext, random_logits

LOGITS = random_logits(7, 1)
PROMPT = [1, 2, 3, 4, 5]
SAMPLING = SamplingParams(0.1)


class Timed(MarkovContext):
    """A batch takes `cost(size)`, and `change` more after a batch of another size."""

    def __init__(self, clock, cost, *, change=0.0):
        super().__init__(LOGITS, PROMPT)
        self._clock, self._cost, self._change = clock, cost, change
        self._last = 1

    def extend(self, tokens, *, rows):
        self._clock.now += self._cost(len(tokens)) + self._change * (len(tokens) != self._last)
        self._last = len(tokens)
        return super().extend(tokens, rows=rows)


def cliff(size):
    return 0.01 * (1 if size <= 8 else 3)


def measured(cost, measure=verify_costs, **settings):
    """Return what was found, and the context."""
    clock = FakeClock()
    context = Timed(clock, cost, **settings)
    more = [SAMPLING] if measure is draft_costs else []
    return measure(context, 6, *more, clock), context


def test_every_size_costs_what_its_batch_takes():
    costs, _ = measured(cliff)
    assert costs == pytest.approx({size: cliff(size) for size in SIZES})


@pytest.mark.parametrize("measure", [verify_costs, draft_costs])
def test_the_context_is_left_as_it_was(measure):
    _, context = measured(cliff, measure)
    assert context.tokens == PROMPT


def test_the_sizes_take_turns_and_only_single_tokens_are_repeated():
    costs, context = measured(cliff, change=0.005)
    assert costs == pytest.approx(
        {1: cliff(1)} | {size: cliff(size) + 0.005 for size in SIZES if size > 1}
    )
    turns = list(SIZES) * (1 + REPEATS)
    assert context.extended[: len(turns)] == turns
    assert set(context.extended[len(turns) :]) == {1}


def test_one_disturbed_timing_does_not_count():
    for disturbed in range(12):
        left = iter([0.0] * disturbed + [5.0])

        def cost(size, left=left):
            return cliff(size) + (next(left, 0.0) if size == 4 else 0.0)

        assert measured(cost)[0][4] == pytest.approx(cliff(4))


def test_large_batches_are_left_out_where_they_would_take_long():
    costs, context = measured(lambda size: 0.1 * size)
    assert list(costs) == [1, 2, 4]
    assert max(context.extended) == 4
    assert costs == pytest.approx({size: 0.1 * size for size in costs})
    assert sum(context.extended) * 0.1 < 2 * TIME_LIMIT_SECONDS


def test_even_on_the_slowest_machine_the_curve_has_a_slope():
    costs, _ = measured(lambda size: 2.0 * size)
    assert CostCurve(costs).at(16) == pytest.approx(32)


def test_drafts_go_on_one_by_one():
    costs, context = measured(lambda size: {1: 0.125}[size], draft_costs)
    assert costs == {1: 0.125, 4: 4 * 0.125}
    assert Counter(context.extended) == {1: 4 * REPEATS}


def test_a_single_step_costs_what_it_takes_most_often():
    left = iter([9.0])
    costs, context = measured(lambda size: 0.25 + next(left, 0.0), step_cost)
    assert costs == {1: 0.25}
    assert context.tokens == PROMPT


def test_one_disturbed_draft_does_not_count():
    left = iter([9.0])
    costs, _ = measured(lambda size: 0.25 + next(left, 0.0), draft_costs)
    assert costs == {1: 0.25, 4: 1.0}


def steady(cost, **settings):
    """Return what sizes that repeat cost, and the context."""
    turns, _ = measured(cost, **settings)
    clock = FakeClock()
    context = Timed(clock, cost, **settings)
    return steady_costs(context, 6, turns, clock), context


def test_what_a_change_of_width_costs_is_no_part_of_sizes_that_repeat():
    costs, context = steady(cliff, change=0.005)
    assert costs == pytest.approx({size: cliff(size) for size in WIDTHS})
    assert context.tokens == PROMPT


def test_where_a_change_of_width_costs_nothing_no_time_is_spent_on_it():
    costs, context = steady(cliff, change=0.0003)
    assert costs == pytest.approx({2: cliff(2)})
    assert set(context.extended) == {2}


def test_wide_batches_that_take_long_are_not_timed_again():
    costs, _ = steady(lambda size: 0.1 * size, change=0.1)
    assert list(costs) == [2]


@pytest.mark.parametrize(("change", "singly"), [(0.0, False), (0.02, True)])
def test_two_tokens_are_timed_with_the_step_that_follows_them(change, singly):
    clock = FakeClock()
    context = Timed(clock, lambda size: 0.01 + 0.005 * (size - 1), change=change)
    costs = pair_costs(context, 6, clock)
    assert costs == pytest.approx({1: 0.03, 2: 0.025 + 2 * change})
    assert (costs[1] < costs[2]) == singly
    assert context.tokens == PROMPT
