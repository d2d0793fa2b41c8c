"""PDFs for tests, written with pypdf and hand-made content streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from io import BytesIO

import pypdfium2
from pypdf import PageObject, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    Fit,
    IndirectObject,
    NameObject,
    NumberObject,
)

Heading = tuple[int, str, int | None, float | None]
"""What stands in an outline: its level from 1, its text, its page from 1, and the height there."""


def make_pdf(
    texts: Sequence[str],
    *,
    labels: Mapping[int, tuple[str, str]] | None = None,
    user_password: str | None = None,
) -> bytes:
    """Return a PDF with one page for each text; "" makes a blank page.

    `labels` maps the index of a page to the style ("/D", "/r", ...) and the prefix of the labels
    from there on. `user_password` "" encrypts the file but lets everyone open it.
    """
    writer = PdfWriter()
    for text in texts:
        _write_text(writer.add_blank_page(width=612, height=792), text)
    for start, (style, prefix) in (labels or {}).items():
        writer.set_page_label(start, len(texts) - 1, style=style, prefix=prefix)
    if user_password is not None:
        writer.encrypt(user_password, owner_password="owner", algorithm="RC4-128")
    return bytes_of(writer)


def outlined(texts: Sequence[str], items: Sequence[Heading]) -> bytes:
    """Return a PDF of these pages with an outline of these headings."""
    writer = PdfWriter(clone_from=BytesIO(make_pdf(texts)))
    above: list[IndirectObject] = []
    for level, title, page, top in items:
        parent = above[level - 2] if level > 1 else None
        fit = Fit.fit() if top is None else Fit.xyz(left=72, top=top)
        item = writer.add_outline_item(title, None if page is None else page - 1, parent, fit=fit)
        above[level - 1 :] = [item]
    return bytes_of(writer)


def make_scanned_pdf(page_count: int) -> bytes:
    """Return a PDF whose pages hold one image each and no text."""
    return make_partly_scanned_pdf([None] * page_count)


def make_partly_scanned_pdf(texts: Sequence[str | None]) -> bytes:
    """Return a PDF with one page for each text; None makes a page with an image and no text."""
    writer = PdfWriter()
    for text in texts:
        page = writer.add_blank_page(width=612, height=792)
        if text is not None:
            _write_text(page, text)
            continue
        _write_image(page, _image(1, 1, b"\x80"))
    return bytes_of(writer)


def make_drawn_pdf(texts: Sequence[str], *, typed: Collection[int] = (), dpi: int = 200) -> bytes:
    """Return a PDF with an image of each text, as scanners make them.

    Only the pages with the indices `typed` have their text as text.
    """
    writer = PdfWriter()
    with pypdfium2.PdfDocument(make_pdf(texts)) as drawn:
        for index, text in enumerate(texts):
            page = writer.add_blank_page(width=612, height=792)
            if index in typed:
                _write_text(page, text)
                continue
            pixels = drawn[index].render(scale=dpi / 72, grayscale=True).to_numpy()
            height, width = pixels.shape[:2]
            _write_image(page, _image(width, height, pixels.tobytes()))
    return bytes_of(writer)


def make_pdf_with_damaged_pages(texts: Sequence[str], damaged: Sequence[int]) -> bytes:
    """Return a PDF in which the pages with the indices `damaged` cannot be extracted."""
    writer = PdfWriter()
    for index, text in enumerate(texts):
        page = writer.add_blank_page(width=612, height=792)
        _write_text(page, text)
        if index in damaged:
            _write_stream(page, b"nothing that draws", filtered_by="/NoSuchFilter")
    return bytes_of(writer)


def make_pdf_for_pdfium(text: str) -> bytes:
    """Return a PDF of one page that PDFium reads and pypdf does not."""
    writer = PdfWriter()
    page = writer.add_blank_page(width=612, height=792)
    _write_text(page, text)
    page["/Contents"].get_object()[NameObject("/Filter")] = NameObject("/NoSuchFilter")
    return bytes_of(writer)


def make_pdf_with_damaged_labels(texts: Sequence[str]) -> bytes:
    """Return a PDF whose page labels are a tree with an empty leaf."""
    writer = PdfWriter()
    for text in texts:
        _write_text(writer.add_blank_page(width=612, height=792), text)
    limits = ArrayObject([NumberObject(0), NumberObject(len(texts) - 1)])
    leaf = DictionaryObject({NameObject("/Limits"): limits})
    labels = DictionaryObject({NameObject("/Kids"): ArrayObject([leaf])})
    writer.root_object[NameObject("/PageLabels")] = labels
    return bytes_of(writer)


def _write_text(page: PageObject, text: str) -> None:
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    font["/Encoding"] = "/WinAnsiEncoding"
    named = DictionaryObject({NameObject(key): NameObject(font[key]) for key in font})
    fonts = DictionaryObject({NameObject("/Font1"): named})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    shown = b" T*\n".join(b"(" + _escaped(line) + b") Tj" for line in text.splitlines())
    _write_stream(page, b"BT /Font1 11 Tf 14 TL 72 720 Td\n" + shown + b" ET" if text else b"")


def _escaped(line: str) -> bytes:
    raw = line.encode("cp1252")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _write_stream(page: PageObject, content: bytes, *, filtered_by: str = "") -> None:
    stream = DecodedStreamObject()
    stream.set_data(content)
    if filtered_by:
        stream[NameObject("/Filter")] = NameObject(filtered_by)
    # A stream within the page itself is against the format, and not all readers see it.
    page[NameObject("/Contents")] = page.indirect_reference.pdf._add_object(stream)


def _write_image(page: PageObject, image: DecodedStreamObject) -> None:
    reference = page.indirect_reference.pdf._add_object(image)
    images = DictionaryObject({NameObject("/Image"): reference})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): images})
    _write_stream(page, b"612 0 0 792 0 0 cm /Image Do")


def _image(width: int, height: int, grey: bytes) -> DecodedStreamObject:
    image = DecodedStreamObject()
    image.set_data(grey)
    image[NameObject("/Type")] = NameObject("/XObject")
    image[NameObject("/Subtype")] = NameObject("/Image")
    image[NameObject("/ColorSpace")] = NameObject("/DeviceGray")
    for key, value in (("/Width", width), ("/Height", height), ("/BitsPerComponent", 8)):
        image[NameObject(key)] = NumberObject(value)
    return image


def bytes_of(writer: PdfWriter) -> bytes:
    """Return the file that a writer holds."""
    target = BytesIO()
    writer.write(target)
    return target.getvalue()
