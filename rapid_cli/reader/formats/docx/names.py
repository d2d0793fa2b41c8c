"""The names of elements and attributes in the parts of a DOCX, in both kinds of namespaces."""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree

_OFFICE = "http://schemas.openxmlformats.org/"
_MICROSOFT = "http://schemas.microsoft.com/office/"
# What Word writes as a rule; and what it writes when told to keep to the strict standard.
_NAMESPACES = {
    "w": (_OFFICE + "wordprocessingml/2006/main", "wordprocessingml/main"),
    "m": (_OFFICE + "officeDocument/2006/math", "officeDocument/math"),
    "r": (_OFFICE + "officeDocument/2006/relationships", "officeDocument/relationships"),
    "wp": (_OFFICE + "drawingml/2006/wordprocessingDrawing", "drawingml/wordprocessingDrawing"),
    "a": (_OFFICE + "drawingml/2006/main", "drawingml/main"),
    "c": (_OFFICE + "drawingml/2006/chart", "drawingml/chart"),
    "dgm": (_OFFICE + "drawingml/2006/diagram", "drawingml/diagram"),
    "pic": (_OFFICE + "drawingml/2006/picture", "drawingml/picture"),
    "mc": (_OFFICE + "markup-compatibility/2006", ""),
    "w14": (_MICROSOFT + "word/2010/wordml", ""),
    "wps": (_MICROSOFT + "word/2010/wordprocessingShape", ""),
    "wpg": (_MICROSOFT + "word/2010/wordprocessingGroup", ""),
    "wpc": (_MICROSOFT + "word/2010/wordprocessingCanvas", ""),
    "cx": (_MICROSOFT + "drawing/2014/chartex", ""),
    "adec": (_MICROSOFT + "drawing/2017/decorative", ""),
    "v": ("urn:schemas-microsoft-com:vml", ""),
    "o": ("urn:schemas-microsoft-com:office:office", ""),
}
_STRICT = "http://purl.oclc.org/ooxml/"
_PREFIXES = {uri: prefix for prefix, (uri, _) in _NAMESPACES.items()}
_PREFIXES |= {_STRICT + strict: prefix for prefix, (_, strict) in _NAMESPACES.items() if strict}
_OFF = {"0", "false", "off"}
_NUMBER = re.compile(r"[+-]?\d{1,9}$")


def tag(element: etree._Element) -> str:
    """Return the name of an element, such as "w:p", or nothing for one of another standard."""
    return _short(element.tag)


def attribute(element: etree._Element | None, name: str) -> str | None:
    """Return an attribute such as "w:val", if there is an element that has it."""
    if element is None:
        return None
    usual, strict = full_names(name)
    found: str | None = element.get(usual)
    return element.get(strict) if found is None else found


@lru_cache(maxsize=256)
def full_names(name: str) -> tuple[str, str]:
    """Return a name such as "w:val" as lxml writes it, in the usual namespace and the strict."""
    prefix, _, local = name.rpartition(":")
    if not prefix:
        return name, name
    usual, strict = _NAMESPACES[prefix]
    return f"{{{usual}}}{local}", f"{{{_STRICT + strict if strict else usual}}}{local}"


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """Return the first element at the end of a path of names below another one."""
    for name in path:
        if element is None:
            return None
        element = next((each for each in element if tag(each) == name), None)
    return element


def text(element: etree._Element | None, *path: str) -> str | None:
    """Return the `w:val` of what `child` finds."""
    return attribute(child(element, *path), "w:val")


def number(element: etree._Element | None, *path: str) -> int | None:
    """Return the whole number of what `child` finds, if it is one."""
    return whole(text(element, *path))


def whole(value: str | None) -> int | None:
    """Return a whole number that is written as such."""
    return int(value) if value and _NUMBER.match(value) else None


def is_on(element: etree._Element | None, *path: str) -> bool:
    """Tell whether what `child` finds is there, and not turned off."""
    return switch(child(element, *path)) or False


def switch(element: etree._Element | None) -> bool | None:
    """Tell whether an element turns something on or off; None without the element."""
    if element is None:
        return None
    value = attribute(element, "w:val")
    return value is None or value.lower() not in _OFF


def is_known(uri: str) -> bool:
    """Tell whether elements of a namespace have a name here, or say only how others are drawn."""
    return uri in _PREFIXES or uri.endswith("/chartex")


@lru_cache(maxsize=2048)
def _short(name: str) -> str:
    uri, _, local = name[1:].partition("}")
    prefix = _PREFIXES.get(uri)
    return f"{prefix}:{local}" if prefix else ""
