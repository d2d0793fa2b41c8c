"""What a source of an answer points to, and the texts around it."""

from __future__ import annotations

import pytest

from rapid_cli.api.cited import SURROUNDINGS, Cited, cited, excerpt
from rapid_cli.documents import Document, Page
from rapid_cli.errors import ConfigError


def source(**changes):
    known = {
        "document": "book.pdf",
        "document_id": "a" * 64,
        "path": "/books/book.pdf",
        "page": 4,
        "last_page": 4,
        "page_label": None,
        "section": None,
        "score": 0.5,
        "text": "Ann kept the light. She rowed out alone.",
    }
    return known | changes


def place(quote, page=4, **changes):
    known = {"quote": quote, "page": page, "last_page": page, "page_label": None, "section": None}
    return known | changes


def sentence(sources, places, support=0.8):
    return {"start": 0, "end": 9, "sources": sources, "places": places, "support": support}


def record(sources, citations=(), **changes):
    return {
        "question": "Who?",
        "absent": False,
        "sources": sources,
        "citations": citations,
    } | changes


def test_a_source_is_opened_at_the_sentence_that_it_supports_best():
    found = record(
        [source(), source(page=9)],
        [
            sentence([1], [place("Ann kept the light.")], support=0.7),
            sentence([2, 1], [place("Nine."), place("She rowed out.", 5, page_label="iv")]),
        ],
    )
    assert cited(found, 1) == Cited(
        "book.pdf",
        "/books/book.pdf",
        "a" * 64,
        5,
        "page 5 (printed iv)",
        "She rowed out.",
        "Ann kept the light. She rowed out alone.",
    )
    assert (cited(found, 2).page, cited(found, 2).quote) == (4, "Nine.")


def test_without_a_number_it_is_the_first_that_is_cited():
    unsupported = sentence([], [], support=0.0)
    found = record([source(page=1), source(page=2)], [unsupported, sentence([2], [place("x", 2)])])
    assert cited(found).page == 2
    assert cited(record([source(page=1), source(page=2)], [unsupported])).page == 1


def test_a_source_that_nothing_cites_is_marked_whole():
    found = cited(record([source(), source(text="Rain fell.")], [sentence([1], [place("x")])]), 2)
    assert (found.quote, found.passage, found.is_cited) == ("Rain fell.", "Rain fell.", False)


def test_a_text_without_pages_is_told_by_its_section():
    found = cited(record([source(page=None, section="Budget › Travel")]))
    assert (found.page, found.place) == (None, "“Budget › Travel”")
    assert cited(record([source(page=None)])).place == ""


def test_answers_of_an_earlier_version_can_be_opened():
    old = source()
    del old["document_id"]
    without_places = {"start": 0, "end": 9, "sources": [1], "support": 0.8}
    found = cited(record([old], [without_places]))
    assert (found.document_id, found.quote) == (None, old["text"])


@pytest.mark.parametrize("number", [0, 3, 99])
def test_a_number_that_is_no_source_is_told_with_those_that_are(number):
    with pytest.raises(ConfigError) as raised:
        cited(record([source(), source()]), number)
    assert raised.value.message == f"the answer has no source {number}"
    assert raised.value.hint == "it has sources 1 to 2"
    with pytest.raises(ConfigError) as raised:
        cited(record([source()]), 2)
    assert raised.value.hint == "it has source 1 alone"


def test_an_answer_without_sources_says_why():
    with pytest.raises(ConfigError) as raised:
        cited(record([]), 1)
    assert "“Who?” has no sources" in raised.value.message
    assert "standard input" in raised.value.hint
    with pytest.raises(ConfigError) as raised:
        cited(record([], absent=True), 1)
    assert "no text says so" in raised.value.hint


def document(text):
    return Document("d", "notes.txt", "/notes.txt", (Page(1, None, text),), paged=False)


def wanted(quote, passage=""):
    return Cited("notes.txt", "/notes.txt", "d", None, "", quote, passage)


FILLER = "".join(f"Paragraph {number} says nothing.\n\n" for number in range(400))
PASSAGE = "The team met.\nIt decided on 4,000 euros. Then it went home."


def test_a_passage_is_shown_with_what_surrounds_it_and_its_quote_marked():
    text = f"{FILLER}{PASSAGE}\n\n{FILLER}"
    shown = excerpt(document(text), wanted("It decided on 4,000 euros.", PASSAGE))
    assert [shown.text[a:b] for a, b in shown.marks] == ["It decided on 4,000 euros."]
    assert PASSAGE in shown.text
    assert (shown.is_beginning, shown.is_end) == (False, False)
    assert shown.text.startswith("Paragraph"), "paragraphs are whole"
    assert shown.text.endswith("nothing.")
    assert len(PASSAGE) + 2 * SURROUNDINGS - 100 < len(shown.text) < 5 * SURROUNDINGS


def test_a_short_text_is_shown_whole():
    shown = excerpt(document(PASSAGE), wanted("4,000 euros"))
    assert (shown.text, shown.is_beginning, shown.is_end) == (PASSAGE, True, True)


def test_a_quote_is_looked_for_in_its_passage_only():
    other = "The board met. It decided on 4,000 euros."
    text = f"{other}\n\n{FILLER}{PASSAGE}"
    shown = excerpt(document(text), wanted("It decided on 4,000 euros.", PASSAGE))
    assert shown.is_end
    assert other not in shown.text
    assert len(shown.marks) == 1


def test_words_that_are_not_there_mark_nothing():
    assert excerpt(document(FILLER), wanted("4,000 euros")).marks == ()
    shown = excerpt(document(FILLER), wanted("", ""))
    assert (shown.marks, shown.is_beginning) == ((), True)
