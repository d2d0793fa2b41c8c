"""What is told of an answer: the JSON that scripts rely on, and lines for people."""

from __future__ import annotations

import json

import pytest

from rapid_cli.answering.answer import Answer, Options, Pair, Seconds
from rapid_cli.answering.citing.citations import Citation
from rapid_cli.answering.readings import Reading
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.api.places import address, place, place_of
from rapid_cli.api.report import (
    answer_json,
    conversation_markdown,
    coverage_note,
    passage_json,
    passages_json,
    summary,
)
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.stats import DecodingStats
from rapid_cli.documents import PAGE_BREAK, Chunk, Document, Page, Passage
from rapid_cli.models.interface import PromptTokens
from rapid_cli.text.sizes import percentage

PAGES = tuple(
    Page(number, label, f"Text of page {number}.")
    for number, label in enumerate(["i", "ii", None, "1"], start=1)
)
BOOK = Document("b", "book.pdf", "/home/me/book.pdf", PAGES, paged=True)
NOTES = Document("n", "notes.txt", "/notes.txt", (Page(1, None, "x" * 200),), paged=False)
CHAPTERS = (Page(1, None, "A preface."), Page(2, "Chapter 3 › Installing", "Turn the key."))
NOVEL = Document("e", "novel.epub", "/novel.epub", CHAPTERS, paged=False)
PIPED = Document("s", "stdin", "stdin:0123456789ab", (Page(1, None, "Piped."),), paged=False)
HOSTILE = Document(
    "h", "a\x1b[2J\nb.txt", "/odd/a\x1b[2J\nb #1.txt", (Page(1, "Cha\x07pter", "x"),), paged=False
)
SHARED = Document("o", "book.pdf", "shared:bob-1f:/../../etc/passwd", PAGES, paged=True)
LABELS = ("1), salary.pdf, page 9", "x”), salary.pdf, page 9 (printed 9), and so on", "x" * 10_000)
POSING = Document(
    "p",
    "a.pdf, page 9",
    "/a.pdf, page 9",
    tuple(Page(number, label, "x") for number, label in enumerate(LABELS, start=1)),
    paged=True,
)
DOCUMENTS = {one.id: one for one in (BOOK, NOTES, NOVEL, PIPED, HOSTILE, SHARED, POSING)}


class NamedModel:
    """All that a report asks of a model."""

    def __init__(self, name, device):
        self.name, self.device = name, device


def passage(document=BOOK, first=1, last=1, start=None, score=0.5):
    """Return the passage of some pages, or that from an offset to the end of the last one."""
    starts, ends = zip(*(page_span(document, number) for number in (first, last)), strict=True)
    start = starts[0] if start is None else start
    text = document.text[start : ends[1]]
    return Passage(Chunk(document.id, 0, text, start, ends[1], first, last), score)


def page_span(document, number):
    """Return where in a document's text a page is."""
    before = PAGE_BREAK.join(page.text for page in document.pages[: number - 1])
    start = len(before) + (len(PAGE_BREAK) if number > 1 else 0)
    return start, start + len(document.pages[number - 1].text)


def reading(tokens, coverage):
    return Reading(PromptTokens((1,) * (tokens - 2), (2, 2)), "text", coverage=coverage)


def make_answer(strategy="rapid", **changes):
    options = Options(strategy_named(strategy), SamplingParams(), eta=10.0, seed=7)
    pair = Pair("mine", NamedModel("large", "a GPU"), NamedModel("small", "a CPU"))
    known = {
        "seconds": Seconds(load=0.1, retrieve=0.02, first_token=1.26, decode=0.8, total=3.0),
        "text": "Ann.",
        "finish_reason": "stop",
        "sources": [passage(first=3, last=4, score=0.61239)],
        "document_tokens": 900,
        "target": reading(950, 1.0),
        "drafter": reading(200, 0.2),
        "stats": DecodingStats(
            tokens=12, rounds=4, planned=16, drafted=15, accepted=8, verify_seconds=0.5
        ),
    }
    return Answer("Who?", options, pair, **(known | changes))


def test_the_json_of_an_answer_is_what_scripts_were_promised():
    told = json.loads(json.dumps(answer_json(make_answer(), DOCUMENTS), allow_nan=False))
    stats, context = told.pop("stats"), told.pop("context")
    assert told == {
        "question": "Who?",
        "answer": "Ann.",
        "absent": False,
        "thinking": None,
        "finish_reason": "stop",
        "strategy": "rapid",
        "pair": "mine",
        "target": "large",
        "drafter": "small",
        "seed": 7,
        "sources": [
            {
                "document": "book.pdf",
                "document_id": "b",
                "path": "/home/me/book.pdf",
                "page": 3,
                "last_page": 4,
                "page_label": None,
                "section": None,
                "score": 0.6124,
                "text": BOOK.text[slice(page_span(BOOK, 3)[0], page_span(BOOK, 4)[1])],
            }
        ],
        "citations": [],
    }
    assert context == {
        "document_tokens": 900,
        "target_tokens": 950,
        "drafter_tokens": 200,
        "coverage": 1.0,
        "truncated": False,
        "restored_tokens": 0,
    }
    assert set(stats) == {
        "tokens",
        "rounds",
        "drafted",
        "accepted",
        "transferred",
        "acceptance_rate",
        "mean_acceptance_length",
        "gamma_mean",
        "tokens_per_second",
        "plain_tokens_per_second",
        "speedup",
        "device",
        "seconds",
    }
    assert (stats["tokens"], stats["rounds"], stats["drafted"], stats["accepted"]) == (12, 4, 15, 8)
    assert stats["acceptance_rate"] == pytest.approx(8 / 15, abs=1e-4)
    assert stats["mean_acceptance_length"] == 3
    assert stats["gamma_mean"] == 3.75
    assert stats["tokens_per_second"] == 15
    assert stats["plain_tokens_per_second"] is None  # never guessed
    assert stats["speedup"] is None
    assert stats["device"] == "a GPU"
    assert stats["seconds"] == {
        "load": 0.1,
        "index": None,
        "retrieve": 0.02,
        "prefill_target": None,
        "prefill_drafter": None,
        "first_draft": None,
        "first_token": 1.26,
        "check": None,
        "decode": 0.8,
        "total": 3.0,
    }


def test_an_answer_that_the_text_does_not_tell_has_no_speed_up():
    stats = DecodingStats(tokens=7, rounds=1, plain_seconds=0.1)
    absent = make_answer(absent=True, stats=stats)
    assert answer_json(absent, DOCUMENTS)["absent"] is True
    assert answer_json(absent, DOCUMENTS)["stats"]["speedup"] is None
    assert answer_json(make_answer(stats=stats), DOCUMENTS)["stats"]["speedup"] is not None
    assert "neither the text nor its passages tell" in summary(absent)
    assert "tell" not in summary(make_answer(stats=stats))


def test_an_answer_of_which_nothing_is_known_yet_has_nulls_and_no_zeros_for_rates():
    known = {"drafter": None, "sources": [], "stats": DecodingStats(), "text": ""}
    empty = make_answer("rag", seconds=Seconds(), **known)
    told = json.loads(json.dumps(answer_json(empty, DOCUMENTS), allow_nan=False))
    assert told["sources"] == []
    assert told["context"]["drafter_tokens"] == 0
    for rate in ("acceptance_rate", "mean_acceptance_length", "gamma_mean", "tokens_per_second"):
        assert told["stats"][rate] is None
    assert set(told["stats"]["seconds"].values()) == {None}


def test_a_drafter_is_named_only_where_a_model_drafts():
    assert answer_json(make_answer(), DOCUMENTS)["drafter"] == "small"
    told = answer_json(make_answer("prompt-lookup", drafter=None), DOCUMENTS)
    assert (told["target"], told["drafter"]) == ("large", None)


def test_a_speedup_is_told_where_plain_decoding_was_measured_on_the_same_text():
    measured = make_answer(
        stats=DecodingStats(tokens=12, verify_seconds=0.8, plain_rounds=3, plain_rounds_seconds=0.3)
    )
    stats = answer_json(measured, DOCUMENTS)["stats"]
    assert (stats["plain_tokens_per_second"], stats["speedup"]) == (10, 1.5)
    assert "1.50x plain decoding" in summary(measured)
    assert "plain" not in summary(make_answer())


def test_what_tokens_take_besides_the_models_counts_for_plain_decoding_as_well():
    stats = DecodingStats(tokens=8, plain_rounds=8, plain_rounds_seconds=0.6, verify_seconds=0.6)
    told = answer_json(make_answer(stats=stats), DOCUMENTS)["stats"]
    assert (told["plain_tokens_per_second"], told["speedup"]) == (10, 1)
    stats.draft_seconds = 0.08
    assert make_answer(stats=stats).speedup == pytest.approx(0.9), "drafting is not besides"


def test_what_was_not_read_is_told_in_json():
    cut = make_answer(target=reading(400, 0.41237), truncated=True)
    context = answer_json(cut, DOCUMENTS)["context"]
    assert (context["coverage"], context["truncated"]) == (0.4124, True)


def test_sentences_are_told_in_json_with_their_spans_and_sources():
    cited = make_answer(
        text="Ann. Not Bob.",
        sources=[passage(first=3, last=4), passage(NOVEL, first=2, last=2)],
        citations=[Citation(0, 4, (2, 1), 0.98765, ("a", "b")), Citation(5, 13)],
    )
    installing = {"page": None, "last_page": None, "page_label": None} | {
        "section": "Chapter 3 › Installing"
    }
    pages = {"page": 3, "last_page": 4, "page_label": None, "section": None}
    assert answer_json(cited, DOCUMENTS)["citations"] == [
        {
            **{"start": 0, "end": 4, "sources": [2, 1], "support": 0.9877},
            "places": [{"quote": "a", **installing}, {"quote": "b", **pages}],
        },
        {"start": 5, "end": 13, "sources": [], "support": 0.0, "places": []},
    ]


RULES = Document(
    "r",
    "rules.md",
    "/rules.md",
    tuple(
        Page(number, label, text)
        for number, (label, text) in enumerate(
            [
                (None, "Read this first."),
                ("House › Music", "The piano may be played after five."),
                ("House › Dogs", "Dogs wait outside."),
                ("Garden › Dogs", "Dogs run free."),
                ("Garden", "It is open."),
            ],
            start=1,
        )
    ),
    paged=False,
)
RULES_OF = {"r": RULES}


@pytest.mark.parametrize(
    ("first", "last", "section"),
    [
        (2, 2, "House › Music"),
        (2, 3, "House › Music – Dogs"),
        (3, 4, "House › Dogs – Garden › Dogs"),
        (4, 5, "Garden › Dogs – Garden"),
        (1, 2, "the beginning – House › Music"),
        (1, 1, None),
    ],
)
def test_a_passage_of_several_sections_is_told_by_the_first_and_the_last(first, last, section):
    found = passage(RULES, first, last)
    assert passage_json(found, RULES_OF)["section"] == section
    assert place(found, RULES_OF) == (
        f"rules.md, “{section}”" if section else "rules.md, 0% into the text"
    )


def test_a_source_is_told_by_the_section_of_the_sentence_that_it_supports_best():
    found = passage(RULES, 2, 4)
    at = found.chunk.text.index("Dogs wait")
    part, other = (at, at + len("Dogs wait outside.")), (0, 10)
    cited = make_answer(
        text="They wait outside. It plays.",
        sources=[found, passage(RULES, 2, 3)],
        citations=[
            Citation(0, 18, (1,), 0.9, ("Dogs wait outside.",), (part,)),
            Citation(19, 28, (1,), 0.7, ("The piano",), (other,)),
        ],
    )
    told = answer_json(cited, RULES_OF)
    assert [one["section"] for one in told["sources"]] == ["House › Dogs", "House › Music – Dogs"]
    places = [each["places"][0]["section"] for each in told["citations"]]
    assert places == ["House › Dogs", "House › Music"]
    saved = conversation_markdown([cited], RULES_OF)
    assert "- rules.md, “House › Dogs”\n- rules.md, “House › Music – Dogs”\n" in saved


def test_a_search_tells_the_section_that_is_most_like_the_question():
    found = [passage(RULES, 2, 4)]
    told = passages_json("When is the piano played?", found, RULES_OF)["passages"]
    assert [one["section"] for one in told] == ["House › Music"]
    told = passages_json("What is it?", found, RULES_OF)["passages"]
    assert [one["section"] for one in told] == ["House › Music – Garden › Dogs"]


def test_the_page_of_a_sentence_is_told_where_a_passage_touches_several():
    text = BOOK.text
    found = Passage(Chunk("b", 0, text, 0, len(text), 1, 4), 0.5)
    at = text.index("Text of page 3")
    told = passage_json(found, DOCUMENTS, (at, at + 15))
    assert (told["page"], told["last_page"], told["page_label"]) == (3, 3, None)
    assert address(place_of(found, DOCUMENTS, (at, at + 15))).endswith("#page=3")


def test_a_place_on_a_page_is_told_with_the_section_that_it_is_in():
    sections = ((0, "2 Care"), (18, "2 Care › 2.1 Oil"))
    pages = (
        Page(1, None, "A title."),
        Page(2, "1", "Care takes a day.\nOil it in May.", sections),
        Page(3, "2", "And in June."),
    )
    document = Document("c", "care.pdf", "/care.pdf", pages, paged=True)
    found, known = passage(document, first=2, last=3), {"c": document}
    told = passage_json(found, known)
    assert (told["page"], told["last_page"]) == (2, 3)
    assert told["section"] == "2 Care – 2 Care › 2.1 Oil"
    assert place(found, known, (0, 17)) == "care.pdf, page 2 (printed 1), “2 Care”"
    assert place(found, known, (18, 32)) == "care.pdf, page 2 (printed 1), “2 Care › 2.1 Oil”"
    june = found.chunk.text.index("And")
    assert place(found, known, (june, june + 12)).endswith("page 3 (printed 2), “2 Care › 2.1 Oil”")
    assert place(passage(document), known) == "care.pdf, page 1"


def test_a_passage_of_a_text_without_pages_has_a_section_if_any():
    told = passage_json(passage(NOVEL, first=2, last=2), DOCUMENTS)
    assert told["section"] == "Chapter 3 › Installing"
    assert (told["page"], told["last_page"], told["page_label"]) == (None, None, None)
    assert passage_json(passage(NOVEL), DOCUMENTS)["section"] is None
    assert passage_json(passage(first=4, last=4), DOCUMENTS)["section"] is None


def test_a_passage_of_a_text_without_pages_has_no_page():
    told = passage_json(passage(NOTES, start=50), DOCUMENTS)
    assert (told["page"], told["last_page"], told["page_label"]) == (None, None, None)
    assert told["document"] == "notes.txt"


def test_a_printed_page_label_is_told_beside_the_number():
    told = passage_json(passage(first=4, last=4), DOCUMENTS)
    assert (told["page"], told["page_label"]) == (4, "1")


@pytest.mark.parametrize(
    ("found", "where"),
    [
        (passage(first=3, last=3), "book.pdf, page 3"),
        (passage(first=3, last=4), "book.pdf, pages 3-4"),
        (passage(first=4, last=4), "book.pdf, page 4 (printed 1)"),
        (passage(first=1, last=3), "book.pdf, pages 1-3 (printed i)"),
        (passage(NOTES, start=0), "notes.txt, 0% into the text"),
        (passage(NOTES, start=50), "notes.txt, 25% into the text"),
        (passage(NOVEL, first=2, last=2, start=12), "novel.epub, “Chapter 3 › Installing”"),
        (passage(NOVEL, start=5), "novel.epub, 20% into the text"),
        (passage(HOSTILE), "a␛[2J␊b.txt, “Cha␇pter”"),
        (passage(SHARED), "“book.pdf” (shared from bob-1f), page 1 (printed i)"),
        (passage(POSING), "“a.pdf, page 9”, page 1 (printed “1), salary.pdf, page 9”)"),
        (
            passage(POSING, 2, 2),
            "“a.pdf, page 9”, page 2 (printed “x'), salary.pdf, page 9 (printed 9), an…”)",
        ),
        (passage(POSING, 3, 3), f"“a.pdf, page 9”, page 3 (printed “{'x' * 39}…”)"),
    ],
)
def test_a_place_is_cited_as_people_find_it(found, where):
    assert place(found, DOCUMENTS) == where


def test_a_label_of_any_length_is_bounded_as_data_too():
    told = passage_json(passage(POSING, 3, 3), DOCUMENTS)
    assert told["page_label"] == "x" * 500
    assert passage_json(passage(SHARED), DOCUMENTS)["path"] == SHARED.path


@pytest.mark.parametrize(
    ("found", "opened"),
    [
        (passage(first=4, last=4), "file:///home/me/book.pdf#page=4"),
        (passage(NOVEL, first=2, last=2), "file:///novel.epub"),
        (passage(HOSTILE), "file:///odd/a%1B%5B2J%0Ab%20%231.txt"),
        (passage(PIPED), None),
        (passage(SHARED), None),
    ],
)
def test_the_address_of_a_source_opens_its_file_at_its_page(found, opened):
    assert address(place_of(found, DOCUMENTS)) == opened


def test_a_saved_conversation_holds_no_terminal_commands():
    odd = make_answer(text="Red:\x1b[31m\nyes", sources=[passage(HOSTILE), passage()])
    saved = conversation_markdown([odd], DOCUMENTS)
    assert "\x1b" not in saved
    assert "Red:␛[31m\nyes" in saved
    assert "- a␛[2J␊b.txt, “Cha␇pter”\n- book.pdf, page 1 (printed i)\n" in saved


def test_the_passages_of_a_search_keep_their_order():
    found = [passage(score=0.9, first=2, last=2), passage(NOTES, score=0.4)]
    told = passages_json("Who?", found, DOCUMENTS)
    assert told == {
        "question": "Who?",
        "passages": [passage_json(one, DOCUMENTS) for one in found],
    }
    assert [one["score"] for one in told["passages"]] == [0.9, 0.4]
    assert json.loads(json.dumps(told)) == told


def test_the_summary_is_one_line_with_what_is_known():
    line = summary(make_answer())
    assert "\n" not in line
    for part in (
        "rapid: 12 tokens",
        "15.0 tok/s",
        "53% of 15 drafted accepted",
        "3.0 tokens a round",
        "first token after 1.3 s",
        "a GPU",
    ):
        assert part in line


def test_the_summary_of_plain_decoding_says_nothing_of_drafts():
    line = summary(make_answer("long-context", stats=DecodingStats(tokens=12, rounds=12)))
    assert "12 tokens" in line
    assert "draft" not in line
    assert "round" not in line


def test_a_text_read_whole_needs_no_note():
    assert coverage_note(1.0, truncated=False) is None


def test_a_text_read_in_part_is_told_with_its_share_and_why():
    because = coverage_note(0.412, truncated=True)
    assert "41%" in because
    assert "does not fit" in because
    chosen = coverage_note(0.412, truncated=False)
    assert "41%" in chosen
    assert "does not fit" not in chosen


def test_a_text_read_almost_whole_is_not_said_to_be_read_whole():
    assert "100%" not in coverage_note(0.998, truncated=True)
    assert "it read the 0.4% that is most like" in coverage_note(0.004, truncated=True)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0%"),
        (0.00004, "0.004%"),
        (0.0042, "0.4%"),
        (0.0099, "1%"),
        (0.014, "1%"),
        (0.5, "50%"),
        (0.996, "99%"),
        (1, "100%"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_to_all(share, shown):
    assert percentage(share) == shown
