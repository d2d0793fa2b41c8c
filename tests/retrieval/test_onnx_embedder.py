from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rapid_cli.retrieval import onnx_embedder
from rapid_cli.retrieval.embedder import Embedder, export_name
from rapid_cli.retrieval.onnx_embedder import Description, Exported, batches
from tests.support.small_embedders import DIMENSION, MAX_TOKENS, MINILM, write_embedder

if TYPE_CHECKING:
    from rapid_cli.retrieval.torch_embedder import Loaded

pytestmark = pytest.mark.models

SENTENCE = "the whale swam under a ship of oak while men slept and nobody heard it breathe"
WORDS = SENTENCE.split()
TEXTS = [
    *(" ".join(WORDS[at:] + WORDS[:at]) for at in range(len(WORDS))),
    *(f"Chapter {count}. " + "A sentence of some length. " * count for count in (1, 3, 9, 27)),
    "",
    " ",
    "\n\n",
    "\t tabs \r\n and line ends \n\n",
    "   spaces around   ",
    "word " * 253 + "last",
    "word " * 254 + "cut",
    "a much longer text " * 2_000,
    "x" * 50_000,
    "🐋",
    "whales 🐋🐳 and a family 👨‍👩‍👧‍👦 and a flag 🇮🇸",
    "naïve café Æsir Straße",
    "nai\u0308ve cafe\u0301",
    "白い鯨は海にいる。",
    "Белый кит плывёт.",
    "الحوت الأبيض",
    "हिन्दी में एक वाक्य",
    "ﬁne ligatures ½ ™ Ⅷ",
    "UPPER and lower and MiXeD",
    "[CLS] words [SEP] of [MASK] the [PAD] vocabulary [UNK]",
    "nul \x00 and bell \x07 and zero\u200bwidth",
    "def f(x: int) -> str:\n    return '%s' % x  # code",
    "| a | table |\n|---|---|\n| 1 | 2.50 € |",
    "https://example.org/path?query=1&other=2#part",
    "3.14159 1,000,000 -17 1e-9",
]


@pytest.fixture(scope="module")
def minilm(embedder: Embedder, embedder_cache: Path) -> Exported:
    embedder.embed(["this exports it"])
    return Exported(embedder_cache / export_name(MINILM))


@pytest.fixture(scope="module")
def reference() -> Loaded:
    from rapid_cli.retrieval.torch_embedder import Loaded

    return Loaded(MINILM)


def test_texts_of_all_kinds_have_the_vectors_of_the_model_itself(
    minilm: Exported, reference: Loaded
) -> None:
    assert len(TEXTS) >= 40
    wanted = reference.model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    cosines = (minilm.embed(TEXTS) * wanted).sum(axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-4)


def test_one_text_has_the_same_vector_as_among_many(minilm: Exported) -> None:
    together = minilm.embed(TEXTS)
    for at in (0, 20, 25, 40):
        np.testing.assert_allclose(minilm.embed([TEXTS[at]])[0], together[at], atol=1e-5)


def test_tokens_start_where_the_models_own_tokenizer_says(
    minilm: Exported, reference: Loaded
) -> None:
    for text in TEXTS:
        encoding = reference.model.tokenizer(
            text, add_special_tokens=False, truncation=False, return_offsets_mapping=True
        )
        assert minilm.spans(text) == encoding["offset_mapping"] == reference.spans(text)


def test_an_export_says_of_itself_what_the_model_says(minilm: Exported, reference: Loaded) -> None:
    assert minilm.description == reference.description == Description(384, 256, 2)


def test_no_texts_have_no_vectors(minilm: Exported, reference: Loaded) -> None:
    assert minilm.embed([]).shape == reference.embed([]).shape == (0, 384)


def test_every_step_of_a_model_is_in_its_export(tmp_path: Path) -> None:
    from rapid_cli.retrieval.torch_embedder import Loaded, export

    loaded = Loaded(write_embedder(tmp_path / "dense", prompt="a passage: "))
    export(loaded, tmp_path)
    small = Exported(tmp_path)
    assert small.description == Description(DIMENSION, MAX_TOKENS, 2, "a passage: ", "a passage: ")
    wanted = loaded.model.encode(TEXTS, show_progress_bar=False)
    assert not np.allclose(np.linalg.norm(wanted, axis=1), 1, atol=0.1)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(small.embed(TEXTS, "a passage: "), wanted, atol=1e-4)


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_questions_have_the_prompt_of_questions_and_other_texts_theirs(
    tmp_path: Path, name: str
) -> None:
    from rapid_cli.retrieval.torch_embedder import Loaded, check, export

    prompts = {"query": "a question: ", name: "a passage, which may be long: "}
    loaded = Loaded(write_embedder(tmp_path / "model", prompts=prompts))
    export(loaded, tmp_path)
    small = Exported(tmp_path)
    check(small, loaded)
    for model in (loaded, small):
        asked = loaded.model.encode_query(TEXTS, normalize_embeddings=True)
        told = loaded.model.encode(TEXTS, prompt_name=name, normalize_embeddings=True)
        described = model.description
        vectors = model.embed(TEXTS, described.question_prompt)
        np.testing.assert_allclose(vectors, asked, atol=1e-4)
        np.testing.assert_allclose(model.embed(TEXTS, described.prompt), told, atol=1e-4)
        assert not np.allclose(asked, told, atol=0.1)


def test_an_export_that_differs_with_a_prompt_alone_is_noticed(tmp_path: Path) -> None:
    from rapid_cli.retrieval.torch_embedder import Loaded, check, export

    loaded = Loaded(write_embedder(tmp_path / "model", pool_prompt=False))
    export(loaded, tmp_path)
    with pytest.raises(ValueError, match="cosine"):
        check(Exported(tmp_path), loaded)


def test_other_vectors_than_the_models_are_noticed(tmp_path: Path) -> None:
    from rapid_cli.retrieval.torch_embedder import Loaded, check, export

    one, other = (Loaded(write_embedder(tmp_path / f"{seed}", seed=seed)) for seed in (1, 2))
    export(one, tmp_path)
    check(Exported(tmp_path), one)
    with pytest.raises(ValueError, match="cosine"):
        check(Exported(tmp_path), other)


def test_batches_hold_each_text_once_with_those_of_like_length() -> None:
    lengths = np.random.default_rng(5).integers(2, 257, 300).tolist()
    parts = list(batches(lengths))
    assert sorted(at for part in parts for at in part) == list(range(300))
    padded = sum(max(lengths[at] for at in part) * len(part) for part in parts)
    assert padded < 1.2 * sum(lengths)


def test_a_batch_is_small_enough_whatever_its_texts_are() -> None:
    lengths = [8_000, 7_999] + [512] * 100 + [3] * 5_000 + [0]
    for part in batches(lengths):
        assert len(part) == 1 or max(lengths[at] for at in part) * len(part) <= 4_096
    assert len(list(batches(lengths))) < 20
    assert list(batches([])) == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux says")
def test_no_more_threads_than_cores_that_may_be_used() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert onnx_embedder._threads() == (1 if (os.cpu_count() or 1) > 1 else 0)
    finally:
        os.sched_setaffinity(0, allowed)
