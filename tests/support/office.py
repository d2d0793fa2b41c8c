"""Files of office programs for tests, written with zipfile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.support.books import make_zip

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGES = "http://schemas.openxmlformats.org/package/2006/relationships"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart"
_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_COMPATIBLE = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_URN = "urn:oasis:names:tc:opendocument:xmlns"
_NAMES = " ".join(
    f'xmlns:{name}="{_URN}:{place}:1.0"'
    for name, place in (
        *(("office", "office"), ("text", "text"), ("table", "table"), ("style", "style")),
        *(("draw", "drawing"), ("presentation", "presentation")),
    )
)


def relations(**targets: tuple[str, str]) -> str:
    """Return the XML of what a part refers to: the kind and the place of each, by its id."""
    entries = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGES}">{entries}</Relationships>'


def make_xlsx(
    sheets: dict[str, str],
    *,
    strings: Sequence[str] = (),
    formats: Sequence[str] = (),
    belonging: Mapping[str, tuple[str, str | bytes]] | None = None,
    more: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return a workbook of the XML of its sheets' rows, shared strings and formats of numbers.

    What is `belonging` to the first sheet are its parts by name, each with its kind; the names of
    commenters are a part of the kind "person". `more` are further members.
    """
    names = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="s{at}"/>' for at, name in enumerate(sheets)
    )
    targets = {f"s{at}": ("worksheet", f"worksheets/sheet{at}.xml") for at in range(len(sheets))}
    shared = "".join(f"<si><t>{each}</t></si>" for each in strings)
    codes = "".join(
        f'<numFmt numFmtId="{200 + at}" formatCode="{code}"/>' for at, code in enumerate(formats)
    )
    styles = "".join(f'<xf numFmtId="{200 + at}"/>' for at in range(len(formats)))
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relations(r=("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}">'
        f"<sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            **targets,
            t=("sharedStrings", "sharedStrings.xml"),
            f=("styles", "styles.xml"),
            p=("person", "persons/person.xml"),
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{_SHEETS}">{shared}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{_SHEETS}"><numFmts>{codes}</numFmts>'
        f'<cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>',
    }
    for at, rows in enumerate(sheets.values()):
        parts[f"xl/worksheets/sheet{at}.xml"] = f'<worksheet xmlns="{_SHEETS}">{rows}</worksheet>'
    added = _belonging("xl/worksheets", "sheet0.xml", belonging or {})
    return make_zip(parts | added | dict(more or {}))


def _belonging(
    folder: str, part: str, parts: Mapping[str, tuple[str, str | bytes]]
) -> dict[str, str | bytes]:
    """Return the members of parts that belong to one in a folder."""
    targets = {f"b{at}": (kind, name) for at, (name, (kind, _)) in enumerate(parts.items())}
    members = {f"{folder}/{name}": content for name, (_, content) in parts.items()}
    return members | {f"{folder}/_rels/{part}.rels": relations(**targets)} if parts else {}


def chart(title: str, *series: str, axes: Sequence[str] = ()) -> str:
    """Return the XML of a chart of series."""
    named = "".join(f"<c:valAx>{_title(axis)}</c:valAx>" for axis in axes)
    plot = f"<c:plotArea><c:barChart>{''.join(series)}</c:barChart>{named}</c:plotArea>"
    names = f'xmlns:c="{_CHART}" xmlns:a="{_DRAWING}"'
    return f"<c:chartSpace {names}><c:chart>{_title(title)}{plot}</c:chart></c:chartSpace>"


def series(name: str, heads: Sequence[str], values: Sequence[str], code: str = "General") -> str:
    """Return the XML of a series of a chart, whose values have a format."""
    named = f"<c:tx><c:strRef><c:strCache>{_points([name])}</c:strCache></c:strRef></c:tx>"
    cached = f"<c:numCache><c:formatCode>{code}</c:formatCode>{_points(values)}</c:numCache>"
    categories = f"<c:cat><c:strRef><c:strCache>{_points(heads)}</c:strCache></c:strRef></c:cat>"
    return f"<c:ser>{named}{categories}<c:val><c:numRef>{cached}</c:numRef></c:val></c:ser>"


def _points(values: Sequence[str]) -> str:
    return "".join(
        f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values) if value
    )


def _title(text: str) -> str:
    runs = "".join(f"<a:r><a:t>{letter}</a:t></a:r>" for letter in text)
    rich = f"<c:title><c:tx><c:rich><a:p>{runs}</a:p></c:rich></c:tx></c:title>"
    return rich if text else ""


def frame(inner: str) -> str:
    """Return the XML of what a slide shows of another part, such as a chart."""
    graphic = f"<a:graphic><a:graphicData>{inner}</a:graphicData></a:graphic>"
    return f"<p:graphicFrame>{graphic}</p:graphicFrame>"


def sheet_rows(*rows: Sequence[str]) -> str:
    """Return the XML of rows: numbers as such, other cells as strings of their own."""
    cells = (
        "".join(
            f"<c><v>{cell}</v></c>"
            if cell.replace(".", "").isdecimal()
            else f'<c t="inlineStr"><is><t>{cell}</t></is></c>'
            for cell in row
        )
        for row in rows
    )
    return f"<sheetData>{''.join(f'<row>{row}</row>' for row in cells)}</sheetData>"


def slide_shape(text: str, place: str = "") -> str:
    """Return the XML of a shape with paragraphs of text, in a place of the layout."""
    paragraphs = "".join(f"<a:p><a:r><a:t>{each}</a:t></a:r></a:p>" for each in text.split("\n"))
    filled = f'<p:ph type="{place}"/>' if place else ""
    return (
        f"<p:sp><p:nvSpPr><p:nvPr>{filled}</p:nvPr></p:nvSpPr>"
        f"<p:txBody>{paragraphs}</p:txBody></p:sp>"
    )


def make_pptx(
    slides: Sequence[str],
    *,
    notes: str = "",
    belonging: Mapping[str, tuple[str, str | bytes]] | None = None,
    more: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return a presentation of the XML of its slides' shapes; the first one has the notes.

    What is `belonging` to the first slide are its parts by name, each with its kind, and with the
    ids b0, b1 and so on. `more` are further members.
    """
    names = (
        f'xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}" xmlns:r="{_OFFICE}" xmlns:c="{_CHART}"'
        f' xmlns:dgm="{_DIAGRAM}" xmlns:mc="{_COMPATIBLE}"'
    )
    ids = "".join(f'<p:sldId id="{256 + at}" r:id="s{at}"/>' for at in range(len(slides)))
    targets = {f"s{at}": ("slide", f"slides/slide{at}.xml") for at in range(len(slides))}
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relations(r=("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {names}><p:sldIdLst>{ids}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            **targets, o=("commentAuthors", "older.xml"), n=("authors", "newer.xml")
        ),
    }
    for at, shapes in enumerate(slides):
        parts[f"ppt/slides/slide{at}.xml"] = f"<p:sld {names}>{shapes}</p:sld>"
    added = dict(belonging or {})
    if notes:
        added["notes.xml"] = "notesSlide", f"<p:notes {names}>{slide_shape(notes)}</p:notes>"
    return make_zip(parts | _belonging("ppt/slides", "slide0.xml", added) | dict(more or {}))


def make_open_document(kind: str, body: str, **more: str) -> bytes:
    """Return a text, spreadsheet or presentation of the XML of its body; L numbers lists."""
    style = (
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1"'
        ' style:num-format="1" text:start-value="3"/></text:list-style>'
    )
    content = (
        f"<office:document-content {_NAMES}><office:automatic-styles>{style}"
        f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}>"
        "</office:body></office:document-content>"
    )
    mimetype = f"application/vnd.oasis.opendocument.{kind}"
    return make_zip({"mimetype": mimetype, "content.xml": content} | more)
