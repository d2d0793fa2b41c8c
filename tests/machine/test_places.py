"""Places of the system, however they are reached."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rapid_cli.machine.guard.places import is_made_up, is_of_system

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc and /sys")


@pytest.mark.parametrize(
    "path",
    [
        *("/proc", "/proc/self/environ", "/sys/kernel", "/dev/zero", "/etc/../proc/cpuinfo"),
        *("/proc/self/root/etc/passwd", "/proc/self/cwd", "/dev/stdin", "/dev/fd/0"),
    ],
)
def test_a_path_into_or_through_such_a_place_is_known(path: str) -> None:
    assert is_of_system(Path(path))


@pytest.mark.parametrize("path", ["/etc/passwd", "/process/file", "/dev/shm/book.txt", "book.txt"])
def test_other_paths_are_not(path: str) -> None:
    assert not is_of_system(Path(path))


def test_links_are_followed_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("/proc/self")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "own").symlink_to(tmp_path)
    assert is_of_system(tmp_path / "own" / "one" / "environ")
    assert not is_of_system(tmp_path / "circle" / "file")
    assert not is_of_system(tmp_path / "own" / "file")


def test_an_open_file_is_known_by_its_file_system(tmp_path: Path) -> None:
    assert is_made_up(Path("/proc/self/status").stat())
    assert not is_made_up(tmp_path.stat())
