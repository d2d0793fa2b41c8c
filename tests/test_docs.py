"""What the README says about the command line is what the command line does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.cli import app
from rapid_cli.models.models_file import load_models_file

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands


def section(title: str) -> str:
    """Return the text under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#)", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def options(command: str, below: str = "") -> set[str]:
    """Return the options of a command, or of the one `below` it."""
    found = COMMANDS[command]
    if below in getattr(found, "commands", ()):
        found = found.commands[below]
    names = {name for each in found.params for name in each.opts}
    return {name for name in names if name.startswith("--")} - {"--help"}


def test_the_table_of_options_is_complete_and_true():
    documented = set(re.findall(r"--[a-z][a-z-]+", section("Options of `ask`")))
    assert documented - {"--verbose"} == options("ask")


@pytest.mark.parametrize("line", re.findall(r"^(?:\$ )?(rapid .*)$", README, re.MULTILINE))
def test_every_command_shown_exists_with_its_options(line):
    words = line.split(" #")[0].split()
    command = next(word for word in words[1:] if not word.startswith("-"))
    assert command in COMMANDS
    below = words[words.index(command) + 1 :][:1]
    used = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
    assert used - {"--verbose"} <= options(command, *below)


def test_the_strategies_are_those_of_the_table():
    assert set(re.findall(r"^\| `([a-z][a-z-]+)`", section("Strategies"), re.MULTILINE)) == set(
        STRATEGIES
    )


def test_the_example_of_a_models_file_is_valid(tmp_path):
    example = re.search(r"```toml\n(.*?)```", README, re.DOTALL)[1]
    assert tomllib.loads(example)
    path = tmp_path / "models.toml"
    path.write_text(example, encoding="utf-8")
    assert load_models_file(path).pair(None).name == "mine"


def test_the_two_commands_are_marked_for_those_who_run_them():
    for name in ("run", "test"):
        assert re.search(rf"<!-- command: {name} -->\n```\npython3 -m venv .*\n```", README)
