"""What a model has read, on disk: it is restored exactly, or not at all."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from rapid_cli.llama import LlamaContext, Weights, context, recurrent
from rapid_cli.models.caching import kv_file
from rapid_cli.models.caching.prefix_cache import LARGEST_BYTES, PrefixCache, usual_cap
from rapid_cli.models.interface import Restored
from rapid_cli.models.specs import ModelSpec
from rapid_cli.storage.locks import held
from rapid_cli.storage.partial import PARTIAL, SPARE_BYTES
from tests.support.tiny_hybrids import write_hybrid

pytestmark = pytest.mark.models

LENGTH = 260
"""Tokens; more than the 256 that the smallest context holds."""
BATCH = 64


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "READ_BATCH", BATCH)
        yield


@pytest.fixture(scope="module")
def weights(shallow_weights):
    """Those of a few layers: what is kept of them is kept as that of the whole model is."""
    return shallow_weights


@pytest.fixture(scope="module")
def tokens(weights):
    text = "The keeper wrote down every ship that passed, and the hour, and the weather. " * 40
    return weights.vocabulary.tokenize(text)[:LENGTH]


@pytest.fixture
def open_context(weights):
    """Open contexts that are closed after the test."""
    opened = []

    def open_one(with_weights: Weights = weights, length: int = 1_000) -> LlamaContext:
        opened.append(LlamaContext(with_weights, length=length, rows=4))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def reader(weights, tokens):
    with LlamaContext(weights, length=1_000, rows=4) as reader:
        list(reader.read(tokens))
        yield reader


@pytest.fixture
def read(reader):
    """A context that has read all tokens, and is not to read more."""
    yield reader
    assert len(reader) == LENGTH


@pytest.fixture
def store(tmp_path):
    return PrefixCache(tmp_path / "texts")


def following(reader, token=5):
    """Return the logits after one more token, and leave the context as it was."""
    length = len(reader)
    logits = reader.extend([token], rows=1).copy()
    reader.truncate(length)
    return logits


def kept_file(store):
    (entry,) = store.entries()
    return entry.path


def test_what_was_kept_is_restored_with_identical_logits(store, read, open_context, tokens):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    fresh = open_context()
    restored = store.restore(fresh, tokens)
    assert (restored.tokens, restored.note) == (LENGTH, "")
    assert len(fresh) == LENGTH
    np.testing.assert_array_equal(following(fresh), following(read))


def test_a_sliding_window_model_is_restored_with_identical_logits(store, gemma_path):
    with Weights(gemma_path, ModelSpec("gemma", path=str(gemma_path))) as gemma:
        found = gemma.vocabulary.tokenize("One night no ship came, and the lamp went out. " * 80)
        found = found[:800]  # longer than its window of 512
        with LlamaContext(gemma, length=1_000, rows=1) as reader:
            list(reader.read(found))
            assert store.keep(reader, "book", found, 800) == ""
            expected = following(reader)
        with LlamaContext(gemma, length=1_000, rows=1) as fresh:
            assert store.restore(fresh, found).tokens == 800
            np.testing.assert_array_equal(following(fresh), expected)
        # Its window was not kept whole, so that a shorter beginning of it is of no use.
        changed = [*found[:600], *range(300, 400)]
        with LlamaContext(gemma, length=1_000, rows=1) as other:
            assert store.restore(other, changed) == Restored()
            assert len(other) == 0


@pytest.mark.parametrize("architecture", ["lfm2", "jamba"])
def test_the_states_of_a_hybrid_serve_whole_or_not_at_all(store, tmp_path, architecture):
    path = write_hybrid(tmp_path / "hybrid.gguf", architecture)
    text = [5 + place % 200 for place in range(5 * BATCH)]
    with Weights(path, ModelSpec("hybrid", path=str(path))) as weights:
        with recurrent.open_context(weights, length=500, rows=1) as reader:
            list(reader.read(text))
            assert store.keep(reader, "book", text, len(text)) == ""
            expected = following(reader)
        with recurrent.open_context(weights, length=500, rows=1) as fresh:
            assert store.restore(fresh, [*text, 7]).tokens == len(text)
            np.testing.assert_array_equal(following(fresh), expected)
        with recurrent.open_context(weights, length=500, rows=1) as other:
            assert store.restore(other, text[:200]).tokens == 0
            assert len(other) == 0


def test_nothing_kept_is_nothing_restored_and_nothing_said(store, open_context, tokens):
    restored = store.restore(open_context(), tokens)
    assert (restored.tokens, restored.note) == (0, "")


def test_an_interrupted_reading_goes_on_from_its_checkpoint_to_the_same_logits(
    store, read, open_context, tokens
):
    expected = following(read)
    half = open_context()
    list(half.read(tokens[: 2 * BATCH]))
    assert store.keep(half, "book", tokens, 2 * BATCH) == ""
    fresh = open_context()
    assert store.restore(fresh, tokens).tokens == 2 * BATCH
    list(fresh.read(tokens[2 * BATCH :]))
    np.testing.assert_array_equal(following(fresh), expected)


def test_a_text_that_grew_at_its_end_uses_whole_batches_of_what_it_was(
    store, read, open_context, tokens
):
    assert store.keep(read, "log", tokens, LENGTH) == ""
    grown = [*tokens[:-1], *range(100, 150)]
    fresh = open_context()
    assert store.restore(fresh, grown).tokens == (LENGTH - 1) // BATCH * BATCH
    list(fresh.read(grown[len(fresh) :]))
    whole = open_context()
    list(whole.read(grown))
    np.testing.assert_array_equal(following(fresh), following(whole))


def test_what_a_longer_text_holds_of_its_beginning_is_not_kept_twice(
    store, read, open_context, tokens
):
    assert store.keep(read, "log", tokens, LENGTH) == ""
    longer = open_context()
    grown = [*tokens, *range(100, 150)]
    list(longer.read(grown))
    assert store.keep(longer, "log", grown, len(grown)) == ""
    (entry,) = store.entries()
    assert entry.tokens == len(grown)


def test_a_kept_text_that_is_longer_than_the_context_is_passed_over(
    store, read, open_context, tokens
):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    small = open_context(length=100)
    restored = store.restore(small, tokens[:80])
    assert (restored.tokens, restored.note) == (0, "")
    assert store.entries()


def test_other_settings_do_not_share_what_is_kept(store, read, weights, open_context, tokens):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    spec = weights.spec
    weights.spec = replace(spec, k_type="f16")
    try:
        other = open_context()
        assert store.restore(other, tokens).tokens == 0
        list(other.read(tokens))
        assert store.keep(other, "book", tokens, LENGTH) == ""
    finally:
        weights.spec = spec
    assert len(store.entries()) == 2


def with_footer(path, **changes):
    """Give the state at `path` another footer."""
    found = kv_file.read_footer(path)
    with path.open("r+b") as file:
        file.truncate(found.state_bytes)
    fields = {name: getattr(found, name) for name in ("name", "state_key", "engine", "tokens")}
    kv_file.write_footer(path, **fields | changes)


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def of_another_format(path):
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, len(content) - kv_file._TRAILER.size, kv_file.FORMAT + 1)
    path.write_bytes(content)


DAMAGE = {
    "truncated in the state": lambda path: os.truncate(path, path.stat().st_size // 2),
    "truncated in the footer": lambda path: os.truncate(path, path.stat().st_size - 5),
    "empty": lambda path: path.write_bytes(b""),
    "a bit of the state flipped": lambda path: flipped(path, 100_000),
    "the first bit flipped": lambda path: flipped(path, 0),
    "a bit of the tokens flipped": lambda path: flipped(
        path, kv_file.read_footer(path).state_bytes + 40
    ),
    "a bit of the metadata flipped": lambda path: flipped(path, -kv_file._TRAILER.size - 20),
    "a bit of the trailer flipped": lambda path: flipped(path, -kv_file._TRAILER.size + 9),
    "the mark flipped": lambda path: flipped(path, -1),
    "of another library": lambda path: with_footer(path, engine="llama-cpp-python 0.0.1"),
    "of another model": lambda path: with_footer(path, state_key="other.gguf 1 2"),
    "of another format": of_another_format,
    "of fewer tokens than its state": lambda path: with_footer(
        path, tokens=kv_file.read_footer(path).tokens[:-3]
    ),
    "not a state at all": lambda path: (
        path.write_bytes(b"x" * 1000),
        kv_file.write_footer(path, name="", state_key="", engine="", tokens=[1]),
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_file_that_does_not_fit_is_removed_with_a_word_and_read_again(
    kind, store, read, open_context, tokens
):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    path = kept_file(store)
    DAMAGE[kind](path)
    fresh = open_context()
    restored = store.restore(fresh, tokens)
    assert restored.tokens == 0
    assert restored.note.startswith("What was kept of this text cannot be used: ")
    assert not path.exists()
    assert len(fresh) == 0
    list(fresh.read(tokens))
    np.testing.assert_array_equal(following(fresh), following(read))


def too_many_open_files():
    """Let no file be opened."""
    return limited(resource.RLIMIT_NOFILE, 0)


@contextmanager
def limited(kind, soft):
    """Let a limit of the process hold for a while."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def test_a_file_that_cannot_be_read_now_is_left_alone_and_read_later(
    store, read, open_context, tokens
):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    fresh = open_context()
    list(fresh.read(tokens[:BATCH]))
    with too_many_open_files():
        restored = store.restore(fresh, tokens)
    assert restored == Restored(
        note="What was kept of this text stays on disk, but cannot be read now: "
        "Too many open files."
    )
    assert len(fresh) == BATCH, "what was read already is still there"
    assert store.restore(fresh, tokens) == Restored(LENGTH)
    np.testing.assert_array_equal(following(fresh), following(read))


@pytest.mark.parametrize("error", [OSError(errno.EIO, os.strerror(errno.EIO)), MemoryError()])
def test_trouble_while_a_file_is_checked_does_not_remove_it(
    error, store, read, open_context, tokens, monkeypatch
):
    assert store.keep(read, "book", tokens, LENGTH) == ""

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(kv_file, "crc32", fail)
        note = store.restore(open_context(), tokens).note
    reason = "Input/output error" if isinstance(error, OSError) else "there is not enough memory"
    assert note.endswith(f"stays on disk, but cannot be read now: {reason}.")
    assert store.restore(open_context(), tokens) == Restored(LENGTH)


def test_a_whole_file_that_llama_cpp_refuses_is_left_alone(store, read, open_context, tokens):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    small = open_context(length=200)  # it lacks room, as a machine may lack memory
    note = store.restore(small, tokens).note
    assert note.startswith("What was kept of this text stays on disk, but cannot be read now: ")
    assert len(small) == 0
    assert store.restore(open_context(), tokens) == Restored(LENGTH)


def test_a_file_in_use_by_another_process_is_left_alone(
    store, read, open_context, tokens, tmp_path
):
    hasty = PrefixCache(tmp_path / "texts", lock_seconds=0.1)
    assert store.keep(read, "book", tokens, LENGTH) == ""
    with held(kept_file(store), 0):
        note = hasty.restore(open_context(), tokens).note
    assert note.endswith("cannot be read now: another rapid is using its file.")
    assert store.restore(open_context(), tokens) == Restored(LENGTH)


def test_a_beginning_that_is_read_again_does_not_replace_the_whole_but_the_whole_does(
    store, read, open_context, tokens
):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    path = kept_file(store)
    before = path.stat().st_ino
    again = open_context()
    list(again.read(tokens[: 2 * BATCH]))
    assert store.keep(again, "book", tokens, 2 * BATCH) == ""
    assert path.stat().st_ino == before
    list(again.read(tokens[2 * BATCH :]))
    assert store.keep(again, "book", tokens, LENGTH) == ""
    assert path.stat().st_ino != before
    assert store.restore(open_context(), tokens) == Restored(LENGTH)


def test_nothing_is_removed_for_what_the_disk_cannot_hold_anyway(tmp_path, read, tokens):
    store = PrefixCache(tmp_path / "texts")
    assert store.keep(read, "book", tokens, LENGTH) == ""
    full = PrefixCache(tmp_path / "texts", cap_bytes=10**9, free_bytes=lambda _folder: 0)
    assert "the disk has 0 MB left" in full.keep(read, "other", [9, *tokens[1:]], LENGTH)
    assert [entry.name for entry in store.entries()] == ["book"]


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 0.99999])
def test_a_flipped_bit_anywhere_is_noticed(place, store, read, open_context, tokens):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    path = kept_file(store)
    flipped(path, int(place * path.stat().st_size))
    assert store.restore(open_context(), tokens).note


def test_the_least_recently_used_text_goes_first(tmp_path, open_context, tokens):
    reader = open_context()
    texts = [[first, *tokens[1:100]] for first in (11, 12, 13)]
    size = None
    for number, text in enumerate(texts):
        reader.truncate(0)
        list(reader.read(text))
        store = PrefixCache(tmp_path / "texts", cap_bytes=size and int(2.5 * size))
        assert store.keep(reader, f"text {number}", text, 100) == ""
        size = size or store.entries()[0].size_bytes
        os.utime(kept(store, f"text {number}").path, (number, number))
        if number == 1:  # used again, so the second one is the oldest now
            assert store.restore(open_context(), texts[0]).tokens == 100
    assert {entry.name for entry in store.entries()} == {"text 0", "text 2"}


def kept(store, name):
    return next(entry for entry in store.entries() if entry.name == name)


def test_a_cap_smaller_than_the_text_keeps_nothing_and_says_so(tmp_path, read, tokens):
    store = PrefixCache(tmp_path, cap_bytes=1000)
    refusal = store.keep(read, "book", tokens, LENGTH)
    assert "What was read of book is not kept" in refusal
    assert "the cache may hold 0 MB" in refusal
    assert store.entries() == []


def test_a_full_disk_keeps_nothing_and_says_so(tmp_path, read, tokens):
    store = PrefixCache(tmp_path, cap_bytes=10**9, free_bytes=lambda _folder: SPARE_BYTES)
    assert "the disk has 268 MB left" in store.keep(read, "book", tokens, LENGTH)
    assert store.entries() == []


def test_a_disk_that_fills_up_while_saving_keeps_nothing_and_says_so(store, read, tokens):
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with limited(resource.RLIMIT_FSIZE, 100_000):
            refusal = store.keep(read, "book", tokens, LENGTH)
    finally:
        signal.signal(signal.SIGXFSZ, handler)
    assert "is not kept" in refusal
    assert store.entries() == []
    assert not list(kept_folder(store).glob(f"*{PARTIAL}"))
    assert store.keep(read, "book", tokens, LENGTH) == ""


def kept_folder(store):
    return store._folder


def test_a_folder_that_cannot_be_made_keeps_nothing_and_says_so(tmp_path, read, tokens):
    (tmp_path / "file").write_text("in the way")
    store = PrefixCache(tmp_path / "file" / "texts")
    assert "is not kept: Not a directory" in store.keep(read, "book", tokens, LENGTH)
    assert store.restore(read, tokens).tokens == 0
    assert store.entries() == []


def test_clear_removes_everything_and_says_how_much(store, read, tokens):
    assert store.keep(read, "book", tokens, LENGTH) == ""
    size = kept_file(store).stat().st_size
    assert store.clear() == size
    assert store.entries() == []


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("a.txt", ["b.txt", "old-a.txt"]),
        ("c, d.txt", ["a.txt", "a.txt, b.txt", "b.txt", "old-a.txt"]),
        ("e.txt", ["a.txt", "a.txt, b.txt", "b.txt", "old-a.txt"]),
    ],
)
def test_what_is_forgotten_of_a_document_is_every_text_that_may_hold_it(
    store, open_context, tokens, name, left
):
    held = ["a.txt", "b.txt", "c, d.txt", "old-a.txt", "x"]
    titles = ["a.txt", "a.txt, b.txt", "b.txt", "c, d.txt, moved.txt", "x, x, x and 2 more"]
    titles.append("old-a.txt")
    for number, title in enumerate(titles):
        with open_context() as context:
            text = [number, *tokens[1:LENGTH]]
            list(context.read(text))
            assert store.keep(context, title, text, LENGTH) == ""
    unreadable = kept_folder(store) / "0000.kv"
    unreadable.write_bytes(b"tokens")
    assert store.forget({name}, held) > 0
    assert not unreadable.exists()
    assert sorted(entry.name for entry in store.entries()) == sorted(left)


WRITER = """
import sys
from pathlib import Path
from rapid_cli.models.specs import ModelSpec
from rapid_cli.models.caching.prefix_cache import PrefixCache
from rapid_cli.llama import LlamaContext, Weights, context, recurrent
from rapid_cli.models.interface import Restored
context.READ_BATCH = 16
path, folder, cap = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
spec = ModelSpec("starter", threads=1, repack=sys.argv[4] == "True")
store = PrefixCache(folder, cap_bytes=cap)
with Weights(path, spec) as weights:
    with LlamaContext(weights, length=100, rows=1) as reader:
        print("ready", flush=True)
        for first in range(100, 100_000):
            tokens = [first % 5 + 100, *range(200, 263)]
            reader.truncate(0)
            for done in reader.read(tokens):
                store.keep(reader, f"text {first}", tokens, done)
"""


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.long)])
def test_kills_at_random_moments_never_spoil_what_is_kept(
    shallow_path, tmp_path, monkeypatch, repack, kills
):
    monkeypatch.setattr(context, "READ_BATCH", 16)  # as WRITER does
    chance = random.Random(5)
    folder = tmp_path / "texts"
    texts = [[first, *range(200, 263)] for first in range(100, 105)]
    spec = ModelSpec("starter", threads=1, repack=repack)
    with (
        Weights(shallow_path, spec) as weights,
        LlamaContext(weights, length=100, rows=1) as reader,
    ):
        expected = []
        for text in texts:
            reader.truncate(0)
            list(reader.read(text))
            expected.append(following(reader))
        cap = int(2.6 * reader.cache_bytes)  # two texts: to keep a third one, another must go
        whole = 0
        for _ in range(kills):
            killed_while_keeping(chance.uniform(0.02, 0.6), shallow_path, folder, cap, repack)
            store = PrefixCache(folder, cap_bytes=cap)
            assert sum(entry.size_bytes for entry in store.entries()) <= cap
            for text, logits in zip(texts, expected, strict=True):
                reader.truncate(0)
                restored = store.restore(reader, text)
                assert restored.note == "", "a kill never leaves a damaged file"
                whole += restored.tokens == len(text)
                if restored.tokens:
                    list(reader.read(text[restored.tokens :]))
                    np.testing.assert_array_equal(following(reader), logits)
        assert whole > kills / 4, "it was killed before anything was kept"
        # What the killed ones left half-written goes with the next text that is kept.
        assert store.keep(reader, "last", texts[-1], len(reader)) == ""
        assert not list(folder.glob(f"*{PARTIAL}"))


def killed_while_keeping(seconds, path, folder, cap, repack):
    """Let a process keep one text after the other, and kill it after so many seconds."""
    command = [sys.executable, "-c", WRITER, path, folder, str(cap), str(repack)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    writer.kill()
    writer.communicate()


def test_two_processes_that_keep_at_once_do_no_harm(shallow_path, tmp_path, repack):
    folder = tmp_path / "texts"
    command = [sys.executable, "-c", WRITER, shallow_path, folder, str(10**8), str(repack)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    until = time.monotonic() + 60
    while len(PrefixCache(folder).entries()) < 4:
        assert time.monotonic() < until
        time.sleep(0.02)
    for writer in writers:
        assert writer.poll() is None, "a writer has failed"
        writer.kill()
        writer.communicate()
    entries = PrefixCache(folder).entries()
    assert entries
    for entry in entries:
        found = kv_file.read_footer(entry.path)
        kv_file.check_state(entry.path, found)


def test_without_a_cap_a_quarter_of_the_disk_is_kept_and_not_endlessly_much():
    assert usual_cap(8 << 30) == 2 << 30
    assert usual_cap(1 << 50) == LARGEST_BYTES
