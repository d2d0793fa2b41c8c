"""The XML parts of zipped office files, and what they refer to, read within bounds."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE, Archive

_MAX_TREE = 30 * MEGABYTE  # of a part that is read as a whole; its tree takes some times as much

_PARAGRAPHS = (
    "{http://schemas.openxmlformats.org/drawingml/2006/main}p",
    "{http://purl.oclc.org/ooxml/drawingml/main}p",
)
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError)
"""What reading a part raises that is damaged."""


class _TooLarge(DocumentError):
    """A part that is larger than those that are read."""


class Parts:
    """The parts of a file called `name`; DocumentError where they break bounds."""

    def __init__(self, raw: bytes, name: str) -> None:
        self._archive = Archive(BytesIO(raw), name)
        self._archive.check()
        self._name = name

    def __contains__(self, part: str) -> bool:
        return part in self._archive

    def tree(self, part: str) -> etree._Element:
        """Return a part as a tree; ValueError if it is missing or no XML."""
        if part not in self._archive:
            raise ValueError(f"its part {part} is missing")
        raw = self._archive.read(part)
        if len(raw) > _MAX_TREE:
            message = f"{self._name} has a part of more than {_MAX_TREE // MEGABYTE} MB"
            raise _TooLarge(message, "split it, or save it as PDF")
        try:
            return etree.fromstring(raw, _parser())
        except etree.XMLSyntaxError as error:
            raise ValueError(f"its part {part} is damaged") from error

    def spare_tree(self, part: str) -> etree._Element | None:
        """Return a part without which the others can be read, None if it cannot be read."""
        try:
            return self.tree(part)
        except (*DAMAGE, _TooLarge):
            return None

    def elements(self, part: str, *tags: str) -> Iterator[etree._Element]:
        """Yield the elements of a part that are called so, each forgotten after its use."""
        source = BytesIO(self._archive.read(part))
        names = [f"{{*}}{tag}" for tag in tags]
        found = etree.iterparse(
            source, tag=names, resolve_entities=False, no_network=True, load_dtd=False
        )
        try:
            for _, element in found:
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise ValueError(f"its part {part} is damaged") from error

    def spare_relations(self, part: str) -> dict[str, tuple[str, str]] | None:
        """Return what `relations` does, None if that cannot be read."""
        try:
            return self.relations(part)
        except (*DAMAGE, _TooLarge):
            return None

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the kind and the path of each part that another one refers to, by its id."""
        folder, _, file = part.rpartition("/")
        list_of_them = f"{folder}/_rels/{file}.rels".lstrip("/")
        if list_of_them not in self._archive:
            return {}
        found = {}
        for each in self.tree(list_of_them).iter("{*}Relationship"):
            target = posixpath.join("/", folder, each.get("Target") or "")
            kind = (each.get("Type") or "").rpartition("/")[2]
            found[each.get("Id") or ""] = kind, posixpath.normpath(target).lstrip("/")
        return found


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace; nothing for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute whatever its namespace, or nothing."""
    ends = f"}}{name}"
    found = (value for key, value in element.attrib.items() if key == name or key.endswith(ends))
    return str(next(found, ""))


def paragraphs(element: etree._Element) -> Iterator[str]:
    """Yield the paragraphs of text in a drawing that are not empty."""
    for paragraph in element.iter(*_PARAGRAPHS):
        pieces = [
            " " if local_name(each) in {"br", "tab"} else each.text or ""
            for each in paragraph.iter("{*}t", "{*}br", "{*}tab")
        ]
        if text := " ".join("".join(pieces).split()):
            yield text
