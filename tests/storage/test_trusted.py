"""What is trusted: a file at its place, with its content."""

from __future__ import annotations

import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.storage.trusted import Trusted


def test_a_file_is_trusted_at_its_place_with_its_content(tmp_path, monkeypatch):
    trusted, path = Trusted(tmp_path / "home"), tmp_path / "a.toml"
    assert not trusted.holds(path, b"1")
    trusted.add(path, b"1")
    assert trusted.holds(path, b"1")
    assert not trusted.holds(path, b"2")
    assert not trusted.holds(tmp_path / "b.toml", b"1")
    monkeypatch.chdir(tmp_path)
    assert trusted.holds(type(path)("a.toml"), b"1")
    assert trusted.remove(path)
    assert not trusted.remove(path)
    assert not trusted.holds(path, b"1")


@pytest.mark.parametrize("content", ["", "[]", "{", "3"])
def test_a_damaged_list_trusts_nothing(tmp_path, content):
    (tmp_path / "trusted.json").write_text(content)
    assert Trusted(tmp_path).entries() == {}


def test_a_folder_that_cannot_be_written_is_an_error_with_a_hint(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(ConfigError, match="cannot be written") as raised:
        Trusted(tmp_path / "home").add(tmp_path / "a.toml", b"1")
    assert "RAPID_HOME" in raised.value.hint
