"""EPUB and DOCX files for tests, written with zipfile, and how tests read what they wrote."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO

import pytest

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_PACKAGES = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
_TYPES = f"""<Types xmlns="{_PACKAGES}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/></Types>"""
_RELATIONS = f"""<Relationships xmlns="{_PACKAGES}/relationships"><Relationship Id="r1"
Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>"""
_STYLES = f"""<w:styles {WORD}>
<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/></w:style>
</w:styles>"""


def read(raw: bytes, name: str) -> Document:
    """Read bytes as the file `name` of a folder."""
    return reading.read_bytes(raw, name=name, path=f"/folder/{name}")


def refusal(raw: bytes, name: str) -> DocumentError:
    """Return the error of a file, after a look at its form."""
    with pytest.raises(DocumentError) as caught:
        read(raw, name)
    assert caught.value.message.startswith(name)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def labels(document: Document) -> list[str | None]:
    """Return the labels of the pages."""
    return [page.label for page in document.pages]


def make_zip(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def make_epub(
    chapters: Mapping[str, str],
    *,
    order: Sequence[str] | None = None,
    contents: Mapping[str, str] | None = None,
    more: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return an EPUB of XHTML bodies by file name, in the `order` of reading if that differs.

    `contents` are the titles of the table of contents by file name, `more` further members.
    """
    items = "".join(
        f'<item id="i{at}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
        for at, name in enumerate(chapters)
    )
    places = {name: at for at, name in enumerate(chapters)}
    spine = "".join(f'<itemref idref="i{places.get(each, 99)}"/>' for each in order or chapters)
    points = "".join(
        f"<navPoint><navLabel><text>{title}</text></navLabel><content src='{name}'/></navPoint>"
        for name, title in (contents or {}).items()
    )
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f'{items}<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        f"<spine>{spine}</spine></package>",
        "OPS/toc.ncx": f"<ncx xmlns='http://www.daisy.org/z3986/2005/ncx/'>{points}</ncx>",
    }
    for name, body in chapters.items():
        members[f"OPS/{name}"] = (
            '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
            f"<head><title/></head><body>{body}</body></html>"
        )
    return make_zip(members | dict(more or {}))


def make_docx(body: str, **more: str) -> bytes:
    """Return a DOCX of the XML of a body; H1 and H2 are the styles of its headings."""
    return make_zip(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _RELATIONS,
            "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": _STYLES,
        }
        | more
    )


def paragraph(text: str, style: str = "") -> str:
    """Return the XML of a paragraph in a DOCX."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"
