"""Objects on stdout: the same data on every terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest

from rapid_cli.cli.render.objects import print_json
from tests.support.repository import REPOSITORY

ODD = "a\x9b31m\u202eb 漢字"


def test_what_a_terminal_would_obey_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": ODD})
    assert capsys.readouterr().out == '{"name": "a\\u009b31m\\u202eb 漢字"}\n'


def test_what_the_output_has_no_letters_for_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1", errors="replace"))
    print_json({"name": ODD})
    assert json.loads(raw.getvalue().decode("ascii")) == {"name": ODD}


def test_no_other_part_of_the_command_line_writes_json() -> None:
    folder = REPOSITORY / "rapid_cli" / "cli"
    writing = [path.name for path in folder.rglob("*.py") if "dumps(" in path.read_text()]
    assert writing == ["objects.py"]
