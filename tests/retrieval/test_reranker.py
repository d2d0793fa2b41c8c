from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rapid_cli.documents import Chunk, Passage
from rapid_cli.errors import ModelError
from tests.support.libraries import WordEmbedder, opened
from tests.support.pdfs import make_pdf
from tests.support.small_embedders import MINILM, write_embedder

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from rapid_cli.retrieval.reranker import Reranker

QUESTION = "Who sails the ship?"
TEXTS = ["the whale swims", "the captain sails", "storms come in autumn", "oil lights the lamps"]


def make_reranker(find: Callable[[], Path], *, identity: str, passages: int) -> Reranker:
    """Make a reranker. Its module imports torch, for which no other test is to wait."""
    from rapid_cli.retrieval.reranker import Reranker

    return Reranker(find, identity=identity, passages=passages)


def write_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """Write a cross-encoder with random weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(5)
    shape = BertConfig(
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        initializer_range=1.0,
        num_labels=labels,
    )
    BertForSequenceClassification(shape).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(MINILM / name, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cross_encoder(tmp_path_factory.mktemp("reranker"))


def passages(scores: list[float]) -> list[Passage]:
    return [
        Passage(Chunk("a", number, text, 0, len(text), 1, 1), score)
        for number, (text, score) in enumerate(zip(TEXTS, scores, strict=True))
    ]


def judged(folder: Path, text: str) -> float:
    """Return what transformers alone says of a passage."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(QUESTION, text, return_tensors="pt")
    with torch.no_grad():
        logits = AutoModelForSequenceClassification.from_pretrained(folder)(**tokens).logits
    return float(torch.sigmoid(logits)[0, 0])


def test_passages_come_in_the_order_of_the_cross_encoder(folder: Path) -> None:
    reranker = make_reranker(lambda: folder, identity="tiny", passages=30)
    found = reranker.best_first(QUESTION, passages([1.0, 0.9, 0.8, 0.7]))
    wanted = {text: judged(folder, text) for text in TEXTS}
    assert [each.chunk.text for each in found] == sorted(TEXTS, key=lambda text: -wanted[text])
    assert [each.chunk.text for each in found] != TEXTS, "else the test could not fail"
    assert all(each.score == pytest.approx(wanted[each.chunk.text], abs=1e-5) for each in found)


def test_only_the_first_passages_are_read_and_the_others_stay_behind(folder: Path) -> None:
    reranker = make_reranker(lambda: folder, identity="tiny", passages=2)
    found = reranker.best_first(QUESTION, passages([1.0, 0.9, 0.8, 0.7]))
    assert {each.chunk.index for each in found[:2]} == {0, 1}
    assert [each.chunk.index for each in found[2:]] == [2, 3]
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)


def test_nothing_found_needs_no_model() -> None:
    def find() -> Path:
        raise AssertionError("the model was looked for")

    assert make_reranker(find, identity="tiny", passages=30).best_first(QUESTION, []) == []


def test_a_model_that_is_no_cross_encoder_is_refused_by_name(tmp_path: Path) -> None:
    classifier = write_cross_encoder(tmp_path / "many", labels=3)
    for place in (classifier, tmp_path / "empty"):
        place.mkdir(exist_ok=True)
        reranker = make_reranker(lambda place=place: place, identity=place.name, passages=30)
        with pytest.raises(ModelError, match=place.name) as raised:
            reranker.best_first(QUESTION, passages([1.0, 0.9, 0.8, 0.7]))
        assert "[rerankers]" in raised.value.hint


def test_an_embedder_is_no_reranker(tmp_path: Path) -> None:
    place = write_embedder(tmp_path / "embedder")
    with pytest.raises(ModelError):
        make_reranker(lambda: place, identity="e", passages=3).best_first(
            QUESTION, passages([1] * 4)
        )


def test_a_search_of_the_library_is_reranked(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(make_pdf(TEXTS))
    reranker = make_reranker(lambda: folder, identity="tiny", passages=30)
    with opened(tmp_path / "home", WordEmbedder(), reranker=reranker) as library:
        list(library.add(library.extractor.read(tmp_path / "a.pdf")))
        (entry,) = library.entries()
        found = library.search(QUESTION, [entry.document_id], 10)
    wanted = sorted(TEXTS, key=lambda text: -judged(folder, text))
    assert [each.chunk.text.strip() for each in found] == wanted
