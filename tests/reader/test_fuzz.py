"""Damage of every kind: reading ends in a document or in a DocumentError, never otherwise.

The bytes of a valid file of each kind are flipped, cut, repeated and inserted, the same way in
every run. `-m long` damages each file nine times as often.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading
from tests.support.books import labels, make_epub, make_zip, paragraph
from tests.support.office import (
    chart,
    frame,
    make_open_document,
    make_pptx,
    make_xlsx,
    series,
    sheet_rows,
    slide_shape,
)
from tests.support.pdfs import make_partly_scanned_pdf, make_pdf, outlined
from tests.support.printed_pdfs import with_annotations
from tests.support.word_files import item, level, lists, word_file

pytestmark = pytest.mark.slow

LONG = "word " * 50
CHAPTER = (
    f"<h1>One</h1><p>{LONG}</p><table><tr><td rowspan=2>a<th colspan=3>b<tr><td>c</table>"
    "<pre>x\n y</pre><ol reversed><li>1<sup>2</sup><sub>3</sub></ol><select><option>a</select>"
    "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math><ruby>a<rt>b</ruby><a href='#fn1'>1</a>"
)
PAGE = (
    f"<!doctype html><head><meta charset=utf-8></head>{CHAPTER}<h2>Two</h2><ul><li>é</ul>".encode()
)
MARKDOWN = (
    f"---\na: b\n---\n# One\n{LONG}\n\nTwo\n---\n```\n# code\n```\n## *x* [y](z)\n"
    f"a|b\n-|-\n1|2\n![p](data:image/png;base64,{'A' * 40})\n"
).encode()
BODY = (
    paragraph("One", "H1")
    + paragraph(LONG)
    + f"<w:tbl><w:tr><w:tc>{paragraph('a')}</w:tc></w:tr></w:tbl>"
    + item("b", 1)
    + "<w:p><w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:checkBox/></w:ffData></w:fldChar>"
    "<w:instrText>FORMCHECKBOX</w:instrText><w:fldChar w:fldCharType='end'/></w:r><m:oMath><m:f>"
    "<m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath>"
    "<w:r><w:footnoteReference w:id='1'/></w:r></w:p>"
    "<w:sectPr><w:headerReference w:type='default' r:id='header1'/></w:sectPr>"
)
PARTS = lists(level(0, "decimal", "%1."), level(1, "lowerRoman", "%1.%2")) | {
    "footnotes": f"<w:footnote w:id='1'>{paragraph('note')}</w:footnote>",
    "header1": paragraph("head"),
}
NOTES = "<ol><li id='n1'><p>1. One <a href='a.xhtml#r1'>↩</a></p><p>more</p></li></ol>"
EPUB = {
    "a.xhtml": f"{CHAPTER}<p>word<sup><a href='n.xhtml#n1'>1</a></sup></p>",
    "b c.xhtml": f"<p>{LONG}</p>",
    "n.xhtml": NOTES,
}
CONTENTS = {"a.xhtml": "One", "b c.xhtml": "Two"}

MAIL = (
    b"From: =?utf-8?B?Wm/Dqw==?= <z@example.org>\nSubject: x\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/html; charset=koi8-r\n'
    b"Content-Transfer-Encoding: quoted-printable\n\n<p>a=\n b</p>\n--b\n"
    b"Content-Type: message/rfc822\n\nSubject: y\n\ntext\n--b--\n"
)
RTF = rb"{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}{\stylesheet{\s1 heading 1;}}\pard\s1 One\par" + (
    rb"\f0\'cf\u8364? {\footnote n}\trowd\intbl a\cell b\cell\row\pard{\super 6}\bin3 {{{}"
)
CHART = chart("Ages", series("Age", ["Zo", "Al"], ["41", "39.5"], "0.0"), axes=["Name"])
COMMENTS = (
    "<comments><authors><author>Al</author></authors><commentList><comment ref='B2' authorId='0'>"
    "<text><t>Old?</t></text></comment></commentList></comments>"
)
SLIDE_COMMENTS = "<cmLst><cm authorId='0'><text>Longer</text></cm></cmLst>"
DRAWING = "<w><graphicFrame><chart id='b0'/></graphicFrame></w>"
ROWS = sheet_rows(["Name", "Age"], ["Zo", "41"], ["Al", "39.5"])
TEXT_BODY = (
    "<text:h>One</text:h><text:list text:style-name='L'><text:list-item><text:p>a</text:p>"
    "</text:list-item></text:list><table:table><table:table-row><table:table-cell><text:p>c"
    "</text:p></table:table-cell></table:table-row></table:table>"
)

VALID = {
    "file.pdf": make_pdf(["some text", "", "more"], labels={0: ("/r", "")}),
    "outline.pdf": outlined(
        ["Care\nOil it.\n1.1 May\nTwice.", "More"],
        [(1, "Care", 1, 700.0), (2, "May", 1, None), (1, "Unsaid", 2, 400.0)],
    ),
    "form.pdf": with_annotations(
        [(72, 700, "Name:"), (72, 690, "10"), (84, 694, "6"), (90, 690, "of x")],
        [
            "/Subtype/Widget/FT/Tx/T(a)/V(Mara)/Rect[120 695 220 710]",
            "/Subtype/Widget/FT/Btn/T(b)/V/On/AS/On/Rect[72 650 82 660]",
            "/Subtype/FreeText/Contents(check)/Rect[300 690 400 710]",
        ],
    ),
    "scan.pdf": make_partly_scanned_pdf(["some text", None]),
    "locked.pdf": make_pdf(["secret"], user_password=""),
    "page.html": PAGE,
    "notes.md": MARKDOWN,
    "notes.txt": "Grüße, naïve text\r\nand more.".encode("utf-16"),
    "book.epub": make_epub(EPUB, contents=CONTENTS),
    "letter.docx": word_file(BODY, PARTS),
    "mail.eml": MAIL,
    "all.mbox": b"From z@example.org Tue Apr 14 09:12:00 2026\n" + MAIL,
    "letter.rtf": RTF,
    "table.csv": 'Name;Age\nZoë;41\n"A;l";39\n'.encode(),
    "older.txt": "Собрание прошло в Казани.\n".encode("koi8-r") * 3,
    "book.xlsx": make_xlsx(
        {"One": ROWS},
        formats=["0.0%"],
        belonging={"c.xml": ("comments", COMMENTS), "d.xml": ("drawing", DRAWING)},
    ),
    "talk.pptx": make_pptx(
        [slide_shape("Plan", "title") + slide_shape("b") + frame('<c:chart r:id="b0"/>')],
        notes="n",
        belonging={"c.xml": ("chart", CHART), "d.xml": ("comments", SLIDE_COMMENTS)},
    ),
    "text.odt": make_open_document("text", TEXT_BODY),
}


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Return a function that damages bytes in up to six places, given as fractions of the whole."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["flip", "cut", "repeat", "insert", "end"]),
                st.floats(0, 1),
                st.integers(1, 200),
                st.binary(min_size=1, max_size=20),
            ),
            min_size=1,
            max_size=6,
        )
    )

    def damage(raw: bytes) -> bytes:
        for how, place, length, new in steps:
            start = int(place * len(raw))
            end = min(len(raw), start + length)
            middle = {
                "flip": new[: end - start],
                "cut": b"",
                "repeat": raw[start:end] * 3,
                "insert": new + raw[start:end],
                "end": b"",
            }[how]
            after = start + len(middle) if how == "flip" else end
            raw = raw[:start] + middle + (b"" if how == "end" else raw[after:])
        return raw

    return damage


def read_or_refuse(raw: bytes, name: str) -> Document | None:
    try:
        document = reading.read_bytes(raw, name=name, path=f"/folder/{name}")
    except DocumentError as error:
        assert error.message.startswith(name)
        assert "\n" not in error.message
        assert error.hint
        return None
    assert document.text.strip()
    document.text.encode()
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    assert all(label is None or label.strip() for label in labels(document))
    for page in document.pages:
        starts = [0, *(start for start, _ in page.sections), len(page.text)]
        assert starts == sorted(starts)
        assert all(heading.strip() for _, heading in page.sections)
    return document


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def often(usual: int, long: int) -> pytest.MarkDecorator:
    """Give a test its number of examples."""
    return pytest.mark.parametrize("examples", [usual, pytest.param(long, marks=pytest.mark.long)])


@pytest.mark.parametrize("name", VALID)
def test_the_files_that_are_damaged_are_sound(name: str) -> None:
    assert read_or_refuse(VALID[name], name) is not None


@pytest.mark.parametrize("name", VALID)
@often(50, 450)
def test_damaged_bytes_end_in_a_document_or_a_reason(name: str, examples: int) -> None:
    @fuzzed(examples)
    @given(damage=damages())
    def read(damage: Callable[[bytes], bytes]) -> None:
        read_or_refuse(damage(VALID[name]), name)

    read()


@pytest.mark.parametrize("name", ["book.epub", "letter.docx", "book.xlsx", "talk.pptx", "text.odt"])
@often(50, 450)
def test_damaged_members_of_a_sound_archive_end_in_a_document_or_a_reason(
    name: str, examples: int
) -> None:
    with zipfile.ZipFile(BytesIO(VALID[name])) as archive:
        members: dict[str, str | bytes] = {each: archive.read(each) for each in archive.namelist()}

    @fuzzed(examples)
    @given(damage=damages(), which=st.integers(0, 99))
    def read(damage: Callable[[bytes], bytes], which: int) -> None:
        chosen = list(members)[which % len(members)]
        content = members[chosen]
        assert isinstance(content, bytes)
        read_or_refuse(make_zip(members | {chosen: damage(content)}), name)

    read()


@pytest.mark.parametrize("name", ["file.pdf", "page.html", "book.epub", "notes.txt", "file"])
@often(40, 200)
def test_bytes_of_no_kind_end_in_a_document_or_a_reason(name: str, examples: int) -> None:
    @fuzzed(examples)
    @given(raw=st.binary(max_size=400))
    def read(raw: bytes) -> None:
        for start in (b"", b"%PDF-1.7\n", b"PK\x03\x04", b"<html>", b"\xff\xfe"):
            read_or_refuse(start + raw, name)

    read()
