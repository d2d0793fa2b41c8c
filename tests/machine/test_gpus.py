"""GPUs that are there and not used, on machines that the tests make up."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from rapid_cli.machine.gpus import IdleGpu, idle_gpu

PINNED = f"llama-cpp-python=={version('llama-cpp-python')}"


def on(root: Path, **facts):
    """Look at a made-up machine: Linux on an ordinary processor, unless `facts` say otherwise."""
    machine = {"which": lambda name: None, "system": "linux", "machine": "x86_64"}
    return idle_gpu(**({"used": False, "root": root} | machine | facts))


def command(option: str) -> str:
    return f'CMAKE_ARGS="-D{option}=on" pip install --force-reinstall --no-cache-dir {PINNED}'


def file(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_machine_without_a_gpu_has_none_that_is_idle(tmp_path):
    assert on(tmp_path) is None


def test_a_gpu_that_is_used_is_not_idle(tmp_path):
    file(tmp_path / "proc/driver/nvidia/version")
    assert on(tmp_path, used=True) is None


def test_the_driver_of_nvidia_tells_the_name(tmp_path):
    file(tmp_path / "proc/driver/nvidia/version", "NVRM version: 550")
    assert on(tmp_path) == IdleGpu("an NVIDIA GPU", command("GGML_CUDA"))
    file(
        tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information",
        "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   \t\t 120\n",
    )
    assert on(tmp_path) == IdleGpu("NVIDIA GeForce RTX 4090", command("GGML_CUDA"))


def test_the_program_of_nvidia_is_enough(tmp_path):
    places = {"nvidia-smi": "/usr/lib/wsl/lib/nvidia-smi"}
    assert on(tmp_path, which=places.get) == IdleGpu("an NVIDIA GPU", command("GGML_CUDA"))


@pytest.mark.parametrize("path", ["dev/kfd", "sys/class/kfd"])
def test_the_driver_of_amd_is_seen(tmp_path, path):
    file(tmp_path / path)
    assert on(tmp_path) == IdleGpu("an AMD GPU", command("GGML_HIP"))


def test_only_apples_own_processors_bring_a_gpu_for_metal(tmp_path):
    found = on(tmp_path, system="darwin", machine="arm64")
    assert found == IdleGpu("the GPU of Apple Silicon", command("GGML_METAL"))
    assert on(tmp_path, system="darwin", machine="x86_64") is None
    assert on(tmp_path, system="linux", machine="arm64") is None
