"""The parts of a DOCX: XML that others refer to, parsed within bounds."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE, Archive

_MAX_ELEMENTS = 300_000  # lxml takes half a kB of memory for each; 870 pages have 100,000
_MAX_BYTES = 50 * MEGABYTE  # 870 pages have 5 MB
_MAX_DEPTH = 500
_MAX_ATTRIBUTES = 1_000  # of one element


class _Relation(NamedTuple):
    """What a part refers to: the kind, such as "footnotes", and the member."""

    kind: str
    member: str


class Parts:
    """The parts of a DOCX; DocumentError where all that are read are too large together."""

    def __init__(self, archive: Archive, name: str) -> None:
        """Find the main part, from which all others are found."""
        self._archive = archive
        self._counter = _Counter(name)
        start = next(self._of_kind(self._relations(""), "officeDocument"), "word/document.xml")
        self._related = self._relations(start)
        self._folder = posixpath.dirname(start)
        self.document = self._root(start)

    def by_kind(self, kind: str) -> etree._Element | None:
        """Return the root of the part of a kind, such as "styles", if there is one."""
        usual = posixpath.join(self._folder, f"{kind}.xml")
        member = next(self._of_kind(self._related, kind), usual)
        return self._root(member) if member in self._archive else None

    def by_id(self, identity: str | None) -> etree._Element | None:
        """Return the root of the part that the main part calls so, if there is one."""
        relation = self._related.get(identity or "")
        if relation is None or relation.member not in self._archive:
            return None
        return self._root(relation.member)

    def _relations(self, part: str) -> dict[str, _Relation]:
        """Return what a part refers to inside the archive, by the names it has for that."""
        folder, file = posixpath.split(part)
        member = posixpath.join(folder, "_rels", f"{file}.rels")
        if member not in self._archive:
            return {}
        found = {}
        for each in self._root(member):
            kind = (each.get("Type") or "").rpartition("/")[2]
            if each.get("TargetMode") != "External":
                path = posixpath.normpath(posixpath.join("/", folder, each.get("Target") or ""))
                found[each.get("Id") or ""] = _Relation(kind, path.lstrip("/"))
        return found

    def _of_kind(self, relations: Mapping[str, _Relation], kind: str) -> Iterator[str]:
        return (each.member for each in relations.values() if each.kind == kind)

    def _root(self, member: str) -> etree._Element:
        part = self._archive.read(member)
        self._counter.count(part)
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=True,  # its size was counted already
            remove_comments=True,
            remove_pis=True,
        )
        return etree.fromstring(part, parser)


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
