"""Costs on disk: kept where possible, never in the way."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path

import pytest

from rapid_cli.models.profiles import FILE_NAME, StoredProfiles

COSTS = {1: 0.0125, 2: 0.021, 9: 1 / 3, 16: 2e-9}


def test_costs_come_back_to_the_last_digit(tmp_path):
    StoredProfiles(tmp_path).put("model", 4_000, COSTS)
    assert StoredProfiles(tmp_path).get("model", 4_000) == COSTS


def test_what_was_never_measured_is_not_known(tmp_path):
    profiles = StoredProfiles(tmp_path / "not there yet")
    assert profiles.get("model", 4_000) is None


def test_one_file_is_all_that_stays(tmp_path):
    profiles = StoredProfiles(tmp_path)
    for length in (10, 100, 1_000):
        profiles.put("model", length, COSTS)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    ("length", "from_length", "to_length"),
    [(1, 0, 1), (2, 2, 2), (4_096, 2_049, 4_096), (4_097, 4_097, 8_192), (99_999, 65_537, 131_072)],
)
def test_costs_count_for_lengths_up_to_the_next_power_of_two(
    tmp_path, length, from_length, to_length
):
    profiles = StoredProfiles(tmp_path)
    profiles.put("model", length, COSTS)
    for near in (from_length, length, to_length):
        assert profiles.get("model", near) == COSTS
    for far in (from_length - 1, to_length + 1):
        assert far < 0 or profiles.get("model", far) is None


def test_models_roles_and_lengths_do_not_collide(tmp_path):
    profiles = StoredProfiles(tmp_path)
    known = {
        (key, length): {1: float(number)}
        for number, (key, length) in enumerate(
            (key, length)
            for key in ("model", "model drafting", "model 2", 'quoted "model" @ 4096', "Größe")
            for length in (10, 3_000, 5_000)
        )
    }
    for (key, length), costs in known.items():
        profiles.put(key, length, costs)
    assert {(key, length): profiles.get(key, length) for key, length in known} == known


def test_a_new_measurement_takes_the_place_of_the_old_one(tmp_path):
    profiles = StoredProfiles(tmp_path)
    profiles.put("model", 4_000, COSTS)
    profiles.put("model", 4_001, {1: 5.0})
    assert profiles.get("model", 4_000) == {1: 5.0}


DAMAGED = {
    "empty": b"",
    "cut": b'{"model @ 4096": {"1": 0.01',
    "not text": b"\xff\xfe\x00{",
    "a list": b"[1, 2]",
    "no costs": b'{"model @ 4096": 3}',
    "null": b'{"model @ 4096": {"1": null}}',
    "words": b'{"model @ 4096": {"one": 0.01}}',
    "no sizes": b'{"model @ 4096": {}}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_ignored_and_replaced(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    profiles = StoredProfiles(tmp_path)
    assert profiles.get("model", 4_000) is None
    profiles.put("model", 4_000, COSTS)
    assert profiles.get("model", 4_000) == COSTS


def test_a_folder_that_cannot_be_written_is_only_logged(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    profiles = StoredProfiles(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        profiles.put("model", 4_000, COSTS)
    assert "costs are not kept" in caplog.text
    assert profiles.get("model", 4_000) is None


def test_a_failed_write_leaves_what_there_was(tmp_path, caplog):
    profiles = StoredProfiles(tmp_path)
    (tmp_path / FILE_NAME / "in the way").mkdir(parents=True)
    profiles.put("model", 4_000, COSTS)
    assert "costs are not kept" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_file_that_cannot_be_read_now_is_not_replaced(tmp_path, monkeypatch, caplog):
    profiles = StoredProfiles(tmp_path)
    profiles.put("model", 4_000, COSTS)

    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", fail)
        assert profiles.get("model", 4_000) is None
        profiles.put("other", 4_000, COSTS)
    assert "costs are not kept: [Errno 5] Input/output error" in caplog.text
    assert profiles.get("model", 4_000) == COSTS


def test_the_file_is_for_people_to_read_too(tmp_path):
    StoredProfiles(tmp_path).put("model", 4_000, {1: 0.5})
    written = json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8"))
    assert written == {"model @ 4096": {"1": 0.5}}
