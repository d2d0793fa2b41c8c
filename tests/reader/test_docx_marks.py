"""Ticks, raised letters, fields, symbols and changes in the paragraphs of a DOCX."""

from __future__ import annotations

import pytest

from tests.support.word_files import STRICT, block, run, style, text_of, warnings_of

RAISED = '<w:vertAlign w:val="superscript"/>'
LOWERED = '<w:vertAlign w:val="subscript"/>'


def control(inner: str, setting: str) -> str:
    return f"<w:sdt><w:sdtPr>{setting}</w:sdtPr><w:sdtContent>{inner}</w:sdtContent></w:sdt>"


def box(ticked: str, inner: str = run("☐")) -> str:
    value = f'<w14:checked w14:val="{ticked}"/>' if ticked else ""
    return control(inner, f"<w14:checkbox>{value}</w14:checkbox>")


def mark(kind: str, form: str = "") -> str:
    data = f"<w:ffData>{form}</w:ffData>" if form else ""
    return f'<w:r><w:fldChar w:fldCharType="{kind}">{data}</w:fldChar></w:r>'


def code(text: str) -> str:
    return f"<w:r><w:instrText> {text} </w:instrText></w:r>"


def field(text: str, *result: str, form: str = "") -> str:
    shown = mark("separate") + "".join(result) if result else ""
    return mark("begin", form) + code(text) + shown + mark("end")


def old_box(inner: str) -> str:
    return field("FORMCHECKBOX", form=f"<w:checkBox>{inner}</w:checkBox>")


def test_boxes_are_ticked_or_not() -> None:
    assert text_of(block(box("0"), " nuts")) == "[ ] nuts"
    assert text_of(block(box("1"), " latex", box("true"), "eggs")) == "[x] latex [x] eggs"
    assert text_of(block(box(""), "a")) == "[ ] a"
    assert text_of(block(box("1", ""), "a")) == "[x] a"
    assert text_of(block(box("1", run("☒ yes")))) == "[x] yes"


def test_boxes_around_paragraphs_and_cells_are_ticked_or_not() -> None:
    assert text_of(box("1", block(run("☒")))) == "[x]"
    cell = box("1", f"<w:tc>{block(run('✔'))}</w:tc>")
    other = f"<w:tc>{block('walks')}</w:tc>"
    assert text_of(f"<w:tbl><w:tr>{cell}{other}</w:tr></w:tbl>") == "[x] | walks"


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        ('<w:default w:val="0"/><w:checked w:val="1"/>', "[x] a"),
        ('<w:default w:val="1"/><w:checked w:val="0"/>', "[ ] a"),
        ("<w:default/>", "[x] a"),
        ("<w:checked/>", "[x] a"),
        ("", "[ ] a"),
    ],
)
def test_boxes_of_older_forms_are_ticked_or_not(inner: str, shown: str) -> None:
    assert text_of(block(old_box(inner), "a")) == shown


def test_choices_of_forms_are_shown() -> None:
    entries = '<w:listEntry w:val="red"/><w:listEntry w:val="blue"/>'
    chosen = f'<w:ddList><w:result w:val="1"/>{entries}</w:ddList>'
    assert text_of(block("colour ", field("FORMDROPDOWN", form=chosen))) == "colour blue"
    again = field("FORMDROPDOWN", run("blue"), form=chosen)
    assert text_of(block("colour ", again)) == "colour blue"
    newer = control(run("green"), '<w:dropDownList><w:listItem w:value="green"/></w:dropDownList>')
    assert text_of(block("colour ", newer)) == "colour green"


def test_what_only_asks_to_be_filled_in_is_left_out() -> None:
    asks = control(run("Click here to enter text."), "<w:text/><w:showingPlcHdr/>")
    assert text_of(block("name: ", asks)) == "name:"
    assert text_of(block("a") + control(block("Choose."), "<w:showingPlcHdr/>")) == "a"
    cell = control(f"<w:tc>{block('Choose.')}</w:tc>", "<w:showingPlcHdr/>")
    cells = "".join(f"<w:tc>{block(each)}</w:tc>" for each in "abc")
    table = f"<w:tbl><w:tr>{cells}{cell}</w:tr><w:tr>{cells}{cell}</w:tr></w:tbl>"
    assert text_of(table) == "a | b | c |\na | b | c |"


def test_a_field_is_shown_by_its_result() -> None:
    assert text_of(block("see page ", field("PAGEREF a", run("7")))) == "see page 7"
    inner = field('IF x = 1 "a" "b"', run("b"))
    assert text_of(block(field("REF a", run("2.2")), " and ", inner)) == "2.2 and b"
    nested = mark("begin") + code("IF") + field("PAGE", run("3")) + code("= 3") + mark("separate")
    assert text_of(block(nested, run("yes"), mark("end"))) == "yes"
    simple = f'<w:fldSimple w:instr="REF a">{run("1.4")}</w:fldSimple>'
    link = f'<w:hyperlink w:anchor="a">{run("link")}</w:hyperlink>'
    assert text_of(block("clause ", simple, " ", link)) == "clause 1.4 link"
    form = field("FORMTEXT", run("Ann"), form="<w:textInput/>")
    assert text_of(block("name ", form)) == "name Ann"


def test_a_field_over_several_paragraphs_is_read_to_its_end() -> None:
    body = block(mark("begin"), code("TOC"), mark("separate"), "Term 1") + block(
        "Fees 2", mark("end")
    )
    assert text_of(body + block("text")) == "Term 1\nFees 2\ntext"


def test_a_field_without_an_end_hides_nothing() -> None:
    assert text_of(block(mark("begin"), code("REF a"), "shown") + block("too")) == "shown\ntoo"
    assert text_of(block(mark("end"), mark("separate"), "shown")) == "shown"


def test_a_field_that_is_not_read_is_said() -> None:
    assert warnings_of(block("a", field(r"EQ \f(1;2)"))) == ("1 equation in a field is not read",)


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        (("10", run("6", RAISED), " bacteria"), "10^6 bacteria"),
        (("10", run("-", RAISED), run("6", RAISED)), "10^-6"),
        (("H", run("2", LOWERED), "O"), "H_2O"),
        (("CO", run("2", LOWERED), ", m", run("2", RAISED)), "CO_2, m^2"),
        (("x", run("i+1", LOWERED)), "x_(i+1)"),
        (("x", run("n", RAISED), "y"), "x^(n)y"),
        (("10", run("6", RAISED), "5"), "10^(6)5"),
        (("Ca", run("2+", RAISED)), "Ca^2+"),
        (("the 1", run("st", RAISED), " of May"), "the 1st of May"),
        (("Acme", run("®", RAISED)), "Acme®"),
        (("20 ", run("o", RAISED), "C"), "20 °C"),
        (("20", run("o", RAISED), "C"), "20°C"),
        (("as was shown", run("1", RAISED), " before"), "as was shown[1] before"),
        (("shown.", run("1,2", RAISED)), "shown.[1,2]"),
        (("two metres", run("2", RAISED)), "two metres^2"),
        (("3", run("1", RAISED), "/", run("2", LOWERED), " cups"), "3 1/2 cups"),
        (("a", run(" ", RAISED), "b"), "a b"),
        (("shown", run("/", RAISED), " so"), "shown/ so"),
        (("10", run("6", '<w:position w:val="6"/>')), "10^6"),
        (("H", run("2", '<w:position w:val="-6"/>'), "O"), "H_2O"),
        (("a", run("b", '<w:position w:val="1"/>')), "ab"),
        (
            (run("all of a line that is raised, as some layouts have it", RAISED),),
            "all of a line that is raised, as some layouts have it",
        ),
    ],
)
def test_raised_and_lowered_letters_are_marked(runs: tuple[str, ...], shown: str) -> None:
    assert text_of(block(*runs)) == shown


def test_a_style_raises_letters_and_a_run_may_undo_it() -> None:
    styles = (
        '<w:style w:type="character" w:styleId="Up"><w:rPr><w:vertAlign w:val="superscript"/>'
        "</w:rPr></w:style>"
        '<w:style w:type="character" w:styleId="Upper"><w:basedOn w:val="Up"/></w:style>'
    )
    body = block("10", run("6", '<w:rStyle w:val="Upper"/>')) + block(
        "10", run("6", '<w:rStyle w:val="Up"/><w:vertAlign w:val="baseline"/>')
    )
    assert text_of(body, {"styles": styles}) == "10^6\n106"


def test_changes_are_read_as_accepted() -> None:
    gone = "<w:del><w:r><w:delText>900</w:delText></w:r></w:del>"
    new = f"<w:ins>{run('950')}</w:ins>"
    assert text_of(block("pays ", gone, new, " euros")) == "pays 950 euros"
    moved = f"<w:moveFrom>{run('moved')}</w:moveFrom>"
    assert text_of(block(moved, "a") + block(f"<w:moveTo>{run('moved')}</w:moveTo>")) == "a\nmoved"
    joined = "<w:rPr><w:del/></w:rPr>"
    assert text_of(block("one ", properties=joined) + block("line")) == "one line"
    assert text_of(block("a") + block("last", properties=joined)) == "a\nlast"
    row = f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{block('gone')}</w:tc></w:tr>"
    assert text_of(f"<w:tbl>{row}<w:tr><w:tc>{block('a')}</w:tc></w:tr></w:tbl>") == "a"


def test_hidden_text_is_left_out() -> None:
    assert text_of(block("a", run("b", "<w:vanish/>"), run("c", '<w:vanish w:val="0"/>'))) == "ac"
    styles = style("Secret", "<w:rPr><w:vanish/></w:rPr>")
    secret = block("b", properties='<w:pStyle w:val="Secret"/>')
    assert text_of(block("a") + secret, {"styles": styles}) == "a"


def test_symbols_of_fonts_are_shown_as_letters() -> None:
    def sign(font: str, char: str) -> str:
        return f'<w:r><w:sym w:font="{font}" w:char="{char}"/></w:r>'

    assert text_of(block(sign("Wingdings", "F0FE"), "a", sign("Wingdings", "F0A8"))) == "[x] a [ ]"
    assert text_of(block(sign("Wingdings", "F0FC"), " a")) == "✓ a"
    assert text_of(block(sign("Symbol", "F06D"), "m")) == "μm"
    assert text_of(block(sign("Segoe UI Symbol", "2612"), "a")) == "[x] a"
    assert text_of(block(run("\uf0fe", '<w:rFonts w:ascii="Wingdings"/>'), "a")) == "[x] a"
    assert text_of(block(run("a", '<w:rFonts w:ascii="Symbol"/>'), "-rays")) == "α-rays"
    odd = block("a", sign("Wingdings", "F0C3"))
    assert text_of(odd) == "a"
    assert warnings_of(odd) == ("1 symbol of the font Wingdings is not read",)


def test_letters_of_special_kinds_are_read() -> None:
    inner = "<w:t>T</w:t><w:noBreakHyphen/><w:t>100 co</w:t><w:softHyphen/><w:t>op</w:t>"
    assert text_of(block(f"<w:r>{inner}<w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>")) == (
        "T-100 coop b\nc"
    )
    ruby = (
        f"<w:ruby><w:rt>{run('とうきょう')}</w:rt><w:rubyBase>{run('東京')}</w:rubyBase></w:ruby>"
    )
    assert text_of(block(f"<w:r>{ruby}</w:r>")) == "東京(とうきょう)"
    tag = f'<w:smartTag w:element="place">{run("Rome")}</w:smartTag>'
    assert text_of(block("in ", tag, f"<w:bdo>{run('!')}</w:bdo>")) == "in Rome!"


def test_a_document_of_the_strict_standard_is_read() -> None:
    body = block("10", run("6", RAISED), " ", field("PAGE", run("3")))
    assert text_of(body, names=STRICT) == "10^6 3"
