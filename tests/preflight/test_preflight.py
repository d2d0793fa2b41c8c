"""Where llama.cpp crashes: another way to run a model is found, kept and said."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, read_shape
from rapid_cli.machine import processor
from rapid_cli.machine.child import Ended
from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight import engine
from rapid_cli.preflight import records as recording
from rapid_cli.preflight.children import start_engine, start_model
from rapid_cli.preflight.preflight import (
    SMALL_BYTES,
    Preflight,
    first_that_works,
    require_works,
    run_key,
)
from rapid_cli.preflight.records import Records
from rapid_cli.preflight.ways import (
    AMX,
    AS_IT_IS,
    NOT_REPACKED,
    ON_CPU,
    ON_CPU_NOT_REPACKED,
    Run,
    remedy,
    ways_for,
)
from tests.support import crashing_llama
from tests.support.cut_models import models_with

pytestmark = pytest.mark.models

SPEC = ModelSpec("starter", threads=1)
SIGSEGV = Ended("its process ends with SIGSEGV", "SIGSEGV")


class Machine:
    """Runs models only as it is told to, and takes down how it was asked to."""

    def __init__(self, crashes=lambda _spec: None) -> None:
        self.crashes = crashes
        self.asked: list[ModelSpec] = []
        self.trials: list[Trial] = []

    def start(self, _path: Path, spec: ModelSpec) -> Trial:
        self.asked.append(spec)
        trial = Trial(self.crashes(spec))
        self.trials.append(trial)
        return trial


class Trial:
    """A child that ended before it was asked."""

    def __init__(self, ended: Ended | None) -> None:
        self.ended = ended
        self.seen = self.stopped = False

    def result(self, _seconds: float) -> dict[str, object]:
        self.seen = True
        if self.ended:
            raise self.ended
        return {}

    def end(self) -> None:
        self.stopped = True


@pytest.fixture
def flags(monkeypatch):
    """The features of a processor without AMX, whatever this one has."""
    found: set[str] = set()
    monkeypatch.setattr(processor, "flags", lambda *_: frozenset(found))
    return found


@pytest.fixture
def shape(starter_path):
    return read_shape(starter_path)


@pytest.fixture
def found(tmp_path, starter_path, shape, flags):
    """Find the way of a model on a machine; the records are the same each time."""

    def find(machine: Machine, spec: ModelSpec = SPEC, *, offloads: bool = False):
        preflight = Preflight(Records(tmp_path / "runs"), start=machine.start)
        return preflight.way(starter_path, shape, spec, offloads=offloads)

    return find


# The ways, and which of them is found.


def test_ways_take_from_a_spec_and_add_nothing():
    spec = replace(SPEC, gpu_layers=12, k_type="q8_0")
    assert AS_IT_IS.applied(spec) == spec
    assert NOT_REPACKED.applied(spec) == replace(spec, repack=False)
    assert ON_CPU.applied(spec) == replace(spec, gpu_layers=0)
    assert AS_IT_IS.applied(replace(spec, repack=False)).repack is False


def test_only_ways_that_differ_are_tried():
    assert ways_for(SPEC, offloads=False) == [AS_IT_IS, NOT_REPACKED]
    assert ways_for(SPEC, offloads=True) == [AS_IT_IS, NOT_REPACKED, ON_CPU, ON_CPU_NOT_REPACKED]
    assert ways_for(replace(SPEC, repack=False), offloads=False) == [AS_IT_IS]


def test_a_model_that_runs_is_tried_once_and_nothing_is_said(found):
    machine = Machine()
    assert found(machine) == (AS_IT_IS, "")
    assert found(machine) == (AS_IT_IS, "")
    assert machine.asked == [SPEC]


def test_a_model_that_crashes_runs_in_the_next_way_which_is_said_once(found):
    machine = Machine(lambda spec: SIGSEGV if spec.repack else None)
    way, note = found(machine)
    assert way == NOT_REPACKED
    assert note.startswith(
        "starter runs without repacked weights here: as it is, its process ends with SIGSEGV. "
        "For its full speed, build llama.cpp"
    )
    assert found(machine) == (NOT_REPACKED, "")
    assert machine.asked == [SPEC, replace(SPEC, repack=False)]


def test_the_spec_of_the_way_that_was_found_counts_as_tried(found):
    machine = Machine(lambda spec: SIGSEGV if spec.repack else None)
    found(machine)
    assert found(machine, replace(SPEC, repack=False)) == (AS_IT_IS, "")
    assert len(machine.asked) == 2


def test_where_only_the_gpu_crashes_the_cpu_computes(found):
    machine = Machine(lambda spec: SIGSEGV if spec.gpu_layers != 0 else None)
    way, note = found(machine, offloads=True)
    assert way == ON_CPU
    assert "runs on the CPU alone here" in note
    assert "update the driver of the GPU" in note


def test_where_no_way_works_is_an_error_and_tried_again(found):
    machine = Machine(lambda _spec: SIGSEGV)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"cannot run starter here: .* SIGSEGV") as raised:
            found(machine)
        assert "build llama.cpp" in raised.value.hint
    assert len(machine.asked) == 4


def test_what_the_system_ends_for_want_of_memory_is_not_tried_in_other_ways(found):
    machine = Machine(lambda _spec: Ended("its process ends with SIGKILL", "SIGKILL"))
    with pytest.raises(ModelError) as raised:
        found(machine)
    assert "free memory" in raised.value.hint
    assert len(machine.asked) == 1


def test_with_amx_the_next_way_is_tried_beside_the_first(found, flags):
    flags.add(AMX)
    machine = Machine()
    assert found(machine) == (AS_IT_IS, "")
    assert machine.asked == [SPEC, replace(SPEC, repack=False)]
    assert [(trial.seen, trial.stopped) for trial in machine.trials] == [
        (True, False),
        (False, True),
    ]


def test_ways_that_are_tried_at_once_are_judged_in_their_order(found, flags):
    flags.add(AMX)
    machine = Machine(lambda spec: SIGSEGV if spec.gpu_layers != 0 else None)
    way, _ = found(machine, offloads=True)
    assert way == ON_CPU
    assert [trial.seen for trial in machine.trials] == [True, True, True, False]
    assert machine.trials[-1].stopped


def test_with_amx_a_large_model_is_not_loaded_twice_at_once(tmp_path, flags):
    flags.add(AMX)
    path = tmp_path / "large.gguf"
    with path.open("wb") as file:
        file.truncate(SMALL_BYTES + 1)
    machine = Machine()
    assert first_that_works(path, SPEC, offloads=False, start=machine.start) == Run(AS_IT_IS)
    assert machine.asked == [SPEC]


def test_models_on_other_machines_are_not_sent_there_twice(found):
    machine = Machine(lambda _spec: SIGSEGV)
    assert found(machine, replace(SPEC, rpc=("far:50052",))) == (AS_IT_IS, "")
    assert machine.asked == []


# What decides, and what is kept.


def test_what_may_crash_by_itself_is_tried_by_itself(shape):
    keys = {
        run_key(shape, SPEC, offloads=False),
        run_key(shape, SPEC, offloads=True),
        run_key(shape, replace(SPEC, gpu_layers=3), offloads=True),
        run_key(shape, replace(SPEC, k_type="q8_0"), offloads=False),
        run_key(shape, replace(SPEC, flash_attention=True), offloads=False),
        run_key(shape, replace(SPEC, repack=False), offloads=False),
        run_key(replace(shape, weight_kinds=("q4_0",)), SPEC, offloads=False),
        run_key(replace(shape, architecture="gemma3"), SPEC, offloads=False),
    }
    assert len(keys) == 8
    assert run_key(shape, replace(SPEC, name="b"), offloads=False) in keys


def test_the_formats_of_all_tensors_decide(shape):
    assert shape.weight_kinds == ("f32", "q4_1", "q8_0")


def test_another_machine_and_another_build_begin_anew(tmp_path, monkeypatch):
    Records(tmp_path).put("a", Run(NOT_REPACKED, "it crashed", "SIGSEGV"))
    assert Records(tmp_path).find("a") == Run(NOT_REPACKED, "it crashed", "SIGSEGV")
    with monkeypatch.context() as other:
        other.setattr(processor, "identity", lambda: "PDP-11")
        assert Records(tmp_path).find("a") is None
    with monkeypatch.context() as other:
        other.setattr(recording, "build_identity", lambda: "another build")
        assert Records(tmp_path).find("a") is None
    assert len(list(tmp_path.iterdir())) == 1


def test_a_library_that_is_built_again_is_another_build(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    (tmp_path / "libllama.so").write_bytes(b"one")
    before = recording.build_identity()
    assert recording.build_identity() == before
    (tmp_path / "libllama.so").write_bytes(b"other")
    assert recording.build_identity() != before


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"runs": {"a": {"way": "by magic"}}}', "\xff"]
)
def test_records_that_cannot_be_read_are_none(tmp_path, content):
    records = Records(tmp_path)
    records.put("a", Run(AS_IT_IS))
    (path,) = tmp_path.iterdir()
    path.write_text(content, encoding="latin-1")
    assert Records(tmp_path).find("a") is None


def test_records_that_cannot_be_written_stop_nobody(tmp_path):
    (tmp_path / "file").write_text("")
    records = Records(tmp_path / "file" / "runs")
    records.put("a", Run(AS_IT_IS))
    assert records.find("a") == Run(AS_IT_IS)


def test_what_is_forgotten_is_tried_again(tmp_path):
    records = Records(tmp_path)
    records.put("a", Run(AS_IT_IS))
    records.clear()
    assert Records(tmp_path).find("a") is None


# The remedy fits the cause.


def test_a_processor_with_amx_is_told_to_build_without():
    command = remedy("SIGSEGV", flags=frozenset({"amx_int8"})).partition(": ")[2]
    assignment, *words = shlex.split(command)
    name, _, arguments = assignment.partition("=")
    assert name == "CMAKE_ARGS"
    no_amx = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    assert shlex.split(arguments) == [
        f"-DCMAKE_C_FLAGS={no_amx}",
        f"-DCMAKE_CXX_FLAGS={no_amx}",
    ]
    assert words[:2] == ["pip", "install"]
    assert words[-1].startswith("llama-cpp-python==")


def test_foreign_instructions_are_told_to_build_here_even_with_amx():
    said = remedy("SIGILL", flags=frozenset({"amx_int8"}))
    assert said.startswith("build llama.cpp on this machine, for its own processor: pip install")


def test_other_crashes_are_told_to_try_another_compiler():
    assert "CC=clang CXX=clang++ pip install" in remedy("SIGSEGV", flags=frozenset({"avx2"}))


# Real processes, in which a real llama.cpp crashes as it is told to.


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGILL", "SIGABRT"])
def test_a_child_that_crashes_costs_only_itself(tmp_path, monkeypatch, starter_path, shape, how):
    stand_in = crashing_llama.stand_in(tmp_path / "path", when="repacked", how=how)
    monkeypatch.setenv("PYTHONPATH", stand_in["PYTHONPATH"])
    preflight = Preflight(Records(tmp_path / "runs"))
    way, note = preflight.way(starter_path, shape, SPEC, offloads=False)
    assert way == NOT_REPACKED
    assert f"its process ends with {how}" in note
    with pytest.raises(ModelError, match=how):
        preflight.require(starter_path, shape, SPEC, offloads=False)
    preflight.require(starter_path, shape, replace(SPEC, repack=False), offloads=False)


def test_a_child_that_hangs_is_ended(tmp_path, monkeypatch, starter_path):
    stand_in = crashing_llama.stand_in(tmp_path / "path", when="always", how="hangs")
    monkeypatch.setenv("PYTHONPATH", stand_in["PYTHONPATH"])
    with pytest.raises(Ended, match="nothing came of it in 3 s"):
        require_works(start_model(starter_path, SPEC), 3)


def test_what_llama_cpp_says_before_it_gives_up_is_the_cause(tmp_path, monkeypatch, starter_path):
    stand_in = crashing_llama.stand_in(tmp_path / "path", when="always", how="gives up")
    monkeypatch.setenv("PYTHONPATH", stand_in["PYTHONPATH"])
    with pytest.raises(Ended, match=r"llama\.cpp gave up: CUDA error"):
        require_works(start_model(starter_path, SPEC), 60)


def test_what_is_wrong_with_a_model_is_no_crash_and_says_nothing_of_its_kind(tmp_path, shape):
    path = tmp_path / "none.gguf"
    path.write_bytes(b"GGUF")
    preflight = Preflight(Records(tmp_path / "runs"))
    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        preflight.way(path, shape, SPEC, offloads=False)
    assert raised.value.hint.endswith("download the file again")
    preflight.require(path, shape, SPEC, offloads=False)  # what is loaded already may lack room
    assert preflight.known(shape, SPEC, offloads=False) is None


def test_a_child_sees_the_devices_that_are_seen_here():
    from rapid_cli.llama import compute_devices

    child = start_engine()
    assert child.result(60) == {"devices": list(compute_devices())}


@pytest.fixture
def engines(monkeypatch, tmp_path):
    """The trials that were started: the home knows none, and this process trusts nothing yet."""
    started = []

    def start() -> Trial:
        started.append(Trial(None))
        return started[-1]

    monkeypatch.setenv("RAPID_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(engine._Guard, "trusted", False)
    monkeypatch.setattr(engine._Guard, "trial", None)
    monkeypatch.setattr(engine, "start_engine", start)
    return started


def test_a_trial_of_loading_that_was_begun_early_is_the_one_that_counts(engines):
    engine.begin()
    engine.require()
    (trial,) = engines
    assert trial.seen


def test_no_trial_of_loading_is_begun_where_it_is_known_or_needless(engines, monkeypatch):
    engine.require()
    engine.begin()  # this process has loaded it
    monkeypatch.setattr(engine._Guard, "trusted", False)
    engine.begin()  # another one has
    engine.require()
    assert len(engines) == 1


def test_weights_that_are_not_repacked_are_a_run_of_their_own(starter_path):
    with Weights(starter_path, SPEC) as usual:
        known = (usual.fingerprint, usual.state_key_of(usual.spec), usual.placement)
    with Weights(starter_path, replace(SPEC, repack=False)) as other:
        assert "repack" not in "".join(known)
        assert "repack=False" in other.fingerprint
        assert "repack=False" in other.state_key_of(other.spec)
        assert other.placement.endswith(", weights not repacked")


# The commands.

TEXT = "The ferry leaves at nine from the north pier. The captain is called Maria Lind."
QUESTION = ("When does the ferry leave?", "--max-tokens", "4", "--strategy", "long-context")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, embedder, embedder_cache) -> Path:
    """The cache of a home in which the embedder is exported already."""
    embedder.embed(["so that it is exported"])
    cache = tmp_path_factory.mktemp("prepared") / "cache"
    cache.mkdir()
    (cache / "embedders").symlink_to(embedder_cache)
    return cache


@pytest.fixture
def crashing(tmp_path, prepared, shallow_path):
    """Run rapid with a llama.cpp that crashes, and with a few layers of the starter model."""
    home, models = tmp_path / "home", tmp_path / "models.toml"
    home.mkdir()
    models.write_text(models_with(shallow_path), encoding="utf-8")
    (home / "cache").symlink_to(prepared)
    text = tmp_path / "ferry.txt"
    text.write_text(TEXT)

    def run(*words: object, when: str, how: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / f"{when} {how}"
        if not path.exists():
            crashing_llama.stand_in(path, when=when, how=how)
        return subprocess.run(
            [sys.executable, "-m", "rapid_cli", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ
            | {"RAPID_HOME": str(home), "RAPID_MODELS": str(models), "PYTHONPATH": str(path)},
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=tmp_path,
        )

    return run


REPACKED = {"when": "repacked", "how": "SIGSEGV"}
SAID = "runs without repacked weights here: as it is, its process ends with SIGSEGV"


def test_ask_answers_where_repacked_weights_crash_and_commands_tell_of_it(crashing):
    first = crashing("ask", "ferry.txt", *QUESTION, **REPACKED)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip()
    assert first.stderr.count(SAID) == 1
    assert "pip install --force-reinstall" in first.stderr
    second = crashing("ask", "ferry.txt", *QUESTION, "--json", **REPACKED)
    assert (second.returncode, SAID in second.stderr) == (0, False)
    assert json.loads(second.stdout)["stats"]["device"].endswith(", weights not repacked")
    doctor = crashing("doctor", "--json", **REPACKED)
    assert doctor.returncode == 0
    findings = {each["subject"]: each for each in json.loads(doctor.stdout)["findings"]}
    for subject in ("starter", "fallbacks"):
        assert findings[subject]["verdict"] == "warning"
        assert SAID in findings[subject]["text"]
        assert "build llama.cpp" in findings[subject]["hint"]
    check = crashing("models", "check", "--json", **REPACKED)
    findings = {each["subject"]: each for each in json.loads(check.stdout)["findings"]}
    assert findings["target run"]["verdict"] == "warning"
    assert SAID in findings["target run"]["text"]
    listed = json.loads(crashing("models", "list", "--json", **REPACKED).stdout)["models"]
    assert listed[0]["runs"].startswith("without repacked weights: its process ends with SIGSEGV")


@pytest.mark.long
def test_a_benchmark_tells_it_too_and_it_can_be_forgotten(crashing):
    bench = crashing(
        *("bench", "ferry.txt", "--max-tokens", 8, "--repeat", 1, "--strategy", "long-context"),
        *("--json",),
        **REPACKED,
    )
    assert bench.returncode == 0, bench.stderr
    assert bench.stderr.count(SAID) == 1
    assert json.loads(bench.stdout)["title"].endswith(", weights not repacked")
    assert crashing("models", "clear", **REPACKED).returncode == 0
    listed = json.loads(crashing("models", "list", "--json", **REPACKED).stdout)["models"]
    assert listed[0]["runs"] == "not tried"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("always", "rapid: llama.cpp cannot run smollm2-135m here: its process ends with SIGILL"),
        ("loaded", "rapid: llama.cpp cannot be loaded: its process ends with SIGILL"),
    ],
)
def test_where_nothing_runs_it_is_said_in_a_sentence(crashing, when, said):
    done = crashing("ask", "ferry.txt", *QUESTION, "--json", when=when, how="SIGILL")
    assert (done.returncode, done.stdout) == (1, "")
    *_, message, hint = done.stderr.splitlines()
    assert message == said
    assert hint.startswith("  build llama.cpp on this machine, for its own processor: pip install")


def test_a_doctor_finds_the_starter_that_runs_in_no_way(crashing):
    done = crashing("doctor", "--json", when="always", how="SIGILL")
    assert done.returncode == 1
    findings = {each["subject"]: each for each in json.loads(done.stdout)["findings"]}
    assert findings["starter"]["verdict"] == "failure"
    assert "its process ends with SIGILL" in findings["starter"]["text"]
    assert "for its own processor" in findings["starter"]["hint"]
    assert findings["fallbacks"]["verdict"] == "ok"
