"""Comments on cells and slides."""

from __future__ import annotations

import pytest

from tests.support.books import read, refusal
from tests.support.office import make_pptx, make_xlsx, sheet_rows, slide_shape

ROWS = sheet_rows(["House", "Rent"], ["Elm 3", "980"], ["Oak 7", "1250"])
THREADS = (
    "<ThreadedComments>"
    '<threadedComment ref="B2" personId="{p1}" id="{1}"><text>Too high?</text></threadedComment>'
    '<threadedComment ref="B2" personId="{p2}" id="{2}" parentId="{1}"><text>No.</text>'
    "</threadedComment></ThreadedComments>"
)
PEOPLE = '<personList><person displayName="Ann Berg" id="{p1}"/><person id="{p2}"/></personList>'


def comments(*each: tuple[str, int, str]) -> str:
    """Return the XML of the older comments of a sheet."""
    inner = "".join(
        f'<comment ref="{cell}" authorId="{author}"><text><r><t>{text[:3]}</t></r><r><t>{text[3:]}'
        "</t></r><rPh><t>no</t></rPh></text></comment>"
        for cell, author, text in each
    )
    authors = "<author>Bo Lind</author><author>tc={1}</author>"
    return f"<comments><authors>{authors}</authors><commentList>{inner}</commentList></comments>"


def lines_of(**belonging: tuple[str, str | bytes]) -> list[str]:
    raw = make_xlsx({"Rents": ROWS}, belonging=belonging, more={"xl/persons/person.xml": PEOPLE})
    return [line for line in read(raw, "a.xlsx").text.split("\n") if line]


def test_comments_follow_the_row_of_their_cell() -> None:
    said = comments(
        ("B3", 0, "Bo Lind:\nAsk\nthe owner."),
        ("A1", 9, "All of them"),
        ("C9", 0, "Below"),
        ("A2", 0, " "),
        ("?", 0, "Nowhere"),
    )
    assert lines_of(said=("comments", said)) == [
        "Rents",
        "[comment on ? by Bo Lind: Nowhere]",
        "[comment on A1: All of them]",
        "House: Elm 3 | Rent: 980",
        "House: Oak 7 | Rent: 1250",
        "[comment on B3 by Bo Lind: Ask the owner.]",
        "[comment on C9 by Bo Lind: Below]",
    ]


def test_threads_of_comments_are_read_once_with_their_answers() -> None:
    stand_in = "Your program knows no threads.\n\nComment:\n    Too high?"
    said = comments(("B2", 1, stand_in), ("B3", 1, stand_in))
    assert lines_of(old=("comments", said), new=("threadedComment", THREADS)) == [
        "Rents",
        "House: Elm 3 | Rent: 980",
        "[comment on B2 by Ann Berg: Too high?]",
        "[comment on B2: No.]",
        "House: Oak 7 | Rent: 1250",
        "[comment on B3: Too high?]",
    ]


def test_damaged_comments_cost_only_themselves() -> None:
    said = comments(("B2", 0, "First"), ("B3", 0, "Second"))
    cut = said[: said.index('<comment ref="B3"')]
    raw = make_xlsx(
        {"Rents": ROWS},
        belonging={"said": ("comments", cut), "gone": ("comments", said)},
    ).replace(b"worksheets/gone", b"worksheets/lost")
    document = read(raw, "a.xlsx")
    assert "Rent: 980\n[comment on B2 by Bo Lind: First]\nHouse: Oak 7" in document.text
    assert document.warnings == ("2 lists of comments on the sheet Rents are not read",)
    raw = make_xlsx({"Rents": ROWS}, more={"xl/worksheets/_rels/sheet0.xml.rels": "<damaged"})
    document = read(raw, "a.xlsx")
    assert "Rent: 1250" in document.text
    assert document.warnings == ("1 list of what belongs to the sheet Rents is not read",)


def test_a_damaged_sheet_costs_only_its_rest() -> None:
    damaged = {
        "xl/worksheets/sheet0.xml": b"\0",
        "xl/worksheets/sheet1.xml": f"<worksheet>{ROWS}" + " " * 100_000 + "<",
    }
    sheets = {"One": ROWS, "Two": ROWS, "Three": ROWS}
    raw = make_xlsx(sheets, more=damaged).replace(b"sheets/sheet2.xml", b"sheets/sheet3.xml")
    document = read(raw, "a.xlsx")
    assert document.text.count("House: Elm 3") == 1
    assert document.warnings == (
        "1 sheet One is not read",
        "1 rest of the sheet Two is not read",
        "1 sheet Three is not read",
    )
    none = make_xlsx({"One": ROWS}, more={"xl/worksheets/sheet0.xml": b"\0"})
    assert "all of its sheets are damaged" in refusal(none, "a.xlsx").message


OLDER = (
    '<p:cmLst xmlns:p="p"><p:cm authorId="0"><p:pos/><p:text>Shorter, please.</p:text></p:cm>'
    "</p:cmLst>"
)
NEWER = (
    '<p188:cmLst xmlns:p188="q" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
    '<p188:cm authorId="{A}"><p188:replyLst><p188:reply authorId="{B}"><p188:txBody><a:p><a:r>'
    "<a:t>I will.</a:t></a:r></a:p></p188:txBody></p188:reply></p188:replyLst><p188:txBody><a:p>"
    "<a:r><a:t>Whose</a:t></a:r></a:p><a:p><a:r><a:t>numbers?</a:t></a:r></a:p></p188:txBody>"
    "</p188:cm></p188:cmLst>"
)
AUTHORS = {
    "ppt/older.xml": '<p:cmAuthorLst xmlns:p="p"><p:cmAuthor id="0" name="Ann"/></p:cmAuthorLst>',
    "ppt/newer.xml": '<q:authorLst xmlns:q="q"><q:author id="{A}" name="Bo"/></q:authorLst>',
}


def test_comments_on_a_slide_come_after_it_with_their_answers() -> None:
    raw = make_pptx(
        [slide_shape("Plan", "title") + slide_shape("text"), slide_shape("next")],
        belonging={"old.xml": ("comments", OLDER), "new.xml": ("comments", NEWER)},
        more=AUTHORS,
        notes="Say it.",
    )
    document = read(raw, "a.pptx")
    assert [line for line in document.pages[0].text.split("\n") if line] == [
        *("Plan", "text", "[comment by Ann: Shorter, please.]"),
        *("[comment by Bo: Whose numbers?]", "[comment: I will.]", "Notes:", "Say it."),
    ]
    assert document.warnings == ()


@pytest.mark.parametrize("damage", ["", "<cmLst", "\0"])
def test_damaged_comments_on_a_slide_cost_only_themselves(damage: str) -> None:
    belonging = {"a.xml": ("comments", damage), "b.xml": ("comments", OLDER)}
    document = read(make_pptx([slide_shape("text")], belonging=belonging), "a.pptx")
    assert document.text == "text\n\n[comment: Shorter, please.]"
    assert document.warnings == ("1 list of comments on slide 1 is not read",)
