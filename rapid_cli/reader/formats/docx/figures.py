"""Charts and diagrams that a document shows, which Word keeps in parts of their own."""

from __future__ import annotations

import zipfile
import zlib
from html import escape
from xml.sax import SAXException

from lxml import etree

from rapid_cli.reader.formats.docx.parts import Parts
from rapid_cli.reader.formats.office.figures import diagram_words, read_chart

CHART = "chart"
DIAGRAM = "diagram"
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, SAXException, etree.XMLSyntaxError)
"""What reading a part raises that is damaged."""

_LARGEST = 100_000  # cells of the tables that a chart becomes


class Figures:
    """The charts and diagrams that the main part shows."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def html(self, kind: str, identity: str) -> str:
        """Return a CHART as a table or the words of a DIAGRAM, nothing if that cannot be read."""
        try:
            root = self._parts.by_id(identity)
        except DAMAGE:
            return ""
        if root is None:
            return ""
        return _chart(root) if kind == CHART else _diagram(root)


def _chart(root: etree._Element) -> str:
    chart = read_chart(root)
    return chart.html if 0 < chart.size <= _LARGEST else ""


def _diagram(root: etree._Element) -> str:
    said = "; ".join(diagram_words(root))
    return f"<p>{escape(f'[diagram: {said}]', quote=False)}</p>" if said else ""
