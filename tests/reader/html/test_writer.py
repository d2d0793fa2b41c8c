from __future__ import annotations

import pytest

from tests.support.html_pages import text_of

PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 100


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Chart: <img src=c.png alt='Sales rose'>.", "Chart: Sales rose ."),
        ("a<img src=x alt=''>b<img alt='IMG_12.jpg'>c", "abc"),
        ("<a href=/><img alt=Home>Home</a>", "Home"),
        (
            "<figure><img alt='A kite'><figcaption>A kite over water</figcaption></figure>",
            "A kite over water",
        ),
        ("hi<img alt=🙂>", "hi🙂"),
        (r"is <img alt='{\displaystyle E=mc^{2}}'>", r"is E=mc^{2}"),
        (f"a<img alt='{PICTURE}'> {PICTURE} b", "a b"),
        (
            "<svg><title>A chart</title><defs><text>no</text></defs><text>2019</text></svg>",
            "A chart\n2019",
        ),
    ],
)
def test_what_is_said_of_a_picture_stands_for_it_once(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<p><img alt='A kite'></p><table><tr><td>A kite flies<td>high</table>",
            "A kite\n\nA kite flies | high",
        ),
        (
            "<p><img alt='A kite'></p><table><tr><td><tr><td>1<td>2</table><p>A kite flies",
            "A kite\n\n1 | 2\n\nA kite flies",
        ),
        ("<ol><li><img alt='A kite'><p>A kite flies</ol>", "1. A kite\n\nA kite flies"),
    ],
)
def test_what_is_said_of_a_picture_is_no_caption_of_another_place(html: str, text: str) -> None:
    assert text_of(html) == text


def test_what_is_struck_out_is_told_from_what_is_put_in() -> None:
    assert text_of("<del>10</del><ins>20</ins> and <s>old</s>") == "~~10~~ 20 and ~~old~~"
    assert text_of("<del><p>one<p>two</del>") == "~~one~~\n\n~~two~~"
    assert text_of("<b style='text-decoration: line-through'>3</b>4") == "~~3~~ 4"


def test_the_reading_of_a_word_stands_behind_it() -> None:
    html = "<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>です"
    assert text_of(html) == "漢字(かんじ)です"
    assert "字" in text_of("<ruby>漢<rt>かん<ruby>字<rt>じ</ruby>")


def test_quotations_have_their_marks() -> None:
    assert text_of("<q>yes</q>, he said") == "“yes”, he said"


def test_what_can_be_opened_is_read_and_lists_of_words_too() -> None:
    html = "<details><summary>More</summary>inside</details><dl><dt>word<dd>meaning</dl>"
    assert text_of(html) == "More\ninside\n\nword\nmeaning"


@pytest.mark.parametrize(
    "hidden",
    [
        "<p class='note sr-only'>gone</p>",
        "<p style='visibility: hidden'>gone</p>",
        "<dialog>gone</dialog>",
        "<video>gone</video>",
        "<iframe>gone</iframe>",
        "<canvas>gone</canvas>",
        "<p hidden=until-found>gone</p>",
    ],
)
def test_what_a_person_does_not_see_is_left_out(hidden: str) -> None:
    assert text_of(f"{hidden}<p aria-hidden=true>seen") == "seen"


def test_marks_that_a_page_brings_itself_are_left_out() -> None:
    odd = "".join(f"&#x{code:X};" for code in range(0xFDD0, 0xFDD8))
    assert text_of(f"<ol reversed><li>a{odd}b{odd}</ol>x") == "1. ab\nx"
