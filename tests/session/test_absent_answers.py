"""Both readings of a real model are asked whether the text tells, and go on as if they were not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from rapid_cli.answering import absence
from rapid_cli.models.prompts import ABSENT
from tests.support.rapid import rapid

pytestmark = pytest.mark.models

TEXT = (
    "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock for "
    "forty-one years. Her brother Tom mended clocks in the town.\n"
    + "Rain fell on the moor for most of the week, and the sheep stood close to the walls.\n"
    * 8
)
QUESTIONS = "Who kept the light?\nWho mended clocks?\n"


@pytest.fixture
def answers(tmp_path_factory, furnish, tmp_path):
    home = furnish(tmp_path_factory.mktemp("home"), shallow=True)
    Path(tmp_path, "keeper.txt").write_text(TEXT)

    def asked(*more):
        words = ("ask", tmp_path / "keeper.txt", "--questions", "-", "--json", "--temperature", "0")
        sizes = ("--retrieve-tokens", "64", "--max-tokens", "24")
        done = rapid(*words, *sizes, *more, home=home, stdin=QUESTIONS)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return asked


def test_an_answer_that_is_given_is_the_one_without_asking(answers, monkeypatch):
    monkeypatch.setattr(absence, "LIKELIER", math.inf)
    checked = answers()
    monkeypatch.setattr(absence.Absence, "can_be_said", lambda *_: False)
    unchecked = answers()
    assert [each["answer"] for each in checked] == [each["answer"] for each in unchecked]
    assert all(each["stats"]["seconds"]["check"] > 0 for each in checked)
    assert all(each["stats"]["seconds"]["check"] is None for each in unchecked)
    assert not any(each["absent"] for each in checked)


def test_the_sentence_is_the_answer_where_it_is_likelier(answers, monkeypatch):
    monkeypatch.setattr(absence.Witness, "doubt", lambda *_: math.inf)
    for each in answers():
        assert (each["answer"], each["absent"], each["finish_reason"]) == (ABSENT, True, "stop")
        assert each["citations"] == []
        assert each["sources"]
        assert each["stats"]["speedup"] is None
