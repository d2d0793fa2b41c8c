"""Files that are replaced whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rapid_cli.storage.whole import write_json


def test_a_value_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    write_json(path, {"a": 1})
    write_json(path, {"b": [1.5, None]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": [1.5, None]}
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_json(tmp_path / "missing" / "costs.json", {})
