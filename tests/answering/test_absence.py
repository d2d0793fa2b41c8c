"""What the text does not say: found where both readings find nothing, and else without a trace."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rapid_cli.answering.absence import LEAST, LIKELIER
from rapid_cli.answering.answer import Pair
from rapid_cli.answering.prefill import Contexts
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.models.prompts import ABSENT, REMINDER, PromptFormat
from tests.support import table_models
from tests.support.fakes import FakeClock
from tests.support.table_models import (
    ASKED,
    END,
    LOGITS,
    OTHER_LOGITS,
    PIECES,
    SHORT,
    SHORT_PASSAGES,
    WORDS,
    Known,
    Model,
    Ticking,
    options,
    self_pair,
)

TEMPLATE = "{% for message in messages %}{{ message.content }} {% endfor %}Answer:"
QUESTION = "Who is she?"
SIZE = 20


@pytest.fixture(scope="module")
def chat():
    return PromptFormat(TEMPLATE)


@pytest.fixture
def model(chat):
    """Return a maker of models that have a template."""

    def made(logits, **more):
        new = Model(logits, **more)
        new.format = chat
        return new

    return made


def doubting(nats):
    """Return logits that answer with two words, and find the phrase `nats` likelier if reminded."""
    tokenize = Model(LOGITS).vocabulary.tokenize
    phrase, asked, reminded = map(tokenize, (ABSENT, QUESTION, REMINDER))
    assert asked[-1] != reminded[-1], "the last word tells whether the model was reminded"
    first, second = [token for token in WORDS if token not in phrase][:2]
    logits = np.full((SIZE,) * 3, -100.0)
    for last, following in ((ASKED, first), (first, second)):
        logits[:, last] = unlikely(following, -max(nats, 0) / 2)
    logits[:, second, END] = 100
    logits[reminded[-1], ASKED] = unlikely(phrase[0], min(nats, 0))
    for before, last, following in zip([ASKED, *phrase], phrase, phrase[1:], strict=False):
        logits[before, last, following] = 100
    return logits, "".join(PIECES[token].decode() for token in (first, second)).strip()


def unlikely(token, nats):
    """Return logits of which one has so many nats, all others alike."""
    row = np.full(SIZE, np.log(max(1 - np.exp(nats), 1e-30) / (SIZE - 1)))
    row[token] = nats
    return row


SURE, WORDS_TOLD = doubting(-5)
DOUBTFUL, _ = doubting(LIKELIER + 0.01)
NEARLY, _ = doubting(LIKELIER - 0.01)


def finished(pair, chosen, **more):
    greedy = replace(chosen, sampling=SamplingParams(0))
    return table_models.finished(pair, greedy, question=QUESTION, **more)


def said(vocabulary):
    return b"".join(vocabulary.piece(token) for token in vocabulary.tokenize(ABSENT))


@pytest.mark.parametrize("name", ["rapid", "auto"])
def test_where_both_find_nothing_the_answer_is_that_the_text_does_not_say(model, name):
    pair = Pair("two", model(DOUBTFUL), model(DOUBTFUL))
    found = finished(pair, options(name))
    assert found.absent
    assert found.text == said(pair.target.vocabulary).decode().strip()
    assert found.finish_reason == "stop"
    assert (found.stats.drafted, found.stats.transferred) == (0, 0)
    assert found.sources, "what was searched is shown all the same"


@pytest.mark.parametrize(
    ("target", "drafter"),
    [(SURE, SURE), (DOUBTFUL, SURE), (SURE, DOUBTFUL), (NEARLY, NEARLY)],
)
def test_one_reading_that_finds_something_is_enough_for_an_answer(model, target, drafter):
    found = finished(Pair("two", model(target), model(drafter)), options())
    assert (found.text, found.absent) == (WORDS_TOLD, False)


def test_who_is_less_sure_of_it_decides(model):
    for nats in (LIKELIER + 0.01, LIKELIER - 0.01):
        (very, _), (less, _) = doubting(LIKELIER + 1), doubting(nats)
        for target, drafter in ((very, less), (less, very)):
            found = finished(Pair("two", model(target), model(drafter)), options())
            assert found.absent == (nats > LIKELIER)


def test_a_long_answer_is_not_doubted_for_its_length(model):
    phrase = Model(LOGITS).vocabulary.tokenize(ABSENT)
    words = [token for token in WORDS if token not in phrase]
    logits, _ = doubting(0.0)

    def is_absent(nats):
        for last, following in pairwise([*words, words[0]]):
            logits[:, last] = unlikely(following, nats / (len(phrase) - 1))
        return finished(self_pair(model(logits)), options(max_tokens=20)).absent

    assert is_absent(-LIKELIER - 0.01)
    assert not is_absent(-LIKELIER + 0.01)


def test_a_surprising_answer_is_no_reason_to_doubt_the_text(model):
    def found(nats):
        logits, _ = doubting(8.0)
        tokenize = Model(LOGITS).vocabulary.tokenize
        logits[tokenize(REMINDER)[-1], ASKED] = unlikely(tokenize(ABSENT)[0], nats)
        return finished(Pair("two", model(logits), model(logits)), options()).absent

    assert found(LEAST + 0.01)
    assert not found(LEAST - 0.01)


def test_one_that_is_very_sure_does_not_decide_alone(model):
    (sure, _), (hardly, _) = doubting(LIKELIER + 0.5), doubting(0.1)
    assert not finished(Pair("two", model(sure), model(hardly)), options()).absent
    assert not finished(Pair("two", model(hardly), model(sure)), options()).absent


def test_the_target_is_not_asked_where_the_drafter_is_sure(model):
    def reads(drafter):
        pair = Pair("two", model(NEARLY), model(drafter))
        finished(pair, options())
        return len(pair.target.opened[0].extended)

    assert reads(SURE) < reads(DOUBTFUL)


@pytest.mark.parametrize("name", ["long-context", "rag", "speculative", "prompt-lookup"])
def test_what_rapid_is_compared_with_is_left_alone(model, name):
    assert finished(self_pair(model(DOUBTFUL)), options(name)).text == WORDS_TOLD


def test_without_a_template_or_transfer_or_room_nothing_is_asked(model):
    for pair, chosen in (
        (self_pair(Model(DOUBTFUL)), options()),
        (self_pair(model(DOUBTFUL)), options(eta=0.0)),
        (self_pair(model(DOUBTFUL)), options(max_tokens=4)),
    ):
        found = finished(pair, chosen)
        assert (found.text, found.absent, found.seconds.check) == (WORDS_TOLD, False, None)


def test_on_a_short_text_the_one_reading_decides(model):
    about = {"documents": (SHORT,), "search": lambda limit: SHORT_PASSAGES[:limit]}
    chosen = options(retrieve_tokens=5_000)
    assert finished(self_pair(model(DOUBTFUL)), chosen, **about).absent
    assert not finished(self_pair(model(SURE)), chosen, **about).absent


def fond_of_the_phrase(logits):
    """Return logits with which a model would always rather say that the text does not say."""
    phrase = Model(LOGITS).vocabulary.tokenize(ABSENT)
    fond = logits.copy()
    fond[:, ASKED, phrase[0]] += 20
    for before, last, following in zip([ASKED, *phrase], phrase, phrase[1:], strict=False):
        fond[before, last, following] += 20
    return fond


@pytest.mark.parametrize("name", ["rapid", "auto"])
@pytest.mark.parametrize("gamma", [None, 3])
def test_asking_both_leaves_no_trace_if_one_finds_the_answer(name, gamma):
    tailed = PromptFormat(TEMPLATE.replace("Answer:", "So what? Answer:"))
    chosen = options(name, gamma=gamma, max_tokens=60, eta=0.01)
    told = []
    for abstains in (True, False):
        pair = Pair("two", Model(LOGITS), Model(fond_of_the_phrase(OTHER_LOGITS)))
        pair.target.format = pair.drafter.format = tailed
        each = replace(chosen, strategy=replace(chosen.strategy, abstains=abstains))
        with Contexts(Ticking()) as contexts:
            for _ in range(2):
                found = finished(pair, each, profiles=Known(), contexts=contexts)
                assert not found.absent
                held = [opened.tokens for opened in (*pair.target.opened, *pair.drafter.opened)]
                stats = found.stats
                told.append((found.text, stats.drafted, stats.accepted, *map(tuple, held)))
    assert told[:2] == told[2:]


def test_a_context_that_cannot_be_cut_back_is_not_asked(model):
    def with_floor(pair):
        opened = []

        def open_one(**sizes):
            opened.append(Model.open(pair.target, **sizes))
            opened[-1].floor = 10**6
            return opened[-1]

        pair.target.open = open_one
        return finished(pair, options())

    pair = Pair("two", model(DOUBTFUL), model(DOUBTFUL))
    assert not with_floor(pair).absent


def test_asking_takes_no_time_of_decoding(model):
    clock = FakeClock()
    pair = Pair("two", model(SURE, clock=clock), model(DOUBTFUL, clock=clock))
    found = finished(pair, options(gamma=2), clock=clock)
    assert found.seconds.check > 0
    assert found.seconds.decode < found.seconds.total
    again = Pair("two", model(SURE, clock=clock), model(DOUBTFUL, clock=clock))
    chosen = options(gamma=2)
    unchecked = replace(chosen, strategy=replace(chosen.strategy, abstains=False))
    plain = finished(again, unchecked, clock=clock)
    assert found.seconds.decode == pytest.approx(plain.seconds.decode)
