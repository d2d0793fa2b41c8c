"""Batches of few widths: what comes out is the same, and they are filled up only where it pays."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from rapid_cli.decoding.drafting import ModelDrafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.measuring import SIZES, WIDTHS
from rapid_cli.decoding.planning import FixedGamma
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.shapes import PaddedContext, Shapes, padded_costs, shapes_of
from rapid_cli.decoding.verification import verify
from tests.support.fakes import FakeClock, FlatShapes, MarkovContext, random_logits

TARGET, DRAFTER = random_logits(7, 1), random_logits(7, 2)
PROMPT = [5, 0]


def padded():
    inner = MarkovContext(TARGET, PROMPT)
    return PaddedContext(inner, FlatShapes(4, 8)), inner


def test_logits_are_those_of_the_tokens_and_not_of_the_padding():
    context, inner = padded()
    plain = MarkovContext(TARGET, PROMPT).extend([1, 2, 3], rows=3)
    np.testing.assert_array_equal(context.extend([1, 2, 3], rows=3), plain)
    assert inner.extended == [4]


def test_padding_is_not_counted_and_is_gone_before_anything_else_is_read():
    context, inner = padded()
    context.extend([1, 2, 3], rows=3)
    assert len(context) == 5
    context.extend([4], rows=1)
    assert inner.tokens == [5, 0, 1, 2, 3, 4]
    context.extend([6, 6], rows=2)
    context.truncate(7)
    assert inner.tokens == [5, 0, 1, 2, 3, 4, 6]
    assert len(context) == 7


def test_what_is_read_without_all_of_its_logits_is_not_filled_up():
    context, inner = padded()
    context.extend([1, 2, 3], rows=1)
    assert inner.extended == [3]


@pytest.mark.parametrize("temperature", [0, 1])
def test_an_answer_is_the_same_in_batches_of_few_widths(temperature):
    def answer(target):
        rng, sampling = np.random.default_rng(3), SamplingParams(temperature)
        drafter = ModelDrafter(
            MarkovContext(DRAFTER, [0]), 3, sampling=sampling, rng=rng, confidence=0.3
        )
        rounds = decode(
            target,
            3,
            [drafter],
            partial(verify, sampling=sampling, eta=20.0, rng=rng),
            FixedGamma(6),
            max_tokens=200,
            is_end=lambda _token: False,
            clock=FakeClock(),
        )
        return [token for done in rounds for token in done.tokens]

    context, inner = padded()
    bare = MarkovContext(TARGET, PROMPT)
    assert answer(context) == answer(bare)
    assert inner.tokens == bare.tokens
    assert set(inner.extended) <= {1, 4, 8}
    assert len(set(bare.extended)) > 3


# Which widths pay.


def shapes(cost, change=0.0):
    """Return what is found of a machine: in turns, and with sizes that repeat."""
    turns = {size: cost(size) + (change if size > 1 else 0.0) for size in SIZES}
    return Shapes(turns, {size: cost(size) for size in WIDTHS})


def flat(size):
    return 1 + 0.01 * size


def steep(size):
    return 1 + 0.45 * (size - 1)


def widths(found, sizes):
    """Return how wide the batches of these sizes are."""
    inner = MarkovContext(TARGET, PROMPT)
    context = PaddedContext(inner, found)
    for size in sizes:
        context.extend([1] * size, rows=size)
        context.truncate(2)
    return inner.extended


def test_where_width_costs_little_batches_stay_as_wide_as_they_were():
    assert widths(shapes(flat, change=0.5), [2, 3, 7, 2, 12, 3]) == [2, 4, 8, 8, 16, 16]


def test_single_tokens_are_read_as_they_are():
    assert widths(shapes(flat, change=0.5), [7, 1, 7, 1]) == [8, 1, 8, 1]


def test_batches_become_narrower_once_that_would_have_saved_a_change():
    found = shapes(lambda size: 1 + 0.04 * size, change=0.5)
    narrow = [3] * 20
    read = widths(found, [15, *narrow])
    assert read[:8] == [16] * 8  # as long as a recent one was so wide
    waste = found.seconds(16) - found.seconds(4)
    assert read.count(16) == 8 + int(found.change // waste)
    assert read[-1] == 4


@pytest.mark.parametrize("change", [0.0, 0.1, 0.4])
def test_where_each_token_costs_more_than_a_change_batches_are_not_filled_up(change):
    sizes = [2, 3, 7, 2, 12, 3]
    found = shapes(steep, change)
    assert sum(map(found.seconds, widths(found, sizes))) <= sum(map(found.seconds, sizes)) + (
        len(sizes) * change
    )
    assert found.width(3) == 3


def test_costs_are_those_of_the_widths():
    turns = {1: flat(1)} | {size: flat(size) + 0.5 for size in SIZES if size > 1}
    costs = padded_costs(turns, {size: flat(size) for size in WIDTHS})
    assert costs[1] == turns[1]
    assert [costs[size] for size in (2, 3, 4, 5, 8, 9, 16)] == [
        flat(width) for width in (2, 4, 4, 8, 8, 16, 16)
    ]
    assert set(costs) == set(range(1, 17))


def test_where_only_one_width_was_timed_nothing_is_filled_up():
    turns = {size: flat(size) for size in SIZES}
    assert shapes_of(turns, {2: flat(2)}) is None
    assert padded_costs(turns, {2: flat(2)}) == turns
    assert padded_costs(turns, {}) == turns
