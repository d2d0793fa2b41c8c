"""What llama.cpp says of itself."""

from __future__ import annotations

import psutil

from rapid_cli.llama import build, devices


def test_it_names_its_backends_and_the_instructions_it_uses():
    assert "CPU" in build.backends()
    found = build.instructions()
    assert all(name.isupper() or "_" in name for name in found)
    assert not {"OPENMP", "LLAMAFILE", "REPACK"} & set(found)


def test_a_device_knows_its_memory():
    cpu = devices._devices()[-1]
    assert 0 < cpu.free_bytes <= cpu.total_bytes
    assert abs(cpu.total_bytes / psutil.virtual_memory().total - 1) < 0.01
