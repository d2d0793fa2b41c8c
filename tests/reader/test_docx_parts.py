"""Notes, comments, tables, text boxes, pictures, headers and footers of a DOCX."""

from __future__ import annotations

import pytest

from rapid_cli.reader.formats.docx import tables
from tests.support.books import labels, read
from tests.support.word_files import NAMES, block, run, text_of, warnings_of, word_file


def note(identity: int, text: str, kind: str = "footnote") -> str:
    inner = block(f"<w:r><w:{kind}Ref/></w:r>", f" {text}")
    return f'<w:{kind} w:id="{identity}">{inner}</w:{kind}>'


def call(identity: int, kind: str = "footnote", more: str = "", mark: str = "") -> str:
    return (
        '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'
        f'<w:{kind}Reference w:id="{identity}"{more}/>{mark}</w:r>'
    )


def comment(identity: int, author: str, *paragraphs: str) -> str:
    inner = "".join(map(block, paragraphs))
    return f'<w:comment w:id="{identity}" w:author="{author}">{inner}</w:comment>'


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{block(text)}</w:tc>"


def wide(text: str, columns: int) -> str:
    return cell(text, f'<w:gridSpan w:val="{columns}"/>')


def high(text: str = "") -> str:
    return cell(text, '<w:vMerge w:val="restart"/>' if text else "<w:vMerge/>")


def table(*rows: tuple[str, ...]) -> str:
    inner = "".join(
        "<w:tr>" + "".join(c if c.startswith("<") else cell(c) for c in row) + "</w:tr>"
        for row in rows
    )
    return f"<w:tbl>{inner}</w:tbl>"


def drawing(inner: str, described: str = "") -> str:
    picture = f'<wp:inline><wp:docPr id="1" name="a"{described}/>{inner}</wp:inline>'
    return f"<w:r><w:drawing>{picture}</w:drawing></w:r>"


def graphic(inner: str) -> str:
    return f"<a:graphic><a:graphicData>{inner}</a:graphicData></a:graphic>"


def box_of(*texts: str) -> str:
    inner = "".join(map(block, texts))
    return f"<w:txbxContent>{inner}</w:txbxContent>"


def margins(*references: str, title: bool = False) -> str:
    inner = "".join(
        f'<w:{name.rstrip("0123456789")}Reference w:type="{kind}" r:id="{name}"/>'
        for name, _, kind in (each.partition(" ") for each in references)
    )
    return f"<w:sectPr>{inner}{'<w:titlePg/>' if title else ''}</w:sectPr>"


def test_footnotes_stand_after_their_paragraph_with_their_numbers() -> None:
    notes = note(1, "first note") + note(5, "second note")
    body = block("a", call(5), " b", call(1), " c") + block("d", call(5))
    assert text_of(body, {"footnotes": notes}) == (
        "a[1] b[2] c\n[1] second note\n[2] first note\nd[1]"
    )


def test_footnotes_of_a_table_stand_after_it() -> None:
    body = table((block_cell("a", call(1)), "b"), ("c", "d")) + block("e")
    assert text_of(body, {"footnotes": note(1, "x")}) == "a[1] | b\nc | d\n[1] x\ne"


def block_cell(*runs: str) -> str:
    return f"<w:tc>{block(*runs)}</w:tc>"


def test_endnotes_stand_at_the_end_with_numbers_of_their_own() -> None:
    body = block("a", call(1, "endnote")) + block("b", call(2, "endnote"), call(1))
    parts = {
        "endnotes": note(1, "x", "endnote") + note(2, "y", "endnote"),
        "footnotes": note(1, "z"),
    }
    assert text_of(body, parts) == "a[i]\nb[ii][1]\n[1] z\n[i] x\n[ii] y"


def test_notes_count_as_the_document_says() -> None:
    counts = '<w:footnotePr><w:numFmt w:val="lowerLetter"/><w:numStart w:val="3"/></w:footnotePr>'
    parts = {"footnotes": note(1, "x"), "settings": counts}
    assert text_of(block("a", call(1)), parts) == "a[c]\n[c] x"
    anew = '<w:sectPr><w:footnotePr><w:numRestart w:val="eachSect"/></w:footnotePr></w:sectPr>'
    body = block("a", call(1), properties=anew) + block("b", call(2)) + anew
    parts = {"footnotes": note(1, "x") + note(2, "y")}
    assert text_of(body, parts) == "a[1]\n[1] x\nb[1]\n[1] y"


def test_a_note_may_have_a_mark_of_its_own() -> None:
    own = call(1, more=' w:customMarkFollows="1"', mark="<w:t>*</w:t>")
    parts = {"footnotes": note(1, "x") + note(2, "y")}
    assert text_of(block("a", own, " b", call(2)), parts) == "a[*] b[1]\n[*] x\n[1] y"


def test_a_note_that_calls_itself_is_read_once() -> None:
    circle = f'<w:footnote w:id="1">{block("x", call(1))}</w:footnote>'
    assert text_of(block("a", call(1)), {"footnotes": circle}) == "a[1]\n[1] x[1]"


def test_comments_are_marked_with_their_authors() -> None:
    reference = '<w:r><w:commentReference w:id="0"/></w:r>'
    parts = {"comments": comment(0, "Ann Berg", "Too long?", "Ask.")}
    body = block("ten days", reference, " or more") + block("b")
    assert text_of(body, parts) == "ten days or more\n[comment by Ann Berg: Too long? Ask.]\nb"


def test_headers_and_footers_are_shown_once_as_such() -> None:
    parts = {
        "header1": block("Contract 17"),
        "header2": block("Contract 17") + block("Annex"),
        "header3": block("Draft"),
        "header4": block("never"),
        "footer1": table(("Berlin", "Page 1")),
    }
    first = margins(
        "header1 default", "header3 first", "header4 even", "footer1 default", title=True
    )
    body = block("a", properties=first) + block("b") + margins("header2 default", "footer1 default")
    document = read(word_file(body, parts), "a.docx")
    assert labels(document) == [None, "Headers and footers"]
    assert document.pages[1].text == (
        "Headers and footers\n\nHeader: Contract 17\nHeader: Draft\nFooter: Berlin | Page 1\n"
        "Header: Annex"
    )
    even = text_of(body, parts | {"settings": "<w:evenAndOddHeaders/>"})
    assert "Header: never" in even


def test_a_header_that_is_damaged_costs_only_itself() -> None:
    raw = word_file(block("a") + margins("header1 default"), {"header1": "<w:p>"})
    document = read(raw, "a.docx")
    assert document.text == "a"
    assert document.warnings == ("a header or footer is damaged and not read",)


def test_cells_over_columns_and_rows_are_repeated() -> None:
    heads = table(
        ("", wide("2024", 2), wide("2025", 2)),
        ("Zone", "Q1", "Q2", "Q1", "Q2"),
        (high("South"), "1", "2", "3", "4"),
        (high(), "5", "6", "7", "8"),
    )
    assert text_of(heads) == (
        "| 2024 | 2024 | 2025 | 2025\nZone | Q1 | Q2 | Q1 | Q2\n"
        "South | 1 | 2 | 3 | 4\nSouth | 5 | 6 | 7 | 8"
    )


def test_what_word_hides_in_a_merged_cell_is_left_out() -> None:
    hidden = cell("hidden", "<w:vMerge/>")
    assert text_of(table((high("South"), "1"), (hidden, "2"))) == "South | 1\nSouth | 2"


def test_a_cell_over_a_whole_row_stands_there_once() -> None:
    assert text_of(table((wide("Fares", 2),), ("a", "b"), ("c", "d"))) == "Fares\na | b\nc | d"


def test_cells_of_a_form_that_divides_each_row_otherwise_are_not_repeated() -> None:
    form = table(
        (wide("Name", 2), wide("Ann", 5)),
        (wide("Street", 2), wide("Hill", 5)),
        ("Town", wide("Ulm", 3), wide("Code", 1), wide("89", 2)),
    )
    assert text_of(form) == "Name | Ann\nStreet | Hill\nTown | Ulm | Code | 89"


def test_rows_that_begin_late_keep_their_columns() -> None:
    late = f'<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>{cell("2")}{cell("3")}</w:tr>'
    rows = table(("a", "b", "c")).replace("</w:tbl>", f"{late}</w:tbl>")
    assert text_of(rows) == "a | b | c\n| 2 | 3"


def test_repeated_cells_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_REPEATED", 20)
    rows = table((wide("long head", 2), "x"), ("a", "b", "c"), ("d", "e", "f"))
    assert text_of(rows) == "long head | x\na | b | c\nd | e | f"


def test_a_part_of_the_page_in_a_high_cell_is_not_repeated() -> None:
    text = "word " * 100
    rows = table((high(text), "1"), (high(), "2"))
    assert text_of(rows).count("word") == 100


def test_rows_and_cells_within_controls_are_read() -> None:
    def control(inner: str) -> str:
        return f"<w:sdt><w:sdtPr/><w:sdtContent>{inner}</w:sdtContent></w:sdt>"

    row = control(f"<w:tr>{cell('a')}{control(cell('b'))}</w:tr>")
    assert text_of(f"<w:tbl>{row}</w:tbl>") == "a | b"
    assert text_of(control(block("c") + control(block(control(run("d")))))) == "c\nd"


def test_a_text_box_is_read_once() -> None:
    shape = f"<wps:wsp><wps:txbx>{box_of('in', 'box')}</wps:txbx></wps:wsp>"
    newer = f"<w:drawing><wp:inline>{graphic(shape)}</wp:inline></w:drawing>"
    textbox = f"<v:textbox>{box_of('in', 'box')}</v:textbox>"
    older = f"<w:pict><v:shape>{textbox}</v:shape></w:pict>"
    both = (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{newer}</mc:Choice>'
        f"<mc:Fallback>{older}</mc:Fallback></mc:AlternateContent></w:r>"
    )
    assert text_of(block("a", both, " b") + block("c")) == "a b\nin\nbox\nc"
    old = f"<w:r><w:pict><v:shape><v:textbox>{box_of('old')}</v:textbox></v:shape></w:pict></w:r>"
    assert text_of(block("a", old)) == "a\nold"


def test_an_alternative_that_nobody_knows_is_not_taken() -> None:
    both = (
        f'<mc:AlternateContent><mc:Choice Requires="new">{run("new")}</mc:Choice>'
        f"<mc:Fallback>{run('old')}</mc:Fallback></mc:AlternateContent>"
    )
    assert text_of(block("a ", both)) == "a old"


def test_pictures_are_told_by_their_descriptions() -> None:
    picture = graphic("<pic:pic><pic:nvPicPr><pic:cNvPr id='1' name='b'/></pic:nvPicPr></pic:pic>")
    body = block("see", drawing(picture, ' descr="A map of the site"'))
    assert text_of(body) == "see [picture: A map of the site]"
    assert warnings_of(body) == ()
    without = block("see", drawing(picture), drawing(picture, ' descr="image1.png"'))
    assert text_of(without) == "see"
    assert warnings_of(without) == ("2 pictures without a description are not read",)
    older = "<w:r><w:pict><v:shape alt='A bridge'><v:imagedata/></v:shape></w:pict></w:r>"
    assert text_of(block(older)) == "[picture: A bridge]"


def test_what_cannot_be_read_is_said_in_its_place_and_in_a_warning() -> None:
    def embedded(program: str) -> str:
        inner = f"<v:shape><v:imagedata/></v:shape><o:OLEObject ProgID='{program}'/>"
        return f"<w:r><w:object>{inner}</w:object></w:r>"

    body = block("E is", embedded("Equation.DSMT4"), drawing(graphic("<c:chart/>")))
    body += block("a", embedded("Excel.Sheet.12"), drawing(graphic("<dgm:relIds/>")))
    assert text_of(body + "<w:altChunk/>") == (
        "E is [equation kept as a picture, not read] [chart, not read]\n"
        "a [object embedded by Excel.Sheet.12, not read] [diagram, not read]"
    )
    assert set(warnings_of(body + "<w:altChunk/>")) == {
        "1 equation kept as a picture is not read",
        "1 chart is not read",
        "1 object embedded by Excel.Sheet.12 is not read",
        "1 diagram is not read",
        "1 file inserted as a whole is not read",
    }


def test_text_that_names_a_charset_is_read_as_it_is() -> None:
    assert text_of(block('charset="cp037" is of mainframes')) == 'charset="cp037" is of mainframes'


def test_outlines_make_sections_as_headings_do() -> None:
    body = block("word " * 60) + block("Part", properties='<w:outlineLvl w:val="0"/>')
    assert labels(read(word_file(body + block("b")), "a.docx")) == [None, "Part"]
    text = block("Not one", properties='<w:outlineLvl w:val="9"/>')
    assert labels(read(word_file(text, names=NAMES), "a.docx")) == [None]


def test_a_chart_is_read_as_a_table() -> None:
    def points(name: str, *values: str) -> str:
        inner = "".join(
            f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values)
        )
        return f"<c:{name}><c:numRef><c:f>A1</c:f>{inner}</c:numRef></c:{name}>"

    def series(name: str, *values: str) -> str:
        title = f"<c:tx><c:strRef><c:pt idx='0'><c:v>{name}</c:v></c:pt></c:strRef></c:tx>"
        return f"<c:ser>{title}{points('cat', '2024', '2025')}{points('val', *values)}</c:ser>"

    title = "<c:title><c:tx><a:p><a:r><a:t>Sales by year</a:t></a:r></a:p></c:tx></c:title>"
    chart = f"<c:chart>{title}{series('North', '1.5', '2')}{series('South', '3')}</c:chart>"
    body = block("see", drawing(graphic('<c:chart r:id="chart1"/>'))) + block("b")
    assert text_of(body, {"chart1": chart}) == (
        "see\n[chart: Sales by year]\n| North | South\n2024 | 1.5 | 3\n2025 | 2 |\nb"
    )
    assert warnings_of(body, {"chart1": chart}) == ()
    assert warnings_of(body, {"chart1": "<c:chart>"}) == ("1 chart is not read",)


def test_the_words_of_a_diagram_are_read() -> None:
    def point(text: str) -> str:
        return f"<dgm:pt><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>"

    body = block("steps", drawing(graphic('<dgm:relIds r:dm="data1"/>')))
    data = f"<dgm:ptLst>{point('plan')}<dgm:pt/>{point('build it')}</dgm:ptLst>"
    assert text_of(body, {"data1": data}) == "steps\n[diagram: plan; build it]"
