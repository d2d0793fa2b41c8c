"""What llama.cpp says of itself."""

from __future__ import annotations

import psutil

from rapid_cli.llama import build, compute_devices


def test_its_devices_are_those_that_are_computed_on_with_their_memory():
    devices = build.devices()
    assert sorted(device.name for device in devices) == sorted(compute_devices())
    (cpu,) = [device for device in devices if device.kind == "cpu"]
    assert 0 < cpu.free_bytes <= cpu.total_bytes
    assert abs(cpu.total_bytes / psutil.virtual_memory().total - 1) < 0.01


def test_it_names_its_backends_and_the_instructions_it_uses():
    assert "CPU" in build.backends()
    assert build.uses_other_machines() == ("RPC" in build.backends())
    found = build.instructions()
    assert all(name.isupper() or "_" in name for name in found)
    assert not {"OPENMP", "LLAMAFILE", "REPACK"} & set(found)
