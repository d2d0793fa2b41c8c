"""Numbers that Word makes, against what Word shows of the same lists."""

from __future__ import annotations

import pytest

from tests.support.books import labels, read
from tests.support.word_files import (
    block,
    item,
    level,
    lists,
    run,
    style,
    text_of,
    warnings_of,
    word_file,
)

CLAUSES = (
    level(0, "decimal", "%1.", '<w:pStyle w:val="H1"/>'),
    level(1, "decimal", "%1.%2"),
    level(2, "lowerLetter", "(%3)"),
    level(3, "lowerRoman", "(%4)"),
)
NUMBERED_HEADING = style(
    "H1", '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>', "heading 1"
)


def heading(text: str, name: str = "H1") -> str:
    return block(text, properties=f'<w:pStyle w:val="{name}"/>')


def counted(kind: str, count: int = 1, start: int = 1, shown: str = "%1") -> list[str]:
    """Return the numbers of so many paragraphs in a list."""
    text = text_of(item("|") * count, lists(level(0, kind, shown, start=start)))
    return [line.partition(" |")[0] for line in text.split("\n")]


def test_clauses_have_the_numbers_that_the_text_refers_to() -> None:
    body = (
        heading("Term")
        + item("begins", 1)
        + item("lasts", 1)
        + heading("Fees")
        + item("paid", 1)
        + item("late", 1)
        + item("letter", 2)
        + item("mail", 2)
        + item("fast", 3)
        + item("kept", 1)
        + heading("Liability")
        + item("none", 1)
    )
    parts = lists(*CLAUSES) | {"styles": NUMBERED_HEADING}
    assert text_of(body, parts).split("\n") == [
        *("1. Term", "1.1 begins", "1.2 lasts", "2. Fees", "2.1 paid", "2.2 late"),
        *("(a) letter", "(b) mail", "(i) fast", "2.3 kept", "3. Liability", "3.1 none"),
    ]
    document = read(word_file(body, parts), "a.docx")
    assert labels(document) == ["1. Term", "2. Fees", "3. Liability"]


@pytest.mark.parametrize(
    ("kind", "start", "shown"),
    [
        ("decimal", 9, ["9", "10"]),
        ("decimalZero", 9, ["09", "10"]),
        ("lowerLetter", 26, ["z", "aa"]),
        ("upperLetter", 3, ["C", "D"]),
        ("lowerRoman", 3, ["iii", "iv"]),
        ("upperRoman", 49, ["XLIX", "L"]),
        ("ordinal", 11, ["11th", "12th"]),
        ("ordinal", 22, ["22nd", "23rd"]),
        ("cardinalText", 20, ["Twenty", "Twenty-one"]),
        ("ordinalText", 20, ["Twentieth", "Twenty-first"]),
        ("numberInDash", 1, ["- 1 -", "- 2 -"]),
        ("russianLower", 1, ["а", "б"]),
        ("chineseCounting", 10, ["十", "十一"]),
        ("decimalEnclosedCircle", 20, ["⑳", "㉑"]),
        ("chicago", 4, ["§", "**"]),
        ("upperRoman", 0, ["0", "I"]),
    ],
)
def test_numbers_are_written_as_their_list_writes_them(
    kind: str, start: int, shown: list[str]
) -> None:
    assert counted(kind, 2, start) == shown


def test_chinese_numbers_say_their_zeros() -> None:
    assert counted("chineseCountingThousand", 1, 105, "第%1条") == ["第一百〇五条"]
    assert counted("chineseCountingThousand", 1, 20) == ["二十"]


def test_numbers_of_a_pattern_have_as_many_figures() -> None:
    custom = (
        '<w:lvl w:ilvl="0"><w:start w:val="7"/><mc:AlternateContent><mc:Choice Requires="w14">'
        '<w:numFmt w:val="custom" w:format="001, 002, 003, ..."/></mc:Choice><mc:Fallback>'
        '<w:numFmt w:val="decimal"/></mc:Fallback></mc:AlternateContent>'
        '<w:lvlText w:val="R%1"/></w:lvl>'
    )
    assert text_of(item("a"), lists(custom)) == "R007 a"


def test_a_way_to_count_that_is_not_known_is_said() -> None:
    parts = lists(level(0, "bahtText", "%1."))
    assert text_of(item("a"), parts) == "1. a"
    assert warnings_of(item("a"), parts) == (
        "numbers that are written as bahtText are shown in figures",
    )


def test_a_legal_level_has_all_its_numbers_in_figures() -> None:
    parts = lists(level(0, "upperRoman", "%1."), level(1, "decimal", "%1.%2", "<w:isLgl/>"))
    assert text_of(item("a") + item("b", 1), parts) == "I. a\n1.1 b"


def test_a_level_may_go_on_where_others_begin_anew() -> None:
    through = level(1, "decimal", "§%2", '<w:lvlRestart w:val="0"/>')
    body = item("a") + item("b", 1) + item("c") + item("d", 1)
    assert text_of(body, lists(level(0, "decimal", "%1"), through)) == "1 a\n§1 b\n2 c\n§2 d"
    above = (
        level(0, "decimal", "%1"),
        level(1, "decimal", "%1.%2"),
        level(2, "decimal", "(%3)", '<w:lvlRestart w:val="1"/>'),
    )
    body = item("a", 0) + item("b", 1) + item("c", 2) + item("d", 1) + item("e", 2)
    assert text_of(body, lists(*above)).endswith("(1) c\n1.2 d\n(2) e")


def test_a_level_whose_upper_level_was_left_out_counts_it_as_begun() -> None:
    parts = lists(level(0, "decimal", "%1."), level(1, "decimal", "%1.%2"))
    assert text_of(item("a", 1) + item("b"), parts) == "1.1 a\n2. b"


def test_a_list_that_begins_anew_does_so_once_and_another_goes_on() -> None:
    again = (
        '<w:num w:numId="2"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="1"/></w:lvlOverride></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="1"/></w:num>'
    )
    body = "".join(
        item(each, 0, number) for each, number in zip("abcde", (1, 1, 2, 2, 3), strict=True)
    )
    parts = lists(level(0, "decimal", "%1."), more=again)
    assert text_of(body, parts) == "1. a\n2. b\n1. c\n2. d\n3. e"


def test_a_list_may_show_a_level_otherwise_than_its_kind() -> None:
    other = (
        '<w:num w:numId="2"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0">'
        f"{level(0, 'upperLetter', 'Part %1:')}</w:lvlOverride></w:num>"
    )
    parts = lists(level(0, "decimal", "%1."), more=other)
    assert text_of(item("a", 0, 2), parts) == "Part A: a"


def test_a_style_numbers_through_those_that_it_is_based_on() -> None:
    styles = (
        style("H1", '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>', "heading 1")
        + style("H2", '<w:pPr><w:numPr><w:ilvl w:val="1"/></w:numPr></w:pPr>', "heading 2", "H1")
        + style("Mine", "", based_on="H2")
        + style("Plain", '<w:pPr><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr>', "p", "H1")
    )
    parts = lists(level(0, "decimal", "%1"), level(1, "decimal", "%1.%2")) | {"styles": styles}
    body = heading("a") + heading("b", "H2") + heading("c", "Mine") + heading("d", "Plain")
    assert text_of(body, parts) == "1 a\n1.1 b\n1.2 c\nd"


def test_a_level_that_is_linked_to_a_style_is_that_of_its_paragraphs() -> None:
    styles = style("Clause", '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>')
    parts = lists(
        level(0, "decimal", "%1."), level(1, "decimal", "%1.%2", '<w:pStyle w:val="Clause"/>')
    )
    body = item("a") + heading("b", "Clause")
    assert text_of(body, parts | {"styles": styles}) == "1. a\n1.1 b"


def test_a_paragraph_may_take_its_number_away() -> None:
    gone = '<w:pStyle w:val="H1"/><w:numPr><w:ilvl w:val="0"/><w:numId w:val="0"/></w:numPr>'
    parts = lists(*CLAUSES) | {"styles": NUMBERED_HEADING}
    body = heading("a") + block("b", properties=gone) + heading("c")
    assert text_of(body, parts) == "1. a\nb\n2. c"


def test_a_style_of_lists_says_how_a_list_counts() -> None:
    styles = (
        '<w:style w:type="numbering" w:styleId="Law"><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr>'
        "</w:pPr></w:style>"
    )
    numbering = (
        '<w:abstractNum w:abstractNumId="1"><w:numStyleLink w:val="Law"/></w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="2">{level(0, "upperRoman", "Art. %1")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>'
    )
    assert text_of(item("a"), {"styles": styles, "numbering": numbering}) == "Art. I a"


def test_bullets_are_shown_as_such_and_do_not_count() -> None:
    symbols = '<w:rPr><w:rFonts w:ascii="Symbol"/></w:rPr>'
    bullet = level(0, "bullet", "\uf0b7").replace("</w:lvl>", f"{symbols}</w:lvl>")
    empty = block("", properties='<w:numPr><w:numId w:val="1"/></w:numPr>')
    assert text_of(item("a") + empty + item("b"), lists(bullet)) == "• a\n• b"


def test_no_gap_follows_a_number_that_wants_none() -> None:
    parts = lists(level(0, "decimal", "第%1条", '<w:suff w:val="nothing"/>'))
    assert text_of(item("内容"), parts) == "第1条内容"


def test_an_empty_paragraph_of_a_list_counts_and_shows_its_number() -> None:
    empty = block("", properties='<w:numPr><w:numId w:val="1"/></w:numPr>')
    parts = lists(level(0, "decimal", "%1."))
    assert text_of(item("a") + empty + item("b"), parts) == "1. a\n2.\n3. b"


def test_removed_and_hidden_paragraphs_do_not_count() -> None:
    numbers = '<w:numPr><w:numId w:val="1"/></w:numPr>'
    removed = (
        f"<w:p><w:pPr>{numbers}<w:rPr><w:del/></w:rPr></w:pPr>"
        "<w:del><w:r><w:delText>x</w:delText></w:r></w:del></w:p>"
    )
    hidden = block(run("y", "<w:vanish/>"), properties=f"{numbers}<w:rPr><w:vanish/></w:rPr>")
    parts = lists(level(0, "decimal", "%1."))
    assert text_of(item("a") + removed + hidden + item("b"), parts) == "1. a\n2. b"


def test_a_list_that_is_not_there_numbers_nothing() -> None:
    assert text_of(item("a", 0, 7), lists(level(0, "decimal", "%1."))) == "a"
    assert text_of(item("a", 99), lists(level(0, "decimal", "%1."))) == "a"
