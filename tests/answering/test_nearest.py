"""Which section of a passage is most like a question."""

from __future__ import annotations

import pytest

from rapid_cli.answering.citing.nearest import nearest_part
from rapid_cli.documents import Chunk, Document, Page, Passage

TEXTS = {
    "Rules › Music": "The piano may be played after five.",
    "Rules › Dogs": "They wait in the yard.",
    "Rules › Maps": "Old ones lie in the cold room.",
}
PAGES = tuple(Page(n, label, text) for n, (label, text) in enumerate(TEXTS.items(), start=1))
DOCUMENT = Document("d", "rules.md", "/rules.md", PAGES, paged=False)


def nearest(question, first=1, last=3):
    """Return the text of the nearest section."""
    start = DOCUMENT.text.index(PAGES[first - 1].text)
    end = DOCUMENT.text.index(PAGES[last - 1].text) + len(PAGES[last - 1].text)
    text = DOCUMENT.text[start:end]
    part = nearest_part(
        question, Passage(Chunk("d", 0, text, start, end, first, last), 1), DOCUMENT
    )
    return part and text[slice(*part)]


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("When is the piano played?", "Rules › Music"),
        ("Where do dogs wait?", "Rules › Dogs"),
        ("Where are the maps?", "Rules › Maps"),
    ],
)
def test_the_section_with_most_of_the_words_is_nearest_and_its_heading_counts(question, label):
    assert nearest(question) == TEXTS[label]


@pytest.mark.parametrize("question", ["What is the rule?", "Is it cold in the yard?", ""])
def test_none_is_nearest_where_several_are_alike_or_all_are_unlike(question):
    assert nearest(question) is None


def test_a_passage_of_one_section_needs_no_part():
    assert nearest("When is the piano played?", 1, 1) is None
