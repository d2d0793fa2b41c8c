"""Files that should be GGUF files and are others: each is called what it is."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
import zipfile

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama.signatures import require_gguf

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:5dc4b2be6d8a4b3c0bdb4a5bb1b1d1a7a0d7ad1b3ad9c1fbf4a0c9e2c3a1b2c3\nsize 2497280736\n"
)
HEADER = json.dumps({"weight": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
FILES = {
    "nothing": (b"", "it is empty", "download the file again"),
    "zeros": (bytes(4096), "it is full of zeros", "download the file again"),
    "LFS": (POINTER.encode(), "it is a pointer of Git LFS", "git lfs pull"),
    "page": (
        b"\n<!DOCTYPE html>\n<html><title>404</title>",
        "it is a page of the web",
        "/resolve/",
    ),
    "error": (b'<?xml version="1.0"?><Error/>', "it is a page of the web", "/resolve/"),
    "safetensors": (
        struct.pack("<Q", len(HEADER)) + HEADER + bytes(2),
        "it is a safetensors file",
        "convert_hf_to_gguf.py",
    ),
    "pickle": (pickle.dumps({"a": 1}, protocol=2), "it is a pickle", "take a GGUF file"),
    "GGML": (b"tjgg" + bytes(60), "it is in GGML", "take a GGUF file"),
    "gzip": (gzip.compress(b"GGUF" + bytes(99)), "it is a compressed archive", "unpack it"),
    "text": (b"Entry not found\nmore", "a text that begins with 'Entry not found'", "/resolve/"),
    "long text": ("Größe ".encode() * 999, "a text that begins with 'Größe Größe", "/resolve/"),
    "control": (b"\x1b[2J text", "of no kind that rapid knows", "llama.cpp's format"),
    "noise": (b"\xfe\xdc\xba\x98" * 99, "of no kind that rapid knows", "llama.cpp's format"),
}


def refused(path):
    with pytest.raises(ModelError) as raised:
        require_gguf(path)
    assert raised.value.message.startswith(f"{path} is not a GGUF file: ")
    assert "\n" not in raised.value.message
    return raised.value


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_called_what_it_is(tmp_path, kind):
    content, said, hint = FILES[kind]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    error = refused(path)
    assert said in error.message
    assert hint in error.hint


def test_a_zip_archive_is_called_one(tmp_path):
    path = tmp_path / "model.gguf"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", "weights")
    assert "it is a ZIP archive" in refused(path).message


def test_what_begins_as_a_gguf_file_does_is_let_through(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    require_gguf(path)
