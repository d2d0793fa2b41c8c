"""What tuning chose, on disk: used where it is true, and else a word on why not."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.tuned import RunSettings, Tuned, TunedModels

SETTINGS = RunSettings(True, "q8_0", "q8_0", 3, 128, "q8_0")
HERE, ENGINE = "A CPU; 4 threads", "llama 1"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF and weights")
    return path


@pytest.fixture
def tuned(model):
    return Tuned(str(model), stamp_of(model), HERE, ENGINE, False, SETTINGS)


@pytest.fixture
def store(tmp_path):
    return TunedModels(tmp_path / "tuned")


def find(store, model, machine=HERE, engine=ENGINE, lower=False):
    return store.find(model, machine, engine, lower_precision=lower)


def test_what_was_chosen_comes_back(store, model, tuned):
    store.put(tuned)
    assert find(store, model) == (tuned, "")
    assert find(TunedModels(store._folder), model) == (tuned, "")


def test_settings_take_the_place_of_those_in_models_toml():
    spec = ModelSpec("m", path="p", threads=1, context_length=99, gpu_layers=0)
    expected = replace(
        spec, threads=3, flash_attention=True, k_type="q8_0", v_type="q8_0", ubatch=128
    )
    assert SETTINGS.applied(spec) == expected
    assert replace(RunSettings.of(expected), format="q8_0") == SETTINGS


def test_what_was_never_tuned_is_not_known_and_nothing_is_said(store, model):
    assert find(store, model) == (None, "")


def test_another_machine_library_or_file_is_named(store, model, tuned):
    store.put(tuned)
    found, note = find(store, model, machine="B CPU; 8 threads")
    assert found is None
    assert "on another machine (A CPU; 4 threads)" in note
    assert "rapid models tune" in note
    found, note = find(store, model, engine="llama 2")
    assert found is None
    assert "with llama 1, and this is llama 2" in note
    model.write_bytes(b"GGUF and other weights")
    found, note = find(store, model)
    assert found is None
    assert "when its file was another one" in note


def test_a_file_of_the_same_name_elsewhere_is_none_of_its_business(store, model, tuned, tmp_path):
    store.put(tuned)
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "model.gguf"
    other.write_bytes(b"GGUF, other weights")
    assert find(store, other) == (None, "")


def test_a_file_that_moved_is_still_known(store, model, tuned, tmp_path):
    store.put(tuned)
    (tmp_path / "other").mkdir()
    moved = model.rename(tmp_path / "other" / "model.gguf")
    assert find(store, moved) == (tuned, "")


def test_what_an_earlier_rapid_kept_is_read_and_its_file_is_not_taken_for_this_one(
    store, model, tuned
):
    store.put(tuned)
    (path,) = store._folder.iterdir()
    stored = json.loads(path.read_text())
    del stored["file"]["content"]
    path.write_text(json.dumps(stored))
    found, note = find(store, model)
    assert found is None
    assert "by an earlier rapid" in note


def test_each_machine_has_its_own_and_a_new_choice_takes_the_place_of_the_old(store, model, tuned):
    there = replace(tuned, machine="B CPU; 8 threads", settings=replace(SETTINGS, threads=8))
    old = replace(tuned, engine="llama 0")
    for each in (old, there, tuned):
        store.put(each)
    assert sorted(each.machine for each in store.entries()) == [HERE, there.machine]
    assert find(store, model) == (tuned, "")
    assert find(store, model, machine=there.machine) == (there, "")


def test_lower_precision_is_only_for_pairs_that_allow_it(store, model, tuned):
    lower = replace(tuned, lower_precision=True, settings=replace(SETTINGS, format="q4_0"))
    store.put(lower)
    assert find(store, model) == (None, "")
    assert find(store, model, lower=True) == (lower, "")
    store.put(tuned)
    assert find(store, model) == (tuned, "")
    assert find(store, model, lower=True) == (lower, "")


def test_what_was_chosen_without_lower_precision_is_good_with_it(store, model, tuned):
    store.put(tuned)
    assert find(store, model, lower=True) == (tuned, "")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:50],
        lambda text: "[1]",
        lambda text: text.replace('"q8_0"', '"q9_9"'),
        lambda text: text.replace('"machine"', '"engine room"'),
        lambda text: "\x00",
    ],
)
def test_a_damaged_file_counts_as_none(store, model, tuned, damage):
    store.put(tuned)
    (path,) = store._folder.iterdir()
    path.write_text(damage(path.read_text()))
    assert find(store, model) == (None, "")
    store.put(tuned)
    assert find(store, model) == (tuned, "")


def test_a_failed_write_leaves_what_there_was(store, model, tuned, monkeypatch):
    store.put(tuned)

    def full(*_arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(type(model), "replace", full)
    with pytest.raises(OSError, match="no space left"):
        store.put(replace(tuned, settings=replace(SETTINGS, threads=1)))
    assert find(store, model) == (tuned, "")
    assert len(list(store._folder.iterdir())) == 1


def test_all_can_be_forgotten(store, model, tuned):
    store.put(tuned)
    assert store.clear() == 1
    assert find(store, model) == (None, "")
    assert store.clear() == 0
