"""A model with a sha256 is read whole once, and then known by what the file system says of it."""

from __future__ import annotations

import hashlib
import os

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.verifying import Hashes
from rapid_cli.models.specs import EmbedderSpec, ModelSpec

CONTENT = b"GGUF and more"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def hashes(tmp_path):
    return Hashes(tmp_path / "home")


@pytest.fixture
def readings(monkeypatch):
    """Count how often a file is read whole."""
    read, digest = [], hashlib.file_digest

    def counted(file, kind):
        read.append(file.name)
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return read


def spec(content=CONTENT, **where):
    return ModelSpec("mine", sha256=hashlib.sha256(content).hexdigest(), **where)


def test_the_right_file_is_read_once(path, hashes, readings, tmp_path):
    for _ in range(2):
        hashes.require(spec(), path)
        Hashes(tmp_path / "home").require(spec(), path)
    assert len(readings) == 1


def test_a_wrong_file_is_an_error_that_names_it_and_both_hashes(path, hashes, readings):
    for _ in range(2):
        with pytest.raises(ModelError, match="another file than") as raised:
            hashes.require(spec(b"other"), path)
    assert len(readings) == 1
    for said in (str(path), spec().sha256[:12], spec(b"other").sha256[:12]):
        assert said in raised.value.message
    assert "put the right file there" in raised.value.hint
    with pytest.raises(ModelError) as raised:
        hashes.require(spec(b"other", repo="org/mine"), path)
    assert "pull it again" in raised.value.hint


def test_a_file_that_was_changed_or_replaced_is_read_again(path, hashes, readings):
    hashes.require(spec(), path)
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(ModelError):
        hashes.require(spec(), path)
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(CONTENT)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    hashes.require(spec(), path)
    assert len(readings) == 3


def test_a_name_like_a_hash_is_no_proof(path, hashes):
    blob = path.with_name(spec(b"other").sha256)
    path.rename(blob)
    path.symlink_to(blob)
    with pytest.raises(ModelError, match="another file than"):
        hashes.require(spec(b"other"), path)


def test_of_several_files_the_first_is_meant(tmp_path, hashes):
    for number, content in ((1, CONTENT), (2, b"other")):
        (tmp_path / f"a-0000{number}-of-00002.gguf").write_bytes(content)
    hashes.require(spec(), tmp_path / "a-00002-of-00002.gguf")


def test_nothing_is_read_for_who_expects_nothing(tmp_path, hashes):
    hashes.require(ModelSpec("mine"), tmp_path / "missing")
    hashes.require(EmbedderSpec("words"), tmp_path / "missing")


@pytest.mark.parametrize("kept", ["{", "[]", '{"PLACE": 1}', '{"PLACE": [1, 2, 3, "0"]}'])
def test_what_was_kept_and_is_damaged_is_read_again(path, hashes, tmp_path, kept):
    home = tmp_path / "home"
    home.mkdir()
    (home / "hashes.json").write_text(kept.replace("PLACE", str(path)))
    hashes.require(spec(), path)


def test_what_cannot_be_kept_is_no_error_and_what_cannot_be_read_is_one(path, hashes, tmp_path):
    (tmp_path / "home").touch()
    hashes.require(spec(), path)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        hashes.require(spec(), path)
