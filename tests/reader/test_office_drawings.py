"""Charts, diagrams, tables and texts that slides, sheets and documents show."""

from __future__ import annotations

import time

import pytest

from tests.support.books import read, refusal
from tests.support.office import (
    chart,
    frame,
    make_pptx,
    make_xlsx,
    series,
    sheet_rows,
    slide_shape,
)
from tests.support.word_files import text_of

YEARS = ["2024", "2025"]
SALES = chart(
    "Sales",
    series("North", YEARS, ["0.1", "0.25"], "0%"),
    series("South", YEARS, ["", "0.5"], "0%"),
    axes=["Year", "Share"],
)
TABLE = ["[chart: Sales; axes: Year, Share]", "| North | South", "2024 | 10%", "2025 | 25% | 50%"]
SHAPES = (
    'xmlns:xdr="x" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:c="c" xmlns:r="r"'
)
CHART = '<c:chart r:id="b0"/>'


def lines_of(raw: bytes, name: str) -> list[str]:
    lines = (line.strip(" |") for line in read(raw, name).text.split("\n"))
    return [line for line in lines if line]


def told(table: list[str]) -> list[str]:
    return [line.strip(" |") for line in table]


def test_a_chart_stands_in_its_place_on_a_slide_as_a_table() -> None:
    slide = slide_shape("above") + frame(CHART) + slide_shape("below")
    raw = make_pptx([slide], belonging={"sales.xml": ("chart", SALES)})
    assert lines_of(raw, "a.pptx") == ["above", *told(TABLE), "below"]
    assert read(raw, "a.pptx").warnings == ()


def workbook(drawing: str, **belonging: tuple[str, str]) -> bytes:
    """Return a workbook whose sheet shows a drawing, with its charts beside it."""
    members: dict[str, str | bytes] = {
        f"xl/worksheets/{name}.xml": content for name, (_, content) in belonging.items()
    }
    entries = "".join(
        f'<Relationship Id="b{at}" Type="x/{kind}" Target="{name}.xml"/>'
        for at, (name, (kind, _)) in enumerate(belonging.items())
    )
    members["xl/worksheets/_rels/drawing.xml.rels"] = f"<Relationships>{entries}</Relationships>"
    return make_xlsx(
        {"Rents": sheet_rows(["House", "Rent"], ["Elm", "980"])},
        belonging={"drawing.xml": ("drawing", f"<xdr:wsDr {SHAPES}>{drawing}</xdr:wsDr>")},
        more=members,
    )


def test_a_chart_that_is_shown_again_is_told_in_a_line() -> None:
    raw = make_pptx([frame(CHART) * 3_000], belonging={"sales.xml": ("chart", SALES)})
    again = "[chart: Sales; axes: Year, Share; series: North, South]"
    began = time.process_time()
    assert lines_of(raw, "a.pptx") == [*told(TABLE), *[again] * 2_999]
    assert time.process_time() - began < 5


def test_countless_shapes_in_deep_groups_are_read() -> None:
    deep = "<p:grpSp>" * 200 + slide_shape("a") * 20_000 + "</p:grpSp>" * 200
    began = time.process_time()
    assert lines_of(make_pptx([deep]), "a.pptx") == ["a"] * 20_000
    assert time.process_time() - began < 10


def test_charts_and_texts_of_a_sheet_come_after_its_rows() -> None:
    text = "<xdr:sp><xdr:txBody><a:p><a:r><a:t>Source: us</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
    picture = '<xdr:pic><xdr:nvPicPr><xdr:cNvPr descr="A plan"/></xdr:nvPicPr></xdr:pic>'
    drawing = f"{text}<xdr:graphicFrame>{CHART}</xdr:graphicFrame>{picture}"
    assert lines_of(workbook(drawing, sales=("chart", SALES)), "a.xlsx") == [
        *("Rents", "House: Elm | Rent: 980", "Source: us", *told(TABLE), "[picture: A plan]"),
    ]


def test_a_long_chart_of_a_sheet_is_told_without_the_values_of_its_cells() -> None:
    values = [str(value) for value in range(2_000)]
    long = chart("Rent", series("Elm", values, values), axes=["Day"])
    raw = workbook(f"<xdr:graphicFrame>{CHART}</xdr:graphicFrame>", sales=("chart", long))
    assert lines_of(raw, "a.xlsx")[-1] == "[chart: Rent; axes: Day; series: Elm]"


def test_a_sheet_that_is_only_a_chart_is_read() -> None:
    parts: dict[str, str | bytes] = {
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="s0" Type="x/chartsheet"'
        ' Target="worksheets/sheet0.xml"/></Relationships>',
        "xl/worksheets/sheet0.xml": "<chartsheet/>",
        "xl/worksheets/_rels/sheet0.xml.rels": '<Relationships><Relationship Id="d"'
        ' Type="x/drawing" Target="d.xml"/></Relationships>',
        "xl/worksheets/d.xml": f"<xdr:wsDr {SHAPES}><xdr:graphicFrame>{CHART}</xdr:graphicFrame>"
        "</xdr:wsDr>",
        "xl/worksheets/_rels/d.xml.rels": '<Relationships><Relationship Id="b0" Type="x/chart"'
        ' Target="c.xml"/></Relationships>',
        "xl/worksheets/c.xml": SALES,
    }
    assert lines_of(make_xlsx({"Graph": ""}, more=parts), "a.xlsx") == ["Graph", *told(TABLE)]


@pytest.mark.parametrize("damaged", ["", "<c:chart", "<x/>", "\0"])
def test_a_chart_that_cannot_be_read_is_named(damaged: str) -> None:
    drawing = f"<xdr:graphicFrame>{CHART}</xdr:graphicFrame>" * 2
    document = read(workbook(drawing, sales=("chart", damaged)), "a.xlsx")
    assert document.text.endswith("[chart, not read]\n[chart, not read]")
    assert document.warnings == ("2 charts on the sheet Rents are not read",)
    slide = make_pptx([frame(CHART)], belonging={"s.xml": ("chart", damaged)})
    assert read(slide, "a.pptx").warnings == ("1 chart on slide 1 is not read",)
    assert read(make_pptx([frame(CHART)]), "a.pptx").warnings == ("1 chart on slide 1 is not read",)


def test_a_damaged_drawing_costs_only_itself() -> None:
    belonging: dict[str, tuple[str, str | bytes]] = {"drawing.xml": ("drawing", "<damaged")}
    rows = sheet_rows(["House", "Rent"], ["Elm", "980"])
    document = read(make_xlsx({"Rents": rows}, belonging=belonging), "a.xlsx")
    assert document.text == "Rents\n\nHouse: Elm | Rent: 980"
    assert document.warnings == ("1 drawing on the sheet Rents is not read",)


def test_a_damaged_slide_costs_only_itself() -> None:
    slides = [slide_shape("one"), slide_shape("two"), slide_shape("three")]
    damaged = make_pptx(slides, more={"ppt/slides/slide1.xml": "<p:sld"})
    document = read(damaged.replace(b"slides/slide2.xml", b"slides/slide9.xml"), "a.pptx")
    assert document.text == "one"
    assert document.warnings == (
        "1 of its 3 slides is missing",
        "1 of its 3 slides is damaged",
    )
    none = make_pptx(slides[:1], more={"ppt/slides/slide0.xml": b""})
    assert "all of its slides are damaged" in refusal(none, "a.pptx").message


def test_series_at_places_of_their_own_have_tables_of_their_own() -> None:
    both = chart("", series("A", ["1", "2"], ["3", "4"]), series("B", ["5"], ["6"]))
    raw = make_pptx([frame(CHART)], belonging={"s.xml": ("chart", both)})
    assert lines_of(raw, "a.pptx") == ["[chart]", "A", "1 | 3", "2 | 4", "B", "5 | 6"]


def test_categories_in_several_levels_are_joined() -> None:
    inner = "".join(f'<c:pt idx="{at}"><c:v>Q{at % 2 + 1}</c:v></c:pt>' for at in range(4))
    outer = '<c:pt idx="0"><c:v>2024</c:v></c:pt><c:pt idx="2"><c:v>2025</c:v></c:pt>'
    cached = (
        f"<c:multiLvlStrCache><c:lvl>{inner}</c:lvl><c:lvl>{outer}</c:lvl></c:multiLvlStrCache>"
    )
    one = series("A", [], ["1", "2", "3", "4"])
    one = one.replace("<c:strRef><c:strCache></c:strCache></c:strRef>", cached)
    raw = make_pptx([frame(CHART)], belonging={"s.xml": ("chart", chart("", one))})
    assert lines_of(raw, "a.pptx")[2:] == [
        *("2024 Q1 | 1", "2024 Q2 | 2", "2025 Q1 | 3", "2025 Q2 | 4"),
    ]


def test_a_chart_of_countless_empty_places_takes_no_memory() -> None:
    many = "".join(
        f'<c:ser><c:val><c:pt idx="{at}"><c:v>1</c:v></c:pt></c:val></c:ser>'
        for at in range(20_000)
    )
    began = time.process_time()
    raw = make_pptx([frame(CHART)], belonging={"s.xml": ("chart", chart("Vast", many))})
    assert lines_of(raw, "a.pptx") == ["[chart: Vast]"]
    assert time.process_time() - began < 10


def test_a_diagram_stands_in_its_place() -> None:
    names = 'xmlns:dgm="d" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    points = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt><dgm:pt/>"
        for text in ("Plan", "Build it")
    )
    data = f"<dgm:dataModel {names}><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>"
    slide = slide_shape("above") + frame('<dgm:relIds r:dm="b0"/>') + slide_shape("below")
    raw = make_pptx([slide], belonging={"d.xml": ("diagramData", data)})
    assert lines_of(raw, "a.pptx") == ["above", "Plan", "Build it", "below"]
    broken = make_pptx([slide], belonging={"d.xml": ("diagramData", "<")})
    assert read(broken, "a.pptx").warnings == ("1 diagram on slide 1 is not read",)


def test_what_stands_in_for_something_newer_is_not_read_beside_it() -> None:
    fallback = f"<mc:Fallback>{slide_shape('This chart is not available.')}</mc:Fallback>"
    choice = f"<mc:Choice>{frame(CHART)}</mc:Choice>"
    slide = f"<mc:AlternateContent>{choice}{fallback}</mc:AlternateContent>"
    raw = make_pptx([slide], belonging={"sales.xml": ("chart", SALES)})
    assert lines_of(raw, "a.pptx") == told(TABLE)


def test_what_is_hidden_is_not_read() -> None:
    text = "<p:txBody><a:p><a:r><a:t>secret</a:t></a:r></a:p></p:txBody>"
    hidden = '<p:cNvPr id="2" name="x" hidden="1"/>'
    shape = f"<p:sp><p:nvSpPr>{hidden}</p:nvSpPr>{text}</p:sp>"
    group = f"<p:grpSp><p:nvGrpSpPr>{hidden}</p:nvGrpSpPr>{slide_shape('too')}</p:grpSp>"
    named = f"<p:nvGraphicFramePr>{hidden}</p:nvGraphicFramePr>"
    inner = "<a:graphic><a:graphicData><p:oleObj/></a:graphicData></a:graphic>"
    slide = f"{shape}{group}<p:graphicFrame>{named}{inner}</p:graphicFrame>{slide_shape('seen')}"
    document = read(make_pptx([slide]), "a.pptx")
    assert document.text == "seen"
    assert document.warnings == ()


def test_an_embedded_object_is_named() -> None:
    document = read(make_pptx([frame('<p:oleObj progId="Excel.Sheet.12"/>')]), "a.pptx")
    assert document.text == "[object embedded by Excel.Sheet.12, not read]"
    assert document.warnings == ("1 object embedded by Excel.Sheet.12 on slide 1 is not read",)


def test_merged_cells_of_a_slide_stand_in_each_place_that_they_cover() -> None:
    def cell(text: str, attributes: str = "") -> str:
        paragraph = f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"
        return f"<a:tc {attributes}><a:txBody>{paragraph}</a:txBody></a:tc>"

    rows = (
        [cell("Year"), cell("Sales", "gridSpan='2'"), cell("", "hMerge='1'")],
        [cell("2024", "rowSpan='2'"), cell("North"), cell("1 &lt; 2")],
        [cell("", "vMerge='true'"), cell("South"), cell("3")],
    )
    table = "".join(f"<a:tr>{''.join(row)}</a:tr>" for row in rows)
    assert lines_of(make_pptx([frame(f"<a:tbl>{table}</a:tbl>")]), "a.pptx") == [
        "Year | Sales | Sales",
        "2024 | North | 1 < 2",
        "2024 | South | 3",
    ]


def test_a_chart_of_a_document_has_its_axes_and_formats_too() -> None:
    graphic = '<a:graphic><c:chart r:id="chart1"/></a:graphic>'
    body = f"<w:p><w:r><w:drawing>{graphic}</w:drawing></w:r></w:p>"
    inner = SALES[SALES.index("<c:chart>") : SALES.index("</c:chartSpace>")]
    told_lines = [line.strip(" |") for line in text_of(body, {"chart1": inner}).split("\n")]
    assert told_lines == told(TABLE)
