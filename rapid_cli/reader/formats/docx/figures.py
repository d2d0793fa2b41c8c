"""Charts and diagrams: the numbers and words in them, that Word keeps in parts of their own."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from html import escape
from xml.sax import SAXException

from lxml import etree

from rapid_cli.reader.formats.docx.names import child, full_names, tag, whole
from rapid_cli.reader.formats.docx.parts import Parts

CHART = "chart"
DIAGRAM = "diagram"
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, SAXException, etree.XMLSyntaxError)
"""What reading a part raises that is damaged."""

_LARGEST = 100_000  # cells of the table that a chart becomes


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
    series = list(root.iter(*full_names("c:ser")))
    names = [_words(child(each, "c:tx")) for each in series]
    values = [_points(each, ("c:val", "c:yVal")) for each in series]
    places = sorted({place for each in values for place in each})
    if not places or len(places) * len(series) > _LARGEST:
        return ""
    heads = _points(series[0], ("c:cat", "c:xVal"))
    rows = [["", *names]] if any(names) else []
    rows += [[heads.get(at, ""), *(each.get(at, "") for each in values)] for at in places]
    title = _words(child(root, "c:chart", "c:title"))
    return f"<p>{_said(f'[chart: {title}]' if title else '[chart]')}</p>{_table(rows)}"


def _points(series: etree._Element, names: tuple[str, ...]) -> dict[int, str]:
    """Return what a series has for each place, as it was when the document was saved."""
    found: dict[int, str] = {}
    for each in series:
        for point in each.iter(*full_names("c:pt")) if tag(each) in names else ():
            found[whole(point.get("idx")) or 0] = _words(point)
    return found


def _diagram(root: etree._Element) -> str:
    texts = (_words(child(each, "dgm:t")) for each in root.iter(*full_names("dgm:pt")))
    said = "; ".join(text for text in texts if text)
    return f"<p>{_said(f'[diagram: {said}]')}</p>" if said else ""


def _words(element: etree._Element | None) -> str:
    """Return the text in an element, of values and of letters."""
    return " ".join(_texts(element))


def _texts(element: etree._Element | None) -> Iterator[str]:
    names = (*full_names("c:v"), *full_names("a:t"))
    for each in () if element is None else element.iter(*names):
        yield from (each.text or "").split()


def _table(rows: Iterable[Iterable[str]]) -> str:
    lines = ("".join(f"<td>{_said(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _said(text: str) -> str:
    return escape(text, quote=False)
