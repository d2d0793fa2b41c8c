"""What stands in a paragraph besides its letters: text boxes, pictures, and what is not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.docx.figures import CHART, DIAGRAM
from rapid_cli.reader.formats.docx.names import attribute, full_names, is_known, tag

PICTURE = "picture without a description"
EQUATION = "equation kept as a picture"

_FILE_NAME = re.compile(r"[^/]{0,200}\.(png|jpe?g|gif|bmp|tiff?|[we]mf|svg)", re.IGNORECASE)
_BY_MACHINE = re.compile(
    r"\s*(AI-generated content may be incorrect|Description automatically generated)"
    r"[\w\s]{0,40}\.?$"
)
_EQUATIONS = ("equation", "mathtype")
_LOST = {
    "cx:chart": CHART,
    "w:control": "control of a form",
    "pic:pic": PICTURE,
    "v:imagedata": PICTURE,
}
_FIGURES = {"c:chart": (CHART, "r:id"), "dgm:relIds": (DIAGRAM, "r:dm")}
_DECORATIVE = full_names("adec:decorative")
_DESCRIBED = {"wp:docPr", "pic:cNvPr", "v:shape", "v:rect", "v:group"}


@dataclass(slots=True)
class Shown:
    """What a drawing shows: text boxes, texts, charts and diagrams by kind and id, what is lost."""

    boxes: list[etree._Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def shown(element: etree._Element) -> Shown:
    """Return what a `w:drawing`, `w:pict` or `w:object` shows."""
    found = Shown()
    descriptions: list[str] = []
    _look(element, found, descriptions)
    if not found.boxes:
        found.texts += [f"[picture: {each}]" for each in dict.fromkeys(descriptions)]
        if descriptions:
            found.lost = [kind for kind in found.lost if kind != PICTURE]
    return found


def chosen(element: etree._Element) -> Iterator[etree._Element]:
    """Yield what is in the first alternative of which all is known, or in the last one."""
    last: etree._Element | None = None
    for each in element:
        last = each
        needed = (each.get("Requires") or "").split()
        if tag(each) == "mc:Choice" and all(is_known(each.nsmap.get(one, "")) for one in needed):
            break
    yield from () if last is None else last


def _look(elements: Iterable[etree._Element], found: Shown, descriptions: list[str]) -> None:
    for each in elements:
        name = tag(each)
        if name == "w:txbxContent":
            found.boxes.append(each)
        elif name == "mc:AlternateContent":
            _look(chosen(each), found, descriptions)
        else:
            _take(each, name, found)
            if name in _DESCRIBED:
                descriptions += _description(each)
            _look(each, found, descriptions)


def _take(element: etree._Element, name: str, found: Shown) -> None:
    if name in _LOST:
        found.lost.append(_LOST[name])
    elif name in _FIGURES:
        kind, identity = _FIGURES[name]
        found.figures.append((kind, attribute(element, identity) or ""))
    elif name == "o:OLEObject":  # the picture before it only shows the object
        found.lost = [_embedded(element.get("ProgID") or "")]
    elif name == "v:textpath":
        found.texts.append(element.get("string") or "")


def _embedded(program: str) -> str:
    if program.lower().startswith(_EQUATIONS):
        return EQUATION
    return f"object embedded by {one_line(program, 40)}" if program else "object embedded"


def _description(element: etree._Element) -> list[str]:
    """Return what a picture shows in the words of its author, unless it only decorates."""
    for mark in element.iter(*_DECORATIVE) if tag(element) == "wp:docPr" else ():
        if mark.get("val") in {"1", "true"}:
            return []
    said = element.get("descr") or element.get("title") or element.get("alt") or ""
    words = _BY_MACHINE.sub("", " ".join(said.split()))
    return [] if not words or _FILE_NAME.fullmatch(words) else [words]
