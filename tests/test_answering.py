"""One answer as a stream of events, over models that are a table of logits."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from dataclasses import replace
from itertools import count, islice, pairwise
from zlib import crc32

import numpy as np
import pytest
from fakes import FakeClock, MarkovContext, random_logits

from rapid_cli.answering import answer
from rapid_cli.answers import (
    LONGEST_DRAFT,
    Decoded,
    Drafted,
    Finished,
    Note,
    Options,
    Pair,
    Piece,
    Prefilled,
    Retrieved,
    Seconds,
    Thought,
)
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import ContextFull, NativeError
from rapid_cli.prefill import Contexts
from rapid_cli.prompts import PromptFormat
from rapid_cli.strategies import STRATEGIES

BOS, END, ASKED = 0, 1, 2
PIECES = [b"", b"", b" ask", *(f" {letter}".encode() for letter in "abcdefghi")]
WORDS = range(3, len(PIECES))
READ_PIECE = 100
QUESTION = "Who is it?"
DRAFTED = [name for name, each in STRATEGIES.items() if "model" in each.drafters]
WHOLE = [name for name, each in STRATEGIES.items() if each.target_reads == "document"]


class Vocabulary:
    """Words share the few tokens there are; only the prompt's last word has its own."""

    bos, adds_bos = BOS, True

    def __init__(self, pieces):
        self._pieces = pieces

    def tokenize(self, text, *, special=False):
        words = text.split()
        return [ASKED if w == "Answer:" else WORDS[crc32(w.encode()) % len(WORDS)] for w in words]

    def piece(self, token):
        return self._pieces[token]

    def is_end(self, token):
        return token == END


class Opened(MarkovContext):
    """A context that holds what it was opened for and no more, and is not used after its end."""

    floor, note = 0, ""

    def __init__(self, model, length, rows):
        super().__init__(model.logits, [])
        self.capacity = length
        self._model, self.length, self.rows = model, length, rows
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert not self.closed, "closed twice"
        self.closed = True

    def read(self, tokens):
        for start in range(0, len(tokens), READ_PIECE):
            piece = tokens[start : start + READ_PIECE]
            self._use(len(piece), self._model.read_seconds * len(piece))
            if self._model.interrupted_at is not None and start >= self._model.interrupted_at:
                raise KeyboardInterrupt
            self.tokens += piece
            yield start + len(piece)

    def extend(self, tokens, *, rows):
        assert rows <= self.rows, "more rows than were asked for"
        self._use(len(tokens), self._model.step_seconds)
        return super().extend(tokens, rows=rows)

    def _use(self, more, seconds):
        assert not self.closed, "used after close"
        assert len(self) + more <= self.length, "longer than it was opened for"
        self._model.work(seconds)


class Model:
    """A LanguageModel over a table of logits; what it computes takes time on `clock`."""

    name, device, offloaded, interrupted_at, stop = "table", "nowhere", False, None, ()
    read_seconds, step_seconds = 0.01, 0.05

    def __init__(self, logits, *, pieces=PIECES, limit=5_000, clock=None, fails_at=None):
        self.logits, self.context_limit = logits, limit
        self.vocabulary = Vocabulary(pieces)
        self.format = PromptFormat(None)
        self.fingerprint = f"table {limit}"
        self.opened = []
        self._clock, self._left = clock, fails_at

    def open(self, *, length, rows):
        assert length <= self.context_limit, "longer than the model reads"
        self.opened.append(Opened(self, length, rows))
        return self.opened[-1]

    def work(self, seconds):
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise NativeError("llama.cpp failed")
        if self._clock is not None:
            self._clock.now += seconds


class Ticking(FakeClock):
    """Time of which a little passes whenever somebody looks."""

    def __call__(self):
        self.now += 0.001
        return self.now


class Kept:
    """Profiles in memory, which remember what was asked of them."""

    def __init__(self):
        self.costs, self.got, self.put_keys = {}, [], []

    def get(self, key, length):
        self.got.append((key, length))
        return self.costs.get((key, length))

    def put(self, key, length, costs):
        assert (key, length) not in self.costs, "measured although it was known"
        self.put_keys.append((key, length))
        self.costs[key, length] = costs


class Known:
    """Profiles that know all costs beforehand, the same for any length."""

    def __init__(self, verify=None, draft=None):
        self._verify, self._draft = verify or {1: 1.0, 16: 1.3}, draft or {1: 0.1, 4: 0.4}

    def get(self, key, length):
        return self._draft if key.endswith("drafting") else self._verify

    def put(self, key, length, costs):
        raise AssertionError("measured although it was known")


def make_document(words=1_600, chunk_words=64):
    texts = [
        "".join(f"w{number:04} " for number in range(start, start + chunk_words))
        for start in range(0, words, chunk_words)
    ]
    document = Document("b", "b.txt", "/b.txt", (Page(1, None, "".join(texts)),), paged=False)
    starts = [sum(map(len, texts[:index])) for index in range(len(texts))]
    return document, [
        Passage(
            Chunk("b", i, text, start, start + len(text), 1, 1), 0.9 - i / 1_000, 0.9 - i / 1_000
        )
        for i, (text, start) in enumerate(zip(texts, starts, strict=True))
    ]


BOOK, PASSAGES = make_document()
SHORT, SHORT_PASSAGES = make_document(words=800)
LOGITS = random_logits(len(PIECES), 1, spread=3)
LOGITS[:, :, [BOS, END, ASKED]] = -1e4
OTHER_LOGITS = LOGITS + random_logits(len(PIECES), 2, spread=1.5)


def chain(*tokens):
    """Return logits under which the answer is `tokens`, each once, and then END."""
    logits = np.zeros((20,) * 3)
    for last, following in zip((ASKED, *tokens), (*tokens, END), strict=True):
        logits[:, last, following] = 100
    return logits


def self_pair(model):
    return Pair("self", model, model)


def options(strategy="rapid", *, temperature=1.0, **chosen):
    settings = {"eta": 10.0, "max_tokens": 40, "seed": 1} | chosen
    return Options(STRATEGIES[strategy], SamplingParams(temperature), **settings)


def ask(
    pair,
    chosen,
    *,
    profiles=None,
    seconds=None,
    clock=None,
    started=0.0,
    search=None,
    documents=(BOOK,),
    **more,
):
    clock = clock or Ticking()
    with Contexts(clock) as contexts:
        yield from answer(
            QUESTION,
            documents,
            search or (lambda limit: PASSAGES[:limit]),
            pair,
            chosen,
            contexts=contexts,
            profiles=profiles or Known(),
            seconds=seconds or Seconds(),
            started=started,
            clock=clock,
            **more,
        )


def finished(pair, chosen, **settings):
    """Return the answer; pieces of it are checked on the way."""
    *events, last = ask(pair, chosen, **settings)
    assert isinstance(last, Finished)
    assert "".join(e.text for e in events if isinstance(e, Piece)) == last.answer.text
    return last.answer


def letter(event):
    """Name an event by a letter: R, T or D for a prefill, a for a draft, p for a piece, d, F."""
    match event:
        case Retrieved():
            return "R"
        case Prefilled(role=role):
            return {"target": "T", "drafter": "D"}[role]
        case Drafted():
            return "a"
        case Piece():
            return "p"
        case Decoded():
            return "d"
        case Finished():
            return "F"


@pytest.mark.parametrize("name", STRATEGIES)
def test_events_come_in_order_and_finished_is_the_last(name):
    events = list(ask(self_pair(Model(LOGITS)), options(name)))
    order = "RD+a(Ta?)+(p+d)+F" if name in DRAFTED else "T+(p+d)+RF"
    order = "RT+(p+d)+F" if name == "rag" else order
    assert re.fullmatch(order, "".join(map(letter, events)))


def drafted(events):
    return [event.text for event in events if isinstance(event, Drafted)]


@pytest.mark.parametrize("name", DRAFTED)
def test_what_is_written_ahead_grows_while_the_target_reads(name):
    texts = drafted(
        ask(self_pair(Model(LOGITS, clock=(clock := FakeClock()))), options(name), clock=clock)
    )
    assert len(texts) > 3
    assert all(later.startswith(text) for text, later in pairwise(texts))
    assert len(texts[-1]) > len(texts[0])


@pytest.mark.parametrize("name", ["long-context", "rag", "prompt-lookup"])
def test_without_a_drafter_nothing_is_written_ahead(name):
    assert drafted(ask(self_pair(Model(LOGITS)), options(name))) == []


def test_nothing_is_written_ahead_of_a_text_that_is_read_soon():
    assert drafted(ask(self_pair(Model(LOGITS)), options(), documents=(SHORT,))) == []


def test_what_was_written_ahead_is_what_the_answer_begins_with_where_both_models_agree():
    model = Model(chain(*range(3, 12)), clock=(clock := FakeClock()))
    chosen = options("speculative", temperature=0, seed=None)
    *events, last = ask(self_pair(model), chosen, clock=clock)
    assert drafted(events)[-1] == last.answer.text == "a b c d e f g h i"
    steps = model.opened[1].extended  # the drafter's context
    assert steps == [1] * 10, "what was written ahead was drafted again"
    assert last.answer.stats.accepted > 0


def test_with_a_seed_the_answer_is_the_same_whether_or_not_a_draft_was_written_ahead(monkeypatch):
    def text():
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        return finished(pair, options(max_tokens=80)).text

    with_draft = text()
    monkeypatch.setattr("rapid_cli.ahead.LEAST_LEFT", 10**6)
    assert text() == with_draft


@pytest.mark.parametrize("offloaded", [False, True])
@pytest.mark.parametrize("steps", [3, 8, 14, 20])
def test_an_error_while_drafting_ahead_ends_the_answer_and_leaves_no_thread(offloaded, steps):
    drafter = Model(OTHER_LOGITS, fails_at=steps)
    pair = Pair("two", Model(LOGITS), drafter)
    pair.target.offloaded = offloaded
    with pytest.raises(NativeError):
        list(ask(pair, options()))
    assert threading.active_count() == 1
    assert all(context.closed for model in (pair.target, drafter) for context in model.opened)


@pytest.mark.parametrize("offloaded", [False, True])
def test_whoever_stops_listening_while_a_draft_is_written_leaves_no_thread(offloaded):
    pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    pair.target.offloaded = offloaded
    with closing(ask(pair, options())) as events:
        next(event for event in events if isinstance(event, Drafted))
    assert threading.active_count() == 1


@pytest.mark.parametrize("offloaded", [False, True])
def test_ctrl_c_while_a_draft_is_written_leaves_no_thread(offloaded):
    pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    pair.target.offloaded = offloaded
    pair.target.interrupted_at = 700
    with pytest.raises(KeyboardInterrupt):
        list(ask(pair, options()))
    assert threading.active_count() == 1


@pytest.mark.parametrize("name", STRATEGIES)
def test_progress_of_reading_rises_to_all_but_the_last_token_of_the_prompt(name):
    events = list(ask(self_pair(Model(LOGITS)), options(name)))
    result = events[-1].answer
    for role, reading in (("target", result.target), ("drafter", result.drafter)):
        seen = [e for e in events if isinstance(e, Prefilled) and e.role == role]
        assert bool(seen) == (reading is not None)
        if reading is not None:
            total = len(reading.prompt) - 1
            assert {event.total for event in seen} == {total}
            assert [e.done for e in seen] == [*range(READ_PIECE, total, READ_PIECE), total]


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_model_reads_its_own_prompt_and_each_context_is_closed_once(name):
    target, drafter = Model(LOGITS), Model(OTHER_LOGITS)
    result = finished(Pair("two", target, drafter), options(name))
    assert len(target.opened) == 1
    assert len(drafter.opened) == (name in DRAFTED)
    for context, reading in zip(
        target.opened + drafter.opened, (result.target, result.drafter), strict=False
    ):
        prompt = list(reading.prompt.all)
        assert context.tokens[: len(prompt)] == prompt
        assert context.closed
        assert context.length == len(prompt) + 40 + LONGEST_DRAFT + 1


def test_self_speculation_opens_two_contexts_on_one_model():
    model = Model(LOGITS)
    result = finished(self_pair(model), options())
    long, short = model.opened
    assert len(long) > 2 * len(short)
    assert result.drafter.passages
    assert len(result.drafter.prompt) < len(result.target.prompt) / 2


@pytest.mark.parametrize("name", ["auto", "rag"])
def test_contexts_are_closed_wherever_the_reader_stops(name):
    total = len(list(ask(self_pair(Model(LOGITS)), options(name, max_tokens=8))))
    for taken in range(total):
        model = Model(LOGITS)
        with closing(ask(self_pair(model), options(name, max_tokens=8))) as events:
            list(islice(events, taken))
        assert all(context.closed for context in model.opened), taken


def test_contexts_are_closed_and_the_error_goes_on_wherever_computing_fails():
    for fails_at in count():
        model = Model(LOGITS, fails_at=fails_at)
        try:
            list(ask(self_pair(model), options(max_tokens=8), profiles=Kept()))
        except NativeError as error:
            assert str(error) == "llama.cpp failed"
            assert all(context.closed for context in model.opened)
        else:
            break
    assert fails_at > 30


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_end_token_stops_the_answer_and_is_not_part_of_it(name):
    pair = self_pair(Model(chain(5, 6, 7, 8, 9, 10)))
    result = finished(pair, options(name, gamma=4))
    assert result.finish_reason == "stop"
    assert result.text == "c d e f g h"
    assert result.stats.tokens == 7


def test_a_drafter_that_sees_the_end_drafts_no_further():
    pair = self_pair(Model(chain(5, 6, 7, 8, 9, 10)))
    stats = finished(pair, options(gamma=9)).stats
    assert (stats.rounds, stats.drafted, stats.accepted) == (4, 4, 4)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("length", [1, 2, 9])
def test_without_an_end_token_the_answer_has_exactly_its_longest_length(name, length):
    result = finished(self_pair(Model(LOGITS)), options(name, max_tokens=length))
    assert result.finish_reason == "length"
    assert result.stats.tokens == len(result.text.split()) == length


@pytest.mark.parametrize("name", DRAFTED)
def test_what_the_drafter_wrote_and_the_target_accepted_is_told_apart(name):
    chosen = options(name, gamma=5, max_tokens=100)
    origins, accepted, drafted, seen = [], 0, 0, set()
    for event in ask(Pair("two", Model(LOGITS), Model(OTHER_LOGITS)), chosen):
        match event:
            case Piece(origin=origin):
                origins.append(origin)
            case Decoded(stats=stats):
                news = stats.accepted - accepted
                assert origins == ["drafter"] * news + ["target"] * (len(origins) - news)
                assert len(origins) - news == 1, "one token of the target's own a round"
                accepted, drafted, origins = stats.accepted, stats.drafted, []
                seen.add(news)
    assert len(seen) > 2, "some drafts stand, some do not"
    assert 0 < accepted < drafted


@pytest.mark.parametrize("name", ["long-context", "rag"])
def test_without_a_drafter_all_is_the_targets(name):
    events = list(ask(self_pair(Model(LOGITS)), options(name)))
    assert {e.origin for e in events if isinstance(e, Piece)} == {"target"}
    assert events[-1].answer.stats.drafted == 0


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


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("gamma", [None, 3])
def test_greedily_every_strategy_gives_the_targets_own_text(name, gamma):
    alone = finished(self_pair(Model(LOGITS)), options("long-context", temperature=0))
    pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    chosen = options(name, temperature=0, gamma=gamma)
    for profiles in (Known(), Kept()):  # what is measured on the contexts leaves no trace
        assert finished(pair, chosen, profiles=profiles).text == alone.text


def test_only_strategies_that_say_so_follow_the_drafter():
    def text(name, eta):
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        return finished(pair, options(name, eta=eta, max_tokens=80)).text

    assert text("speculative", 40) == text("speculative", 0)
    assert text("rapid", 40) != text("rapid", 0)


class Jitter(FakeClock):
    """Time that jumps, now by nothing and now by much."""

    def __init__(self, seed):
        super().__init__()
        self._rng = np.random.default_rng(seed)

    def __call__(self):
        self.now += self._rng.exponential() ** 4
        return self.now


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_seed_and_known_costs_repeat_an_answer_whatever_the_clock_says(name):
    def told(seed, clock):
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        result = finished(pair, options(name, seed=seed, max_tokens=200), clock=Jitter(clock))
        return result.text, result.stats.drafted, result.stats.accepted, result.stats.rounds

    assert told(1, clock=1) == told(1, clock=2) == told(1, clock=3)
    assert told(1, clock=1) != told(2, clock=1)


def test_without_a_seed_two_answers_differ():
    pair = self_pair(Model(LOGITS))
    assert finished(pair, options(seed=None)).text != finished(pair, options(seed=None)).text


@pytest.mark.parametrize("name", DRAFTED)
def test_costs_are_measured_once_for_each_model_and_then_reused(name):
    profiles, clock = Kept(), FakeClock()
    pair = Pair("two", Model(LOGITS, limit=4_000, clock=clock), Model(OTHER_LOGITS, clock=clock))
    first = finished(pair, options(name), profiles=profiles, clock=clock)
    read = [len(reading.prompt) - 1 for reading in (first.target, first.drafter)]
    keys = [("table 4000", read[0]), ("table 5000 drafting", read[1])]
    assert sorted(profiles.put_keys) == keys
    assert profiles.costs[keys[0]] == pytest.approx(dict.fromkeys((1, 2, 4, 8, 9, 16), 0.05))
    assert profiles.costs[keys[1]] == pytest.approx({1: 0.05, 4: 0.2})
    second = finished(pair, options(name), profiles=profiles, clock=clock)  # Kept refuses more
    assert second.text == first.text
    assert second.stats.drafted == first.stats.drafted
    measured, known = pair.target.opened
    assert len(known.extended) == second.stats.rounds < len(measured.extended)


@pytest.mark.parametrize(
    ("name", "gamma"), [("long-context", None), ("rag", None), ("rapid", 4), ("auto", 4)]
)
def test_what_is_not_planned_with_is_not_measured(name, gamma):
    profiles = Kept()
    finished(self_pair(Model(LOGITS)), options(name, gamma=gamma), profiles=profiles)
    assert profiles.got == profiles.put_keys == []


def test_draft_lengths_follow_the_known_costs():
    def gamma(verify):
        pair = self_pair(Model(chain(*range(3, 12)) + 0.0))
        pair.target.logits[:, 11, :] = 0
        pair.target.logits[:, 11, 3] = 100  # round and round
        chosen = options("speculative", max_tokens=200)
        return finished(pair, chosen, profiles=Known(verify)).stats.gamma_mean

    assert gamma({1: 1.0, 16: 1.1}) > 8
    assert gamma({1: 1.0, 2: 3.0, 16: 40.0}) < 2


@pytest.mark.parametrize("name", ["rapid", "speculative", "auto"])
@pytest.mark.parametrize("gamma", [1, 4, 20])
def test_a_fixed_draft_length_is_kept_after_the_plain_rounds(name, gamma):
    model = Model(np.full((20,) * 3, -100.0))
    for token in WORDS:
        model.logits[:, token, token % len(WORDS) + 3] = 100
    model.logits[:, ASKED, 3] = 100
    chosen = options(name, gamma=gamma, max_tokens=3 + 3 * (gamma + 1))
    lengths, before = [], 0
    for event in ask(self_pair(model), chosen):
        if isinstance(event, Decoded):
            lengths.append(event.stats.drafted - before)
            before = event.stats.drafted
    assert lengths == [0, 0, 0, gamma, gamma, gamma]
    assert {context.rows for context in model.opened} == {gamma + 1}


@pytest.mark.parametrize("name", [*DRAFTED, "prompt-lookup"])
@pytest.mark.parametrize("gamma", [None, 5])
def test_the_first_rounds_go_without_drafts_to_know_the_speed_of_plain_decoding(name, gamma):
    model = Model(LOGITS, clock=(clock := FakeClock()))
    events = ask(self_pair(model), options(name, gamma=gamma, max_tokens=90), clock=clock)
    stats = [(e.stats.rounds, e.stats.drafted) for e in events if isinstance(e, Decoded)]
    assert stats[:3] == [(1, 0), (2, 0), (3, 0)]
    assert stats[-1][1] > 0


def test_the_shortest_answer_with_the_shortest_drafts_fits_its_contexts():
    result = finished(self_pair(Model(LOGITS)), options(gamma=1, max_tokens=1), profiles=Kept())
    assert result.stats.tokens == 1


def test_a_text_that_fits_is_read_whole_and_its_tokens_are_counted():
    *events, last = ask(self_pair(Model(LOGITS)), options())
    (retrieved,) = (event for event in events if isinstance(event, Retrieved))
    assert retrieved.coverage == 1
    assert not retrieved.truncated
    assert retrieved.passages == last.answer.sources == last.answer.drafter.passages
    assert last.answer.document_tokens == 1_600
    assert not last.answer.truncated


@pytest.mark.parametrize("name", WHOLE)
def test_a_text_that_does_not_fit_is_read_in_part_and_told_so_at_once(name):
    whole = finished(self_pair(Model(LOGITS)), options("long-context"))
    needed = len(whole.target.prompt) + 40 + LONGEST_DRAFT + 1
    for limit, cut in ((needed, False), (needed - 1, True)):
        for pair, chosen in (
            (self_pair(Model(LOGITS, limit=limit)), options(name)),
            (self_pair(Model(LOGITS)), options(name, context_length=limit)),
        ):
            *events, last = ask(pair, chosen)
            (retrieved,) = (event for event in events if isinstance(event, Retrieved))
            assert (events[0] is retrieved) is (cut or name in DRAFTED)
            assert retrieved.truncated is last.answer.truncated is cut
            assert (retrieved.coverage < 1) is cut
            assert last.answer.document_tokens == 1_600
            assert max(context.length for context in pair.target.opened) <= limit


def test_passages_alone_cover_a_part_and_cut_nothing():
    retrieved, *_, last = ask(self_pair(Model(LOGITS)), options("rag", retrieve_tokens=400))
    assert retrieved.coverage == pytest.approx(6 / 25)
    assert not retrieved.truncated
    assert last.answer.drafter is None
    assert len(last.answer.target.passages) == 6


def test_a_context_without_room_is_refused_before_anything_is_opened():
    model = Model(LOGITS, limit=100)
    with pytest.raises(ContextFull):
        list(ask(self_pair(model), options()))
    assert model.opened == []


def timed(name, **chosen):
    """Answer with a clock that passes for known reasons alone; the text is not worth a draft."""
    clock = FakeClock()
    clock.now = 100.0
    target, drafter = (Model(LOGITS, clock=clock) for _ in range(2))
    target.step_seconds = 1.0
    drafter.read_seconds, drafter.step_seconds = 0.001, 0.25

    def search(limit):
        clock.now += 3
        return SHORT_PASSAGES[:limit]

    known = Seconds(load=2.0, index=5.0)
    result = finished(
        Pair("two", target, drafter),
        options(name, **chosen),
        seconds=known,
        started=90.0,
        clock=clock,
        search=search,
        documents=(SHORT,),
    )
    assert result.seconds is known
    assert (known.load, known.index) == (2.0, 5.0)
    assert known.total == clock.now - 90
    return result


def test_seconds_say_where_the_time_went():
    result = timed("speculative", gamma=2, max_tokens=30, temperature=0)
    seconds, stats = result.seconds, result.stats
    assert seconds.retrieve == 3
    assert seconds.prefill_target == pytest.approx(0.01 * (len(result.target.prompt) - 1))
    assert seconds.prefill_drafter == pytest.approx(0.001 * (len(result.drafter.prompt) - 1))
    reading = seconds.prefill_target + seconds.prefill_drafter
    assert seconds.first_token == pytest.approx(10 + 3 + reading + 1)
    # Three plain rounds, then two tokens of the drafter.
    assert seconds.first_draft == pytest.approx(10 + 3 + reading + 3 + 2 * 0.25)
    assert seconds.decode == pytest.approx(stats.rounds + 0.25 * stats.drafted)
    assert seconds.total == pytest.approx(10 + 3 + reading + seconds.decode)
    assert result.tokens_per_second == pytest.approx(30 / seconds.decode)
    assert stats.plain_tokens_per_second == pytest.approx(1)
    assert result.speedup == pytest.approx(result.tokens_per_second)


def test_what_did_not_happen_took_no_time_at_all():
    seconds = timed("long-context").seconds
    assert seconds.prefill_drafter is None
    assert seconds.first_draft is None
    assert seconds.first_token < seconds.total
    assert seconds.decode == pytest.approx(40)


def test_seconds_of_each_round_rise_to_those_of_decoding():
    clock = FakeClock()
    model = Model(LOGITS, clock=clock)
    model.step_seconds = 1.0
    events = list(ask(self_pair(model), options("long-context", max_tokens=5), clock=clock))
    assert [e.seconds for e in events if isinstance(e, Decoded)] == [1, 2, 3, 4, 5]


def test_several_documents_are_one_question():
    other = replace(BOOK, id="o", name="o.txt")
    *_, last = ask(self_pair(Model(LOGITS)), options(), documents=[BOOK, other])
    assert last.answer.document_tokens == 2 * 1_600 + 4  # and two headings
    assert "# o.txt" in last.answer.target.text


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
    assert "still thinking when it had written 3 tokens" in note


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_answer_ends_at_a_stop_of_its_target(name):
    model = thinking_model(b" Ann", b".", b"\n##", b" c", b" d", stop=("##",))
    result = finished(self_pair(model), options(name, temperature=0))
    assert result.text == "Ann.\n"
    assert result.finish_reason == "stop"
    assert result.tokens == PIECES_OF_ANN
