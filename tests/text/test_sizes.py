"""Tests of how sizes are told."""

from __future__ import annotations

import pytest

from rapid_cli.text.sizes import megabytes


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 MB"), (499_999, "0 MB"), (98_400_000, "98 MB"), (17_656_000_000, "17,656 MB")],
)
def test_sizes_are_told_in_whole_megabytes(size, said):
    assert megabytes(size) == said
