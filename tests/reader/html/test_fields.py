from __future__ import annotations

import pytest

from tests.support.html_pages import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Name<input value=Ann>", "Name Ann"),
        ("<input type=date value=2024-05-01> <input type=NUMBER value=7>", "2024-05-01 7"),
        ("Range<input type=range value=3><input type=email value=a@b.c>", "Range 3 a@b.c"),
        ("<input type=checkbox checked>on<input type=checkbox>off", "[x] on [ ] off"),
        ("<label><input type=radio checked>A</label><input type=radio>B", "[x] A [ ] B"),
        (
            "<input type=submit value=Go><input type=reset><input type=submit>",
            "Go Reset Submit",
        ),
        ("<button>Go</button><button>Stop</button>", "Go Stop"),
        ("<textarea>one\ntwo & <b></textarea>", "one\ntwo & <b>"),
        ("<span role=checkbox aria-checked=true></span>on", "[x] on"),
        ("<div role=switch aria-checked=false>off</div>", "[ ] off"),
        ("<progress value=32 max=100></progress>", "32%"),
        ("<progress value=.5></progress> <progress></progress>", "50%"),
        ("<meter min=0 max=10 value=7></meter><meter value=5 max=10>half</meter>", "7 of 10 half"),
        ("<meter value=nan></meter><meter value=1 max=0></meter>x", "x"),
        ("<output>42</output>", "42"),
        ("<input type=image alt=Search src=s.png>", "Search"),
    ],
)
def test_fields_show_what_is_in_them(html: str, text: str) -> None:
    assert text_of(html) == text


def test_what_a_form_hides_stays_hidden() -> None:
    html = "seen<input type=password value=secret><input type=hidden value=token><input type=file>"
    html += "<input type=checkbox class='switch hidden'>"
    assert text_of(html + "<datalist><option>one</datalist><input placeholder=hint>") == "seen"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("<option>Austria<option selected>Norway<option>Spain", "Norway"),
        ("<option disabled>Choose<option>Austria<option>Spain", "Austria"),
        ("<option selected disabled>Choose<option>Austria", "Choose"),
        ("<optgroup label=North><option>Norway</optgroup><option selected label=ES>Spain", "ES"),
        ("<option selected>A<option selected>B", "B"),
        ("", "Country"),
    ],
)
def test_of_a_list_to_choose_from_the_chosen_option_is_seen(options: str, text: str) -> None:
    shown = text_of(f"<label>Country<select>{options}</select></label>")
    assert shown == (f"Country {text}" if options else text)


def test_a_list_that_shows_all_its_options_has_them_with_ticks() -> None:
    for how in ("multiple", "size=3"):
        html = f"<select {how}><option>A<option selected>B</select>"
        assert text_of(html) == "[ ] A, [x] B"
