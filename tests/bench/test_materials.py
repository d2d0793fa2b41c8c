"""What a benchmark lets the models read: exact lengths, and only what the target reads too."""

from __future__ import annotations

import re
import sys
from itertools import pairwise

import pytest

from rapid_cli.bench.materials import EXCERPTS, RandomMaterial, TextMaterial, built_in_text
from rapid_cli.documents import Chunk, Passage
from rapid_cli.errors import ConfigError
from rapid_cli.models.interface import tokenize_prompt
from rapid_cli.models.prompts import OMISSION, PromptFormat

QUESTION = "Who is it?"
LENGTHS = (512, 700, 1_500, 5_000)


class Words:
    """A vocabulary of words with the space around them, so that pieces give the text back."""

    bos, adds_bos = 0, True

    def __init__(self):
        self.texts = ["<bos>", "</s>"]
        self._numbers = {}

    def tokenize(self, text, *, special=False):
        tokens = []
        for word in re.findall(r"\s*\S+|\s+$", text):
            if word not in self._numbers:
                self._numbers[word] = len(self.texts)
                self.texts.append(word)
            tokens.append(self._numbers[word])
        return tokens

    def piece(self, token):
        return b"" if token < 2 else self.texts[token].encode()

    def is_end(self, token):
        return token == 1


class WordModel:
    """All that material asks of a model."""

    def __init__(self):
        self.vocabulary = Words()
        self.format = PromptFormat(None)

    def text(self, tokens):
        return b"".join(map(self.vocabulary.piece, tokens)).decode()


WORD_COUNT = 6_000
TEXT = " ".join(f"w{number:04}é" for number in range(WORD_COUNT))
WIDTH = len("w0000é ")


def passage(first, words=100, score=0.5):
    """Return a passage of the text that begins with word `first`."""
    start, end = first * WIDTH, (first + words) * WIDTH - 1
    return Passage(Chunk("d", first // words, TEXT[start:end], start, end, 1, 1), score)


def make_material(passages=None):
    model = WordModel()
    return model, TextMaterial(TEXT, QUESTION, model, passages)


def overhead(model):
    return len(tokenize_prompt(model.format.prompt("", QUESTION), model.vocabulary))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_targets_prompt_has_the_length_asked_for_and_ends_with_the_question(length):
    model, material = make_material()
    prompt = material.target_prompt(length)
    assert len(prompt) == length
    assert prompt[0] == Words.bos
    text = model.text(prompt)
    assert text.endswith(f"Question: {QUESTION}\nAnswer:")
    read = length - overhead(model)
    assert f"w{read - 1:04}é" in text
    assert f"w{read:04}é" not in text


def test_a_longer_prompt_begins_like_a_shorter_one_up_to_the_question():
    model, material = make_material()
    short, long = (material.target_prompt(length) for length in (600, 900))
    tail = len(tokenize_prompt(model.format.prompt("", QUESTION), model.vocabulary).question)
    assert long[: 600 - tail] == short[: 600 - tail]
    assert long[-tail:] == short[-tail:]


def test_the_longest_prompt_holds_all_of_the_text_and_a_longer_one_is_refused():
    model, material = make_material()
    assert material.longest == WORD_COUNT + overhead(model)
    assert len(material.target_prompt(material.longest)) == material.longest
    with pytest.raises(ConfigError, match=rf"has {material.longest} tokens.* of 9000") as raised:
        material.target_prompt(9_000)
    assert "--context-lengths" in raised.value.hint


def test_the_drafter_reads_the_best_passages_in_their_order_within_its_budget():
    ranked = [(900, 0.9), (100, 0.8), (500, 0.7), (300, 0.6), (700, 0.5), (0, 0.4)]
    model, material = make_material([passage(first, score=score) for first, score in ranked])
    text = model.text(material.drafter_prompt(2_000))  # a budget of 512: five passages
    kept = sorted(first for first, _ in ranked[:5])
    expected = OMISSION.join(passage(first).chunk.text.strip() for first in kept)
    assert expected in text
    assert "w0000é" not in text
    assert text.endswith(f"Question: {QUESTION}\nAnswer:")


@pytest.mark.parametrize("length", LENGTHS)
def test_the_drafter_reads_nothing_that_the_target_does_not(length):
    passages = [passage(first, score=first / WORD_COUNT) for first in range(0, WORD_COUNT, 100)]
    model, material = make_material(passages)
    drafted = set(re.findall(r"w\d+é", model.text(material.drafter_prompt(length))))
    read = set(re.findall(r"w\d+é", model.text(material.target_prompt(length))))
    assert drafted
    assert drafted <= read


def test_a_passage_that_ends_where_reading_ends_is_inside():
    model, material = make_material([passage(0), passage(100)])
    length = 200 + overhead(model)
    assert "w0199é" in model.text(material.drafter_prompt(length))
    shorter = model.text(material.drafter_prompt(length - 1))
    assert "w0099é" in shorter
    assert "w0100é" not in shorter


@pytest.mark.parametrize("length", LENGTHS)
def test_without_an_index_the_drafter_reads_evenly_spaced_excerpts(length):
    model, material = make_material()
    prompt = material.drafter_prompt(length)
    budget = max(512, length // 8)
    words = [int(word) for word in re.findall(r"w(\d+)é", model.text(prompt))]
    read = length - overhead(model)
    assert words[0] == 0
    assert words[-1] == read - 1
    size = len(words) // EXCERPTS
    assert len(words) == pytest.approx(budget, rel=0.15)
    starts = words[::size]
    gaps = {later - earlier for earlier, later in pairwise(starts)}
    assert max(gaps) - min(gaps) <= 1
    assert words == [word for start in starts for word in range(start, start + size)]
    assert prompt[0] == Words.bos
    assert model.text(prompt).endswith("Answer:")


def test_an_answer_ends_where_the_vocabulary_says():
    _, material = make_material()
    assert material.is_end(1)
    assert not material.is_end(2)


@pytest.mark.parametrize("size", [8, 512, 151_936])
def test_random_prompts_have_their_length_and_the_shorter_begin_the_longer(size):
    material = RandomMaterial(size)
    longest = material.target_prompt(5_000)
    assert len(longest) == 5_000
    assert all(0 <= token < size for token in longest)
    assert len(set(longest)) > min(size, 5_000) / 2
    assert all(type(token) is int for token in longest)
    for length in LENGTHS:
        assert material.target_prompt(length) == longest[:length]


def test_random_drafter_prompts_are_as_long_as_passages_would_be_and_others_than_the_targets():
    material = RandomMaterial(512)
    for length, budget in ((600, 512), (16_000, 2_000), (120_000, 5_000)):
        prompt = material.drafter_prompt(length)
        assert len(prompt) == budget
        assert prompt != material.target_prompt(budget)
        assert RandomMaterial(512).drafter_prompt(length) == prompt


def test_random_material_is_another_with_another_seed_and_never_ends():
    assert RandomMaterial(512, 1).target_prompt(99) != RandomMaterial(512, 2).target_prompt(99)
    assert not any(map(RandomMaterial(512).is_end, range(512)))


def test_python_brings_a_text_that_fills_long_contexts():
    text = built_in_text()
    assert len(text) > 400_000
    assert "comprehension" in text
    assert built_in_text() == text


def test_a_python_without_that_text_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ConfigError, match="without the text") as raised:
        built_in_text()
    assert "rapid bench FILE" in raised.value.hint
