from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from rapid_cli.documents import Chunk
from rapid_cli.errors import StoreError
from rapid_cli.library.vectors import chroma
from rapid_cli.library.vectors import store as store_module
from rapid_cli.library.vectors.store import Store
from rapid_cli.storage import locks
from tests.support import chroma_servers
from tests.support.libraries import stored_chunks
from tests.support.repository import REPOSITORY

DIMENSION = 8


def make_chunks(document_id: str, count: int) -> list[Chunk]:
    return [
        Chunk(document_id, index, f"{document_id} text {index}", 10 * index, 10 * index + 10, 1, 2)
        for index in range(count)
    ]


def make_vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fill(store: Store, document_id: str, count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = make_vectors(count, seed)
    store.add(make_chunks(document_id, count), vectors)
    return vectors


def places(store: Store, document_ids: list[str], limit: int = 100) -> set[str]:
    found = store.search(make_vectors(1)[0], document_ids, limit)
    return {passage.chunk.document_id for passage in found}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_servers.running(tmp_path_factory.mktemp("server")) as url:
        yield url


@dataclass(frozen=True)
class Place:
    """Where a library lies: in a folder, or in a collection of its own on a server."""

    folder: Path
    server: str | None
    collection: str

    def open(self) -> Store:
        return Store(self.folder, self.server, self.collection)


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = request.getfixturevalue("server") if request.param == "server" else None
    return Place(tmp_path / "library", url, uuid4().hex)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as opened:
        opened.use("minilm", DIMENSION, 100)
        yield opened


@pytest.fixture
def folder_store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        opened.use("minilm", DIMENSION, 100)
        yield opened


@pytest.mark.slow
def test_passages_come_best_first_with_their_cosine_similarity(store: Store) -> None:
    vectors = fill(store, "book", 50)
    found = store.search(vectors[7], ["book"], 50)
    expected = sorted((vectors @ vectors[7]).tolist(), reverse=True)
    assert found[0].chunk == make_chunks("book", 50)[7]
    assert [passage.score for passage in found] == pytest.approx(expected, abs=1e-5)
    assert max(passage.score for passage in found) <= 1


def test_a_search_is_confined_to_its_documents_and_its_limit(store: Store) -> None:
    for seed, document_id in enumerate(("one", "two", "three")):
        fill(store, document_id, 20, seed)
    assert places(store, ["one", "three"]) == {"one", "three"}
    assert len(store.search(make_vectors(1)[0], ["one", "three", "one"], 100)) == 40
    assert len(store.search(make_vectors(1)[0], ["two"], 3)) == 3
    assert places(store, []) == places(store, ["unknown"]) == set()


def test_more_documents_than_a_filter_takes_are_searched_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "FILTER_IDS", 2)
    names = [f"document {number}" for number in range(7)]
    chunks = [make_chunks(name, 1)[0] for name in names]
    vectors = make_vectors(len(names))
    store.add(chunks, vectors)
    ranked = [names[index] for index in np.argsort(-(vectors @ vectors[0]))]
    for missing in ("none", names[0], names[5]):
        wanted = [name for name in names if name != missing]
        found = store.search(vectors[0], wanted, 4)
        assert [passage.chunk.document_id for passage in found] == [
            name for name in ranked if name != missing
        ][:4]


@pytest.mark.slow
def test_forty_thousand_documents_do_not_exceed_the_limits_of_sqlite(store: Store) -> None:
    fill(store, "stray", 5)
    fill(store, "wanted", 5, seed=1)
    ids = [f"unknown {number}" for number in range(40_000)]
    assert places(store, [*ids, "wanted"], limit=4) == {"wanted"}


def test_many_documents_with_few_chunks_come_best_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "FILTER_IDS", 2)
    vectors = make_vectors(5)
    store.add([make_chunks(str(number), 1)[0] for number in range(5)], vectors)
    found = store.search(vectors[3], [str(number) for number in range(5)], 9)
    ranked = [str(index) for index in np.argsort(-(vectors @ vectors[3]))]
    assert [passage.chunk.document_id for passage in found] == ranked


@pytest.mark.slow
def test_none_of_many_alike_chunks_is_missed(store: Store) -> None:
    vectors = np.repeat(make_vectors(6), 250, axis=0)
    for document_id in ("one", "two", "three"):
        store.add(make_chunks(document_id, 1500), vectors)
    for limit in (100, 1000, 1500, 3000):
        assert len(store.search(vectors[0], ["two"], limit)) == min(limit, 1500)


def test_chunks_come_back_as_they_were_and_in_order(store: Store) -> None:
    chunks = make_chunks("book", 12)
    store.add(chunks[::-1], make_vectors(12))
    assert stored_chunks(store, "book") == chunks
    assert len(stored_chunks(store, "book")) == 12
    assert stored_chunks(store, "other") == []


def test_adding_twice_is_harmless(store: Store) -> None:
    fill(store, "book", 5)
    fill(store, "book", 5)
    assert len(stored_chunks(store, "book")) == 5


def test_a_removed_document_leaves_the_others(store: Store) -> None:
    fill(store, "old", 5)
    fill(store, "kept", 5)
    store.remove("old")
    store.remove("never there")
    assert (len(stored_chunks(store, "old")), len(stored_chunks(store, "kept"))) == (0, 5)
    assert places(store, ["old", "kept"]) == {"kept"}


@pytest.mark.slow
def test_what_was_added_is_there_when_the_library_is_opened_again(place: Place) -> None:
    for seed in range(3):
        with place.open() as store:
            store.use("minilm", DIMENSION, 100)
            fill(store, f"book {seed}", 700, seed)
    with place.open() as store:
        assert [len(stored_chunks(store, f"book {seed}")) for seed in range(3)] == [700] * 3
        assert len(store.search(make_vectors(1)[0], ["book 0", "book 2"], 2000)) == 1400


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, 1500])
def test_room_for_vectors_that_has_come_from_memory_is_overwritten(
    folder_store: Store, tmp_path: Path, count: int
) -> None:
    """An index is written empty at first, and with its vectors after a thousand of them."""
    vectors = fill(folder_store, "a", count)
    fill(folder_store, "b", 5, seed=1)
    folder_store.remove("b")
    folder_store.close()
    files = [*(tmp_path / "chroma").rglob("data_level0.bin"), *tmp_path.rglob("length.bin")]
    assert len(files) == 2
    before = [file.stat().st_size for file in files]
    if count < 1000:
        for file in files:
            with file.open("r+b") as opened:
                opened.seek(-10, 2)
                opened.write(b"my letters")
    folder_store.erase()
    assert [file.stat().st_size for file in files] == before
    assert all(b"my letters" not in file.read_bytes() for file in files)
    best = folder_store.search(vectors[7], ["a"], 3)[0].chunk
    assert (best.document_id, best.index) == ("a", 7)


def test_reset_forgets_chunks_and_embedder(store: Store) -> None:
    fill(store, "book", 5)
    store.reset()
    assert len(stored_chunks(store, "book")) == 0
    store.use("another", 2, 50)
    store.add(make_chunks("book", 2), np.eye(2, dtype=np.float32))
    assert len(store.search(np.ones(2, dtype=np.float32), ["book"], 9)) == 2


def test_a_store_that_was_never_used_is_empty(place: Place) -> None:
    with place.open() as store:
        store.check("anything")
        store.remove("book")
        assert store.search(make_vectors(1)[0], ["book"], 3) == []
        assert stored_chunks(store, "book") == []


def test_a_folder_is_made_at_the_first_use_and_for_a_server_never(
    tmp_path: Path, server: str
) -> None:
    with Store(tmp_path / "unused"):
        pass
    with Store(tmp_path / "unused", server, "elsewhere") as store:
        store.use("minilm", DIMENSION, 100)
        fill(store, "book", 5)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("e5", DIMENSION, 100), "embedder 'minilm', and now it is 'e5'"),
        (("minilm", 384, 100), "dimension 8, and now it is 384"),
        (("minilm", DIMENSION, 64), "chunk tokens 100, and now it is 64"),
        (("minilm", DIMENSION, 100, "passage: "), "prompt '', and now it is 'passage: '"),
    ],
)
def test_another_embedder_is_named_with_the_way_out(
    store: Store, place: Place, settings: tuple[str | int, ...], named: str
) -> None:
    store.use("minilm", DIMENSION, 100)
    store.close()
    with place.open() as again, pytest.raises(StoreError, match=named) as caught:
        again.use(*settings)
    assert "rapid index --rebuild" in caught.value.hint


def test_a_library_of_an_earlier_version_was_made_without_a_prompt(store: Store) -> None:
    earlier = {"embedder": "minilm", "dimension": DIMENSION, "chunk tokens": 100}
    store.reset()
    store.database.create(store._name, earlier)
    store.use("minilm", DIMENSION, 100)
    with pytest.raises(StoreError, match="prompt '', and now it is 'passage: '"):
        store.use("minilm", DIMENSION, 100, "passage: ")


def test_check_compares_the_embedder_alone(store: Store) -> None:
    store.check("minilm")
    with pytest.raises(StoreError, match=r"minilm.*e5"):
        store.check("e5")


def test_no_write_is_larger_than_chroma_allows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = store._collection()
    assert collection is not None
    sizes = []
    upsert = type(collection).upsert

    def counted(self: object, ids: list[str], **columns: object) -> None:
        sizes.append(len(ids))
        upsert(self, ids=ids, **columns)

    monkeypatch.setattr(type(collection), "upsert", counted)
    monkeypatch.setattr(store.database._opened(), "get_max_batch_size", lambda: 4)
    fill(store, "book", 10)
    assert sizes == [4, 4, 2]
    assert len(stored_chunks(store, "book")) == 10


@pytest.mark.slow
def test_more_chunks_than_chroma_takes_at_once_are_stored(store: Store) -> None:
    count = store.database.largest_batch() + 3
    fill(store, "book", count)
    assert len(stored_chunks(store, "book")) == count


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with Store(tmp_path / "file" / "home") as store, pytest.raises(StoreError) as caught:
        store.use("minilm", DIMENSION, 100)
    assert str(tmp_path / "file" / "home") in caught.value.message
    assert "RAPID_HOME" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**where: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(chroma.tempfile, "TemporaryFile", refuse)  # root may write anywhere
    with Store(tmp_path) as store, pytest.raises(StoreError, match="Permission denied") as caught:
        store.use("minilm", DIMENSION, 100)
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("damage", ["garbage", "cut", "overwritten"])
def test_a_corrupt_database_is_one_sentence_and_a_reset_mends_it(
    tmp_path: Path, damage: str
) -> None:
    with Store(tmp_path) as store:
        store.use("minilm", DIMENSION, 100)
        fill(store, "book", 50)
    database = tmp_path / "chroma" / "chroma.sqlite3"
    raw = database.read_bytes()
    damaged = {
        "garbage": b"not a database" * 1000,
        "cut": raw[:20_000],
        "overwritten": raw[:4096] + bytes(range(256)) * 300 + raw[4096 + 256 * 300 :],
    }
    database.write_bytes(damaged[damage])
    with Store(tmp_path) as store:
        with pytest.raises(StoreError) as caught:
            store.use("minilm", DIMENSION, 100)
        assert str(tmp_path) in caught.value.message
        assert "\n" not in caught.value.message
        assert "--rebuild" in caught.value.hint
        store.reset()
        store.use("minilm", DIMENSION, 100)
        fill(store, "book", 5)
        assert len(stored_chunks(store, "book")) == 5


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("No space left on device (os error 28)", "make room"),
        ("unable to open database file", "yours to read and write"),
        ("Too many open files (os error 24)", "ulimit -n"),
        ("Cannot allocate memory", "end other programs"),
        ("whatever else", "--rebuild"),
    ],
)
def test_what_chroma_says_decides_what_is_to_be_done(
    folder_store: Store, monkeypatch: pytest.MonkeyPatch, said: str, helps: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(type(folder_store._collection()), "upsert", fail)
    with pytest.raises(StoreError, match=re.escape(said)) as caught:
        fill(folder_store, "book", 5)
    assert helps in caught.value.hint


def test_the_memory_of_a_lost_folder_is_not_handed_out_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.use("minilm", DIMENSION, 100)
        fill(store, "book", 5)
    shutil.rmtree(tmp_path / "chroma")
    with Store(tmp_path) as store:
        assert len(stored_chunks(store, "book")) == 0


@pytest.mark.slow
def test_the_store_is_handed_on_to_a_process_that_waits(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from rapid_cli.library.vectors.store import Store
from tests.support.libraries import stored_chunks
with Store(Path({str(tmp_path)!r})) as store:
    print("ready", flush=True)
    print(len(stored_chunks(store, "book")))
"""
    with Store(tmp_path) as store:
        store.use("minilm", DIMENSION, 100)
        fill(store, "book", 5)
        assert not store.database._lock.is_wanted()
        other = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        while not store.database._lock.is_wanted():
            assert other.poll() is None, "it must not have it open at the same time"
        assert len(stored_chunks(store, "book")) == 5
        assert other.communicate(timeout=60)[0] == "5\n"
        fill(store, "book", 6)
        assert len(stored_chunks(store, "book")) == 6


@pytest.mark.slow
def test_two_threads_with_a_store_each_hand_the_folder_to_each_other(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.use("minilm", DIMENSION, 100)
        fill(store, "book", 5)

    def look(turns: int) -> list[int]:
        with Store(tmp_path) as mine:
            found = []
            for turn in range(turns):
                found.append(len(stored_chunks(mine, "book")))
                if turn % 2:
                    mine.rest()
            return found

    with ThreadPoolExecutor(2) as threads:
        for found in threads.map(look, [8, 8]):
            assert found == [5] * 8


def test_a_store_that_is_never_handed_on_is_a_store_error(
    folder_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.1)
    with Store(tmp_path) as second, pytest.raises(StoreError, match="another rapid") as caught:
        stored_chunks(second, "book")
    assert "try again" in caught.value.hint
    folder_store.close()
    with Store(tmp_path) as second:
        assert len(stored_chunks(second, "book")) == 0


def test_resetting_what_is_not_there_is_harmless(place: Place) -> None:
    with place.open() as store:
        store.reset()
        assert len(stored_chunks(store, "book")) == 0


def test_ctrl_c_is_not_taken_for_a_damaged_library(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(store._collection()), "upsert", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fill(store, "book", 5)


def test_a_panic_in_chroma_is_a_store_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as pyo3 derives it
        pass

    def panic(*_: object, **__: object) -> None:
        raise PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(type(store._collection()), "upsert", panic)
    with pytest.raises(StoreError, match="cannot be used: called"):
        fill(store, "book", 5)


OPENED_ELSEWHERE = """
import os, sys
from pathlib import Path
from threading import Thread
changes = []
sys.addaudithook(lambda event, _: changes.append(event) if event == "os.chdir" else None)
from rapid_cli.library.vectors.store import Store
from tests.support.libraries import stored_chunks
found = []
def fill():
    with Store(Path(sys.argv[1])) as store:
        store.use("minilm", 8, 100)
        found.append(len(stored_chunks(store, "book")))
threads = [Thread(target=fill) for _ in range(2)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    assert Path("beside.txt").read_text() == "a file named by where the user is"
assert (found, changes) == ([0, 0], []), (found, changes)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        b"neither a \xe9 setting { nor UTF-8\n",
        b"CHROMA_API_IMPL=no.such.implementation\nALLOW_RESET=perhaps\n",
    ],
    ids=["broken", "hostile"],
)
def test_opened_in_a_thread_it_reads_no_settings_and_leaves_the_working_folder_alone(
    tmp_path: Path, settings: bytes
) -> None:
    (tmp_path / ".env").write_bytes(settings)
    (tmp_path / "beside.txt").write_text("a file named by where the user is")
    done = subprocess.run(
        [sys.executable, "-c", OPENED_ELSEWHERE, tmp_path / "library"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
