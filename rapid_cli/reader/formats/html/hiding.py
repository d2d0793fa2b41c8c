"""What of a page a person does not see."""

from __future__ import annotations

import re
from collections.abc import Mapping

UNSEEN = frozenset(
    re.findall(
        r"\w+",
        "dialog script style noscript template head iframe video audio canvas datalist rp"
        " defs symbol metadata desc",
    )
)
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
# Classes by which the common libraries of styles hide what is only read aloud.
_SPOKEN = frozenset(
    ["sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "screen-reader-only"]
)
# Of a book: what points to places in it, and the numbers of printed pages amid its text.
_SIGNPOSTS = frozenset(["landmarks", "page-list", "pagebreak", "doc-pagelist", "doc-pagebreak"])


def is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    """Tell whether an element is not shown."""
    if tag in UNSEEN and not (tag == "dialog" and "open" in attributes):
        return True
    if "hidden" in attributes:
        return True
    if "style" in attributes and _HIDDEN.search(attributes["style"]):
        return True
    if "class" in attributes and not _SPOKEN.isdisjoint(attributes["class"].split()):
        return True
    return not _SIGNPOSTS.isdisjoint(purposes(attributes))


def purposes(attributes: Mapping[str, str]) -> list[str]:
    """Return what a book says that an element is for, such as footnote or doc-footnote."""
    if "epub:type" not in attributes and "role" not in attributes:
        return []
    return f"{attributes.get('epub:type', '')} {attributes.get('role', '')}".lower().split()


def is_second_formula(tag: str, attributes: Mapping[str, str]) -> bool:
    """Tell whether an element shows for the eye the formula that is also there as MathML."""
    if attributes.get("aria-hidden") != "true":
        return False
    return tag == "nobr" or "katex-html" in attributes.get("class", "").split()
