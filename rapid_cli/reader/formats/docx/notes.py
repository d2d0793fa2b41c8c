"""The notes of a document, by the numbers that Word gives them, and its comments."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from rapid_cli.reader.formats.docx.letters.numerals import numeral
from rapid_cli.reader.formats.docx.names import attribute, child, full_names, number, tag, text


@dataclass(slots=True)
class Notes:
    """Footnotes or endnotes: the marks that call them, in the order in which they are called."""

    kind: str
    start: int
    by_section: bool
    elements: dict[str, etree._Element]
    called: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def call(self, reference: etree._Element, own_mark: str) -> tuple[str, etree._Element | None]:
        """Return the mark of a note, and the note if it is called for the first time.

        `own_mark` is what the author has put in the place of a number.
        """
        identity = attribute(reference, "w:id") or ""
        if identity in self.called:
            return self.called[identity], None
        self.count += not own_mark
        mark = own_mark or numeral(self.start + self.count - 1, self.kind)
        self.called[identity] = mark or str(self.start + self.count - 1)
        return self.called[identity], self.elements.get(identity)

    def end_section(self) -> None:
        """Begin to count anew where the document does with each section."""
        if self.by_section:
            self.count = 0


def read_notes(
    name: str,
    root: etree._Element | None,
    document: etree._Element,
    settings: etree._Element | None,
    usual: str,
) -> Notes:
    """Return the notes called `name`, such as "footnote"; `usual` is how they count as a rule."""
    kind, start, by_section = usual, 1, False
    for place in _places(f"w:{name}Pr", document, settings):
        kind = text(place, "w:numFmt") or kind
        begun = number(place, "w:numStart")
        start = start if begun is None else begun
        by_section |= text(place, "w:numRestart") == "eachSect"
    return Notes(kind, start, by_section, by_id(f"w:{name}", root))


def by_id(name: str, root: etree._Element | None) -> dict[str, etree._Element]:
    """Return the elements of a name below a root, by their `w:id`."""
    found = () if root is None else (each for each in root if tag(each) == name)
    return {attribute(each, "w:id") or "": each for each in found}


def _places(
    name: str, document: etree._Element, settings: etree._Element | None
) -> list[etree._Element]:
    """Return where a document says how notes count, the strongest last."""
    sections = document.iter(*full_names("w:sectPr"))
    places = [settings, *sections]
    return [found for each in places if (found := child(each, name)) is not None]
