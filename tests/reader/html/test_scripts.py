from __future__ import annotations

import pytest

from tests.support.html_pages import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("3 &times; 10<sup>6</sup> of them", "3 × 10^6 of them"),
        ("10<sup>&minus;3</sup> per litre", "10^-3 per litre"),
        ("25 m<sup>2</sup>, 4km<sup>2</sup>, W/m<sup>2</sup>", "25 m^2, 4km^2, W/m^2"),
        ("2<sup>10</sup> = 1024<sup>1</sup> = x", "2^10 = 1024^1 = x"),
        ("10<sup>6</sup>–10<sup>8</sup>", "10^6–10^8"),
        ("1.05<sup>10</sup> or 1,5<sup>2</sup> + 1", "1.05^10 or 1,5^2 + 1"),
        ("x<sup>n+1</sup>, e<sup>&minus;x</sup>, (a+b)<sup>2</sup>", "x^(n+1), e^-x, (a+b)^2"),
        ("E=mc<sup>2</sup> and R<sup>2</sup>", "E=mc^2 and R^2"),
        ("Ca<sup>2+</sup>, SO<sub>4</sub><sup>2&minus;</sup>", "Ca^2+, SO_4^2-"),
        ("x<sub>1</sub><sup>2</sup> 2<sup>2<sup>3</sup></sup>", "x_1^2 2^(2^3)"),
        ("a <sup>14</sup>C date", "a ^14C date"),
        ("H<sub>2</sub>O, CO<sub>2</sub>", "H_2O, CO_2"),
        ("log<sub>2</sub>8 a<sub>max</sub> b<sub>i+1</sub>", "log_2 8 a_max b_(i+1)"),
        ("10<i style='vertical-align: super'>6</i> <b style='vertical-align:sub'>x</b>", "10^6 x"),
        ("10⁶ and H₂O", "10⁶ and H₂O"),
    ],
)
def test_powers_and_indices_are_told_from_the_number_before_them(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("made in 1998<sup>4</sup> by", "made in 1998 [4] by"),
        ("bacteria<sup>4</sup>, and.<sup>2,3</sup> So", "bacteria [4], and. [2,3] So"),
        (
            "450<sup>3</sup>, 12,500<sup>3</sup>, 45%<sup>2</sup>",
            "450 [3], 12,500 [3], 45% [2]",
        ),
        ("3.5<sup>2</sup> and 12.5<sup>a</sup>", "3.5 [2] and 12.5 [a]"),
        ("COVID-19<sup>5</sup> on May 12<sup>3</sup>", "COVID-19 [5] on May 12 [3]"),
        ("(see below)<sup>2</sup>, assets<sup>(1)</sup>", "(see below) [2], assets [1]"),
        ("10<sup><a href='#n4'>4</a></sup>", "10 [4]"),
        ("10<a href='notes.xhtml#n4'><sup>4</sup></a>", "10 [4]"),
        ("so<sup><a href='#c4'>[4]</a></sup><sup><a href='#c5'>[5]</a></sup>.", "so [4] [5]."),
        ("so<sup>[<i>citation needed</i>]</sup>", "so [citation needed]"),
        ("<sup>4</sup> A note", "[4] A note"),
        ("so<sup>*</sup> and †<sup>†</sup>", "so* and ††"),
    ],
)
def test_marks_of_notes_are_no_part_of_a_number(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("1<sup>st</sup>, 22<sup>nd</sup>, n<sup>th</sup>", "1st, 22nd, nth"),
        (
            "le 1<sup>er</sup>, XX<sup>e</sup> siècle, M<sup>me</sup>",
            "le 1er, XXe siècle, Mme",
        ),
        ("20<sup>o</sup>C, N<sup>o</sup> 5", "20°C, No 5"),
        ("Brand<sup>TM</sup>", "Brand™"),
        ("$9<sup>99</sup>", "$9.99"),
        ("3<sup>1</sup>/<sub>2</sub> or <sup>3</sup>&frasl;<sub>4</sub>", "3 1/2 or 3/4"),
        ("New<sup>beta</sup>, <sub>small words here</sub>", "New beta, small words here"),
    ],
)
def test_what_belongs_to_the_word_before_it_stays_there(html: str, text: str) -> None:
    assert text_of(html) == text


def test_raised_text_in_a_heading_and_in_a_cell_is_marked_too() -> None:
    html = "<h1>10<sup>6</sup></h1><table><tr><td>m<sup>2</sup><td>H<sub>2</sub></table>"
    assert text_of(html) == "10^6\n\nm^2 | H_2"


def test_a_deep_nest_of_raised_text_takes_no_time() -> None:
    assert text_of("x<sup>2" * 20_000).startswith("x^")
    assert text_of("x<sup>2</sup>" * 20_000).startswith("x^2x^2")
