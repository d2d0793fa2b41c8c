"""The headings of a PDF's outline become sections, at the places that they name."""

from __future__ import annotations

import time
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, NumberObject

from rapid_cli.documents import Document
from rapid_cli.reader.sections import MAX_SECTIONS
from tests.support.books import read
from tests.support.pdfs import bytes_of, outlined

TOP = 792 - 72  # points; where the first line of a page stands


def sections(document: Document) -> list[tuple[int, str, str]]:
    """Return the page of each section, its heading, and the line that it begins with."""
    return [
        (page.number, heading, page.text[start:].partition("\n")[0].strip())
        for page in document.pages
        for start, heading in page.sections
    ]


def test_sections_begin_at_their_headings_and_go_on_over_pages() -> None:
    texts = ["The manual", "1 Setting up\nUnpack it.\n1.1 Wiring\nRed to red.", "Blue to blue."]
    items = [(1, "1 Setting up", 2, None), (2, "1.1 Wiring", 2, None)]
    document = read(outlined(texts, items), "manual.pdf")
    assert sections(document) == [
        (2, "1 Setting up", "1 Setting up"),
        (2, "1 Setting up › 1.1 Wiring", "1.1 Wiring"),
    ]
    told = {
        words: document.section_at(document.text.index(words))
        for words in ("The manual", "Unpack", "Red to red", "Blue to blue")
    }
    assert told == {
        "The manual": None,
        "Unpack": "1 Setting up",
        "Red to red": "1 Setting up › 1.1 Wiring",
        "Blue to blue": "1 Setting up › 1.1 Wiring",
    }
    assert [page.label for page in document.pages] == [None, None, None]


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Wiring", "3.2 Wiring"),
        ("WIRING", "Chapter 3: Wiring"),
        ("III-B Wiring", "B. Wiring"),
        ("Wiring and  more", "Wiring\nand more"),
        ("Wiring – the rules", "Wiring: The Rules"),
    ],
)
def test_a_heading_is_found_as_its_page_writes_it(title: str, line: str) -> None:
    text = f"Of other things.\n{line}\nRed to red.\nThe rest."
    document = read(outlined(["Cover", text], [(1, title, 2, None)]), "manual.pdf")
    assert sections(document) == [(2, " ".join(title.split()), line.partition("\n")[0])]


def lines_with(height_of: str) -> tuple[str, float]:
    """Return a page that names Wiring thrice, and the height of the line that begins so."""
    lines = ["12 Wiring", *["Much is said."] * 20, "Wiring makes it go", *["More is said."] * 15]
    lines += ["As in", "Wiring", "so it is."]
    at = next(number for number, line in enumerate(lines) if line.startswith(height_of))
    return "\n".join(lines), TOP + 12 - 14 * at


@pytest.mark.parametrize("line", ["12 Wiring", "Wiring makes", "so it is"])
def test_of_several_places_the_height_tells_which(line: str) -> None:
    text, top = lines_with(line)
    document = read(outlined([text], [(1, "Wiring", 1, top)]), "manual.pdf")
    nearest = {"so it is": "Wiring"}.get(line, line)
    [(_, _, begins)] = sections(document)
    assert begins.startswith(nearest)


def test_a_caption_is_no_heading() -> None:
    text = "Table 3: Main results of all\n1 2 3\n4 Main results\nWe see."
    document = read(outlined([text], [(1, "Main results", 1, None)]), "paper.pdf")
    assert sections(document) == [(1, "Main results", "4 Main results")]


def test_what_the_page_does_not_say_begins_at_the_height_or_else_with_the_page() -> None:
    lines = [f"Line {number} says a thing." for number in range(40)]
    items = [(1, "Unsaid", 1, TOP + 12 - 14 * 20), (1, "Unheard", 2, None)]
    document = read(outlined(["\n".join(lines), "Just this."], items), "manual.pdf")
    (first, _, begins), second = sections(document)
    assert first == 1
    assert abs(int(begins.split()[1]) - 20) <= 2
    assert second == (2, "Unheard", "Just this.")


def test_numbers_of_pages_are_no_headings_and_headings_without_a_place_only_stand_above() -> None:
    items = [
        (1, "Page 1", 1, None),
        (1, "Part One", None, None),
        (2, "Care", 2, None),
        (1, "2", 2, None),
    ]
    document = read(outlined(["Cover", "Care\nOil it."], items), "manual.pdf")
    assert sections(document) == [(2, "Part One › Care", "Care")]


def test_a_long_file_has_its_sections_too() -> None:
    texts = [f"{number} Topic of {number}\nIt says so." for number in range(1, 211)]
    items = [(1, f"Topic of {number}", number, None) for number in range(1, 211)]
    document = read(outlined(texts, items), "long.pdf")
    assert sections(document)[199] == (200, "Topic of 200", "200 Topic of 200")
    assert len(sections(document)) == 210


def test_an_outline_that_runs_in_a_circle_or_leads_nowhere_costs_only_itself() -> None:
    raw = outlined(["Care\nOil it.", "More"], [(1, "Care", 1, None), (1, "More", 2, None)])
    writer = PdfWriter(clone_from=PdfReader(BytesIO(raw)))
    outlines = writer._root_object["/Outlines"].get_object()
    first, last = (outlines.raw_get(key) for key in ("/First", "/Last"))
    last.get_object()[NameObject("/Next")] = first
    broken = read(bytes_of(writer), "circle.pdf")
    assert sections(broken)[:2] == [(1, "Care", "Care"), (2, "More", "More")]
    outlines[NameObject("/First")] = NumberObject(7)
    assert sections(read(bytes_of(writer), "nowhere.pdf")) == []
    assert [page.text for page in broken.pages] == ["Care\nOil it.", "More"]


def test_a_vast_outline_takes_little_time() -> None:
    text = "\n".join(["Care " * 15] * 50)
    items = [(1, f"Care {number % 7}", 1, 400.0) for number in range(300)]
    raw = outlined([text], items)
    started = time.process_time()
    document = read(raw, "vast.pdf")
    assert 0 < len(document.pages[0].sections) <= MAX_SECTIONS
    assert time.process_time() - started < 5
