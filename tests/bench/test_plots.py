"""Plots: drawn with the real matplotlib, and looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rapid_cli.bench.plots import MOST_LINES, draw, label, panels
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
    LengthRow(length, 500.0, 10**6, {1: 10.0, 8: 25.0}, {}, {"small": 100}, {"small": {1: 3.0}})
    for length in (512, 4_096)
]


def pixels(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


def band(image, number):
    """Return the part of a picture with speed-ups (0), acceptance (1), or what is below (2)."""
    edges = [int(len(image) * part) for part in (0, 0.3, 0.6, 1)]
    return image[edges[number] : edges[number + 1]]


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
        for text in ("mine on book.pdf", "drafts by small", "rapid", "acceptance rate"):
            assert f"<!-- {text} -->" in drawn


@pytest.mark.parametrize(
    ("rows", "lengths", "down", "across"),
    [
        ([*ROWS[:3], replace(ROWS[3], speedup=3.0)], LENGTHS, 0, 0),
        ([*ROWS[:3], replace(ROWS[3], acceptance_rate=0.1)], LENGTHS, 1, 0),
        (ROWS, [LENGTHS[0], replace(LENGTHS[1], verify_milliseconds={1: 20.0, 8: 90.0})], 2, 0),
        ([*ROWS[:3], replace(ROWS[3], predicted_tokens_per_second=40.0)], LENGTHS, 2, 1),
    ],
    ids=["speed-up", "acceptance", "costs", "prediction"],
)
def test_what_was_measured_decides_what_is_drawn(tmp_path, rows, lengths, down, across):
    drawn = []
    for name, measured in (("before", (ROWS, LENGTHS)), ("after", (rows, lengths))):
        draw(tmp_path / f"{name}.png", "same", *measured)
        image = pixels(tmp_path / f"{name}.png")
        drawn.append(np.array_split(band(image, down), 2, axis=1)[across])
    # The lines are blue and orange where the axes are grey.
    colours = [np.ptp(part, axis=2) > 0.2 for part in drawn]
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
    assert label(ROW) == "rapid"
    for coin, shown in ((0.75, "0.75"), (0.0, "0")):
        row = replace(ROW, assumed_acceptance=coin)
        assert label(row) == f"rapid (acceptance {shown} assumed)"


def drafted(*variants: str, drafter: str = "small", coins=(None,)) -> list[Row]:
    return [
        replace(ROW, variant=variant, drafter=drafter, assumed_acceptance=coin)
        for variant in variants
        for coin in coins
    ]


def test_each_drafter_has_a_panel_and_what_drafts_with_no_model_is_in_all_of_them():
    lookup = replace(PLAIN, variant="prompt-lookup", speedup=1.1)
    mine, other = drafted("rapid", "auto"), drafted("rapid", drafter="large")
    found = panels([PLAIN, lookup, *mine, *other])
    assert found == {("small", None): [*mine, lookup], ("large", None): [*other, lookup]}


def test_more_lines_than_can_be_told_apart_get_a_panel_for_each_acceptance():
    rows = drafted("rapid", "auto", "speculative", coins=(0.5, 0.9))
    found = panels([PLAIN, *rows])
    assert list(found) == [("small", 0.5), ("small", 0.9)]
    assert all(len({label(row) for row in each}) <= MOST_LINES for each in found.values())


def test_a_benchmark_without_drafts_can_be_drawn(tmp_path):
    path = tmp_path / "plain.png"
    draw(path, "plain", [PLAIN], LENGTHS[:1])
    assert pixels(path).std() > 0.05


def test_a_plot_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(ConfigError, match=r"taken\.png cannot be written"):
        draw(tmp_path / "taken.png", "x", ROWS, LENGTHS)
