"""DOCX files for tests, with the parts and names that Word uses."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.books import make_docx, read

_OFFICE = "http://schemas.openxmlformats.org/"
_MICROSOFT = "http://schemas.microsoft.com/office/word/2010/"
NAMES = (
    f'xmlns:w="{_OFFICE}wordprocessingml/2006/main" '
    f'xmlns:m="{_OFFICE}officeDocument/2006/math" '
    f'xmlns:r="{_OFFICE}officeDocument/2006/relationships" '
    f'xmlns:wp="{_OFFICE}drawingml/2006/wordprocessingDrawing" '
    f'xmlns:a="{_OFFICE}drawingml/2006/main" '
    f'xmlns:pic="{_OFFICE}drawingml/2006/picture" '
    f'xmlns:c="{_OFFICE}drawingml/2006/chart" '
    f'xmlns:dgm="{_OFFICE}drawingml/2006/diagram" '
    f'xmlns:mc="{_OFFICE}markup-compatibility/2006" '
    f'xmlns:w14="{_MICROSOFT}wordml" xmlns:wps="{_MICROSOFT}wordprocessingShape" '
    'xmlns:new="urn:of-a-later-version" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
)
STRICT = NAMES.replace(
    f"{_OFFICE}wordprocessingml/2006/main", "http://purl.oclc.org/ooxml/wordprocessingml/main"
).replace(f"{_OFFICE}officeDocument/2006/math", "http://purl.oclc.org/ooxml/officeDocument/math")


def word_file(body: str, parts: Mapping[str, str] | None = None, names: str = NAMES) -> bytes:
    """Return a DOCX with the XML of a body, and of further parts such as "numbering".

    A header, a footer, a chart and the data of a diagram have their name as their id too.
    """
    found = dict(parts or {})
    roots = {"numbering": "numbering", "styles": "styles", "settings": "settings"}
    members = {
        f"word/{name}.xml": f"<w:{roots.get(name, 'part')} {names}>{inner}"
        f"</w:{roots.get(name, 'part')}>"
        for name, inner in found.items()
    }
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}officeDocument/2006/relationships/'
        f'{name.rstrip("0123456789")}" Target="{name}.xml"/>'
        for name in found
        if name.startswith(("header", "footer", "chart", "data"))
    )
    members["word/_rels/document.xml.rels"] = (
        f'<Relationships xmlns="{_OFFICE}package/2006/relationships">{relations}</Relationships>'
    )
    members["word/document.xml"] = f"<w:document {names}><w:body>{body}</w:body></w:document>"
    return make_docx("", **members)


def text_of(body: str, parts: Mapping[str, str] | None = None, names: str = NAMES) -> str:
    """Return the text of a DOCX without its empty lines."""
    lines = read(word_file(body, parts, names), "a.docx").text.split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())


def warnings_of(body: str, parts: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return what is said of a DOCX beside its text."""
    return read(word_file(body, parts), "a.docx").warnings


def run(text: str, properties: str = "") -> str:
    """Return the XML of a run."""
    inner = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{inner}<w:t xml:space="preserve">{text}</w:t></w:r>'


def block(*runs: str, properties: str = "") -> str:
    """Return the XML of a paragraph of runs, or of plain texts."""
    inner = "".join(each if each.startswith("<") else run(each) for each in runs)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def item(text: str, level: int = 0, number: int = 1) -> str:
    """Return the XML of a paragraph in a list."""
    numbers = f'<w:ilvl w:val="{level}"/><w:numId w:val="{number}"/>'
    return block(text, properties=f"<w:numPr>{numbers}</w:numPr>")


def level(at: int, kind: str, shown: str, more: str = "", start: int = 1) -> str:
    """Return the XML of how a level of a list counts."""
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>{more}'
        f'<w:lvlText w:val="{shown}"/></w:lvl>'
    )


def lists(*levels: str, more: str = "") -> dict[str, str]:
    """Return the part that numbers list 1 by levels; `more` are further lists of its kind, 1."""
    return {
        "numbering": f'<w:abstractNum w:abstractNumId="1">{"".join(levels)}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>{more}'
    }


def style(identity: str, inner: str, name: str = "", based_on: str = "") -> str:
    """Return the XML of a style of paragraphs."""
    base = f'<w:basedOn w:val="{based_on}"/>' if based_on else ""
    return (
        f'<w:style w:type="paragraph" w:styleId="{identity}"><w:name w:val="{name or identity}"/>'
        f"{base}{inner}</w:style>"
    )
