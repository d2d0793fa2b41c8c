"""PDFs that are cut short: their end, which says where everything is, is missing."""

from __future__ import annotations

import re

_OBJECT_END = b"endobj"
_OBJECT = re.compile(rb"\b(\d{1,9} \d{1,5})\s+obj\b")
_LARGEST_CATALOG = 4_000  # bytes from its beginning to the name of its type


def is_cut(raw: bytes) -> bool:
    """Tell whether a file ends without the mark that ends a PDF."""
    return raw.rfind(b"%%EOF") <= raw.rfind(_OBJECT_END)


def with_end(raw: bytes) -> bytes:
    """Return the whole objects of a file and an end that names its catalog; nothing without one.

    That is enough for PDFium, which then looks through the file for what else there is.
    """
    place = raw.find(b"/Catalog")
    objects = list(_OBJECT.finditer(raw, max(0, place - _LARGEST_CATALOG), max(0, place)))
    if not objects:
        return b""
    whole = raw[: raw.rfind(_OBJECT_END) + len(_OBJECT_END)]
    return whole + b"\ntrailer\n<</Root %b R>>\nstartxref\n0\n%%%%EOF\n" % objects[-1][1]
