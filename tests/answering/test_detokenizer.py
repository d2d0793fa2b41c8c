"""The text of an answer: whole characters, thoughts apart, nothing after a stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

import pytest

from rapid_cli.answering.answer import Piece, Thought
from rapid_cli.answering.detokenizer import AnswerText, answer_text
from rapid_cli.models.prompts import PromptFormat

END = 0


class Vocabulary:
    """A token a piece of text; `control` tokens have a text, but no piece."""

    bos, adds_bos = -1, False

    def __init__(self, pieces, control=()):
        self._pieces = [b"", *pieces]
        self._control = {len(self._pieces) + i: text for i, text in enumerate(control)}

    def tokenize(self, text, *, special=False):
        known = [token for token, mark in self._control.items() if special and mark in text]
        return known or [1] * max(len(text), 2)

    def text(self, token):
        return self._control.get(token) or self._pieces[token].decode("utf-8", "replace")

    def piece(self, token):
        return b"" if token in self._control else self._pieces[token]

    def is_end(self, token):
        return token == END


@dataclass
class Model:
    vocabulary: Vocabulary
    stop: tuple[str, ...] = ()
    format: PromptFormat = field(default_factory=lambda: PromptFormat(None))


def model(*pieces, control=(), stop=(), preamble=""):
    template = "{% for m in messages %}{{ m.content }}\n{% endfor %}A:" + preamble
    raw = [piece if isinstance(piece, bytes) else piece.encode() for piece in pieces]
    return Model(Vocabulary(raw, control), tuple(stop), PromptFormat(template))


def written(model, tokens=None):
    """Return thoughts, answer and the kept tokens; by default each piece comes once."""
    text = AnswerText(model)
    tokens = range(1, len(model.vocabulary._pieces)) if tokens is None else tokens
    events = []
    for token in tokens:
        if not text.is_complete:
            events += text.add(token, "target")
    if not text.is_complete:
        events += text.end()
    thoughts = "".join(event.text for event in events if isinstance(event, Thought))
    answer = "".join(event.text for event in events if isinstance(event, Piece))
    return thoughts, answer, text.tokens


def test_characters_may_span_tokens_and_space_before_the_answer_is_dropped():
    assert written(
        model(b" \n", b" caf", b"\xc3", b"\xa9 ", b"\xf0\x9f", b"\x98\x80", b"\xe2")
    ) == (
        "",
        "café 😀\ufffd",
        [1, 2, 3, 4, 5, 6, 7],
    )


@pytest.mark.parametrize(
    "pieces",
    [
        ("<think>", "Who? ", "Ann.", "</think>", "\n\n", "Ann", "."),
        ("\n", "<th", "ink>Wh", "o? Ann.</", "think", ">\n\nAn", "n."),
        ("<think>Who? Ann.</think>Ann.",),
        ("[THINK]", "Who? Ann.", "[/THINK]", "Ann."),
    ],
)
def test_what_stands_between_the_tags_is_a_thought_however_it_is_cut_into_tokens(pieces):
    thoughts, answer, _ = written(model(*pieces))
    assert thoughts == "Who? Ann."
    assert answer == "Ann."


def test_tags_that_are_control_tokens_are_seen_and_never_shown():
    tags = model("Who?", " Ann", ".", control=("<think>", "</think>"))
    assert written(tags, [4, 1, 5, 2, 3]) == ("Who?", "Ann.", [2, 3])


CHANNELS = ("<|channel|>", "<|message|>", "<|end|>", "<|start|>")


def test_a_thought_may_have_a_channel_of_its_own():
    """The control tokens are 6 to 9: that of a channel, a message, an end and a start."""
    pieces = ("analysis", "Who?", "final", "Ann.", "assistant")
    tags = model(*pieces, control=CHANNELS)
    thought = [6, 1, 7, 2, 8, 9, 5, 6, 3, 7]
    assert written(tags, [*thought, 4]) == ("Who?", "Ann.", [4])
    assert written(tags, [6, 3, 7, 4]) == ("", "Ann.", [4]), "it did not think"
    assert written(tags, thought[:4]) == ("Who?", "", []), "it did not answer"


def test_a_prompt_may_have_begun_the_thought():
    assert written(model("Who?", "</think>", " Ann.", preamble="<think>\n")) == (
        "Who?",
        "Ann.",
        [3],
    )


def test_a_prompt_that_closed_the_thought_asks_for_an_answer():
    assert written(model("Ann.", preamble="<think>\n\n</think>\n\n"))[:2] == ("", "Ann.")


def test_a_thought_without_an_end_is_no_answer():
    assert written(model("<think>", "Who? </thi", "s")) == ("Who? </this", "", [])


def test_tags_within_an_answer_are_text():
    assert written(model("See ", "<think>", "x", "</think>"))[:2] == ("", "See <think>x</think>")
    assert written(model("<thin", "ner"))[:2] == ("", "<thinner")
    assert written(model("<thin"))[:2] == ("", "<thin")


@pytest.mark.parametrize(
    ("pieces", "answer", "kept"),
    [
        (("Ann.", "\nQuestion:", " Who"), "Ann.", [1]),
        (("Ann.\nQ", "uest", "ion: Who"), "Ann.", []),
        (("Ann.", "\nQ", "uiet."), "Ann.\nQuiet.", [1, 2, 3]),
        (("Ann.", "\nQ"), "Ann.\nQ", [1, 2]),
        (("A", "B##", "\nQuestion:"), "AB", [1]),
    ],
)
def test_an_answer_ends_before_the_first_stop_and_holds_back_no_more_than_it_must(
    pieces, answer, kept
):
    got = written(model(*pieces, stop=["\nQuestion:", "##"]))
    assert got == ("", answer, kept)


def test_a_control_token_can_be_a_stop():
    stops = model("Ann.", "more", control=("<|user|>",), stop=["<|user|>"])
    assert written(stops, [1, 3, 2]) == ("", "Ann.", [1])


def test_a_stop_within_a_thought_stops_nothing():
    stops = model("<think>a##b</think>", "c##d", stop=["##"])
    assert written(stops)[:2] == ("a##b", "c")


def test_pieces_tell_who_wrote_them_though_they_were_held_back():
    text = AnswerText(model("a", "#", "b", stop=["##"]))
    events = [*text.add(1, "target"), *text.add(2, "drafter"), *text.add(3, "target")]
    assert [(e.text, e.origin) for e in events] == [
        ("a", "target"),
        ("#", "drafter"),
        ("b", "target"),
    ]


def test_text_comes_as_soon_as_it_cannot_be_a_mark():
    text = AnswerText(model("a", "b", stop=["##"]))
    assert [event.text for event in text.add(1, "target")] == ["a"]
    thinks = AnswerText(model("a", "b", preamble="<think>"))
    assert [event.text for event in thinks.add(1, "target")] == ["a"]


def test_the_text_of_a_draft_leaves_out_thoughts_and_ends():
    thinking = model("<think>", "Who?", "</think>", " Ann", ".", b"\xe2")
    assert answer_text([1, 2, 3, 4, 5, END, 6], thinking) == "Ann."
    assert answer_text([1, 2], thinking) == ""


@pytest.mark.models
def test_the_starters_words_come_out_as_they_were_tokenized(weights):
    said = "  Ships came — all at once: 𝛼, é, 你好.\n\nAnd <think> they left."
    plain = Model(weights.vocabulary)
    tokens = weights.vocabulary.tokenize(said)
    _, answer, kept = written(plain, tokens)
    assert answer == said.lstrip()
    assert kept == tokens
    stopping = Model(weights.vocabulary, stop=("<|im_start|>",))
    start = weights.vocabulary.tokenize("<|im_start|>", special=True)
    assert written(stopping, [*tokens, *start, *tokens])[1:] == (said.lstrip(), tokens)
    assert [len(list(same)) for _, same in groupby(start)] == [1]
