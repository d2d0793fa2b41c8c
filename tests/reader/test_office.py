from __future__ import annotations

import time

import pytest

from rapid_cli.reader.formats.office import xlsx
from rapid_cli.reader.formats.office.number_formats import shown
from tests.support.books import labels, make_zip, read, refusal
from tests.support.office import (
    make_open_document,
    make_pptx,
    make_xlsx,
    sheet_rows,
    slide_shape,
)

LONG = "word " * 60


def test_a_row_of_a_sheet_has_the_heads_of_its_columns() -> None:
    rows = sheet_rows(["Rents of 2024"], ["House", "Rent"], ["Elm 3", "980"], ["Oak 7", "1250.5"])
    document = read(make_xlsx({"Rents": rows, "Staff": sheet_rows(["Name", "Zoë"])}), "a.xlsx")
    assert labels(document) == ["Rents", "Staff"]
    assert document.pages[0].text.split("\n") == [
        "Rents",
        "",
        "Rents of 2024",
        "House: Elm 3 | Rent: 980",
        "House: Oak 7 | Rent: 1250.5",
    ]
    assert not document.paged


def test_cells_hold_shared_strings_formats_merged_heads_and_stored_values() -> None:
    rows = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2" s="1"><v>45352</v></c>'
        '<c r="C2" t="b"><v>1</v></c></row>'
        '<row r="3"><c r="A3"><f>1+1</f><v>2</v></c><c r="B3"><f>NOW()</f></c></row></sheetData>'
        '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'
    )
    raw = make_xlsx({"One": rows}, strings=["Term", "Paid"], formats=["yyyy\\-mm\\-dd"])
    document = read(raw, "a.xlsx")
    assert "Term: 1 | Term: 2024-03-01 | Paid: TRUE\nTerm: 2" in document.text
    assert document.warnings[0].startswith("1 formula has no stored value")


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        ("1250.5", '#,##0.00 "EUR"', "1,250.50 EUR"),
        ("980", "[$€-407] #,##0", "€ 980"),
        ("0.125", "0.0%", "12.5%"),
        ("0.5", "General", "0.5"),
        ("0.30000000000000004", "", "0.3"),
        ("45352.75", "dd/mm/yyyy hh:mm", "2024-03-01 18:00"),
        ("45352", "mmm yy", "2024-03"),
        ("0.75", "h:mm AM/PM", "18:00"),
        ("1.5", "[h]:mm", "36:00"),
        ("-3", "0.00;[Red]-0.00", "-3.00"),
        ("1", "yyyy-mm-dd", "1900-01-01"),
        ("1e300", "0.00", "1e300"),
        ("1e300", "yyyy", "1e300"),
        ("nan", "yyyy", "nan"),
        ("-5", "yyyy", "-5"),
        ("word", "0", "word"),
    ],
)
def test_numbers_and_dates_are_shown_as_their_program_does(
    value: str, code: str, text: str
) -> None:
    assert shown(value, code) == text


def test_a_sheet_with_far_too_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_MAX_CELLS", 10_000)
    row = "<row>" + "<c><v>1</v></c>" * 100 + "</row>"
    assert read(make_xlsx({"One": f"<sheetData>{row * 100}</sheetData>"}), "a.xlsx").text
    error = refusal(make_xlsx({"One": f"<sheetData>{row * 101}</sheetData>"}), "a.xlsx")
    assert "more than 10,000 cells" in error.message


@pytest.mark.parametrize(
    "table",
    ["Name,City\nZoë,Delft\n", "Name;City\nZoë;Delft\n", "Name\tCity\nZoë\tDelft\n"],
)
def test_a_table_is_read_with_its_heads_whatever_separates_its_cells(table: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        assert read(table.encode(encoding), "a.csv").text == "Name: Zoë | City: Delft"


def test_a_table_without_heads_and_one_that_is_none_are_read() -> None:
    assert read(b"1,2\n3,4\n", "a.csv").text == "1 | 2\n3 | 4"
    assert read(b'a "quote, never closed\n' + b"x" * 200_000, "a.csv").text.startswith("a")
    unclosed = b'a,b\n"never closed\n' + b"plain words\n" * 20_000
    assert read(unclosed, "a.csv").text == unclosed.decode().rstrip("\n")


def test_a_long_table_does_not_grow_by_its_heads_beyond_bounds() -> None:
    heads = ",".join(f"a long head of column {at}" for at in range(20))
    raw = f"{heads}\n".encode() + b"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20\n" * 30_000
    began = time.process_time()
    assert len(read(raw, "a.csv").text) < 5_000_000
    assert time.process_time() - began < 20


def test_slides_are_sections_called_by_their_titles_with_tables_and_notes() -> None:
    cells = "<a:tr><a:tc><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc></a:tr>"
    table = f"<p:graphicFrame><a:tbl>{cells.format('Paint')}{cells.format('40')}</a:tbl>"
    picture = '<p:pic><p:nvPicPr><p:cNvPr descr="A red door"/></p:nvPicPr></p:pic>'
    slides = [
        slide_shape("Costs fall", "body")
        + slide_shape("Budget", "ctrTitle")
        + f"<p:grpSp>{slide_shape('grouped')}</p:grpSp>{table}</p:graphicFrame>{picture}",
        slide_shape("loose") + slide_shape("7", "sldNum"),
    ]
    document = read(make_pptx(slides, notes="Say why."), "a.pptx")
    assert labels(document) == ["Slide 1: Budget", "Slide 2"]
    text = document.pages[0].text
    lines = [line for line in text.split("\n") if line]
    assert lines == [
        *("Budget", "Costs fall", "grouped", "Paint", "40"),
        *("[picture: A red door]", "Notes:", "Say why."),
    ]
    assert document.pages[1].text == "loose"


def test_an_open_document_is_read_with_headings_numbers_notes_and_tables() -> None:
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note."
        "</text:p></text:note-body></text:note>"
    )
    items = (
        "<text:list-item><text:p>three</text:p><text:list><text:list-item><text:p>inner</text:p>"
        "</text:list-item></text:list></text:list-item><text:list-item><text:p>four</text:p>"
        "</text:list-item>"
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    body = (
        '<text:h text:outline-level="1">One</text:h>'
        f'<text:p>Some<text:s text:c="2"/><text:span>words</text:span>{note} more</text:p>'
        f'<text:list text:style-name="L">{items}</text:list>'
        f"<table:table><table:table-row>{cell.format('a')}{cell.format('b')}</table:table-row>"
        f'</table:table><text:h text:outline-level="2">Part</text:h><text:p>{LONG}</text:p>'
    )
    document = read(make_open_document("text", body), "a.odt")
    text = "\n".join(line for line in document.text.split("\n") if line)
    assert "Some words[1] more\n[1] A note.\n3. three\n  • inner\n4. four\na | b" in text
    assert labels(document) == ["One › Part"]


def test_an_open_sheet_is_read_as_shown_without_its_empty_rest() -> None:
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    empty = '<table:table-cell table:number-columns-repeated="16384"/>'
    body = (
        '<table:table table:name="Rents">'
        f"<table:table-row>{cell.format('House')}{cell.format('Rent')}{empty}</table:table-row>"
        f"<table:table-row>{cell.format('Elm')}{cell.format('1 250,00')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048574">{empty}</table:table-row>'
        "</table:table>"
    )
    document = read(make_open_document("spreadsheet", body), "a.ods")
    assert document.text == "Rents\n\nHouse: Elm | Rent: 1 250,00"
    assert labels(document) == ["Rents"]


def test_open_slides_are_sections_called_by_their_titles() -> None:
    box = "<draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    body = (
        f'<draw:page><draw:frame presentation:class="title">{box.format("Plan")}'
        f"<draw:frame>{box.format('Body')}<presentation:notes><draw:frame>{box.format('Say it.')}"
        "</presentation:notes></draw:page>"
    )
    document = read(make_open_document("presentation", body), "a.odp")
    assert labels(document) == ["Slide 1: Plan"]
    assert [line for line in document.text.split("\n") if line] == [
        *("Plan", "Body", "Notes:", "Say it."),
    ]


def test_an_open_document_with_a_password_is_refused() -> None:
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    raw = make_open_document("text", "", **{"META-INF/manifest.xml": manifest})
    assert "is locked with a password" in refusal(raw, "a.odt").message


@pytest.mark.parametrize("name", ["a.pptx", "a.xlsx", "a.odt"])
def test_entities_are_not_expanded(name: str) -> None:
    entities = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10}">' for at in range(1, 20))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "boom">{entities}]><x>&e19;</x>'
    members = {
        "a.pptx": {"ppt/presentation.xml": bomb},
        "a.xlsx": {"xl/workbook.xml": bomb},
        "a.odt": {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": bomb},
    }
    refusal(make_zip(dict(members[name])), name)


RTF = rb"""{\rtf1\ansi\ansicpg1251\deff0{\fonttbl{\f0\fcharset204 Arial;}{\f1\fcharset0 Times;}
{\f2\fcharset128 Mincho;}}{\stylesheet{\s0 Normal;}{\s1 heading 1;}}{\info{\title no}}
\pard\s1 Lease\par\pard\f0 \'cf\'f0\'e8\'e2\'e5\'f2 \u8364? 40\par
{\f1 Caf\'e9} {\b bold}{\*\bkmkstart x}{\footnote{\super\chftn} A note.} end 10{\super 6} H{\sub 2}O
{\v hidden}\par {\f2\'89\'ef\'8bc} {\pict\wmetafile8 0102}{\*\unknown dropped}\par
{\pntext\f0 1.\tab}First\par{\listtext 2.\tab}Second\par
\trowd\pard\intbl A\cell B\cell\row\trowd\pard\intbl 1\cell 2\cell\row
\pard Last \{one\} \~\bin5 }{\\x line\par}"""


def test_rtf_is_read_with_headings_code_pages_notes_numbers_and_tables() -> None:
    document = read(RTF, "a.rtf")
    assert labels(document) == ["Lease"]
    assert [line for line in document.text.split("\n") if line] == [
        "Lease",
        "Привет € 40",
        "Café bold [note: A note.] end 10^6 H_2O",
        "会議",
        "1. First",
        "2. Second",
        "A | B",
        "1 | 2",
        "Last {one} line",
    ]


def test_rtf_that_nests_without_end_is_refused() -> None:
    assert "nested too deeply" in refusal(b"{\\rtf1" + b"{" * 5_000 + b"x", "a.rtf").message
