"""The text of an answer: characters, thoughts and stops, whoever drafted them."""

from __future__ import annotations

import pytest

from rapid_cli.answering.answer import Note, Piece, Thought
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.models.prompts import PromptFormat
from tests.support.table_models import PIECES, Model, ask, chain, finished, options, self_pair
from tests.support.template_runs import render_here


def test_characters_split_over_tokens_are_put_together():
    pieces = list(PIECES)
    pieces[3:9] = [b"caf\xc3", b"\xa9 \xe6", b"\xbc", b"\xa2\xf0\x9f", b"\x98\x80", b"!"]
    model = Model(chain(3, 4, 5, 6, 7, 8), pieces=pieces)
    events = list(ask(self_pair(model), options(gamma=2)))
    assert events[-1].answer.text == "café 漢😀!"
    assert [e.text for e in events if isinstance(e, Piece)] == ["caf", "é ", "漢", "😀", "!"]


def test_an_unfinished_character_at_the_end_is_marked_and_bad_bytes_do_not_fail():
    pieces = list(PIECES)
    pieces[3:6] = [b"a\xff", b"b", b"c\xe6\xbc"]
    result = finished(self_pair(Model(chain(3, 4, 5), pieces=pieces)), options())
    assert result.text == "a\ufffdbc\ufffd"


def test_space_before_the_answer_is_dropped_and_space_within_is_kept():
    pieces = list(PIECES)
    pieces[3:8] = [b"\n\n", b"  ", b" Ann", b"  \n", b" Bee "]
    model = Model(chain(3, 4, 5, 6, 7), pieces=pieces)
    events = list(ask(self_pair(model), options()))
    assert [e.text for e in events if isinstance(e, Piece)] == ["Ann", "  \n", " Bee "]
    assert events[-1].answer.text == "Ann  \n Bee "


def thinking_model(*said, limit=20, stop=()):
    """Return a model whose answer is `said`, a token each."""
    pieces = [*PIECES, b"<think>", b"</think>", b" Ann", b".", b"\n##"]
    model = Model(chain(*map(pieces.index, said)), pieces=pieces)
    model.stop = stop
    return model


THINKS = (b"<think>", b" a", b" b", b"</think>", b" Ann", b".")


@pytest.mark.parametrize("name", STRATEGIES)
def test_thoughts_are_told_apart_from_the_answer_whoever_drafted_them(name):
    model = thinking_model(*THINKS)
    *events, last = ask(self_pair(model), options(name, temperature=0))
    assert last.answer.text == "Ann."
    assert last.answer.thinking == " a b"
    assert "".join(e.text for e in events if isinstance(e, Thought)) == " a b"
    assert [PIECES_OF_ANN.index(t) for t in last.answer.tokens] == [0, 1]
    assert last.answer.stats.tokens == len(THINKS) + 1, "all that was decoded counts"


PIECES_OF_ANN = [len(PIECES) + 2, len(PIECES) + 3]


def test_who_is_cut_off_while_thinking_says_so():
    *events, last = ask(self_pair(thinking_model(*THINKS)), options(temperature=0, max_tokens=3))
    assert last.answer.text == ""
    assert last.answer.finish_reason == "length"
    (note,) = [event.text for event in events if isinstance(event, Note)]
    assert note == (
        "The model was still thinking when it had written 3 tokens: give a larger --max-tokens."
    )


def test_who_is_cut_off_while_thinking_is_told_of_a_switch_if_there_is_one(monkeypatch):
    render_here(monkeypatch)
    model = thinking_model(*THINKS)
    model.format = PromptFormat(
        "{% for m in messages %}{{ m.content }}\n{% endfor %}"
        "{{ '/no_think' if enable_thinking is false }} Answer:"
    )
    events = ask(self_pair(model), options(temperature=0, max_tokens=3))
    (note,) = [event.text for event in events if isinstance(event, Note)]
    assert "or set reasoning = false for it in models.toml" in note


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_answer_ends_at_a_stop_of_its_target(name):
    model = thinking_model(b" Ann", b".", b"\n##", b" c", b" d", stop=("##",))
    result = finished(self_pair(model), options(name, temperature=0))
    assert result.text == "Ann.\n"
    assert result.finish_reason == "stop"
    assert result.tokens == PIECES_OF_ANN
