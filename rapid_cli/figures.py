"""The files of plots: looked at before anything is measured, and written as the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.errors import ConfigError
from rapid_cli.storage.private import as_usual

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")


def check_plot_path(path: Path) -> None:
    """Refuse, before anything is measured, a file that could not be drawn: ConfigError."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path} is neither .png nor .svg", "name the plot PLOT.png or PLOT.svg")
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} does not exist", "make it first")
    try:
        import matplotlib  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        hint = 'install it: pip install "rapid-cli[bench]"'
        raise ConfigError("plots need matplotlib", hint) from error


def save(figure: Figure, path: Path) -> None:
    """Write a figure; ConfigError if that cannot be."""
    try:
        with as_usual():
            figure.savefig(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise ConfigError(message, "name another file") from error
