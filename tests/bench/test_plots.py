"""Plots: drawn with the real matplotlib, and looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rapid_cli.bench.plots import draw, label
from rapid_cli.bench.report import LengthRow, Row
from rapid_cli.errors import ConfigError
from rapid_cli.figures import SUFFIXES, check_plot_path

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.slow

ROW = Row(
    context_length=512,
    variant="rapid",
    drafter="small",
    assumed_acceptance=None,
    runs=3,
    tokens_per_second=20.0,
    slowest=18.0,
    fastest=21.0,
    speedup=1.5,
    predicted_tokens_per_second=22.0,
    acceptance_rate=0.8,
    mean_acceptance_length=3.0,
    gamma_mean=2.5,
    first_draft_seconds=1.0,
    first_token_seconds=0.9,
)
PLAIN = replace(ROW, variant="long-context", drafter=None, speedup=1.0, acceptance_rate=None)
ROWS = [PLAIN, ROW, replace(PLAIN, context_length=4_096), replace(ROW, context_length=4_096)]
LENGTHS = [
    LengthRow(length, 500.0, 10**6, {1: 10.0, 8: 25.0}, {"small": 100}, {"small": {1: 3.0}})
    for length in (512, 4_096)
]


def pixels(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_plot_is_written_and_not_blank(tmp_path, suffix):
    path = tmp_path / f"speed{suffix}"
    check_plot_path(path)
    draw(path, "mine on book.pdf", ROWS, LENGTHS)
    if suffix == ".png":
        image = pixels(path)
        assert min(image.shape[:2]) >= 500
        assert (image < 0.9).any(axis=2).mean() > 0.01
        for half in np.array_split(image, 2):
            assert all(quarter.std() > 0.05 for quarter in np.array_split(half, 2, axis=1))
    else:
        drawn = path.read_text(encoding="utf-8")
        assert drawn.count('<g id="axes_') == 4
        for text in ("mine on book.pdf", "rapid by small", "long-context", "acceptance rate"):
            assert f"<!-- {text} -->" in drawn


@pytest.mark.parametrize(
    ("rows", "lengths", "down", "across"),
    [
        ([*ROWS[:3], replace(ROWS[3], speedup=3.0)], LENGTHS, 0, 0),
        ([*ROWS[:3], replace(ROWS[3], acceptance_rate=0.1)], LENGTHS, 0, 1),
        (ROWS, [LENGTHS[0], replace(LENGTHS[1], verify_milliseconds={1: 20.0, 8: 90.0})], 1, 0),
        ([*ROWS[:3], replace(ROWS[3], predicted_tokens_per_second=40.0)], LENGTHS, 1, 1),
    ],
    ids=["speed-up", "acceptance", "costs", "prediction"],
)
def test_what_was_measured_decides_what_is_drawn(tmp_path, rows, lengths, down, across):
    drawn = []
    for name, measured in (("before", (ROWS, LENGTHS)), ("after", (rows, lengths))):
        draw(tmp_path / f"{name}.png", "same", *measured)
        image = pixels(tmp_path / f"{name}.png")
        drawn.append(np.array_split(np.array_split(image, 2)[down], 2, axis=1)[across])
    # The lines are blue and orange where the axes are grey.
    colours = [np.ptp(quarter, axis=2) > 0.2 for quarter in drawn]
    assert all(colour.sum() > 50 for colour in colours)
    assert (colours[0] != colours[1]).sum() > 50


def test_one_length_with_gaps_can_be_drawn_too(tmp_path):
    path = tmp_path / "few.png"
    draw(path, "few", [PLAIN, replace(ROW, speedup=None)], LENGTHS[:1])
    assert pixels(path).std() > 0.05


def test_a_title_is_never_a_formula(tmp_path):
    path = tmp_path / "odd.svg"
    draw(path, r"a pair on a$\frac{$b.txt", ROWS, LENGTHS)
    assert r"a$\frac{$b.txt" in path.read_text(encoding="utf-8")


def test_a_line_is_named_by_what_tells_it_apart():
    assert label(PLAIN) == "long-context"
    assert label(ROW) == "rapid by small"
    for coin, shown in ((0.75, "0.75"), (0.0, "0")):
        row = replace(ROW, assumed_acceptance=coin)
        assert label(row) == f"rapid by small (acceptance {shown} assumed)"


def test_a_plot_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(ConfigError, match=r"taken\.png cannot be written"):
        draw(tmp_path / "taken.png", "x", ROWS, LENGTHS)
