"""Pictures in the terminal where that can show them, or else in the program that the system has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from select import select
from shutil import get_terminal_size, which
from typing import TYPE_CHECKING, Any

from rich.console import Console

from rapid_cli.config import CACHE, home
from rapid_cli.documents import PagePicture
from rapid_cli.errors import ConfigError
from rapid_cli.storage.private import as_usual

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = "pages"
"""The folder below the cache in which pictures are kept for their viewer."""
KEPT_SECONDS = 24 * 60 * 60.0
VIEWER_SECONDS = 5.0
"""A viewer that has not ended by then is taken to show the picture."""
TALL_ROWS = 45
"""Rows of a terminal in which a whole page can be read; in others a part of it is shown."""
LATE_SECONDS = 0.6
"""How long an answer of a terminal may take that comes too late, as over a slow line."""
_ASKED_SECONDS = 0.09
_UNUSUAL = re.compile(r"[^\w.-]+")
"""What names of documents may have, and those of files need not."""
_NO_PICTURES = {"", "dumb", "linux", "cons25", "emacs"}


def check_output(path: Path) -> None:
    """Raise ConfigError for a file that could not be written, before a page is drawn."""
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{path} is no .png", "name the picture PAGE.png")
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} does not exist", "make it first")


def write(picture: PagePicture, path: Path) -> None:
    """Write a picture where the user wants it; ConfigError if that cannot be."""
    with as_usual():
        _write(picture, path)


def keep(picture: PagePicture, name: str) -> Path:
    """Write a picture for its viewer, and return where; those of before are removed in time."""
    folder = home() / CACHE / PICTURES
    path = folder / f"{_UNUSUAL.sub('_', name)[-80:]}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        forget(older_than=KEPT_SECONDS)
    except OSError as error:
        raise _unwritable(folder, error) from error
    _write(picture, path)
    return path


def forget(*, older_than: float = 0.0) -> None:
    """Remove the pictures that are kept and were made so many seconds ago."""
    folder = home() / CACHE / PICTURES
    for path in folder.glob("*.png"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime >= older_than:
                path.unlink()


def view(path: Path) -> str | None:
    """Let the system show a picture, and return by which program; None if there is none."""
    if sys.platform == "win32":
        with suppress(OSError):
            os.startfile(path)
            return "the system's viewer"
        return None
    program = "open" if sys.platform == "darwin" else "xdg-open"
    desktop = sys.platform == "darwin" or os.environ.get("DISPLAY", "")
    if not (desktop or os.environ.get("WAYLAND_DISPLAY")) or which(program) is None:
        return None
    return program if _runs([program, str(path)]) else None


def _runs(command: list[str]) -> bool:
    """Tell whether a program ends well, or goes on for longer than it would take to fail."""
    nowhere = subprocess.DEVNULL
    try:
        started = subprocess.Popen(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    except OSError:
        return False
    try:
        return started.wait(VIEWER_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True


def _write(picture: PagePicture, path: Path) -> None:
    try:
        path.write_bytes(picture.png)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ConfigError:
    reason = (error.strerror or type(error).__name__).lower()
    return ConfigError(f"{path} cannot be written: {reason}", "name another with --output")


class PictureTerminal:
    """A terminal that shows pictures, by the renderable of `textual_image` that does it."""

    def __init__(self, renderable: Any) -> None:
        self._renderable = renderable

    def show(self, picture: PagePicture) -> bool:
        """Show a picture, or the part around its marks; tell whether it is the whole of it."""
        columns, rows = get_terminal_size()
        part = part_shown(picture, columns, rows)
        image = _opened(picture).crop((0, part[0], picture.width, part[1]))
        # The numbers of pictures are told as colours, which must not be changed or left out.
        console = Console(
            file=sys.stdout, color_system="truecolor", force_terminal=True, no_color=False,
            width=columns, height=max(rows - 3, 1), highlight=False,
        )  # fmt: skip
        sys.stdout.flush()
        console.print(self._renderable(image, width="auto", height="auto"))
        sys.stdout.flush()
        return part == (0, picture.height)


def part_shown(picture: PagePicture, columns: int, rows: int) -> tuple[int, int]:
    """Return from where to where a picture is shown from top to bottom, in pixels.

    Where a terminal has too few rows to read a whole page, that is what fills its width, around
    what is marked.
    """
    # Cells are about twice as high as wide.
    fitting = round(picture.width * 2 * max(rows - 3, 1) / max(columns, 1))
    if rows >= TALL_ROWS or fitting >= picture.height:
        return 0, picture.height
    top = min((mark[1] for mark in picture.marks), default=0)
    bottom = max((mark[3] for mark in picture.marks), default=0)
    # What does not fit is shown from its beginning.
    first = (top + bottom - fitting) // 2 if bottom - top < fitting else top
    first = min(max(first, 0), picture.height - fitting)
    return first, first + fitting


def picture_terminal() -> PictureTerminal | None:
    """Return the terminal if it shows pictures, which it is asked for; None if it does not."""
    if not _may_be_asked():
        return None
    try:
        with _unasked():
            from textual_image.renderable import SixelImage, TGPImage, sixel, tgp  # noqa: PLC0415
    except ImportError:
        return None
    began = time.monotonic()
    kitty = _is_kitty()
    if (tgp if kitty else sixel).query_terminal_support():
        return PictureTerminal(TGPImage if kitty else SixelImage)
    if time.monotonic() - began >= _ASKED_SECONDS:
        _await_late_answer()
    return None


def _may_be_asked() -> bool:
    """Tell whether somebody sits at a terminal that answers, and has typed nothing ahead."""
    if not (sys.__stdout__ and sys.__stdout__.isatty() and sys.__stdin__ and sys.stdout.isatty()):
        return False
    if not sys.__stdin__.isatty() or os.environ.get("TERM", "") in _NO_PICTURES:
        return False
    if sys.platform == "win32":
        return True
    number = sys.__stdin__.fileno()
    with suppress(OSError):  # from the background the terminal would stop us
        return os.tcgetpgrp(number) == os.getpgrp() and not select([number], [], [], 0)[0]
    return False


def _is_kitty() -> bool:
    """Tell whether a terminal has Kitty's protocol; others may print the question for it."""
    inside = "TMUX" in os.environ or "STY" in os.environ
    kitty = os.environ.get("TERM") in {"xterm-kitty", "xterm-ghostty"}
    return (kitty or "KITTY_WINDOW_ID" in os.environ) and not inside


@contextmanager
def _unasked() -> Iterator[None]:
    """Let a library be imported that asks the terminal meanwhile, unless there is none."""
    before = sys.__stdout__
    vars(sys)["__stdout__"] = None
    try:
        yield
    finally:
        vars(sys)["__stdout__"] = before


def _await_late_answer() -> None:
    """Read what a slow terminal answers after all, which would be taken for typed otherwise."""
    if sys.platform == "win32" or sys.__stdin__ is None:
        return
    import termios  # noqa: PLC0415 - not everywhere
    import tty  # noqa: PLC0415

    number = sys.__stdin__.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number, termios.TCSANOW)
    try:
        if select([number], [], [], LATE_SECONDS)[0]:
            os.read(number, 1024)
    finally:
        termios.tcsetattr(number, termios.TCSANOW, before)


def _opened(picture: PagePicture) -> Image:
    from PIL import Image  # noqa: PLC0415 - for terminals with pictures

    return Image.open(BytesIO(picture.png), formats=["PNG"]).convert("RGB")
