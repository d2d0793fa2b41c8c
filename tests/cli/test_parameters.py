"""Classes of options: what Typer reads from them, and what a command then gets."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from rapid_cli.cli.options.parameters import taking_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    first: int = 1
    last: Annotated[bool, typer.Option("--last", help="The end.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(Shared):
    word: Annotated[str, typer.Argument(help="Needed.")]
    middle: Annotated[float | None, typer.Option(max=2)] = None
    last: Annotated[bool, typer.Option("--last", help="The end.")] = False


@pytest.fixture
def run():
    """Run a command that takes options of its own; return what it got, or its exit code."""
    app = typer.Typer()
    got = []

    @app.command()
    @taking_options
    def command(options: Own) -> None:
        """Do it."""
        got.append(options)

    def run(*words):
        done = CliRunner().invoke(app, words)
        return got.pop() if got else done

    return run


def test_a_command_gets_one_object_with_what_was_said_and_the_defaults(run) -> None:
    assert run("a", "--last") == Own(word="a", last=True)
    assert run("b", "--first", "3", "--middle", "1.5") == Own(word="b", first=3, middle=1.5)


def test_what_a_field_says_of_its_values_holds(run) -> None:
    assert run().exit_code == 2
    assert run("a", "--middle", "3").exit_code == 2


def test_inherited_fields_come_first_unless_they_are_declared_again() -> None:
    @taking_options
    def command(options: Own) -> None:
        """Do it."""

    assert list(inspect.signature(command).parameters) == ["first", "word", "middle", "last"]
    assert command.__doc__ == "Do it."
