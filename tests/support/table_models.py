"""Models that are a table of logits, and questions put to them, for tests of answering."""

from __future__ import annotations

from contextlib import nullcontext
from zlib import crc32

import numpy as np

from rapid_cli.answering.answer import Finished, Options, Pair, Piece, Seconds
from rapid_cli.answering.pipeline import answer
from rapid_cli.answering.prefill import Contexts
from rapid_cli.answering.request import Request
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import NativeError
from rapid_cli.models.prompts import PromptFormat
from tests.support.fakes import FakeClock, MarkovContext, random_logits

BOS, END, ASKED = 0, 1, 2
PIECES = [b"", b"", b" ask", *(f" {letter}".encode() for letter in "abcdefghi")]
WORDS = range(3, len(PIECES))
READ_PIECE = 100
QUESTION = "Who is it?"
DRAFTED = [name for name, each in STRATEGIES.items() if "model" in each.drafters]
WHOLE = [name for name, each in STRATEGIES.items() if each.target_reads == "document"]


class Vocabulary:
    """Words share the few tokens there are; only the prompt's last word has its own."""

    bos, eos, adds_bos = BOS, END, True

    def __init__(self, pieces):
        self._pieces = pieces

    def tokenize(self, text, *, special=False):
        words = text.split()
        return [ASKED if w == "Answer:" else WORDS[crc32(w.encode()) % len(WORDS)] for w in words]

    def piece(self, token):
        return self._pieces[token]

    def text(self, token):
        return self._pieces[token].decode("utf-8", "replace")

    def is_end(self, token):
        return token == END


class Opened(MarkovContext):
    """A context that holds what it was opened for and no more, and is not used after its end."""

    floor, note, cuts_freely = 0, "", True

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

    def anchor(self):
        """Any cut is easy here."""

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
        self.parameters = 1_000
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
        return self._draft if key.endswith("drafts") else self._verify

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
    question=QUESTION,
    contexts=None,
    **more,
):
    """Yield the events of an answer, with contexts of its own if none are given."""
    clock = clock or Ticking()
    with nullcontext(contexts) if contexts else Contexts(clock) as contexts:
        request = Request(
            question,
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
        yield from answer(request)


def finished(pair, chosen, **settings):
    """Return the answer; pieces of it are checked on the way."""
    *events, last = ask(pair, chosen, **settings)
    assert isinstance(last, Finished)
    assert "".join(e.text for e in events if isinstance(e, Piece)) == last.answer.text
    return last.answer
