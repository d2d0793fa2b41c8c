from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rapid_cli.documents import Chunk, Document, Page
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog
from rapid_cli.storage import sqlite

PAGES = (
    Page(1, "i", "Loomings.\n", ((0, "Chapter 1"), (4, "Chapter 1 › Ⅱ"))),
    Page(2, None, "Das Meer – 海."),
)


def make_document(identity: str, path: str) -> Document:
    return Document(identity, Path(path).name, path, PAGES, True, ("page 3 has no text",))


def put(catalog: Catalog, document: Document, chunks: int) -> None:
    """Enter a document in `chunks` pieces and say that it is embedded."""
    pieces = [Chunk(document.id, number, "whale", 0, 5, 1, 1) for number in range(chunks)]
    catalog.put(document, pieces, cut="words 8", reader=1)
    catalog.embedded(document.id, b"")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path) as opened:
        yield opened


def test_a_document_comes_back_as_it_was_put(catalog: Catalog, tmp_path: Path) -> None:
    document = make_document("a" * 64, "/books/whale.pdf")
    put(catalog, document, 7)
    assert catalog.document(document.id) == document
    catalog.close()
    with Catalog(tmp_path) as again:
        assert again.document(document.id) == document
        assert again.holds(document.id)
        assert again.chunk_counts() == {document.id: 7}


def test_what_was_never_put_is_not_there(catalog: Catalog) -> None:
    assert catalog.document("unknown") is None
    assert catalog.id_at("/nowhere") is None
    assert not catalog.holds("unknown")
    assert catalog.entries() == catalog.find("unknown") == catalog.orphans() == []


def test_entries_tell_what_the_library_holds(catalog: Catalog) -> None:
    put(catalog, make_document("b" * 64, "/books/b.pdf"), 5)
    put(catalog, make_document("a" * 64, "/books/a.pdf"), 3)
    first, second = catalog.entries()
    assert (first.path, first.name, first.pages, first.chunks) == ("/books/a.pdf", "a.pdf", 2, 3)
    assert second.document_id == "b" * 64
    age = datetime.now(UTC) - datetime.fromisoformat(first.indexed_at)
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_a_path_that_moves_on_leaves_an_orphan(catalog: Catalog) -> None:
    put(catalog, make_document("old", "/notes.txt"), 1)
    put(catalog, make_document("new", "/notes.txt"), 1)
    assert catalog.id_at("/notes.txt") == "new"
    assert catalog.orphans() == ["old"]
    assert catalog.document("old") is None
    assert catalog.chunks.of("old")
    catalog.forget("old")
    assert catalog.orphans() == []
    assert not catalog.holds("old")
    assert catalog.chunks.of("old") == []


def test_a_document_stays_as_long_as_one_path_holds_it(catalog: Catalog) -> None:
    put(catalog, make_document("same", "/a.txt"), 1)
    catalog.point(make_document("same", "/copy.txt"))
    assert [entry.name for entry in catalog.entries()] == ["a.txt", "copy.txt"]
    catalog.remove("/a.txt")
    assert catalog.orphans() == []
    assert catalog.document("same") == make_document("same", "/copy.txt")
    catalog.remove("/copy.txt")
    assert catalog.orphans() == ["same"]


def test_a_document_is_pending_until_it_is_embedded(catalog: Catalog) -> None:
    document = make_document("a", "/a.txt")
    for cut in ("words 8", "words 16"):
        catalog.put(document, [Chunk("a", 0, "whale", 0, 5, 1, 1)], cut=cut, reader=2)
        assert (catalog.cut_of("a"), catalog.reader_of("a")) == (cut, 2)
        assert catalog.pending() == {"a": 1}
        assert catalog.chunk_counts() == {}
        assert not catalog.is_embedded("a")
        assert not catalog.entries()[0].embedded
        catalog.embedded("a", b"1234")
        assert catalog.pending() == {}
        assert catalog.chunk_counts() == {"a": 1}
        assert catalog.is_embedded("a")
        assert catalog.entries()[0].embedded
    assert catalog.chunks.vectors(["a"], "words 16") == {"a": b"1234"}
    assert catalog.chunks.vectors(["a"], "words 8") == {}


def test_a_withdrawn_document_has_no_chunks(catalog: Catalog) -> None:
    put(catalog, make_document("a", "/a.txt"), 4)
    catalog.withdraw()
    assert catalog.withdrawn() == ["a"]
    assert catalog.holds("a")
    assert catalog.pending() == {"a": 0}
    assert catalog.chunks.of("a") == []
    assert catalog.chunk_counts() == {}
    assert catalog.entries()[0].chunks == 0
    assert catalog.document("a") is not None
    put(catalog, make_document("a", "/a.txt"), 2)
    assert catalog.withdrawn() == []
    assert catalog.chunk_counts() == {"a": 2}


def test_a_document_is_found_by_path_or_name_or_the_beginning_of_its_id(catalog: Catalog) -> None:
    put(catalog, make_document("1234567890", "/one/notes.txt"), 1)
    put(catalog, make_document("123456789_", "/two/notes.txt"), 1)
    put(catalog, make_document("%%%%%%%%%%", "notes.txt"), 1)

    def paths(name: str) -> list[str]:
        return [entry.path for entry in catalog.find(name)]

    assert paths("/two/notes.txt") == ["/two/notes.txt"]
    assert paths("notes.txt") == ["notes.txt"]
    catalog.remove("notes.txt")
    assert paths("notes.txt") == ["/one/notes.txt", "/two/notes.txt"]
    assert paths("12345678") == ["/one/notes.txt", "/two/notes.txt"]
    assert paths("123456789_") == ["/two/notes.txt"]
    assert paths("1234567") == paths("%%%%%%%%") == paths("") == []


def test_nothing_is_made_on_disk_before_use(tmp_path: Path) -> None:
    with Catalog(tmp_path / "home"):
        pass
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        Catalog(tmp_path / "file" / "home").entries()
    assert str(tmp_path / "file" / "home") in caught.value.message
    assert "RAPID_HOME" in caught.value.hint


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "library.sqlite3").mkdir()
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Catalog(tmp_path).entries()
    assert "RAPID_HOME" in caught.value.hint


def test_a_corrupt_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "library.sqlite3").write_bytes(b"not a database" * 1000)
    with Catalog(tmp_path) as catalog, pytest.raises(StoreError, match="not a database") as caught:
        catalog.entries()
    assert f"delete {tmp_path / 'library.sqlite3'}" in caught.value.hint


def test_the_library_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "library.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer") as caught:
        Catalog(tmp_path).entries()
    assert "update" in caught.value.hint


def test_a_library_in_use_by_another_is_told_from_a_damaged_one(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, make_document("a", "/a.txt"), 1)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    writer = sqlite3.connect(tmp_path / "library.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with Catalog(tmp_path) as second:
        assert second.holds("a"), "readers need not wait"
        with pytest.raises(StoreError, match="locked") as caught:
            second.remove("/a.txt")
    assert "another rapid" in caught.value.hint
    writer.close()


VERSION_2 = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, paged INTEGER NOT NULL, pages TEXT NOT NULL, page_count INTEGER NOT NULL,
    warnings TEXT NOT NULL, chunk_count INTEGER, indexed_at TEXT NOT NULL
);
CREATE TABLE sources (
    path TEXT PRIMARY KEY, name TEXT NOT NULL,
    document_id TEXT NOT NULL REFERENCES documents (id)
);
CREATE TABLE vectors (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    embedder TEXT NOT NULL, places TEXT NOT NULL, floats BLOB NOT NULL
);
INSERT INTO documents VALUES ('a', 1, '[[1, "i", "Loomings."]]', 1, '[]', 1, '2026-01-01T00:00:00');
INSERT INTO sources VALUES ('/a.pdf', 'a.pdf', 'a');
INSERT INTO vectors VALUES ('a', 'words 8', '[[0, 9, 1, 1]]', x'00000000');
PRAGMA user_version = 2;
"""


def test_a_library_of_an_earlier_version_keeps_its_documents_to_be_cut_anew(tmp_path: Path) -> None:
    before = sqlite3.connect(tmp_path / "library.sqlite3")
    before.executescript(VERSION_2)
    before.close()
    with Catalog(tmp_path) as catalog:
        document = catalog.document("a")
        assert document is not None
        assert document.text == "Loomings."
        assert catalog.withdrawn() == ["a"]
        assert catalog.reader_of("a") == 0
        put(catalog, document, 1)
        assert catalog.withdrawn() == []


def test_counting_leaves_the_file_as_it_is(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog, make_document("a", "/a.txt"), 3)
    put(catalog, make_document("b", "/b.txt"), 2)
    catalog.close()
    path = tmp_path / "library.sqlite3"
    before = path.read_bytes()
    assert Catalog(tmp_path).counted() == (2, 5)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_counting_makes_nothing_and_brings_nothing_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    assert Catalog(tmp_path).counted() == (0, 0)
    assert list(tmp_path.iterdir()) == []
    path.touch()
    assert Catalog(tmp_path).counted() == (0, 0)
    before = sqlite3.connect(path)
    before.executescript(VERSION_2)
    before.close()
    assert Catalog(tmp_path).counted() == (1, 1)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
