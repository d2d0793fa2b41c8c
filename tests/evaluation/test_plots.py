from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.evaluation.plots import draw
from rapid_cli.evaluation.report import rows
from tests.support.evaluations import PLAIN, RAPID, make_question, make_record

pytest.importorskip("matplotlib")


def test_a_plot_has_a_bar_with_its_interval_for_each_pack_and_variant(tmp_path: Path) -> None:
    records = [
        make_record(make_question(number, pack=pack), variant, answer)
        for pack in ("one", "$two$")
        for number, answer in enumerate(["Edith", "Tom", "Edith"])
        for variant in (PLAIN, RAPID)
    ]
    path = tmp_path / "plot.svg"
    draw(path, rows(records, "long-context"))
    root = ElementTree.parse(path).getroot()
    text = path.read_text()
    assert root.tag.endswith("svg")
    assert "long-context" in text
    assert "$two$" in text
    assert "6 questions" in text


def test_a_plot_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        draw(tmp_path / "no" / "plot.png", rows([make_record(make_question(1))], "long-context"))
