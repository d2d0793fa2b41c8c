"""The processor: how many CPUs may be used, and how threads wait for each other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rapid_cli.llama.weights import threads_of
from rapid_cli.machine import processor
from rapid_cli.machine.processor import WAITING, available_cpus, bound_spinning, flags, identity
from rapid_cli.models.specs import ModelSpec

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8481C
flags\t\t: fpu avx2 amx_bf16 amx_tile amx_int8

processor\t: 1
model name\t: another one
flags\t\t: fpu
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds to CPUs")
def test_a_process_that_is_bound_to_one_cpu_may_use_one():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("quota", "cpus"), [(0.5, 1), (1.9, 1), (float("inf"), None)])
def test_a_quota_of_time_is_whole_cpus_and_one_at_least(monkeypatch, quota, cpus):
    everything = available_cpus()
    monkeypatch.setattr(processor, "cpu_quota", lambda: quota)
    assert available_cpus() == (cpus or everything)


def test_a_model_has_no_more_threads_than_there_are_cpus_for_them(monkeypatch):
    monkeypatch.setattr(processor, "cpu_quota", lambda: 1.0)
    assert threads_of(ModelSpec("a")) == 1
    assert threads_of(ModelSpec("a", threads=64)) == 1


def test_the_processor_tells_what_it_can_do(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text(CPUINFO)
    assert flags(path) == {"fpu", "avx2", "amx_bf16", "amx_tile", "amx_int8"}
    assert "Platinum 8481C" in identity(path)
    assert flags(tmp_path / "none") == frozenset()
    assert identity(tmp_path / "none") != identity(path)


def test_spinning_is_bounded_by_the_processor_unless_the_user_has_said_how(tmp_path):
    path = tmp_path / "cpuinfo"
    for vendor, count in (("AuthenticAMD", "500"), ("GenuineIntel", "30000")):
        path.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
        environment: dict[str, str] = {}
        bound_spinning(environment, path)
        assert environment == {"GOMP_SPINCOUNT": count}
    for name in WAITING:
        chosen = {name: "as I like"}
        bound_spinning(chosen, path)
        assert chosen == {name: "as I like"}
    bound_spinning(environment := {}, tmp_path / "none")
    assert environment == {"GOMP_SPINCOUNT": "30000"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "rapid_cli.llama",
        "rapid_cli.cli",
        pytest.param("rapid_cli.retrieval.torch_embedder", marks=pytest.mark.long),
    ],
)
def test_spinning_is_bounded_before_any_library_brings_openmp(module):
    program = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('llama_cpp', 'torch', 'onnxruntime', 'numpy'):\n"
        "            assert 'GOMP_SPINCOUNT' in os.environ, name\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"import {module}\n"
        "print('GOMP_SPINCOUNT' in os.environ)"
    )
    own = {name: value for name, value in os.environ.items() if name not in WAITING}
    done = subprocess.run(
        [sys.executable, "-c", program], env=own, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
