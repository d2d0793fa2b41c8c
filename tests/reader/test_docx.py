from __future__ import annotations

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from tests.support.books import WORD, labels, make_docx, make_zip, paragraph, read, refusal

LONG = paragraph("word " * 100)


def test_headings_make_sections() -> None:
    body = LONG + paragraph("One", "H1") + LONG + paragraph("Part", "H2") + LONG
    document = read(make_docx(body), "letter.docx")
    assert labels(document) == [None, "One", "One › Part"]
    assert document.pages[1].text.startswith("One\n\nword word")
    assert not document.paged


def test_a_document_is_recognised_whatever_it_is_called() -> None:
    assert read(make_docx(paragraph("text")), "letter.txt").text == "text"


def test_tables_become_rows_of_cells() -> None:
    def row(*cells: str) -> str:
        inner = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells)
        return f"<w:tr>{inner}</w:tr>"

    body = paragraph("before") + f"<w:tbl>{row('a', 'b')}{row('1', '2')}</w:tbl>"
    assert read(make_docx(body), "letter.docx").text == "before\n\na | b\n1 | 2"


def test_a_part_with_entities_is_refused() -> None:
    bomb = f'<!DOCTYPE x [<!ENTITY a "aaaa">]><w:document {WORD}><w:body>&a;</w:body></w:document>'
    raw = make_docx("", **{"word/document.xml": bomb})
    message = refusal(raw, "letter.docx").message
    assert message.endswith(
        "is not a readable DOCX file: it declares entities, which Word never does"
    )


def test_a_part_with_millions_of_elements_is_refused_before_it_takes_memory() -> None:
    error = refusal(make_docx("<w:p/>" * 310_000), "letter.docx")
    assert "larger or deeper than a document of 2,000 pages" in error.message


def test_a_deep_nest_is_refused() -> None:
    nest = "<w:sdt><w:sdtContent>" * 5000 + "</w:sdtContent></w:sdt>" * 5000
    assert "deeper" in refusal(make_docx(nest), "letter.docx").message


def test_a_part_of_many_megabytes_is_refused() -> None:
    error = refusal(make_docx(paragraph("x" * (51 << 20))), "letter.docx")
    assert "larger" in error.message


def test_a_document_without_its_main_part_is_refused() -> None:
    refusal(make_zip({"word/styles.xml": "<styles/>"}), "letter.docx")


def test_a_picture_leaves_no_trace(tmp_path: Path) -> None:
    picture = make_docx(paragraph("text"), **{"word/media/image1.png": "x" * 9_000_000})
    path = tmp_path / "letter.docx"
    path.write_bytes(picture)
    code = "import sys, pathlib, rapid_cli.reader.reading as r; r.read(pathlib.Path(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(path)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout + ended.stderr == b""
    assert read(picture, "letter.docx").text == "text"


def test_an_element_of_countless_attributes_is_refused() -> None:
    attributes = " ".join(f'w:a{number}="x"' for number in range(2_000))
    error = refusal(make_docx(f"<w:p {attributes}/>"), "letter.docx")
    assert "larger or deeper" in error.message


def test_damage_to_a_part_that_is_not_read_does_no_harm() -> None:
    raw = make_docx(paragraph("text"), **{"word/footer2.xml": "<w:ftr>page one</w:ftr>"})
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        stored = make_zip({name: archive.read(name) for name in archive.namelist()}, 0)
    assert read(stored.replace(b"page one", b"page two"), "letter.docx").text == "text"
    assert "Bad CRC-32" in refusal(stored.replace(b">text<", b">tent<"), "letter.docx").message
