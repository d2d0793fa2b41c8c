"""DOCX: the lines of a document, from its parts to its sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import BytesIO

from rapid_cli.reader.archive import Archive
from rapid_cli.reader.formats.docx.figures import Figures
from rapid_cli.reader.formats.docx.margins import margin_lines
from rapid_cli.reader.formats.docx.names import child
from rapid_cli.reader.formats.docx.notes import by_id, read_notes
from rapid_cli.reader.formats.docx.numbering import Numbering
from rapid_cli.reader.formats.docx.parts import Parts
from rapid_cli.reader.formats.docx.story import Known, Story, lines_of
from rapid_cli.reader.formats.docx.styles import Styles
from rapid_cli.reader.formats.office.losses import MOST_KINDS, loss_notes
from rapid_cli.reader.sections import Line


def docx_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of a document called `name`, and warnings of what is not among them."""
    archive = Archive(BytesIO(raw), name)
    archive.check()
    parts = Parts(archive, name)
    settings = parts.by_kind("settings")
    styles = Styles(parts.by_kind("styles"))
    document = parts.document
    known = Known(
        styles,
        Numbering(parts.by_kind("numbering"), styles),
        read_notes("footnote", parts.by_kind("footnotes"), document, settings, "decimal"),
        read_notes("endnote", parts.by_kind("endnotes"), document, settings, "lowerRoman"),
        by_id("w:comment", parts.by_kind("comments")),
        Figures(parts).html,
    )
    body = child(document, "w:body")
    html = "" if body is None else Story(body, known).html()
    margins, damage = margin_lines(parts, known, settings)
    lines = lines_of(html + "".join(known.last), name)
    return [*lines, *margins], (*damage, *_warnings(known.lost, known.numbering.unknown))


def _warnings(lost: Counter[str], unknown: set[str]) -> Iterator[str]:
    """Yield sentences on what a reader of the document sees, and its text does not say."""
    yield from loss_notes(lost)
    if unknown:
        kinds = ", ".join(sorted(unknown)[:MOST_KINDS])
        yield f"numbers that are written as {kinds} are shown in figures"
