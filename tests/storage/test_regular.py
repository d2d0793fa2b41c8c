"""Files of anybody: what would hang or fill the memory is refused."""

from __future__ import annotations

import os

import pytest

from rapid_cli.storage.regular import read_small


def test_a_plain_file_of_up_to_so_many_bytes_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_small(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_small(path, 4)


def test_pipes_devices_and_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(OSError, match="no plain file"):
            read_small(type(tmp_path)(path), 5)
