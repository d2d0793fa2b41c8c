"""Which files make up a model, and how often they are asked for; no hub is needed."""

from __future__ import annotations

import time

import pytest

from rapid_cli.models.hub.backoff import LONGEST_PAUSE, PAUSES, Backoff
from rapid_cli.models.hub.errors import HubUnavailable, amount
from rapid_cli.models.hub.parts import needed, parts, stamp_of


@pytest.mark.parametrize(
    "file", ["model.gguf", "model-00001-of-0000.gguf", "model-1-of-2.gguf", "m-00001-of-00002.bin"]
)
def test_a_model_in_one_file_is_that_file(file):
    assert parts(file) == [file]


def test_any_part_names_all_of_them():
    names = [f"Q4/m-{number:05}-of-00012.gguf" for number in range(1, 13)]
    assert parts(names[0]) == parts(names[7]) == names


def test_all_parts_of_a_model_make_its_stamp(tmp_path):
    first, second = (tmp_path / f"m-0000{number}-of-00002.gguf" for number in (1, 2))
    first.write_bytes(b"one")
    alone = stamp_of(first)
    second.write_bytes(b"two")
    before = stamp_of(first)
    second.unlink()
    second.write_bytes(b"owt")
    assert len({alone, before, stamp_of(first)}) == 3


def test_weights_for_other_libraries_are_not_needed():
    files = ["modules.json", "model.safetensors", "pytorch_model.bin", "onnx/model.onnx"]
    assert needed(files) == ["modules.json", "model.safetensors"]
    assert needed(files[2:]) == ["pytorch_model.bin"]
    assert needed(["1_Dense/pytorch_model.bin", "1_Dense/config.json"]) == [
        "1_Dense/pytorch_model.bin",
        "1_Dense/config.json",
    ]


def test_nothing_that_could_run_is_needed():
    files = ["modules.json", "config.json", "model.safetensors", "README.md"]
    code = ["modeling.py", "1_Own/step.py", "weights.pkl", "model.pt", "training_args.bin", "x.so"]
    assert needed(files + code) == files
    assert needed(code) == []


def test_pauses_grow():
    assert list(PAUSES) == sorted(set(PAUSES))


def test_retries_end_and_can_be_allowed_again():
    notes = []
    backoff = Backoff(notes.append, (0.0, 0.0))
    error = HubUnavailable("the hub is in trouble", "wait")
    for _ in range(2):
        backoff.wait(error)
    with pytest.raises(HubUnavailable):
        backoff.wait(error)
    backoff.reset()
    backoff.wait(error)
    assert notes == ["the hub is in trouble; trying again in 0 s"] * 3


def test_a_server_is_given_the_time_that_it_asks_for_within_reason():
    backoff = Backoff(lambda _: None, (0.0, 0.0))
    started = time.monotonic()
    backoff.wait(HubUnavailable("busy", "wait", retry_after_seconds=0.3))
    assert time.monotonic() - started >= 0.3
    with pytest.raises(HubUnavailable):
        backoff.wait(HubUnavailable("busy", "wait", retry_after_seconds=LONGEST_PAUSE + 1))


def test_what_is_not_temporary_is_not_waited_for():
    with pytest.raises(HubUnavailable):
        Backoff(lambda _: None, (60.0,)).wait(HubUnavailable("off", "on", temporary=False))


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0.0 kB"), (1234, "1.2 kB"), (4_200_000, "4.2 MB"), (4_683_000_000, "4,683 MB")],
)
def test_sizes_are_told_in_the_unit_that_people_use(size, said):
    assert amount(size) == said
