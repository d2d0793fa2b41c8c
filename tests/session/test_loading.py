"""Models and contexts that fit the memory, and those that do not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, read_shape
from rapid_cli.models.memory import MARGIN, estimate
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session import fitting
from rapid_cli.session.fitting import Memory
from rapid_cli.session.loading import LoadedModel

pytestmark = pytest.mark.models

LENGTH, ROWS = 4096, 17


@pytest.fixture
def spec(starter_path, repack):
    return ModelSpec("starter", path=str(starter_path), flash_attention=False, repack=repack)


@pytest.fixture
def shape(starter_path):
    return read_shape(starter_path)


def needed(shape, spec, k_type):
    need = estimate(
        shape, length=LENGTH, rows=ROWS, batch=512, k_type=k_type, flash_attention=False
    )
    return int(need.total_bytes * (1 + MARGIN)) + 1


def free(monkeypatch, size):
    monkeypatch.setattr(fitting, "free_memory", lambda _offloaded: size)


@pytest.fixture
def load(spec, shape, starter_path, preflight):
    """Load the starter with a memory that may or may not save on keys."""
    loaded = []

    def load_one(*, smaller_cache=True, spec=spec):
        memory = Memory(smaller_cache=smaller_cache)
        memory.take(spec, shape)
        loaded.append(Weights(starter_path, spec))
        return LoadedModel(loaded[-1], shape, memory, preflight)

    yield load_one
    for each in loaded:
        each.close()


def test_a_context_that_fits_is_opened_as_its_model_says(monkeypatch, load, shape, spec):
    free(monkeypatch, needed(shape, spec, "f16"))
    with load().open(length=LENGTH, rows=ROWS) as context:
        assert context.note == ""
        assert "k=f16" in context.state_key


def test_a_context_that_fits_with_smaller_keys_gets_them_and_says_so(
    monkeypatch, load, shape, spec
):
    free(monkeypatch, needed(shape, spec, "f16") - 1_000)
    with load().open(length=LENGTH, rows=ROWS) as context:
        assert re.search(r"needs \d\.\d GiB .* are free\. Keys are cached as q8_0", context.note)
        assert "k=q8_0" in context.state_key
        list(context.read([1, 2, 3]))
        smaller = context.cache_bytes
    free(monkeypatch, needed(shape, spec, "f16"))
    with load().open(length=LENGTH, rows=ROWS) as context:
        list(context.read([1, 2, 3]))
        assert smaller < context.cache_bytes


def test_a_setting_forbids_smaller_keys(monkeypatch, load, shape, spec):
    model = load(smaller_cache=False)
    free(monkeypatch, needed(shape, spec, "f16") - 1_000)
    with pytest.raises(ModelError, match="starter with a context of 4096 tokens needs") as raised:
        model.open(length=LENGTH, rows=ROWS)
    assert 'k_type = "q8_0"' in raised.value.hint


def test_a_context_that_fits_in_no_way_is_refused_with_one_that_does(
    monkeypatch, load, shape, spec
):
    model = load()
    free(monkeypatch, needed(shape, spec, "q8_0") - 20_000_000)
    with pytest.raises(ModelError) as raised:
        model.open(length=LENGTH, rows=ROWS)
    fitting = int(re.search(r"--context-length (\d+)", raised.value.hint)[1])
    assert 2048 <= fitting < LENGTH


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(monkeypatch, load, shape):
    free(monkeypatch, shape.tensor_bytes)
    with pytest.raises(ModelError, match=r"needs .* of memory"):
        load()


def test_models_loaded_before_count(monkeypatch, shape, spec):
    memory = Memory(smaller_cache=True)
    alone = estimate(shape, length=2048, rows=1, batch=512, flash_attention=False).total_bytes
    free(monkeypatch, int(alone * (1 + MARGIN)) + shape.tensor_bytes // 2)
    memory.take(spec, shape)
    with pytest.raises(ModelError, match="other with"):
        memory.take(replace(spec, name="other"), shape)


def test_without_a_way_to_know_what_is_free_nothing_is_refused(monkeypatch, load):
    def unknown(_offloaded):
        raise ImportError("psutil")

    monkeypatch.setattr(fitting, "free_memory", unknown)
    with load().open(length=LENGTH, rows=ROWS) as context:
        assert context.note == ""
