"""What the shell is told when somebody presses Tab."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def completed(line, **more):
    """Return what bash is offered for the last word of a line."""
    words = line.split(" ")
    done = subprocess.run(
        [sys.executable, "-c", "from rapid_cli.cli import main; main()"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ
        | {
            "_RAPID_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        | more,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_and_options_are_completed():
    assert completed("rapid mod") == ["models"]
    assert completed("rapid models tu") == ["tune"]
    assert completed("rapid ask --show-c") == ["--show-context"]


def test_names_of_strategies_are_completed():
    assert completed("rapid ask --strategy r") == ["rapid", "rag"]
    assert completed("rapid chat --strategy au") == ["auto"]


@pytest.mark.parametrize("before", ["rapid ask --pair", "rapid models tune"])
def test_names_of_pairs_are_completed(before, tmp_path):
    assert completed(f"{before} st", RAPID_MODELS="") == ["starter"]
    assert completed(f"{before} qwen3.5-4b-") == ["qwen3.5-4b-up"]
    names = ("st$(touch x)", "st;x", "st`x`", "st\\u001b[2J", "start-1.5")
    pairs = "".join(f'[pairs."{name}"]\ntarget = "a"\n' for name in names)
    others = '[models.a]\npath = "a"\n[embedders.b]\npath = "b"\n'
    hostile = tmp_path / "hostile.toml"
    hostile.write_text(f'[default]\npair = "start-1.5"\nembedder = "b"\n{pairs}{others}')
    assert completed(f"{before} st", RAPID_MODELS=str(hostile)) == ["start-1.5"]
    broken = tmp_path / "models.toml"
    broken.write_text("[[[")
    assert completed(f"{before} st", RAPID_MODELS=str(broken)) == []
