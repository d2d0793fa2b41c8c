"""What each model reads: the whole text where it fits, passages where not, and always room."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from rapid_cli.answering.readings import (
    Task,
    fits,
    read_passages,
    read_what_fits,
    read_whole,
)
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import ContextFull
from rapid_cli.models.interface import tokenize_prompt
from rapid_cli.models.prompts import OMISSION, PromptFormat

ROOM = 20
CHUNK_WORDS = 64


class Words:
    """A vocabulary of whitespace-separated words; a control token wherever one is markup."""

    bos = 0

    def __init__(self, *, adds_bos=False):
        self.adds_bos = adds_bos
        self.texts = ["<bos>", "</s>"]

    def tokenize(self, text, *, special=False):
        assert isinstance(text, str), "only text is tokenized"
        words = re.findall(r"\S+", text)
        assert special or "<bos>" not in words, "text must not become a control token"
        self.texts += sorted(set(words) - set(self.texts))
        return [self.texts.index(word) for word in words]

    def piece(self, token):
        return b"" if token < 2 else self.texts[token].encode() + b" "

    def is_end(self, token):
        return token == 1


class WordModel:
    """A model that plans can be made for; it reads nothing."""

    name, device = "words", "nowhere"

    def __init__(self, limit, *, adds_bos=False, template=None):
        self.context_limit = limit
        self.vocabulary = Words(adds_bos=adds_bos)
        self.format = PromptFormat(template, bos="<bos>")

    def open(self, *, length, rows):
        raise AssertionError("planning opens no context")


class Found:
    """Search over known scores; remembers how many passages it was asked for."""

    def __init__(self, passages):
        self._passages = sorted(passages, key=lambda passage: -passage.score)
        self.asked = []

    def __call__(self, wanted):
        assert wanted > 0, "a search for nothing"
        self.asked.append(wanted)
        return self._passages[:wanted]


def make_document(document_id, chunks):
    """Return a document of so many chunks, each of 64 words that name it."""
    texts = [
        " ".join(f"{document_id}{index}.{word}" for word in range(CHUNK_WORDS)) + " "
        for index in range(chunks)
    ]
    document = Document(
        document_id, f"{document_id}.txt", "", (Page(1, None, "".join(texts)),), False
    )
    starts = [sum(map(len, texts[:index])) for index in range(chunks)]
    return document, [
        Chunk(document_id, index, text, start, start + len(text), 1, 1)
        for index, (text, start) in enumerate(zip(texts, starts, strict=True))
    ]


BOOK, CHUNKS = make_document("b", 40)
TEXT_TOKENS = 40 * CHUNK_WORDS


def make_task(found=(), *, documents=(BOOK,), question="Who is it?", **settings):
    return Task(question, list(documents), Found(found), answer_room=ROOM, **settings)


def overhead(model, task):
    return len(tokenize_prompt(model.format.prompt("", task.question), model.vocabulary))


def indices(passages):
    return [passage.chunk.index for passage in passages]


def share(passages):
    """Return how much of BOOK's text the passages are."""
    return pytest.approx(sum(len(passage.chunk.text) for passage in passages) / len(BOOK.text))


def scored(**scores):
    """Return passages of BOOK: `c3=0.5` is chunk 3 with score 0.5."""
    return [Passage(CHUNKS[int(name[1:])], score, score) for name, score in scores.items()]


EVERYTHING = [Passage(chunk, 0.9 - chunk.index / 100, 0.9 - chunk.index / 100) for chunk in CHUNKS]


def test_a_whole_text_is_read_as_it_is():
    model, task = WordModel(10_000), make_task()
    reading = read_whole(task, model)
    assert reading.text == BOOK.text
    assert reading.coverage == 1
    assert reading.passages == ()
    assert reading.prompt == tokenize_prompt(
        model.format.prompt(BOOK.text, task.question), model.vocabulary
    )
    assert reading.prompt.text_tokens == TEXT_TOKENS
    assert task.search.asked == []


def test_several_documents_are_read_under_their_names():
    other, _ = make_document("o", 2)
    reading = read_whole(make_task(documents=[BOOK, other]), WordModel(10_000))
    assert reading.text == f"# b.txt\n\n{BOOK.text}\n\n# o.txt\n\n{other.text}"


def test_a_text_fits_when_prompt_and_answer_do_to_the_token():
    task = make_task()
    needed = len(read_whole(task, WordModel(10_000)).prompt) + ROOM
    for limit, enough in ((needed, True), (needed - 1, False)):
        model = WordModel(limit)
        assert fits(read_whole(task, model), task, model) is enough
        chosen = make_task(context_length=limit)
        roomy = WordModel(10_000)
        assert fits(read_whole(chosen, roomy), chosen, roomy) is enough


def test_a_context_longer_than_the_model_reads_is_refused_with_both_numbers():
    model, task = WordModel(1_000), make_task(EVERYTHING, context_length=1_001)
    for plan in (
        lambda: fits(read_whole(task, model), task, model),
        lambda: read_what_fits(task, model),
        lambda: read_passages(task, model, TEXT_TOKENS),
    ):
        with pytest.raises(ContextFull, match="words reads at most 1000 tokens, not 1001"):
            plan()


def test_a_begin_token_is_read_once_whether_the_template_has_it_or_not():
    with_bos = "{{ bos_token }} {{ messages[0].content }} {{ messages[1].content }}"
    for template in (None, with_bos):
        model = WordModel(10_000, adds_bos=True, template=template)
        prompt = read_whole(make_task(), model).prompt
        assert prompt.all[0] == Words.bos
        assert prompt.all.count(Words.bos) == 1


def test_a_text_too_long_is_read_in_as_many_of_its_best_passages_as_fit():
    model, task = WordModel(1_000), make_task(EVERYTHING)
    reading = read_what_fits(task, model)
    room = 1_000 - ROOM - overhead(model, task)
    assert indices(reading.passages) == list(range(room // CHUNK_WORDS))
    assert 1_000 - CHUNK_WORDS < len(reading.prompt) + ROOM <= 1_000
    assert reading.coverage == share(reading.passages)


def test_passages_are_kept_best_first_and_read_in_document_order():
    model, task = WordModel(10_000), make_task(scored(c2=0.5, c9=0.9, c3=0.7, c30=0.1))
    reading = read_passages(task, model, TEXT_TOKENS)
    assert indices(reading.passages) == [9, 3, 2]
    text = CHUNKS[2].text + CHUNKS[3].text + OMISSION + CHUNKS[9].text
    assert reading.text == text.rstrip()
    assert reading.coverage == share(reading.passages)


def test_the_drafter_reads_what_its_budget_allows():
    model, task = WordModel(10_000), make_task(EVERYTHING)
    assert indices(read_passages(task, model, 400).passages) == list(range(512 // CHUNK_WORDS))
    assert len(read_passages(task, model, 8_000).passages) == round(1_000 / CHUNK_WORDS)
    task = make_task(EVERYTHING, retrieve_tokens=200)
    assert indices(read_passages(task, model, 400).passages) == [0, 1, 2]
    assert task.search.asked == [200 // 32 + 1]


def test_the_drafters_budget_ends_where_its_context_does():
    model, task = WordModel(500), make_task(EVERYTHING, retrieve_tokens=4_000)
    reading = read_passages(task, model, TEXT_TOKENS)
    assert 500 - CHUNK_WORDS < len(reading.prompt) + ROOM <= 500


def test_a_search_asks_for_enough_passages_to_fill_the_budget():
    model, task = WordModel(1_000), make_task(EVERYTHING)
    read_what_fits(task, model)
    room = 1_000 - ROOM - overhead(model, task)
    assert task.search.asked == [room // 32 + 1]


def test_when_passages_cover_the_text_only_the_similar_ones_are_drafted_from():
    found = scored(c1=0.29, c5=0.31, c7=0.1)
    model = WordModel(10_000)
    assert indices(read_passages(make_task(found), model, TEXT_TOKENS).passages) == [5]
    assert indices(read_what_fits(make_task(found), model).passages) == [5, 1, 7]


def test_passages_make_place_for_the_headings_and_gap_marks_between_them():
    other, chunks = make_document("o", 40)
    alternating = chain.from_iterable(zip(CHUNKS[::2], chunks[::2], strict=True))
    found = [Passage(chunk, 0.9 - index / 100) for index, chunk in enumerate(alternating)]
    for limit in range(200, 1_200, 23):
        model, task = WordModel(limit), make_task(found, documents=[BOOK, other])
        reading = read_what_fits(task, model)
        assert len(reading.prompt) + ROOM <= limit
        scores = [passage.score for passage in reading.passages]
        assert scores == sorted((p.score for p in found), reverse=True)[: len(scores)]
        assert "# b.txt" in reading.text


def test_a_context_without_room_for_text_is_refused_with_its_numbers():
    short = Chunk("b", 0, " ".join(CHUNKS[0].text.split()[:30]), 0, 180, 1, 1)
    task = make_task([Passage(short, 0.9)])
    smallest = ROOM + overhead(WordModel(1), task) + 32
    read_what_fits(task, WordModel(smallest))
    for plan in (read_what_fits, lambda task, model: read_passages(task, model, TEXT_TOKENS)):
        with pytest.raises(ContextFull, match=rf"{smallest - 1} tokens .* {ROOM} tokens") as raised:
            plan(task, WordModel(smallest - 1))
        assert "--context-length" in raised.value.hint


def test_a_single_passage_longer_than_the_context_is_refused():
    long = Chunk("b", 0, BOOK.text, 0, len(BOOK.text), 1, 1)
    with pytest.raises(ContextFull, match="leaves no room for the text"):
        read_what_fits(make_task([Passage(long, 0.9)]), WordModel(300))


def test_the_question_is_part_of_every_prompt_and_never_of_its_context():
    model = WordModel(500)
    for plan in (read_whole, read_what_fits, lambda task, model: read_passages(task, model, 400)):
        prompts = [
            plan(make_task(EVERYTHING, question=question), model).prompt
            for question in ("Who is it?", "What is it?")
        ]
        assert prompts[0].context == prompts[1].context
        assert prompts[0].question != prompts[1].question
        written = b"".join(map(model.vocabulary.piece, prompts[0].question)).decode()
        assert "Who is it?" in written
