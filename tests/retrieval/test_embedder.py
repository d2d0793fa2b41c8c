from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.library.events import EmbedderPrepared, EmbedderPreparing, FileDone, IndexingEvent
from rapid_cli.library.indexing import index as index_events
from rapid_cli.retrieval.embedder import CHUNK_TOKENS, Embedder, export_name
from rapid_cli.retrieval.onnx_embedder import DESCRIPTION, MODEL, TOKENIZER, Exported
from tests.support.libraries import opened, write
from tests.support.repository import REPOSITORY
from tests.support.small_embedders import MAX_TOKENS, MINILM, write_embedder

QUESTIONS = ["What is it about?", "Who sails, and where to?"]
FILES = {MODEL, TOKENIZER, DESCRIPTION}
pytestmark = pytest.mark.models


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "below" / "cache"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_embedder(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def small_export(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    embed(small, cache)
    return cache / export_name(small)


def embed(folder: Path, cache: Path):
    """Embed the questions as a new process would."""
    return Embedder(lambda: folder, identity="small", cache=cache).embed(QUESTIONS)


def reference(folder: Path):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder)).encode(QUESTIONS, normalize_embeddings=True)


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "HOME": str(folder)},
    )


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


def test_chunks_are_as_long_as_is_found_best(embedder: Embedder) -> None:
    assert embedder.chunk_tokens == CHUNK_TOKENS


@pytest.mark.parametrize("tokens", [CHUNK_TOKENS, 254])
def test_a_chunk_of_full_length_is_read_to_its_last_word(embedder: Embedder, tokens: int) -> None:
    text = "word " * (tokens - 1)
    assert len(embedder.token_starts(text + "end")) == tokens
    first, second = embedder.embed([text + "sunshine", text + "poison"])
    assert first @ second < 0.9999


def test_another_chunk_size_is_taken_and_a_larger_one_refused(
    embedder: Embedder, embedder_cache: Path
) -> None:
    def chunk_tokens(asked: int) -> int:
        return Embedder(
            lambda: MINILM, identity="minilm", chunk_tokens=asked, cache=embedder_cache
        ).chunk_tokens

    assert embedder.dimension == 384, "it is exported now"
    assert chunk_tokens(100) == 100
    assert chunk_tokens(254) == 254
    with pytest.raises(ConfigError, match="chunk_tokens = 255") as caught:
        chunk_tokens(255)
    assert "at most 254" in caught.value.hint


def test_a_chunk_leaves_room_for_what_the_model_puts_before_it(tmp_path: Path, cache: Path) -> None:
    prompts = {"query": "a question of many more words: ", "document": "a passage: "}
    folder = write_embedder(tmp_path / "model", prompts=prompts)
    model = Embedder(lambda: folder, identity="small", cache=cache)
    assert model.chunk_tokens == MAX_TOKENS - 2 - len(("a", "passage", ":"))


def test_prompts_of_models_toml_replace_those_of_the_model(tmp_path: Path, cache: Path) -> None:
    prompts = {"query": "a question: ", "document": "a passage: "}
    folder = write_embedder(tmp_path / "model", prompts=prompts)
    model = Embedder(
        lambda: folder, identity="small", cache=cache, query_prompt="query: ", document_prompt=""
    )
    assert model.prompt == ""
    np.testing.assert_allclose(model.embed(QUESTIONS), reference(folder), atol=1e-4)
    asked = model.embed([f"query: {question}" for question in QUESTIONS])
    np.testing.assert_allclose(model.embed(QUESTIONS, questions=True), asked, atol=1e-4)


def test_a_prompt_that_leaves_no_room_is_refused(small: Path, cache: Path) -> None:
    long = "passage " * MAX_TOKENS
    model = Embedder(lambda: small, identity="small", cache=cache, document_prompt=long)
    with pytest.raises(ConfigError, match="small has no room for a text") as caught:
        _ = model.chunk_tokens
    assert "document_prompt" in caught.value.hint


@pytest.mark.parametrize("text", ["A whale-boat, 白い. " * 9, "x" * 100, "a\n\nb  c " * 20, ""])
def test_tokens_start_at_the_same_places_however_the_text_is_taken_apart(
    embedder: Embedder, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = embedder.token_starts(text)
    monkeypatch.setattr("rapid_cli.retrieval.embedder.PIECE", 32)
    assert embedder.token_starts(text) == whole


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
        Embedder(lambda: tmp_path / "nowhere", identity="none", cache=tmp_path).embed(["text"])
    assert "models.toml" in caught.value.hint


def test_a_damaged_model_is_a_model_error_of_one_sentence(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"')
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        _ = Embedder(lambda: tmp_path, identity="none", cache=cache).dimension
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_nothing_is_imported_before_use_and_nothing_is_ever_printed(
    tmp_path: Path, embedder: Embedder, embedder_cache: Path
) -> None:
    embedder.embed(["so that it is exported"])
    program = f"""
import sys
from pathlib import Path
from rapid_cli.library.catalog import Catalog
from rapid_cli.retrieval.embedder import Embedder
from rapid_cli.reader.workers import Extractor
from rapid_cli.library.indexing import index
from rapid_cli.library.library import Library
from rapid_cli.library.vectors.store import Store
home = Path({str(tmp_path)!r})
cache = Path({str(embedder_cache)!r})
minilm = Embedder(lambda: Path({str(MINILM)!r}), identity="minilm", cache=cache)
library = Library(Catalog(home), Store(home), minilm, Extractor())
heavy = {{"torch", "transformers", "sentence_transformers", "onnxruntime", "chromadb"}}
assert not heavy & set(sys.modules)
list(index(library, [home / "whale.txt"]))
library.extractor.close()
(entry,) = library.entries()
assert len(library.search("What is it about?", [entry.document_id], 5)) == 5
"""
    (tmp_path / "whale.txt").write_text("Call me Ishmael. " * 500)
    (tmp_path / ".env").write_bytes(b"neither a \xe9 setting { nor UTF-8\n")
    done = run(program, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_word_beyond_the_vocabulary_counts_as_many_tokens(embedder: Embedder) -> None:
    starts = embedder.token_starts("x" * 4_000 + " and more")
    assert len(starts) > 200
    assert starts == sorted(set(starts))


def test_an_export_embeds_without_torch_and_in_silence(
    embedder: Embedder, embedder_cache: Path, tmp_path: Path
) -> None:
    wanted = embedder.embed(["What is it about?"])
    program = f"""
import sys
from pathlib import Path
import numpy as np
from rapid_cli.retrieval.embedder import Embedder
folder, cache = Path({str(MINILM)!r}), Path({str(embedder_cache)!r})
minilm = Embedder(lambda: folder, identity="minilm", cache=cache)
np.save("vector.npy", minilm.embed(["What is it about?"]))
assert len(minilm.token_starts("What is it about?")) == 5
assert (minilm.dimension, minilm.chunk_tokens) == (384, 128)
assert "onnxruntime" in sys.modules
assert not {{"torch", "transformers", "sentence_transformers"}} & set(sys.modules)
"""
    done = run(program, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_allclose(np.load(tmp_path / "vector.npy"), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (MODEL, "gone"),
        (MODEL, "cut"),
        (MODEL, "zeros"),
        (TOKENIZER, "cut"),
        (DESCRIPTION, "gone"),
        (DESCRIPTION, "cut"),
    ],
)
def test_a_damaged_export_is_made_anew(
    small: Path, small_export: Path, cache: Path, name: str, damage: str
) -> None:
    place = cache / small_export.name
    shutil.copytree(small_export, place)
    content = (place / name).read_bytes()
    if damage == "gone":
        (place / name).unlink()
    else:
        half = content[: len(content) // 2]
        (place / name).write_bytes(half if damage == "cut" else bytes(len(content)))
    np.testing.assert_allclose(embed(small, cache), reference(small), atol=1e-4)
    np.testing.assert_allclose(Exported(place).embed(QUESTIONS), reference(small), atol=1e-4)


def test_an_export_of_another_form_is_made_anew(
    small: Path, small_export: Path, cache: Path
) -> None:
    place = cache / small_export.name
    shutil.copytree(small_export, place)
    (place / DESCRIPTION).write_text(json.dumps({"dimensions": 8}))
    np.testing.assert_allclose(embed(small, cache), reference(small), atol=1e-4)
    assert "dimension" in json.loads((place / DESCRIPTION).read_text())


def test_an_export_is_whole_and_alone_in_its_cache(small: Path, cache: Path) -> None:
    embed(small, cache)
    (place,) = cache.iterdir()
    assert {path.name for path in place.iterdir()} == FILES


def test_indexing_tells_of_the_export_before_it_is_made_and_never_again(
    small: Path, cache: Path, tmp_path: Path
) -> None:
    def events(embedder: Embedder) -> Iterator[IndexingEvent]:
        with opened(tmp_path / "home", embedder) as library:
            yield from index_events(library, [tmp_path / "apple.txt"])

    write(tmp_path / "apple.txt", "apple")
    first = events(Embedder(lambda: small, identity="small", cache=cache))
    assert any(isinstance(event, EmbedderPreparing) for event in first)
    assert not cache.exists()
    assert isinstance(next(first), EmbedderPrepared)
    assert (cache / export_name(small)).is_dir()
    write(tmp_path / "apple.txt", "pear")
    later = [*first, *events(Embedder(lambda: small, identity="small", cache=cache))]
    assert [event.state for event in later if isinstance(event, FileDone)] == ["new", "updated"]
    assert not any(isinstance(event, EmbedderPreparing) for event in later)


def test_an_export_that_cannot_be_opened_now_stays(
    small: Path, small_export: Path, cache: Path
) -> None:
    shutil.copytree(small_export, cache / small_export.name)
    embedder = Embedder(lambda: small, identity="small", cache=cache)
    assert embedder.is_prepared
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(ModelError, match="cannot be loaded"):
            embedder.prepare()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert {path.name for path in (cache / small_export.name).iterdir()} == FILES
    np.testing.assert_allclose(embedder.embed(QUESTIONS), reference(small), atol=1e-4)


def test_the_export_of_another_model_is_not_used(small: Path, tmp_path: Path, cache: Path) -> None:
    other = write_embedder(tmp_path / "small", seed=1)
    first, second = embed(small, cache), embed(other, cache)
    np.testing.assert_allclose(first, reference(small), atol=1e-4)
    np.testing.assert_allclose(second, reference(other), atol=1e-4)
    assert not np.allclose(first, second, atol=0.01)
    assert len(list(cache.iterdir())) == 2


def test_a_model_that_has_changed_is_exported_anew_in_place_of_the_old(
    tmp_path: Path, cache: Path
) -> None:
    model = tmp_path / "model"
    embed(write_embedder(model, seed=1), cache)
    write_embedder(model, seed=2)
    np.testing.assert_allclose(embed(model, cache), reference(model), atol=1e-4)
    assert [place.name for place in cache.iterdir()] == [export_name(model)]


def test_a_cache_that_cannot_be_written_only_costs_time(
    small: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    vectors = embed(small, tmp_path / "file" / "cache")
    np.testing.assert_allclose(vectors, reference(small), atol=1e-5)
    (warning,) = caplog.messages
    assert "small starts slowly" in warning
    assert (tmp_path / "file").read_text() == "no folder"


def test_a_model_that_cannot_be_exported_is_used_as_it_is(
    small: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise RuntimeError("unsupported operator\nand a long explanation")

    monkeypatch.setattr("torch.onnx.export", refuse)
    model = Embedder(lambda: small, identity="small", cache=cache)
    np.testing.assert_allclose(model.embed(QUESTIONS), reference(small), atol=1e-5)
    assert (model.dimension, model.chunk_tokens) == (8, 30)
    assert len(model.token_starts("five words and a stop.")) == 6
    assert caplog.messages[0].endswith("unsupported operator")
    assert list(cache.iterdir()) == []


def test_a_model_whose_export_would_differ_is_used_as_it_is(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = write_embedder(tmp_path / "model", prompt="it leaves this out: ", pool_prompt=False)
    np.testing.assert_allclose(embed(model, cache), reference(model), atol=1e-5)
    assert "cosine" in caplog.text
    assert list(cache.iterdir()) == []


def test_an_interrupted_export_leaves_nothing(
    small: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(model: object, inputs: object, path: str, **options: object) -> None:
        Path(path).write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.onnx.export", interrupt)
    with pytest.raises(KeyboardInterrupt):
        embed(small, cache)
    assert list(cache.iterdir()) == []


def test_two_exports_at_once_do_no_harm(
    small: Path, small_export: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    export = torch.onnx.export

    def be_slower_than_another(*args: object, **options: object) -> None:
        shutil.copytree(small_export, cache / small_export.name)
        export(*args, **options)

    monkeypatch.setattr("torch.onnx.export", be_slower_than_another)
    np.testing.assert_allclose(embed(small, cache), reference(small), atol=1e-4)
    assert [place.name for place in cache.iterdir()] == [small_export.name]
