"""Positions scaled as models.toml says, in the first layers of the real starter model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rapid_cli.llama import LlamaContext, Weights, read_shape
from rapid_cli.session.fitting import Memory
from rapid_cli.session.loading import LoadedModel

pytestmark = pytest.mark.models
TRAINED, BASE = 8192, 100_000.0  # what the starter's file says


@pytest.fixture(scope="module")
def weights(shallow_weights):
    return shallow_weights


@pytest.fixture(scope="module")
def logits(weights):
    """Return the last logits of a text that is read as a spec says."""
    tokens = weights.vocabulary.tokenize("The keeper wrote down every ship that passed. " * 12)

    def logits(**rope):
        spec = replace(weights.spec, threads=1, **rope)
        with LlamaContext(weights, length=len(tokens), rows=1, spec=spec) as context:
            return context.extend(tokens, rows=1)[0].copy()

    return logits


def distance(left, right):
    return float(np.sqrt(np.mean((left - right) ** 2)))


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_scaling": "none"},
        {"rope_scaling": "linear", "rope_factor": 1.0},
        {"rope_base": BASE},
    ],
)
def test_what_the_file_says_anyway_changes_nothing(logits, rope):
    assert distance(logits(), logits(**rope)) < 1e-3


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_scaling": "linear", "rope_factor": 8.0},
        {"rope_scaling": "yarn", "rope_factor": 8.0},
        {"rope_scaling": "yarn", "rope_factor": 8.0, "rope_original_context": 64},
        {"rope_base": BASE / 100},
    ],
)
def test_each_key_reaches_the_model(logits, rope):
    fewer = {key: value for key, value in list(rope.items())[:-1] if len(rope) > 2}
    assert distance(logits(**fewer), logits(**rope)) > 0.1


def test_a_scaled_model_reads_so_many_times_more(shallow_path, weights, preflight):
    rope = {"rope_scaling": "yarn", "rope_factor": 4.0}
    for more, limit in (
        ({}, TRAINED),
        ({"rope_scaling": "none"}, TRAINED),
        (rope, 4 * TRAINED),
        ({**rope, "rope_original_context": 2048}, TRAINED),
        ({**rope, "context_length": 10_000}, 10_000),
    ):
        with Weights(shallow_path, replace(weights.spec, **more)) as loaded:
            memory = Memory(smaller_cache=True)
            model = LoadedModel(loaded, read_shape(shallow_path), memory, preflight)
            assert model.context_limit == limit


def test_what_was_read_with_other_positions_is_not_taken_for_the_same(weights):
    keys = {
        weights.state_key_of(replace(weights.spec, **rope))
        for rope in (
            {},
            {"rope_base": 1e6},
            {"rope_scaling": "yarn", "rope_factor": 2.0},
            {"rope_scaling": "yarn", "rope_factor": 4.0},
            {"rope_scaling": "linear", "rope_factor": 4.0},
            {"rope_scaling": "yarn", "rope_factor": 4.0, "rope_original_context": 4096},
        )
    }
    assert len(keys) == 6
