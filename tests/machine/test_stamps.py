"""Files with the same name, size and time: what tells them apart, and how fast."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rapid_cli.machine import stamps
from rapid_cli.machine.stamps import HEAD_BYTES, SAMPLE_BYTES, SAMPLES, FileStamp, sampled


def write(path: Path, size: int, changed: dict[int, bytes] | None = None) -> Path:
    """Write a file with holes whose time is always the same."""
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
        for place, content in (changed or {}).items():
            file.seek(place)
            file.write(content)
    os.utime(path, ns=(1, 1))
    return path


SMALL, LARGE = 3 * SAMPLE_BYTES, HEAD_BYTES + 100 * SAMPLES * SAMPLE_BYTES
MIDDLE = HEAD_BYTES + (LARGE - HEAD_BYTES - SAMPLE_BYTES) * 31 // (SAMPLES - 1)


@pytest.mark.parametrize(
    ("size", "place"),
    [
        (1, 0),
        (SMALL, SMALL // 2),
        (HEAD_BYTES + 1, HEAD_BYTES),
        (HEAD_BYTES + SMALL, HEAD_BYTES + SAMPLE_BYTES),
        (LARGE, 0),
        (LARGE, HEAD_BYTES - 1),
        (LARGE, MIDDLE),
        (LARGE, LARGE - 1),
    ],
)
def test_another_byte_makes_another_stamp(tmp_path: Path, size: int, place: int) -> None:
    one = FileStamp.of(write(tmp_path / "a" / "m.gguf", size))
    assert one == FileStamp.of(write(tmp_path / "b" / "m.gguf", size))
    other = FileStamp.of(write(tmp_path / "c" / "m.gguf", size, {place: b"x"}))
    assert (one.name, one.size, one.modified_ns) == (other.name, other.size, other.modified_ns)
    assert one.content != other.content
    assert str(one) != str(other)


def test_other_weights_differ_nearly_everywhere_and_so_in_the_samples(tmp_path: Path) -> None:
    whole = {HEAD_BYTES: os.urandom(SAMPLE_BYTES * 100 * SAMPLES)}
    one = write(tmp_path / "a" / "m.gguf", LARGE)
    assert sampled(one) != sampled(write(tmp_path / "b" / "m.gguf", LARGE, whole))


def test_all_files_of_a_model_count(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", 9), write(tmp_path / "2", 9)
    before = FileStamp.of(first, second)
    assert before != FileStamp.of(first)
    write(second, 9, {4: b"x"})
    assert FileStamp.of(first, second).content != before.content


def test_a_file_that_is_changed_in_place_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", 9)
    before = sampled(path)
    time.sleep(0.02)  # clocks of file systems are coarse
    write(path, 9, {4: b"x"})
    assert sampled(path) != before


def test_a_file_of_gigabytes_is_read_in_milliseconds_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "m.gguf", 5 << 30)
    begun = time.process_time()
    stamp = FileStamp.of(path)
    assert time.process_time() - begun < 0.2
    monkeypatch.setattr(stamps, "_places", lambda *_: pytest.fail("it is read again"))
    assert FileStamp.of(path) == stamp
