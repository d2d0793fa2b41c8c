"""Perplexity against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from rapid_cli.bench.perplexity import negative_log_likelihood, perplexity
from tests.support.fakes import MarkovContext, random_logits

LOGITS = random_logits(7, 3)
TEXT = [1, 5, 2, 6, 0, 3, 3, 1, 4, 2, 5]


def expected():
    chances = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=2, keepdims=True)
    before = [0, *TEXT]
    losses = [-np.log(chances[before[i], TEXT[i], TEXT[i + 1]]) for i in range(len(TEXT) - 1)]
    return np.exp(np.mean(losses))


@pytest.mark.parametrize("rows", [1, 3, 5, 10, 64])
def test_it_is_that_of_the_chances_however_many_tokens_are_read_at_once(rows):
    context = MarkovContext(LOGITS, [])
    assert perplexity(context, TEXT, rows=rows) == pytest.approx(expected(), rel=1e-5)
    assert context.tokens == TEXT[:-1]
    assert max(context.extended) == min(rows, 10)


def test_a_model_that_knows_nothing_has_the_size_of_the_vocabulary():
    context = MarkovContext(np.zeros((9, 9, 9)), [])
    assert perplexity(context, [1, 2, 3, 4], rows=2) == pytest.approx(9)


def test_large_logits_do_not_overflow():
    logits = np.array([[5000.0, 0.0, -5000.0]], np.float32)
    assert negative_log_likelihood(logits, [0]) == 0.0
    assert negative_log_likelihood(logits, [1]) == pytest.approx(5000)
