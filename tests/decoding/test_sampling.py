"""Sampling: temperature, filters and drawing."""

from collections import Counter

import numpy as np
import pytest

from rapid_cli.decoding.sampling import (
    BLOCK,
    Distribution,
    SamplingParams,
    certain,
    distribution,
    sample,
)
from tests.support.fakes import dense, of_dense
from tests.support.statistics_checks import agrees

LOGITS = np.array([2.0, 1.0, 0.5, -1.0, -3.0])


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_temperature_divides_the_logits(temperature):
    p = dense(distribution(LOGITS, SamplingParams(temperature)))
    np.testing.assert_allclose(p, softmax(LOGITS / temperature), atol=1e-15)


def test_temperature_zero_is_the_most_likely_token():
    assert dense(distribution(LOGITS, SamplingParams(0))).tolist() == [1, 0, 0, 0, 0]


def test_top_k_keeps_the_k_most_likely_and_their_ratios():
    p = dense(distribution(LOGITS, SamplingParams(1.0, top_k=2)))
    np.testing.assert_allclose(p[:2], softmax(LOGITS[:2]))
    assert p[2:].tolist() == [0, 0, 0]


def test_top_p_keeps_the_fewest_that_reach_the_share():
    full = softmax(LOGITS)
    p = dense(distribution(LOGITS, SamplingParams(1.0, top_p=full[0] + 0.5 * full[1])))
    np.testing.assert_allclose(p[:2], full[:2] / full[:2].sum())
    assert p[2:].tolist() == [0, 0, 0]


def test_a_tiny_top_p_still_keeps_one_token():
    assert dense(distribution(LOGITS, SamplingParams(1.0, top_p=1e-9))).tolist() == [1, 0, 0, 0, 0]


def test_float32_logits_give_what_a_float64_softmax_gives():
    logits = np.random.default_rng(0).normal(0, 4, 50_000).astype(np.float32)
    p = dense(distribution(logits, SamplingParams(0.1)))
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, softmax(logits.astype(np.float64) / 0.1), atol=1e-6)


def test_large_logits_do_not_overflow():
    p = dense(distribution(np.array([1e4, 1e4 - 1], dtype=np.float32), SamplingParams(0.1)))
    assert np.isfinite(p).all()
    assert p.sum() == pytest.approx(1)


def test_tokens_are_drawn_as_often_as_their_probability():
    rng = np.random.default_rng(7)
    p = softmax(LOGITS)
    counts = Counter(sample(of_dense(p), rng) for _ in range(20_000))
    assert agrees(counts, dict(enumerate(p)))


def test_tokens_of_a_large_vocabulary_are_drawn_as_often_as_their_probability():
    rng = np.random.default_rng(11)
    size = 2 * BLOCK + 100
    p = np.zeros(size)
    chances = {0: 0.1, BLOCK - 1: 0.2, BLOCK: 0.3, 2 * BLOCK + 5: 0.25, size - 1: 0.15}
    p[list(chances)] = list(chances.values())
    counts = Counter(sample(Distribution(np.arange(size), p, size), rng) for _ in range(20_000))
    assert agrees(counts, chances)


def test_a_token_without_probability_is_never_drawn():
    rng = np.random.default_rng(8)
    p = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    assert {sample(of_dense(p), rng) for _ in range(2_000)} == {1, 3}


def test_the_same_seed_draws_the_same_tokens():
    p = softmax(LOGITS)
    first, second = (np.random.default_rng(3) for _ in range(2))
    assert [sample(of_dense(p), first) for _ in range(50)] == [
        sample(of_dense(p), second) for _ in range(50)
    ]


def test_certain_draws_one_token_only():
    assert sample(certain(2, 5), np.random.default_rng(0)) == 2


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("filters", [{}, {"top_k": 2}, {"top_p": 0.5}])
def test_how_sure_a_model_is_does_not_depend_on_how_it_is_sampled(temperature, filters):
    logits = np.array([2.0, 1.0, 0.5, -1.0])
    p = np.exp(logits) / np.exp(logits).sum()
    found = distribution(logits, SamplingParams(temperature, **filters)).certainty
    assert found == pytest.approx(np.log(p.max()))


def test_tokens_that_are_asked_for_keep_their_tiny_probabilities():
    logits = np.array([12.0, 0.0, 0.0, -5.0], np.float32)
    cold = SamplingParams(0.1)
    assert distribution(logits, cold).tokens.tolist() == [0]
    found = distribution(logits, cold, also=np.array([2]))
    assert found.tokens.tolist() == [0, 2]
    assert found.of(2) == pytest.approx(np.exp(-120.0))
