"""What stands within the marks of a page's picture, read without what found them."""

from __future__ import annotations

import ctypes
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from PIL import Image
from pypdfium2 import raw

from rapid_cli.documents import PagePicture

INSIDE = 2
"""Pixels within the edges of a mark, which reaches a little beyond its words."""


def text_within(file: bytes, number: int, picture: PagePicture) -> str:
    """Return what PDFium reads within the marks of the picture of a page, counted from 1."""
    x, y = ctypes.c_double(), ctypes.c_double()
    with pypdfium2.PdfDocument(file) as pdf:
        page = pdf[number - 1]
        text, found = page.get_textpage(), []
        for left, top, right, bottom in picture.marks:
            corners = []
            for across, down in (
                (left + INSIDE, top + INSIDE),
                (right - INSIDE, bottom - INSIDE),
            ):
                size = (0, 0, picture.width, picture.height, 0, across, down)
                raw.FPDF_DeviceToPage(page, *size, ctypes.byref(x), ctypes.byref(y))
                corners.append((x.value, y.value))
            (west, east), (south, north) = map(sorted, zip(*corners, strict=True))
            found.append(" ".join(text.get_text_bounded(west, south, east, north).split()))
        return " ".join(found)


def from_file(path: Path) -> PagePicture:
    """Return a picture that was written, of which the marks are not known."""
    return PagePicture(path.read_bytes(), *Image.open(path).size, (), True, 1)


def pixels(picture: PagePicture) -> NDArray[np.uint8]:
    """Return a picture as (height, width, 3): red, green and blue."""
    return np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"))


def share_painted(picture: PagePicture) -> float:
    """Return which share of a picture has the colour of the marker."""
    seen = pixels(picture).astype(int)
    yellow = (seen[:, :, 0] > 200) & (seen[:, :, 1] > 160) & (seen[:, :, 2] < 120)
    return float(yellow.mean())
