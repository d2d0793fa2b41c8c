"""DOCX: Word's paragraphs, headings and tables, by way of HTML."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE, Archive
from rapid_cli.reader.html import html_lines
from rapid_cli.reader.sections import Line

_MAX_ELEMENTS = 300_000  # mammoth takes 2 kB of memory for each; 870 pages have 100,000
_MAX_BYTES = 50 * MEGABYTE  # 870 pages have 5 MB
_MAX_DEPTH = 500
_MAX_ATTRIBUTES = 1_000  # of one element
_PARTS = (".xml", ".rels")
# What mammoth does not read, so that damage there does no harm.
_UNREAD = re.compile(
    r"(word/(header|footer|theme|settings|webSettings|fontTable|glossary)|docProps)"
)


def docx_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of a document without its pictures, headers and footers."""
    import mammoth  # noqa: PLC0415 - keeps `rapid --help` fast

    archive = Archive(BytesIO(raw), name)
    archive.check()
    html = mammoth.convert_to_html(_checked_copy(archive, name), convert_image=lambda _: []).value
    return html_lines(html.encode(), name)


def _checked_copy(archive: Archive, name: str) -> BytesIO:
    """Return the archive with only its XML, none of it larger than it says or than allowed."""
    copy = BytesIO()
    counter = _Counter(name)
    with zipfile.ZipFile(copy, "w") as target:
        for member in archive.names():
            if member.endswith(_PARTS) and not _UNREAD.match(member):
                part = archive.read(member)
                counter.count(part)
                target.writestr(member, part)
    copy.seek(0)
    return copy


class _Counter(ContentHandler):
    """Counts the elements of XML parts; DocumentError where there are too many."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._elements = 0
        self._bytes = 0
        self._depth = 0

    def count(self, part: bytes) -> None:
        """Read one part; entities, of which Word writes none, are an error."""
        from defusedxml import DefusedXmlException  # noqa: PLC0415 - slow, and rarely needed
        from defusedxml.sax import parseString  # noqa: PLC0415

        self._depth = 0
        self._bytes += len(part)
        self._check()
        try:
            parseString(part, self, forbid_dtd=True)
        except DefusedXmlException as error:
            raise ValueError("it declares entities, which Word never does") from error

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: ARG002, N802
        """Count an element."""
        self._elements += 1 if len(attrs) <= _MAX_ATTRIBUTES else _MAX_ELEMENTS
        self._depth += 1
        self._check()

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802
        """Leave an element."""
        self._depth -= 1

    def _check(self) -> None:
        too_large = self._elements > _MAX_ELEMENTS or self._bytes > _MAX_BYTES
        if too_large or self._depth > _MAX_DEPTH:
            message = f"{self._name} is larger or deeper than a document of 2,000 pages"
            raise DocumentError(message, "save it as PDF")
