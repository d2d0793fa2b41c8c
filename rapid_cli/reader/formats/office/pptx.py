"""PPTX: the slides of a presentation, each a section, with their tables and notes."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.office.parts import Parts, local_name
from rapid_cli.reader.sections import Line

_MAX_SLIDES = 5_000
_TITLES = {"title", "ctrTitle"}
_NOT_OF_THE_SLIDE = {"dt", "ftr", "sldNum", "hdr", "sldImg"}  # on every one of them


def pptx_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of all slides in their order, each below its title."""
    parts = Parts(raw, name)
    begin = next(
        (path for kind, path in parts.relations("").values() if kind == "officeDocument"),
        "ppt/presentation.xml",
    )
    targets = parts.relations(begin)
    slides = [targets[each][1] for each in _relation_ids(parts.tree(begin)) if each in targets]
    if len(slides) > _MAX_SLIDES:
        raise DocumentError(f"{name} has more than {_MAX_SLIDES:,} slides", "split it into parts")
    missing = sum(slide not in parts for slide in slides)
    lines: list[Line] = []
    for number, slide in enumerate(slides, start=1):
        if slide in parts:
            lines += [*_slide_lines(parts, slide, number), Line("")]
    return lines, (f"{missing} of its {len(slides)} slides are missing",) if missing else ()


def _relation_ids(presentation: etree._Element) -> list[str]:
    """Return what the slides are referred to by, in their order."""
    slides = presentation.iterfind("{*}sldIdLst/{*}sldId")
    found = []
    for slide in slides:
        keys = (key for key in slide.attrib if key.endswith("}id"))
        found += [slide.get(key) for key in keys]
    return found


def _slide_lines(parts: Parts, path: str, number: int) -> Iterator[Line]:
    slide = parts.tree(path)
    title = " ".join(" ".join(_paragraphs(each)) for each in _shapes(slide) if _is_title(each))
    called = f"Slide {number}: {title}" if title else f"Slide {number}"
    yield Line(title, 1, one_line(called))
    yield Line("")
    for shape in _shapes(slide):
        if not _is_title(shape):
            yield from _shape_lines(shape)
    relations = parts.relations(path)
    for kind, target in relations.values():
        if kind == "diagramData" and target in parts:
            yield from map(Line, _paragraphs(parts.tree(target)))
        if kind == "notesSlide" and target in parts:
            yield from _notes(parts.tree(target))


def _notes(slide: etree._Element) -> Iterator[Line]:
    lines = [text for shape in _shapes(slide) for text in _paragraphs(shape)]
    if lines:
        yield from (Line(""), Line("Notes:"), *map(Line, lines))


def _shapes(slide: etree._Element) -> Iterator[etree._Element]:
    """Yield what is on a slide, also within groups, as far as it is of this slide alone."""
    for shape in slide.iter("{*}sp", "{*}graphicFrame", "{*}pic"):
        if _placeholder(shape) not in _NOT_OF_THE_SLIDE:
            yield shape


def _placeholder(shape: etree._Element) -> str:
    """Return which place of the layout a shape fills, or nothing."""
    found = next(shape.iterfind("{*}nvSpPr/{*}nvPr/{*}ph"), None)
    return "" if found is None else found.get("type") or "body"


def _is_title(shape: etree._Element) -> bool:
    return _placeholder(shape) in _TITLES


def _shape_lines(shape: etree._Element) -> Iterator[Line]:
    if local_name(shape) == "pic":
        named = next(shape.iterfind("{*}nvPicPr/{*}cNvPr"), None)
        described = "" if named is None else (named.get("descr") or "").strip()
        if described:
            yield Line(f"[picture: {' '.join(described.split())}]")
        return
    tables = list(shape.iter("{*}tbl"))
    for table in tables:
        yield from (Line(""), *_table_lines(table), Line(""))
    if not tables:
        texts = list(_paragraphs(shape))
        yield from map(Line, texts)
        if texts:
            yield Line("")


def _table_lines(table: etree._Element) -> Iterator[Line]:
    for row in table.iter("{*}tr"):
        cells = [" ".join(_paragraphs(cell)) for cell in row.iterfind("{*}tc")]
        if any(cells):
            yield Line(" | ".join(cells))


def _paragraphs(element: etree._Element) -> Iterator[str]:
    """Yield the paragraphs of text that are not empty."""
    for paragraph in element.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}p"):
        pieces = [
            " " if local_name(each) in {"br", "tab"} else each.text or ""
            for each in paragraph.iter("{*}t", "{*}br", "{*}tab")
        ]
        if text := " ".join("".join(pieces).split()):
            yield text
