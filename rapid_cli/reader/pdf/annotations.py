"""Fields of forms and annotations of PDF pages, as texts with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.pdf.layout.letters import Box
from rapid_cli.reader.pdf.layout.placing import Mark

if TYPE_CHECKING:
    from pypdf import PageObject

TICKED, UNTICKED = "[x]", "[ ]"
NOTE, SIGNED = "[note]", "[signed]"
MOST_MARKS = 2_000
"""Annotations of a page that are read; a page of boxes to tick has some hundred."""
_LONGEST = 50_000  # characters of one of them
_DEEPEST = 32  # fields within fields

_HIDDEN = 2 | 32  # not shown at all, and only printed
_PASSWORD, _BUTTON = 1 << 13, 1 << 16
_NO_NOTES = {"/Link", "/Popup", "/Widget", "/FreeText", "/PrinterMark", "/TrapNet", "/Watermark"}
_TAG = re.compile(r"<[^<>]*>")
_PARAGRAPH = re.compile(r"</p\s*>|<br\s*/?>", re.IGNORECASE)


def marks_of(page: PageObject) -> list[Mark]:
    """Return what is seen of the fields and annotations of a page; what is damaged is left out."""
    marks: list[Mark] = []
    with suppress(Exception):  # as on pages, damage surfaces as anything
        listed = _value(page.get("/Annots")) or ()
        for entry in islice(listed, MOST_MARKS):
            with suppress(Exception):
                marks += _marks(_value(entry))
    return marks


def _marks(entry: Any) -> Iterator[Mark]:
    if int(_value(entry.get("/F")) or 0) & _HIDDEN:
        return
    kind = _value(entry.get("/Subtype"))
    if kind == "/Widget":
        text = _field(entry)
    elif kind == "/FreeText":
        text = _text(entry.get("/Contents")) or _untagged(_text(entry.get("/RC")))
    elif kind not in _NO_NOTES and (content := _text(entry.get("/Contents")).strip()):
        author = " ".join(_text(entry.get("/T")).split())
        text = f"{NOTE} {author}: {content}" if author else f"{NOTE} {content}"
    else:
        return
    if text.strip():
        yield Mark(text.strip(), _box(entry), inline=not text.startswith(NOTE))


def _field(entry: Any) -> str:
    """Return what is seen in a field: its value, or whether it is ticked."""
    flags = int(_inherited(entry, "/Ff") or 0)
    value = _inherited(entry, "/V")
    match _inherited(entry, "/FT"):
        case "/Tx" if not flags & _PASSWORD:
            return _text(value)
        case "/Ch":
            return _chosen(value, _inherited(entry, "/Opt"))
        case "/Btn" if not flags & _BUTTON:
            return TICKED if _is_ticked(entry, value) else UNTICKED
        case "/Sig" if value is not None:
            return f"{SIGNED} {_text(value.get('/Name'))}"
    return ""


def _chosen(value: Any, options: Any) -> str:
    """Return the chosen options as they are shown, which may be otherwise than they are stored."""
    shown = {}
    for option in islice(options or (), MOST_MARKS):
        pair = _value(option)
        if isinstance(pair, list) and len(pair) > 1:
            shown[_text(pair[0])] = _text(pair[1])
    chosen = value if isinstance(value, list) else [value]
    texts = [_text(one) for one in islice(chosen, MOST_MARKS)]
    return ", ".join(shown.get(text, text) for text in texts)


def _is_ticked(entry: Any, value: Any) -> bool:
    state = _value(entry.get("/AS"))
    if state is not None:
        return str(state) != "/Off"
    states = _value((_value(entry.get("/AP")) or {}).get("/N"))
    if isinstance(states, dict) and "/Parent" in entry:  # one of several buttons of a field
        return value is not None and str(value) in states
    return value is not None and str(value) not in {"/Off", ""}


def _inherited(entry: Any, key: str) -> Any:
    """Return what a field or one of those around it has under a key, None if none has it."""
    for _ in range(_DEEPEST):
        found = _value(entry.get(key))
        if found is not None:
            return found
        entry = _value(entry.get("/Parent"))
        if entry is None:
            return None
    return None


def _value(entry: Any) -> Any:
    """Return what a reference refers to."""
    found = entry.get_object() if hasattr(entry, "get_object") else entry
    return None if type(found).__name__ == "NullObject" else found


def _text(entry: Any) -> str:
    """Return a string, or the string in a stream, as text; "" for what is none."""
    found = _value(entry)
    if hasattr(found, "get_data"):
        found = found.get_data()
    if isinstance(found, bytes):
        wide = found.startswith(b"\xfe\xff")
        found = found.decode("utf-16" if wide else "cp1252", "replace")
    return clean(str(found))[:_LONGEST] if isinstance(found, str) else ""


def _untagged(rich: str) -> str:
    from html import unescape  # noqa: PLC0415 - rarely needed

    return unescape(_TAG.sub("", _PARAGRAPH.sub("\n", rich)))


def _box(entry: Any) -> Box:
    x, y, other_x, other_y = (float(_value(number)) for number in _value(entry["/Rect"]))
    return Box(min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y))
