"""A page of HTML: its charset, and its text as lines.

lxml calls back while it reads, so that neither depth nor size of a page costs a tree.
"""

from __future__ import annotations

import re

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.formats.encodings.names import known_encoding
from rapid_cli.reader.formats.html.writer import Writer
from rapid_cli.reader.plain import decode_text, wide_encoding
from rapid_cli.reader.sections import Line

MAX_HTML = 50 * MEGABYTE

_CHARSET = re.compile(rb"""(?:charset|<\?xml[^>]{1,80}encoding)\s*=\s*["']?([\w.:-]{2,40})""", re.I)
# What pages mean by two names more than texts do, as all browsers read them.
_MEANT = {"ascii": "cp1252", "iso8859-9": "cp1254"}
_HEAD = 16_384  # bytes in which a charset is looked for
# A document type that declares entities of its own, which HTML cannot, and would be shown.
_DECLARATIONS = re.compile(r"(<!doctype[^<>\[]{0,500})\[[^\]]{0,10000}\]\s*>", re.IGNORECASE)


def html_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of the page in a file called `name`, and warnings about its encoding."""
    return written(raw, name, Writer())


def written(raw: bytes, name: str, writer: Writer) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines that a new `writer` makes of a page, and warnings about its encoding."""
    if len(raw) > MAX_HTML:
        message = f"{name} holds a page of more than {MAX_HTML // MEGABYTE} MB"
        raise DocumentError(message, "split it, or save it as PDF")
    text, notes = _decode(raw)
    text = _DECLARATIONS.sub(r"\1>", text[:_HEAD]) + text[_HEAD:]
    if text.strip():
        parser = etree.HTMLParser(target=writer, encoding="utf-8", huge_tree=True)
        etree.fromstring(text.encode(), parser)
    return writer.close(), notes


def _decode(raw: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = None if wide_encoding(raw) or _is_utf8(raw) else _declared(raw)
    if encoding:
        try:
            return clean(raw.decode(encoding)), ()
        except (UnicodeError, LookupError):  # it is not what it says
            pass
    return decode_text(raw)


def _is_utf8(raw: bytes) -> bool:
    """Tell whether other letters than those of ASCII are UTF-8, which no other charset looks like.

    A page that says otherwise has been converted since.
    """
    try:
        return not raw.isascii() and bool(raw.decode())
    except UnicodeDecodeError:
        return False


def _declared(raw: bytes) -> str | None:
    match = _CHARSET.search(raw[:_HEAD])
    if match is None:
        return None
    name = known_encoding(match[1].decode("ascii", "replace"))
    if name is None or name.startswith("utf"):  # the bytes of UTF-16 would have shown
        return None
    return _MEANT.get(name, name)
