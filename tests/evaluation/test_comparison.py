from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

from rapid_cli.evaluation.comparison import interval, is_clustered, mcnemar


def test_the_interval_is_that_of_the_normal_distribution_where_there_are_many_values() -> None:
    values = np.random.default_rng(1).normal(0.3, 2.0, size=2_000)
    low, high = interval(values.tolist(), range(4))
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(150):
        values = (rng.random(80) < 0.4).astype(float)
        low, high = interval(values.tolist(), [0] * 80)
        held += low <= 0.4 <= high
    assert 0.88 <= held / 150 <= 0.99


def test_questions_of_one_document_count_together_where_there_are_enough_documents() -> None:
    values = [float(document % 2) for document in range(10) for _ in range(20)]
    clusters = [document for document in range(10) for _ in range(20)]
    low, high = interval(values, clusters)
    alone_low, alone_high = interval(values, [0] * 200)
    assert high - low == pytest.approx((alone_high - alone_low) * np.sqrt(20), rel=0.15)
    assert is_clustered(clusters)
    assert not is_clustered([1, 1, 2, 3, 4])


def test_large_clusters_weigh_more_and_the_mean_is_that_of_the_values() -> None:
    low, high = interval([1.0] * 95 + [0.0] * 5, [0] * 95 + [1, 2, 3, 4, 5])
    assert low <= 0.95 <= high


def test_the_interval_is_the_same_each_time_and_none_without_values() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert interval(values, range(5)) == interval(values, range(5))
    assert interval([], []) is None
    assert interval([1.0, 1.0], [1, 2]) == (1.0, 1.0)


def test_many_values_are_drawn_in_blocks() -> None:
    low, high = interval([0.0, 1.0] * 2_000, [0] * 4_000)
    assert 0.48 < low < 0.5 < high < 0.52


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 0.0625),
        (10, 0, 2 / 1024),
        (1, 9, 22 / 1024),
        (6, 2, 74 / 256),
    ],
)
def test_mcnemar_is_the_two_sided_binomial_test(better: int, worse: int, p: float) -> None:
    assert mcnemar(better, worse) == pytest.approx(p)
    assert mcnemar(worse, better) == mcnemar(better, worse)


def test_mcnemar_is_the_share_of_all_outcomes_that_are_as_far_from_even() -> None:
    for better, worse in product(range(8), repeat=2):
        total = better + worse
        far = [k for k in range(total + 1) if abs(2 * k - total) >= abs(better - worse)]
        share = sum(comb(total, k) for k in far) / 2**total
        assert mcnemar(better, worse) == pytest.approx(share)


def test_mcnemar_takes_numbers_beyond_those_of_a_float() -> None:
    assert mcnemar(2_000, 1_900) == pytest.approx(0.1130, abs=0.001)
