"""PDFs whose letters stand at given places, from the left to the right of what is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.support.odd_pdfs import one_page, stream

Row = tuple[float, float, str]
"""Where a text begins, from the left and from the bottom, and its letters as they are seen."""


def printed(rows: Iterable[Row], size: int = 11) -> bytes:
    """Return a PDF of one page that draws rows of Latin letters in their order."""
    return one_page(drawn(rows, size))


def drawn(rows: Iterable[Row], size: int = 11) -> bytes:
    """Return the content of a page that draws rows of Latin letters."""
    shown = (f"1 0 0 1 {x} {y} Tm ({text}) Tj\n" for x, y, text in rows)
    return f"BT /F1 {size} Tf\n{''.join(shown)}ET".encode("cp1252")


def seen(lines: Sequence[str]) -> bytes:
    """Return a PDF of one page with lines of any letters, as they are seen from the left."""
    codes = {letter: code for code, letter in enumerate(sorted(set("".join(lines))), start=1)}
    content = "BT /F1 12 Tf\n"
    for at, line in enumerate(lines):
        content += f"1 0 0 1 72 {740 - 20 * at} Tm "
        content += f"<{''.join(f'{codes[letter]:04X}' for letter in line)}> Tj\n"
    pairs = "\n".join(
        f"<{code:04X}> <{letter.encode('utf-16-be').hex()}>" for letter, code in codes.items()
    )
    names = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def "
        "/CMapType 2 def 1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )
    font = b"<</Type/Font/Subtype/Type0/BaseFont/Any/Encoding/Identity-H"
    more = {
        5: font + b"/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
        6: b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Any/DW 500/FontDescriptor 8 0 R"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>",
        7: stream(names.encode()),
        8: b"<</Type/FontDescriptor/FontName/Any/Flags 4/FontBBox[0 0 500 700]/ItalicAngle 0"
        b"/Ascent 700/Descent 0/CapHeight 700/StemV 80>>",
    }
    return one_page(f"{content}ET".encode(), more)


def with_annotations(rows: Iterable[Row], annotations: Sequence[str]) -> bytes:
    """Return a PDF of one page with rows and annotations, each the entries of a dictionary."""
    numbers = range(6, 6 + len(annotations))
    listed = " ".join(f"{number} 0 R" for number in numbers).encode()
    more = {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%b]>>>>" % listed,
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>/Annots[%b]>>" % listed,
    }
    for number, entries in zip(numbers, annotations, strict=True):
        more[number] = f"<</Type/Annot{entries}>>".encode("cp1252")
    return one_page(drawn(rows), more)
