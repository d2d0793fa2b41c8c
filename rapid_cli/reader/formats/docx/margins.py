"""Headers and footers, each once, however many pages and sections show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from rapid_cli.reader.formats.docx.figures import DAMAGE
from rapid_cli.reader.formats.docx.names import attribute, full_names, is_on, tag
from rapid_cli.reader.formats.docx.parts import Parts
from rapid_cli.reader.formats.docx.story import Known, story_lines
from rapid_cli.reader.sections import Line

TITLE = "Headers and footers"

_KINDS = {"w:headerReference": "Header", "w:footerReference": "Footer"}


def margin_lines(
    parts: Parts, known: Known, settings: etree._Element | None
) -> tuple[list[Line], tuple[str, ...]]:
    """Return a section of the headers and footers that pages show, and a warning of damage."""
    # Logos there are no loss; and what they call a chart is not what the main part calls so.
    apart = replace(known, lost=Counter(), figure=lambda _, __: "")
    texts: dict[str, None] = {}
    damaged = 0
    for kind, identity in dict.fromkeys(_references(parts.document, settings)):
        try:
            texts |= dict.fromkeys(_texts(kind, parts.by_id(identity), apart))
        except DAMAGE:
            damaged += 1
    lines = [Line(text) for text in texts]
    head = [Line(""), Line(TITLE, 1, TITLE), Line("")] if lines else []
    warning = ("a header or footer is damaged and not read",) if damaged else ()
    return [*head, *lines], warning


def _texts(kind: str, root: etree._Element | None, known: Known) -> Iterator[str]:
    for line in () if root is None else story_lines(root, known):
        if line.text.strip():
            yield f"{kind}: {line.text.strip()}"


def _references(
    document: etree._Element, settings: etree._Element | None
) -> Iterator[tuple[str, str | None]]:
    """Yield which headers and footers some page shows, by kind and by the name of their part."""
    different = {"even": is_on(settings, "w:evenAndOddHeaders")}
    for section in document.iter(*full_names("w:sectPr")):
        if tag(section.getparent()) == "w:sectPrChange":
            continue
        different["first"] = is_on(section, "w:titlePg")
        for each in section:
            if tag(each) in _KINDS and different.get(attribute(each, "w:type") or "", True):
                yield _KINDS[tag(each)], attribute(each, "r:id")
