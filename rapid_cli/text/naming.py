"""What documents, and places in them, are called where a person or a model reads it.

A name or a label comes from whoever made the file. It is told so that it ends where it ends, and
looks like no other name, page or library.
"""

from __future__ import annotations

import re

from rapid_cli.documents import Document, origin_of
from rapid_cli.text.printable import printable_line

LONGEST_NAME, LONGEST_HEADING, LONGEST_LABEL = 255, 120, 40
_PLAIN_LABEL = re.compile(r"[\w.*+/–-]{1,16}")
_SEPARATING = re.compile(r"[,“”\"]")


def title(name: str) -> str:
    """Return a document's name as one line that is not too long."""
    return _cut(printable_line(name), LONGEST_NAME)


def told_name(document: Document) -> str:
    """Return what a document is called in front of a place in it; whose it is, if not one's own."""
    name, origin = title(document.name), origin_of(document.path)
    if origin is not None:
        return f"{_quoted(name)} (shared from {printable_line(origin)})"
    return _quoted(name) if _SEPARATING.search(name) else name


def told_label(label: str) -> str:
    """Return what is printed on a page, in quotes if that is more than a number of any kind."""
    if _PLAIN_LABEL.fullmatch(label):
        return label
    return _quoted(_cut(printable_line(label), LONGEST_LABEL))


def told_heading(heading: str) -> str:
    """Return the heading of a section in quotes."""
    return _quoted(_cut(printable_line(heading), LONGEST_HEADING))


def _quoted(text: str) -> str:
    """Return a text in quotes that it cannot end itself."""
    return f"“{re.sub('[“”]', chr(39), text)}”"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
