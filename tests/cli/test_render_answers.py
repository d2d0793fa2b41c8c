"""An answer on the terminal: its pieces, and what it rests on."""

from __future__ import annotations

import io
import itertools
import re
import sys

import pytest
from rich.console import Console

from rapid_cli.answering.answer import (
    Answer,
    Decoded,
    Drafted,
    Finished,
    Note,
    Options,
    Pair,
    Piece,
    Retrieved,
    Seconds,
    Thought,
)
from rapid_cli.answering.citing.citations import Citation
from rapid_cli.answering.readings import Reading
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.cli.render.answers import (
    AnswerView,
    LiveAnswer,
    PlainAnswer,
    render_answer,
    render_sources,
)
from rapid_cli.cli.render.console import Bars
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.stats import DecodingStats, Round
from rapid_cli.documents import PAGE_BREAK, Chunk, Document, Page, Passage
from rapid_cli.models.interface import PromptTokens
from tests.support.screens import Glass, Screen

TEXT = "The keeper was Ann. She kept a silver whistle. Yes. It was blue, as all in the town knew."
PAGE = "What a page says. " * 4
PAGES = tuple(Page(number, label, PAGE) for number, label in ((1, None), (2, "ii"), (3, "1")))
BOOK = Document("b", "a book.pdf", "/my books/a book.pdf", PAGES, paged=True)
PIPED = Document("s", "stdin", "stdin:0123", (Page(1, None, "text"),), paged=False)
DOCUMENTS = {"b": BOOK, "s": PIPED}
READ = Reading(PromptTokens((1,), (2,)), "text", coverage=1.0)


def passage(page=1, document=BOOK, text="What the passage says."):
    start = (page - 1) * len(PAGE + PAGE_BREAK)
    return Passage(Chunk(document.id, 0, text, start, start + len(text), page, page), 0.5)


def made(text=TEXT, **known):
    options = Options(strategy_named("rag"), SamplingParams(), eta=0.0)
    return Answer("Who?", options, Pair("mine", None, None), Seconds(), READ, text=text, **known)


def cited(*marks, text=TEXT):
    """Return citations of sentences: what each says, its sources, its support and its quotes."""
    return [
        Citation(text.index(said), text.index(said) + len(said), tuple(sources), support, quotes)
        for said, sources, support, quotes in marks
    ]


def rendered(answer, *, terminal=False, texts=False, width=200):
    written = io.StringIO()
    options = {"highlight": False, "markup": False, "emoji": False, "color_system": "standard"}
    if not terminal:
        del options["color_system"]
    errors = Console(file=written, force_terminal=terminal, width=width, **options)
    render_sources(answer, DOCUMENTS, errors, texts=texts)
    return written.getvalue()


THREE = made(
    sources=[passage(1), passage(3), passage(document=PIPED)],
    citations=cited(
        ("The keeper was Ann.", [3], 0.7, ("Ann kept the light.",)),
        ("She kept a silver whistle.", [3, 2], 0.9, ("Her silver whistle.", "A whistle.")),
        ("It was blue, as all in the town knew.", [], 0.0, ()),
    ),
)


def test_cited_passages_come_first_with_a_quote_of_the_sentence_they_support_best():
    assert rendered(THREE).splitlines() == [
        "",
        "Sources",
        "  [2] a book.pdf, page 3 (printed 1)  “A whistle.”",
        "  [3] stdin, 0% into the text  “Her silver whistle.”",
        "  [1] a book.pdf, page 1",
        "",
        "Support",
        "  The keeper was Ann.  [3]",
        "  She kept a silver whistle.  [3][2]",
        "  It was blue, as all in the town knew.  no passage supports this",
    ]


def test_an_answer_of_one_sentence_is_not_repeated():
    supported = made("Ann.", sources=[passage()], citations=[Citation(0, 4, (1,), 0.8, ("Ann.",))])
    assert rendered(supported).splitlines()[2:] == ["  [1] a book.pdf, page 1  “Ann.”"]
    invented = made("Bob.", sources=[passage()], citations=[Citation(0, 4)])
    assert rendered(invented).splitlines()[3:] == ["  no passage supports this answer"]


def test_an_answer_without_passages_has_no_sources():
    assert rendered(made()) == rendered(made(sources=[])) == ""


def test_all_cited_passages_are_listed_and_few_others():
    many = [passage() for _ in range(9)]
    assert "and 4 more" in rendered(made(sources=many))
    marks = [Citation(0, 4, (n, n + 1), 0.8, ("q", "r")) for n in (1, 3, 5)]
    listed = rendered(made(sources=many, citations=marks))
    assert re.findall(r"^  \[(\d)\]", listed, re.MULTILINE) == list("123456")
    assert "and 3 more" in listed


def test_passages_are_printed_in_full_when_asked_for():
    many = [passage(text=f"Passage {n}, all of it.") for n in range(9)]
    listed = rendered(made(sources=many), texts=True)
    assert listed.count("all of it.") == 9
    assert "more" not in listed


def test_a_long_sentence_is_shortened_to_a_line():
    long = "word " * 40 + "end."
    marks = [Citation(0, len(long), (1,), 0.8, ("q",))] * 2
    *_, line = rendered(made(long, sources=[passage()], citations=marks)).splitlines()
    assert line.endswith("…  [1]")
    assert len(line) < 80


def test_on_a_terminal_names_open_their_files_and_what_is_unsupported_is_yellow():
    shown = rendered(THREE, terminal=True)
    links = re.findall(r"\x1b\]8;[^;]*;([^\x1b]+)\x1b\\([^\x1b]*)", shown)
    assert links == [
        ("file:///my%20books/a%20book.pdf#page=3", "a book.pdf"),
        ("file:///my%20books/a%20book.pdf#page=1", "a book.pdf"),
    ]
    assert "\x1b[33m  no passage supports this" in shown


def test_in_a_pipe_there_are_no_links_and_no_colours():
    assert "\x1b" not in rendered(THREE)


@pytest.mark.parametrize("terminal", [False, True])
def test_what_documents_and_models_write_commands_no_terminal(terminal, monkeypatch):
    evil = "x\x1b]0;owned\x07\x1b[2Jy"
    document = Document("b", f"{evil}.pdf", "/x.pdf", (Page(1, evil, evil),), paged=True)
    monkeypatch.setitem(DOCUMENTS, "evil", document)
    found = Passage(Chunk("evil", 0, evil, 0, 1, 1, 1), 0.5)
    marks = [Citation(0, len(evil), (1,), 0.9, (evil,)), Citation(0, len(evil))]
    shown = rendered(
        made(evil, sources=[found], citations=marks), terminal=terminal, texts=True, width=60
    )
    assert "]0;owned" in shown
    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown


@pytest.mark.parametrize("stream", [True, False])
def test_pieces_reach_stdout_harmless(stream, capsys):
    view = PlainAnswer(stream=stream)
    for text in ("a\tb\n", "\x1b[31mred", "\u202e"):
        view.show(Piece(text, "target"))
    view.close()
    assert capsys.readouterr().out == "a\tb\n␛[31mred<U+202E>\n"


def stdout_on_a_screen(monkeypatch):
    """Let standard output go to a terminal, and return its screen."""
    monkeypatch.setenv("COLUMNS", "60")
    screen = Screen(60)
    monkeypatch.setattr("sys.stdout", Glass(screen))
    return screen


def test_a_live_answer_is_harmless_too(monkeypatch):
    screen = stdout_on_a_screen(monkeypatch)
    errors = Console(file=io.StringIO(), force_terminal=True, width=60)
    view = LiveAnswer(errors, statistics=True, clock=lambda: 1.0)
    view.show(Piece("first\x1b[2J\nsec", "drafter"))
    view.status("12 \x1b[2Jtok/s")
    view.show(Piece("ond\x07", "target"))
    assert screen.seen() == ["first␛[2J", "sec", "12 ␛[2Jtok/s"]
    view.close()
    assert screen.seen() == ["first␛[2J", "second␇", ""]
    assert errors.file.getvalue() == ""


def test_notes_are_harmless_and_the_answer_is_returned():
    written = io.StringIO()
    errors = Console(file=written, width=80)
    answer = made()
    events = [Retrieved([], 0.4, truncated=False), Note("odd\x1b[2J name"), Finished(answer)]
    assert render_answer(events, PlainAnswer(stream=True), Bars(errors), errors) is answer
    assert "40%" in written.getvalue()
    assert "odd␛[2J name" in written.getvalue()


def drafts_shown(view, *texts):
    written = io.StringIO()
    errors = Console(file=written, force_terminal=True, width=40, height=8)
    with Bars(errors) as bars:
        for text in texts:
            render_answer([Drafted(text), Finished(made())], view, bars, errors)
    return written.getvalue()


def test_a_draft_is_marked_as_one_shown_by_its_last_lines_and_erased():
    errors = Console(file=io.StringIO(), force_terminal=True, width=40)
    view = LiveAnswer(errors, statistics=True)
    shown = drafts_shown(view, "It was Ann\x1b[2J.", "\n".join(f"line {n}" for n in range(30)))
    assert shown.count("draft, not checked yet:") >= 2
    assert "It was Ann␛[2J." in shown
    assert "line 29" in shown
    assert "line 9\n" not in shown, "what does not fit the screen is left out"
    assert shown.endswith("\x1b[2K\x1b[?25h\r"), "it is erased"


@pytest.mark.parametrize("view", [PlainAnswer(stream=True), AnswerView()])
def test_where_nobody_watches_no_draft_is_shown(view):
    assert drafts_shown(view, "It was Ann.") == ""


def thought_through(view, errors):
    """Let a model think two lines, then answer; return what went to stderr."""
    stats = DecodingStats()
    stats.add(Round((1, 2), 0, 1, 1, 1, 0.1, 0.1))
    events = [
        Thought("Who? \x1b[2J\nIt is"),
        Decoded(stats, 1.0),
        Thought(" Ann"),
        Piece("Ann", "drafter"),
        Decoded(stats, 1.0),
        Piece(".", "target"),
        Finished(made()),
    ]
    render_answer(events, view, Bars(errors), errors)
    view.close()
    return errors.file.getvalue()


@pytest.mark.parametrize("stream", [True, False])
def test_thoughts_go_to_stderr_if_they_are_wanted(stream, capsys):
    errors = Console(file=io.StringIO(), width=60)
    said = thought_through(PlainAnswer(stream=stream, thoughts=errors), errors)
    assert said == "Who? ␛[2J\nIt is Ann\n\n"
    assert capsys.readouterr().out == "Ann.\n"


def test_thoughts_are_not_shown_unless_they_are_wanted(capsys):
    errors = Console(file=io.StringIO(), width=60)
    assert thought_through(PlainAnswer(stream=True), errors) == ""
    assert capsys.readouterr().out == "Ann.\n"


@pytest.mark.parametrize("wanted", [True, False])
def test_on_a_terminal_a_model_is_seen_to_think(wanted, monkeypatch):
    screen = stdout_on_a_screen(monkeypatch)
    errors = Console(file=io.StringIO(), force_terminal=True, width=60)
    ticks = itertools.count(1)
    view = LiveAnswer(errors, statistics=True, thinking=wanted, clock=lambda: float(next(ticks)))
    said = thought_through(view, errors)
    assert "thinking · 100% accepted" in (said if wanted else sys.stdout.getvalue())
    assert ("It is Ann" in re.sub(r"\x1b\[[0-9;]*m", "", said)) is wanted
    assert screen.seen() == ["Ann.", ""]
