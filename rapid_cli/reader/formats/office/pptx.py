"""PPTX: the slides of a presentation, each a section, with comments and the speaker's notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.office.comments import people, slide_comments
from rapid_cli.reader.formats.office.drawings import Drawings, Relations, shapes
from rapid_cli.reader.formats.office.losses import loss_notes
from rapid_cli.reader.formats.office.parts import Parts, paragraphs
from rapid_cli.reader.sections import Line

_MAX_SLIDES = 5_000
_TITLES = {"title", "ctrTitle"}
_AUTHORS = {"commentAuthors", "authors"}
_NOT_OF_THE_SLIDE = {"dt", "ftr", "sldNum", "hdr", "sldImg"}  # on every one of them


def pptx_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of all slides in their order, each below its title, and warnings."""
    presentation = _Presentation(Parts(raw, name), name)
    return presentation.lines(), tuple(presentation.warnings())


class _Presentation:
    """A presentation whose slides are read one after the other."""

    def __init__(self, parts: Parts, name: str) -> None:
        self._parts = parts
        begin = next(
            (path for kind, path in parts.relations("").values() if kind == "officeDocument"),
            "ppt/presentation.xml",
        )
        targets = parts.relations(begin)
        self._slides = [
            targets[each][1] for each in _relation_ids(parts.tree(begin)) if each in targets
        ]
        if len(self._slides) > _MAX_SLIDES:
            message = f"{name} has more than {_MAX_SLIDES:,} slides"
            raise DocumentError(message, "split it into parts")
        self._authors: dict[str, str] = {}
        for kind, path in targets.values():
            self._authors |= people(parts, path) if kind in _AUTHORS else {}
        self._missing, self._damaged = 0, 0
        self._lost: Counter[str] = Counter()
        self._drawings = Drawings(parts, self._lost)

    def lines(self) -> list[Line]:
        """Return the lines of all slides."""
        lines: list[Line] = []
        for number, path in enumerate(self._slides, start=1):
            slide = self._parts.spare_tree(path)
            if slide is not None:
                lines += [*self._slide_lines(slide, path, number), Line("")]
            elif path in self._parts:
                self._damaged += 1
            else:
                self._missing += 1
        if self._damaged == len(self._slides) > 0:
            raise ValueError("all of its slides are damaged")
        return lines

    def warnings(self) -> Iterator[str]:
        """Yield sentences on what is not read, after all lines."""
        for count, what in ((self._missing, "missing"), (self._damaged, "damaged")):
            if count:
                verb = "is" if count == 1 else "are"
                yield f"{count} of its {len(self._slides)} slides {verb} {what}"
        yield from loss_notes(self._lost)

    def _slide_lines(self, slide: etree._Element, path: str, number: int) -> Iterator[Line]:
        title = " ".join(" ".join(paragraphs(each)) for each in _shapes(slide) if _is_title(each))
        called = f"Slide {number}: {title}" if title else f"Slide {number}"
        yield Line(title, 1, one_line(called))
        yield Line("")
        place = f"slide {number}"
        relations = self._parts.spare_relations(path)
        if relations is None:
            self._lost[f"list of what belongs to {place}"] += 1
            relations = {}
        for shape in _shapes(slide):
            if not _is_title(shape):
                yield from self._drawings.lines(shape, relations, place)
        yield from self._comments(relations, place)
        yield from self._notes(relations, place)

    def _comments(self, relations: Relations, place: str) -> Iterator[Line]:
        for root in self._belonging("comments", relations, f"list of comments on {place}"):
            yield from (Line(said) for said in slide_comments(root, self._authors) if said)

    def _notes(self, relations: Relations, place: str) -> Iterator[Line]:
        for root in self._belonging("notesSlide", relations, f"page of notes on {place}"):
            lines = [text for shape in _shapes(root) for text in paragraphs(shape)]
            if lines:
                yield from (Line(""), Line("Notes:"), *map(Line, lines))

    def _belonging(self, kind: str, relations: Relations, called: str) -> Iterator[etree._Element]:
        """Yield the parts of a kind that belong to a slide, and count those that are damaged."""
        for each, path in relations.values():
            if each == kind and path in self._parts:
                root = self._parts.spare_tree(path)
                if root is None:
                    self._lost[called] += 1
                else:
                    yield root


def _relation_ids(presentation: etree._Element) -> list[str]:
    """Return what the slides are referred to by, in their order."""
    slides = presentation.iterfind("{*}sldIdLst/{*}sldId")
    found = []
    for slide in slides:
        keys = (key for key in slide.attrib if key.endswith("}id"))
        found += [slide.get(key) for key in keys]
    return found


def _shapes(slide: etree._Element) -> Iterator[etree._Element]:
    """Yield what is on a slide as far as it is of this slide alone."""
    return (each for each in shapes(slide) if _placeholder(each) not in _NOT_OF_THE_SLIDE)


def _placeholder(shape: etree._Element) -> str:
    """Return which place of the layout a shape fills, or nothing."""
    found = next(shape.iterfind("{*}nvSpPr/{*}nvPr/{*}ph"), None)
    return "" if found is None else found.get("type") or "body"


def _is_title(shape: etree._Element) -> bool:
    return _placeholder(shape) in _TITLES
