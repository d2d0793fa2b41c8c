"""--device, and a GPU that lies idle, as people and scripts meet them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rapid_cli.llama import accelerators, compute_devices
from tests.support.rapid import rapid as command_line
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.models
TEXT = "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock.\n"
QUICK = ("--strategy", "rag", "--max-tokens", "2", "--temperature", "0", "--no-log")
without_gpu = pytest.mark.skipif(bool(accelerators()), reason="llama.cpp uses a GPU here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    """A folder with a text, and with the program by which an NVIDIA GPU is noticed."""
    folder = tmp_path_factory.mktemp("devices")
    furnish(folder / "home", shallow=True)
    (folder / "note.txt").write_text(TEXT)
    (folder / "questions.txt").write_text("Who kept the light?\nWhere was the light?\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    (folder / "bin" / "nvidia-smi").chmod(0o755)
    return folder


@pytest.fixture
def rapid(folder):
    """Run the command line in that folder."""

    def run(*words: str, stdin: str = "", **variables: str):
        found = command_line(*words, home=folder / "home", stdin=stdin, cwd=folder, **variables)
        assert "Traceback" not in found.stderr
        return found

    return run


@pytest.fixture
def with_gpu(folder):
    """The environment in which an NVIDIA GPU is noticed."""
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def ask(*words: str) -> tuple[str, ...]:
    return ("ask", "note.txt", "Who kept the light?", *QUICK, *words)


def test_a_device_that_is_none_is_wrong_usage_and_the_known_ones_are_named(rapid):
    for words in (ask(), ("chat",), ("bench",), ("models", "tune")):
        result = rapid(*words, "--device", "tpu")
        assert result.returncode == 2
        assert result.stdout == ""
        assert "--device" in result.stderr
        assert "'cpu', 'gpu'" in result.stderr


@without_gpu
@pytest.mark.parametrize("command", ["ask", "bench", "tune"])
def test_without_a_gpu_for_llama_cpp_to_use_gpu_is_refused_with_what_to_install(rapid, command):
    words = {"ask": ask(), "bench": ("bench",), "tune": ("models", "tune")}[command]
    result = rapid(*words, "--device", "gpu")
    assert result.returncode == 1
    assert result.stdout == ""
    *_, message, hint = result.stderr.strip().splitlines()
    assert message == (
        "rapid: smollm2-135m cannot be computed on a GPU: this llama.cpp uses none here"
    )
    assert "install it by: CMAKE_ARGS=" in hint
    assert "llama-cpp-python==" in hint


def test_cpu_answers_on_the_cpu_and_says_nothing_of_a_gpu(rapid, with_gpu):
    result = rapid(*ask("--json", "--device", "cpu"), **with_gpu)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["stats"]["device"].startswith(compute_devices()[-1])
    assert "NVIDIA" not in result.stderr


@without_gpu
def test_a_gpu_that_lies_idle_is_named_once_however_many_questions(rapid, with_gpu):
    words = ("ask", "note.txt", "--questions", "questions.txt", *QUICK, "--json")
    result = rapid(*words, **with_gpu)
    assert result.returncode == 0, result.stderr
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    devices = [answer["stats"]["device"] for answer in answers]
    assert len(devices) == 2
    assert all(device.startswith(compute_devices()[-1]) for device in devices)
    (said,) = [line for line in result.stderr.splitlines() if "is not used" in line]
    assert "NVIDIA" in said
    assert 'CMAKE_ARGS="-DGGML_CUDA=on" pip install' in said
    assert said.index("CMAKE_ARGS") < said.index("llama-cpp-python==")


@without_gpu
def test_chat_names_it_too(rapid, with_gpu):
    result = rapid("chat", "note.txt", *QUICK, stdin="Who kept the light?\n", **with_gpu)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("is not used, since llama.cpp was built without it") == 1


def test_quiet_says_nothing_of_it(rapid, with_gpu):
    result = rapid(*ask("--quiet"), **with_gpu)
    assert (result.returncode, result.stderr) == (0, "")


@without_gpu
def test_a_model_that_models_toml_keeps_on_the_cpu_says_nothing_of_it(rapid, with_gpu, folder):
    packaged = (REPOSITORY / "models.toml").read_text()
    mine = packaged.replace("[models.smollm2-135m]", "[models.smollm2-135m]\ngpu_layers = 0")
    assert mine != packaged
    (folder / "cpu.toml").write_text(mine)
    result = rapid(*ask("--models", "cpu.toml"), **with_gpu)
    assert result.returncode == 0, result.stderr
    assert "is not used" not in result.stderr
