"""Where a pair is not on the machine, the error names what is, or what to begin with."""

from __future__ import annotations

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.models.models_file import load_models_file
from rapid_cli.session.session import Session

HERE = """
[pairs.here]
target = "here"
[models.here]
path = "{path}"
"""
MODELS = """
[default]
pair = "first"
embedder = "words"
[embedders.words]
path = "words"
[pairs.first]
target = "packaged"
[pairs.small]
target = "small"
note = "8 GB of memory: and more"
[pairs.other]
target = "packaged"
drafter = "small"
[models.packaged]
package = "package_that_nobody_has"
file = "a.gguf"
[models.small]
repo = "nobody/small"
file = "small.gguf"
"""


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """Look for a pair of a models.toml; return the error."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def refusal(name, *, more="", target=None, default="first"):
        path = tmp_path / "models.toml"
        path.write_text(MODELS.replace('"first"', f'"{default}"') + more)
        models_file = load_models_file(path)
        with Session(models_file) as session, pytest.raises(ModelError) as raised:
            session.pairs.find(models_file.pair(name), target)
        return raised.value

    return refusal


def test_who_has_no_model_yet_is_told_how_to_begin(refusal):
    error = refusal(None)
    assert error.message == "no language model is on this machine yet"
    assert 'pip install "rapid-cli[starter]"' in error.hint
    assert "rapid models pull small (8 GB of memory)" in error.hint


def test_who_names_a_file_that_is_not_whole_is_told_which_part_is_missing(refusal, tmp_path):
    (tmp_path / "big-00001-of-00002.gguf").write_bytes(b"GGUF")
    more = '[pairs.big]\ntarget = "big"\n[models.big]\npath = "big-00001-of-00002.gguf"\n'
    error = refusal(None, more=more, default="big")
    assert "is not whole: big-00002-of-00002.gguf is missing" in error.message
    assert error.hint == "put it beside the others"


def test_who_asks_for_one_pair_is_told_how_to_get_that(refusal):
    error = refusal("small")
    assert "nobody/small/small.gguf is not on this machine yet" in error.message
    assert "rapid models pull small" in error.hint


@pytest.mark.parametrize("name", [None, "small", "other"])
def test_who_has_another_pair_is_told_so(refusal, name, starter_path):
    error = refusal(name, more=HERE.format(path=starter_path))
    assert error.hint.endswith("; what is here: --pair here")


def test_a_file_on_the_command_line_that_is_not_there_is_no_reason_to_offer_others(
    refusal, tmp_path
):
    assert "offer" not in refusal(None, target=tmp_path / "no.gguf").hint
    assert "no.gguf does not exist" in refusal(None, target=tmp_path / "no.gguf").message
