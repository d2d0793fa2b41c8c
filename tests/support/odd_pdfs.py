"""PDFs for tests, written object by object, as no program writes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

PLAIN_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
MEGABYTE = 1 << 20


def write_pdf(objects: Mapping[int, bytes]) -> bytes:
    """Return a PDF of objects by their numbers, of which the first is the catalog."""
    raw = b"%PDF-1.7\n"
    places = {}
    for number, body in objects.items():
        places[number] = len(raw)
        raw += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start, size = len(raw), max(objects) + 1
    rows = (b"%010d 00000 n \n" % places.get(number, 0) for number in range(1, size))
    table = b"xref\n0 %d\n0000000000 65535 f \n" % size + b"".join(rows)
    return (
        raw + table + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    )


def one_page(content: bytes, more: Mapping[int, bytes] | None = None) -> bytes:
    """Return a PDF of one page: 3 is the page, 4 its content and 5 its font, unless in `more`."""
    font = b"/MediaBox[0 0 612 792]/Resources<</Font<</F1 5 0 R>>>>"
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/Contents 4 0 R" + font + b">>",
        4: stream(content),
        5: PLAIN_FONT,
    }
    return write_pdf(objects | dict(more or {}))


def shown(text: bytes) -> bytes:
    """Return the content of a page that shows a string."""
    return b"BT /F1 12 Tf 72 720 Td (" + text + b") Tj ET"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """Return a stream with more entries in its dictionary."""
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(data), data)


def bomb(megabytes: int) -> bytes:
    """Return a stream that expands to so many megabytes of spaces."""
    return stream(b"".join(_compressed(megabytes)), b"/Filter/FlateDecode")


def font_with(names: str) -> bytes:
    """Return a font that gives the codes from 1 on these names of letters."""
    encoding = f"<</Type/Encoding/Differences[1 {names}]>>"
    entries = "/Type/Font/Subtype/Type1/BaseFont/Odd/FirstChar 1/LastChar 99"
    return f"<<{entries}/Widths[{'500 ' * 99}]/Encoding {encoding}>>".encode()


def _compressed(megabytes: int) -> Iterator[bytes]:
    compressor, piece = zlib.compressobj(9), b" " * MEGABYTE
    for _ in range(megabytes):
        yield compressor.compress(piece)
    yield compressor.flush()
