"""Limits of containers, in folders as Linux shows them."""

from __future__ import annotations

import sys
from math import inf
from pathlib import Path

import pytest

from rapid_cli.machine.control_groups import cpu_quota, free_bytes


@pytest.fixture
def own(tmp_path) -> Path:
    """The file that tells the groups of a process: one below the root in both versions."""
    path = tmp_path / "cgroup"
    path.write_text("4:cpu,cpuacct:/job\n1:name=systemd:/elsewhere\n0::/job\n")
    return path


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "groups" / "job").mkdir(parents=True)
    return tmp_path / "groups"


def write_memory(folder: Path, limit: str, current: int = 3000) -> None:
    (folder / "memory.max").write_text(limit)
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text("anon 1000\ninactive_file 500\nactive_file 40\n")


def test_a_group_leaves_its_limit_less_what_cannot_be_reclaimed(root, own):
    write_memory(root / "job", "10000\n")
    assert free_bytes(root=root, own=own) == 10000 - 3000 + 540
    write_memory(root / "job", "2000\n")
    assert free_bytes(root=root, own=own) == 0


def test_the_narrowest_of_nested_groups_counts(root, own):
    write_memory(root / "job", "10000\n")
    write_memory(root, "8000\n")
    assert free_bytes(root=root, own=own) == 8000 - 3000 + 540


def test_a_group_without_a_limit_leaves_everything(root, own, tmp_path):
    assert free_bytes(root=root, own=own) == sys.maxsize
    write_memory(root, "max\n")
    assert free_bytes(root=root, own=own) == sys.maxsize
    assert free_bytes(root=tmp_path / "none", own=tmp_path / "none") == sys.maxsize


@pytest.mark.parametrize(
    ("text", "cpus"), [("150000 100000\n", 1.5), ("max 100000\n", inf), ("", inf), ("x\n", inf)]
)
def test_the_quota_of_version_2_is_a_share_of_time(root, own, text, cpus):
    (root / "job" / "cpu.max").write_text(text)
    assert cpu_quota(root=root, own=own) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("50000\n", 0.5), ("-1\n", inf)])
def test_the_quota_of_version_1_stands_in_two_files(root, own, quota, cpus):
    folder = root / "cpu" / "job"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota)
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(root=root, own=own) == cpus


def test_a_container_that_sees_its_own_group_as_the_root_is_bound_too(root, tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/\n")
    (root / "cpu.max").write_text("200000 100000\n")
    assert cpu_quota(root=root, own=own) == 2
