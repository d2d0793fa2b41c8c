"""What libraries on one Chroma server tell each other: who holds what, and its text."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from uuid import uuid4

import pytest

from rapid_cli.documents import Document, Page
from rapid_cli.errors import StoreError
from rapid_cli.library import shelf as shelf_module
from rapid_cli.library.shelf import Shelf, Shelved
from rapid_cli.library.vectors.chroma_server import ServerDatabase
from tests.support import chroma_servers

pytestmark = pytest.mark.slow

PLACES = [(0, 9, 1, 1), (7, 30, 1, 2)]
Make = Callable[..., Shelf]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_servers.running(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="module")
def databases(server: str) -> Iterator[list[ServerDatabase]]:
    """Connections to the server, which take longer to make than most tests to run."""
    opened: list[ServerDatabase] = []
    yield opened
    for database in opened:
        database.close()


@pytest.fixture
def make(server: str, databases: list[ServerDatabase]) -> Make:
    """Make the shelves of several libraries, all in one new collection, by their origin.

    Each has a connection of its own.
    """
    collection = uuid4().hex
    taken = count()

    def make(origin: str, now: Callable[[], datetime] | None = None) -> Shelf:
        number = next(taken)
        if number == len(databases):
            databases.append(ServerDatabase(server))
        return Shelf(databases[number], collection, origin, now=now or (lambda: datetime.now(UTC)))

    return make


def book(name: str = "book.pdf", text: str = "Whales are no fish.") -> Document:
    pages = (
        Page(1, "i", text, ((0, "Whales"), (3, "Whales › Fish"))),
        Page(2, None, "The sea, \u6d77 \U0001f40b\u0000\n\u2028"),
    )
    identity = hashlib.sha256(name.encode()).hexdigest()
    return Document(identity, name, f"/books/{name}", pages, True, ("page 3 is empty",))


def paths(shelf: Shelf) -> list[tuple[str, str]]:
    return [(entry.origin, entry.path) for entry in shelf.entries()]


def texts(shelf: Shelf) -> int:
    """Return how many records of text there are."""
    collection = shelf._collection()
    assert collection is not None
    return len(collection.get(where={"kind": "part"}, include=[])["ids"])


def test_another_library_gets_the_document_as_it_was_put(make: Make) -> None:
    make("anna").put(book(), PLACES)
    other = make("ben")
    (entry,) = other.entries()
    written = datetime.fromisoformat(entry.indexed_at)
    assert timedelta(0) <= datetime.now(UTC) - written < timedelta(minutes=1)
    expected = Shelved("anna", "/books/book.pdf", "book.pdf", book().id, entry.indexed_at)
    assert entry == expected
    assert other.fetch(book().id) == (book(), PLACES)


@pytest.mark.parametrize("starts", [(-1,), (8, 3), (10_000,)])
def test_a_section_outside_of_its_page_is_refused(make: Make, starts: tuple[int, ...]) -> None:
    pages = (Page(1, None, "Whales are no fish.", tuple((start, "Fish") for start in starts)),)
    make("anna").put(replace(book(), pages=pages), PLACES[:1])
    with pytest.raises(StoreError, match="a section begins outside of its page"):
        make("ben").fetch(book().id)


def test_a_document_without_pages_and_chunks_comes_back_too(make: Make) -> None:
    note = replace(book("note.txt"), pages=(Page(1, None, ""),), paged=False, warnings=())
    make("anna").put(note, [])
    assert make("ben").fetch(note.id) == (note, [])


def test_a_shelf_that_was_never_used_is_empty(make: Make) -> None:
    shelf = make("anna")
    shelf.drop("/books/book.pdf")
    shelf.sweep("book")
    assert shelf.entries() == []
    assert shelf.fetch("book") is None
    assert not shelf.is_wanted("book")


def test_a_long_text_is_kept_in_parts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "PART_CHARACTERS", 10)
    pages = tuple(Page(number, None, f"\u00e4 page {number} " * 20) for number in range(1, 6))
    long = replace(book(), pages=pages)
    shelf = make("anna")
    shelf.put(long, PLACES)
    assert texts(shelf) > 10
    assert make("ben").fetch(long.id) == (long, PLACES)


def test_no_record_is_larger_than_half_a_megabyte(make: Make) -> None:
    shelf = make("anna")
    noise = Random(0).randbytes(500_000).decode("latin-1")
    shelf.put(replace(book(), pages=(Page(1, None, noise),)), PLACES[:1])
    collection = shelf._collection()
    assert collection is not None
    rows = collection.get(where={"kind": "part"}, include=["metadatas"])["metadatas"] or []
    sizes = [len(str(row)) for row in rows]
    assert sum(sizes) > 500_000
    assert max(sizes) < 500_000
    assert shelf.fetch(book().id) is not None


def test_putting_twice_is_harmless(make: Make) -> None:
    for origin in ("anna", "anna", "ben"):
        make(origin).put(book(), PLACES)
    shelf = make("ben")
    assert paths(shelf) == [("anna", "/books/book.pdf"), ("ben", "/books/book.pdf")]
    assert texts(shelf) == 1


def test_a_new_reading_takes_the_place_of_the_old_one(make: Make) -> None:
    shelf = make("anna")
    shelf.put(book(), PLACES)
    again = book(text="Whales are mammals.")
    shelf.put(again, PLACES[:1])
    assert make("ben").fetch(again.id) == (again, PLACES[:1])
    assert texts(shelf) == 1


@pytest.mark.parametrize("seconds", [-1_000_000, -1, 0, 1])
def test_of_two_readings_the_later_counts_whatever_the_clocks_say(make: Make, seconds: int) -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    make("anna", lambda: start).put(book(text="first"), PLACES[:1])
    make("ben", lambda: start + timedelta(seconds=seconds)).put(book(text="second"), PLACES[:1])
    make("anna", lambda: start).put(book(text="third"), PLACES[:1])
    for origin in ("anna", "ben"):
        found = make(origin).fetch(book().id)
        assert found is not None
        assert found[0].pages[0].text == "third"
    assert texts(make("anna")) == 1


def test_many_may_put_one_document_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "PART_CHARACTERS", 40)
    readings = [book(text="one " * 40), book(text="two " * 40)]
    shelves = [make(f"origin {number}") for number in range(6)]
    with ThreadPoolExecutor(len(shelves)) as pool:
        puts = [
            pool.submit(shelf.put, readings[number % 2], PLACES)
            for number, shelf in enumerate(shelves)
        ]
        for put in puts:
            put.result()
    assert len(shelves[0].entries()) == 6
    found = shelves[0].fetch(readings[0].id)
    assert found is not None
    assert found[0].pages in [reading.pages for reading in readings]


def test_a_library_gets_a_document_under_its_own_path_if_it_has_one(make: Make) -> None:
    anna, ben = make("anna"), make("ben")
    anna.put(book(), PLACES)
    mine = replace(book(), name="copy.pdf", path="/home/ben/copy.pdf")
    ben.point(mine)
    assert paths(anna) == [("anna", "/books/book.pdf"), ("ben", "/home/ben/copy.pdf")]
    assert ben.fetch(book().id) == (mine, PLACES)
    assert anna.fetch(book().id) == (book(), PLACES)


def test_a_path_that_holds_another_document_leads_there(make: Make) -> None:
    shelf = make("anna")
    shelf.put(book("old"), PLACES)
    new = replace(book("new"), path=book("old").path)
    shelf.put(new, PLACES)
    assert [entry.document_id for entry in shelf.entries()] == [new.id]
    assert not shelf.is_wanted(book("old").id)


def test_a_dropped_path_is_forgotten_for_its_own_library_alone(make: Make) -> None:
    anna, ben = make("anna"), make("ben")
    for shelf in (anna, ben):
        shelf.put(book(), PLACES)
    anna.drop(book().path)
    anna.drop("/never/there")
    assert paths(anna) == [("ben", book().path)]
    assert anna.is_wanted(book().id)
    anna.sweep(book().id)
    assert anna.fetch(book().id) == (book(), PLACES)
    ben.drop(book().path)
    assert not ben.is_wanted(book().id)
    assert ben.fetch(book().id) is None


def test_sweeping_removes_the_text_that_no_entry_holds(make: Make) -> None:
    shelf = make("anna")
    for name in ("gone", "kept"):
        shelf.put(book(name), PLACES)
    shelf.drop(book("gone").path)
    shelf.sweep(book("gone").id)
    shelf.sweep("never there")
    assert texts(shelf) == 1
    assert shelf.fetch(book("kept").id) == (book("kept"), PLACES)


def test_an_interrupted_put_is_not_seen_and_is_mended_by_the_next(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "PART_CHARACTERS", 40)
    shelf = make("anna")
    shelf.put(book("other"), PLACES)
    written = texts(shelf)
    upsert = type(shelf._collection()).upsert
    rows = []

    def interrupted(self: object, *columns: object, **more: object) -> None:
        rows.append(columns)
        if len(rows) == 3:
            raise KeyboardInterrupt
        upsert(self, *columns, **more)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(shelf._collection()), "upsert", interrupted)
        shelf.put(book(), PLACES)
    assert texts(shelf) == written + 2
    assert shelf.fetch(book().id) is None
    assert paths(shelf) == [("anna", book("other").path)]
    shelf.put(book(), PLACES)
    assert make("ben").fetch(book().id) == (book(), PLACES)


def test_a_text_that_lacks_a_part_is_not_handed_out(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "PART_CHARACTERS", 40)
    shelf = make("anna")
    shelf.put(book(), PLACES)
    collection = shelf._collection()
    assert collection is not None
    key, *_ = collection.get(where={"number": 1}, include=[])["ids"]
    collection.update([key], metadatas=[{"text": "damaged"}])
    assert shelf.fetch(book().id) is None
    collection.delete(ids=[key])
    assert shelf.fetch(book().id) is None
    assert shelf.is_wanted(book().id)


def test_a_text_swept_before_its_entry_was_there_is_written_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben = make("anna"), make("ben")
    point = Shelf.point

    def late(shelf: Shelf, document: Document) -> None:
        ben.sweep(document.id)
        point(shelf, document)

    monkeypatch.setattr(Shelf, "point", late)
    anna.put(book(), PLACES)
    assert ben.fetch(book().id) == (book(), PLACES)


def test_collections_of_one_server_are_apart(server: str) -> None:
    for collection in (uuid4().hex, uuid4().hex, None):
        database = ServerDatabase(server)
        shelf = Shelf(database, collection, "anna")
        assert shelf.entries() == []
        shelf.put(book(), PLACES)
        assert len(shelf.entries()) == 1
        database.close()


def test_a_shelf_of_another_version_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("anna").put(book(), PLACES)
    monkeypatch.setattr(shelf_module, "FORMAT", 2)
    with pytest.raises(StoreError, match="another version of rapid") as caught:
        make("ben").entries()
    assert "same version" in caught.value.hint


def shelve(shelf: Shelf, held: object, **fields: object) -> None:
    """Write what any member of a server may: an entry of another library, and a text for it."""
    text = base64.b64encode(zlib.compress(json.dumps(held).encode())).decode()
    digest = hashlib.sha256(text.encode()).hexdigest()
    part = {"kind": "part", "document_id": book().id, "digest": digest, "written_at": 1.0}
    entry = {"kind": "entry", **asdict(Shelved("eve", "/x", "x", book().id, "2030-01-01"))}
    for row in (part | {"number": 0, "text": text}, entry | fields):
        shelf._upsert(uuid4().hex, row)


GOOD = [True, [], [[1, None, "The text."]], [[0, 9, 1, 1]]]


def test_what_a_member_writes_by_hand_is_taken_if_it_is_sound(make: Make) -> None:
    shelf = make("anna")
    shelve(shelf, GOOD)
    fetched = shelf.fetch(book().id)
    assert fetched is not None
    assert (fetched[0].text, fetched[1]) == ("The text.", [(0, 9, 1, 1)])


@pytest.mark.parametrize(
    "held",
    [
        None,
        [],
        {"pages": 1},
        [True, [], [], []],
        [True, [], [[1, None, 7]], []],
        [True, [], [[1, 7, "text"]], []],
        [True, [], [[1, None, "\ud800"]], []],
        [True, [], [[2, None, "text"]], []],
        [True, [], [[True, None, "text"]], []],
        [True, [], [[1, "x" * 100_000, "text"]], []],
        [True, [7], [[1, None, "text"]], []],
        [True, 7, [[1, None, "text"]], []],
        [True, [], [[1, None, "text"]], [[0, 5, 1, 1]]],
        [True, [], [[1, None, "text"]], [[-1, 4, 1, 1]]],
        [True, [], [[1, None, "text"]], [[3, 2, 1, 1]]],
        [True, [], [[1, None, "text"]], [[0, 4, 0, 1]]],
        [True, [], [[1, None, "text"]], [[0, 4, 1, 2]]],
        [True, [], [[1, None, "text"]], [[0, 4.0, 1, 1]]],
        [True, [], [[1, None, "text"]], [[0, 10**30, 1, 1]]],
        [True, [], [[1, None, "text"]], [[0, 4]]],
    ],
)
def test_a_text_that_cannot_be_is_a_store_error(make: Make, held: object) -> None:
    shelf = make("anna")
    shelve(shelf, held)
    with pytest.raises(StoreError, match="cannot be used"):
        shelf.fetch(book().id)


@pytest.mark.parametrize(
    "fields",
    [
        {"document_id": "../../etc/passwd"},
        {"document_id": 7},
        {"path": 7},
        {"path": "x" * 100_000},
        {"origin": True},
    ],
)
def test_an_entry_that_cannot_be_is_a_store_error(make: Make, fields: dict[str, object]) -> None:
    shelf = make("anna")
    shelve(shelf, GOOD, **fields)
    with pytest.raises(StoreError, match="cannot be used"):
        shelf.entries()
