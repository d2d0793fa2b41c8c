"""The files of plots, before anything is drawn."""

from __future__ import annotations

import sys

import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.figures import check_plot_path

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("name", ["plot.pdf", "plot", "plot.png.txt", ".png"])
def test_other_kinds_of_files_are_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"neither \.png nor \.svg"):
        check_plot_path(tmp_path / name)


def test_a_missing_folder_is_refused_before_anything_is_measured(tmp_path):
    with pytest.raises(ConfigError, match="no such folder does not exist"):
        check_plot_path(tmp_path / "no such folder" / "plot.png")


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="need matplotlib") as raised:
        check_plot_path(tmp_path / "plot.png")
    assert 'pip install "rapid-cli[bench]"' in raised.value.hint
