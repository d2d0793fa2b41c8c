"""`rapid models check` on a tiny model of each architecture that a GGUF file can have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rapid_cli.llama import kinds
from tests.support.any_architecture import ARCHITECTURES, write_any
from tests.support.rapid import rapid
from tests.support.tiny_hybrids import write_hybrid

pytestmark = pytest.mark.slow
MODELS = """
[default]
pair = "mine"
embedder = "none"
[pairs.mine]
target = "mine"
[models.mine]
path = "mine.gguf"
[embedders.none]
path = "none"
"""
REFUSED = (
    dict.fromkeys(kinds.ENCODERS, "is a model for embeddings")
    | dict.fromkeys(kinds.DIFFUSION, "is a diffusion model")
    | {"t5": "is an encoder-decoder model", "clip": "is an mmproj file"}
    | {"wavtokenizer-dec": "is a model of sound"}
)
"""What is said of architectures that do not write one token after another."""
UNLOADABLE = {"nemotron_h", "nemotron_h_moe", "rwkv6", "rwkv7"}
"""Architectures of which `write_any` makes no file that llama.cpp can open: it ends its process."""
UNKNOWN = "gptj"
"""An architecture that llama.cpp does not know: of its file nobody can say what it lacks."""
QUICK = ("bert", "clip", "deepseek2", "dream", "llama", "mamba2", "nemotron_h", "qwen35", "t5")
"""One of each verdict, and one at whose file llama.cpp ends its process."""


def checked(path: Path) -> str:
    """Return why a file is refused, as `rapid models check` says; nothing if it is let in."""
    (path.parent / "models.toml").write_text(MODELS)
    models = ("--models", path.parent / "models.toml")
    done = rapid("models", "check", "--target", path, "--json", *models, home=path.parent / "home")
    assert done.stderr == ""
    found = json.loads(done.stdout)
    failures = [each for each in found["findings"] if each["verdict"] == "failure"]
    assert done.returncode == (1 if failures else 0)
    assert all(each["hint"] for each in failures)
    return "; ".join(each["text"] for each in failures)


def require_right(architecture: str, said: str) -> None:
    """Fail unless what the check says of an architecture is true."""
    if architecture in REFUSED:
        assert f"{architecture} {REFUSED[architecture]}" in said
    elif architecture in UNLOADABLE:
        assert "cannot be loaded: " in said
    elif architecture == UNKNOWN:
        assert "holds no layers" in said
    else:
        assert said == ""


@pytest.mark.parametrize("architecture", QUICK)
def test_some_architectures_are_let_in_or_refused_with_a_reason(tmp_path, architecture):
    path = tmp_path / f"{architecture}.gguf"
    write_any(path, architecture)
    require_right(architecture, checked(path))


def test_a_hybrid_that_llama_cpp_can_open_is_let_in(tmp_path):
    assert checked(write_hybrid(tmp_path / "hybrid.gguf", "nemotron_h")) == ""


@pytest.mark.long
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_is_let_in_or_refused_with_a_reason(tmp_path, architecture):
    path = tmp_path / f"{architecture}.gguf"
    write_any(path, architecture)
    require_right(architecture, checked(path))
