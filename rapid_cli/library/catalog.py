"""The catalog, in SQLite: which documents the library holds, and from which files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from rapid_cli.documents import SHARED, Chunk, Document, Page
from rapid_cli.library.chunks import SCHEMA as CHUNKS_SCHEMA
from rapid_cli.library.chunks import Chunks
from rapid_cli.storage.sqlite import Connection, DatabaseFile, Row

FILE_NAME = "library.sqlite3"
VERSION = 3
SHORTEST_PREFIX = 8
ADOPTED = 0
"""In place of the version of the reader: the text was read on another machine, if it was at all."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY,
    paged INTEGER NOT NULL,
    pages TEXT NOT NULL,
    page_count INTEGER NOT NULL,
    warnings TEXT NOT NULL,
    chunk_count INTEGER,
    indexed_at TEXT NOT NULL,
    reader INTEGER NOT NULL DEFAULT 0,
    cut TEXT,  -- what its chunks were cut for; NULL: they are to be cut anew
    embedded INTEGER NOT NULL DEFAULT 0  -- whether the store has their vectors
);
CREATE TABLE IF NOT EXISTS sources (
    path TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    document_id TEXT NOT NULL REFERENCES documents (id)
);
CREATE INDEX IF NOT EXISTS sources_of_document ON sources (document_id);
"""
# Documents of earlier versions are read, cut and embedded anew when they are next needed.
MIGRATION = """
ALTER TABLE documents ADD COLUMN reader INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN cut TEXT;
ALTER TABLE documents ADD COLUMN embedded INTEGER NOT NULL DEFAULT 0;
DROP TABLE IF EXISTS vectors;
"""

COUNT = "SELECT count(*), coalesce(sum(chunk_count), 0) FROM documents"
ENTRIES = """
SELECT document_id, name, path, page_count, coalesce(chunk_count, 0), embedded, indexed_at
FROM sources JOIN documents ON documents.id = document_id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A path, and the document it holds; `indexed_at` is a UTC time in ISO 8601.

    Until it is `embedded` its passages are found by their words alone.
    """

    document_id: str
    name: str
    path: str
    pages: int
    chunks: int
    embedded: bool
    indexed_at: str


class Catalog:
    """The documents of the library and the paths they come from; opened at its first use.

    A document is there with its chunks or not at all, and a document said to be embedded promises
    that its vectors are in the store: say so after they are. Several paths may hold one document.
    Whatever goes wrong on disk is a StoreError.
    """

    def __init__(self, folder: Path | None) -> None:
        """Take the file in `folder`, or without one hold all in memory until it is closed."""
        path = folder / FILE_NAME if folder else None
        remedy = f"delete {path} and index your documents again"
        self._file = DatabaseFile(
            path,
            schema=SCHEMA + CHUNKS_SCHEMA,
            version=VERSION,
            migration=MIGRATION,
            title="library",
            remedy=remedy,
        )
        self.chunks = Chunks(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        self._file.close()

    def counted(self) -> tuple[int, int]:
        """Return how many documents there are, and their chunks; the file is left as it is.

        StoreError if any of it is damaged.
        """
        for documents, chunks in self._file.examine(COUNT):
            return documents, chunks
        return 0, 0

    def cut_of(self, document_id: str) -> str | None:
        """Return what the chunks of a document were cut for, None if it has none."""
        rows = self._file.rows("SELECT cut FROM documents WHERE id = ?", document_id)
        return rows[0]["cut"] if rows else None

    def is_embedded(self, document_id: str) -> bool:
        """Tell whether the store has the vectors of all chunks of a document."""
        query = "SELECT 1 FROM documents WHERE id = ? AND embedded"
        return bool(self._file.rows(query, document_id))

    def reader_of(self, document_id: str) -> int | None:
        """Return the version of the reader that read a document."""
        rows = self._file.rows("SELECT reader FROM documents WHERE id = ?", document_id)
        return rows[0]["reader"] if rows else None

    def document(self, document_id: str) -> Document | None:
        """Return a document under one of its paths, or None if there is no path to it."""
        rows = self._file.rows(
            "SELECT name, path, pages, paged, warnings FROM documents"
            " JOIN sources ON document_id = id WHERE id = ?1"
            # Of its paths one of this machine counts, whatever others call it.
            " ORDER BY substr(path, 1, length(?2)) = ?2, path LIMIT 1",
            document_id,
            SHARED,
        )
        for name, path, pages, paged, warnings in rows:
            read = tuple(Page.stored(*page) for page in json.loads(pages))
            notes = tuple(json.loads(warnings))
            return Document(document_id, name, path, read, bool(paged), notes)
        return None

    def id_at(self, path: str) -> str | None:
        """Return the id of the document that was last read from `path`."""
        rows = self._file.rows("SELECT document_id FROM sources WHERE path = ?", path)
        return str(rows[0][0]) if rows else None

    def holds(self, document_id: str) -> bool:
        """Tell whether the document is here, with chunks or without."""
        return bool(self._file.rows("SELECT 1 FROM documents WHERE id = ?", document_id))

    def paths_of(self, document_id: str) -> list[str]:
        """Return the paths that hold a document."""
        return self._ids("SELECT path FROM sources WHERE document_id = ?", document_id)

    def put(self, document: Document, chunks: Sequence[Chunk], *, cut: str, reader: int) -> None:
        """Record a document with its chunks, and that its path holds it; it is not embedded yet.

        `cut` says what the chunks were cut for, `reader` is the version of what read the pages, or
        ADOPTED.
        """
        pages = [astuple(page) for page in document.pages]
        values = (
            document.id,
            document.paged,
            json.dumps(pages, ensure_ascii=False),
            len(pages),
            json.dumps(document.warnings, ensure_ascii=False),
            len(chunks),
            datetime.now(UTC).isoformat(timespec="seconds"),
            reader,
            cut,
        )
        with self._file.transaction() as connection:
            self.chunks.forget(connection, document.id)
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
                " ON CONFLICT (id) DO UPDATE SET paged = excluded.paged, pages = excluded.pages,"
                " page_count = excluded.page_count, warnings = excluded.warnings,"
                " chunk_count = excluded.chunk_count, indexed_at = excluded.indexed_at,"
                " reader = excluded.reader, cut = excluded.cut, embedded = 0",
                values,
            )
            self.chunks.put(connection, chunks)
            self._point(connection, document)

    def embedded(self, document_id: str, floats: bytes | None) -> None:
        """Record that the store has the vectors of a document; `floats` are a copy in float32."""
        with self._file.transaction() as connection:
            if floats is not None:
                self.chunks.keep_vectors(connection, document_id, floats)
            connection.execute("UPDATE documents SET embedded = 1 WHERE id = ?", (document_id,))

    def vouch(self, document_id: str, reader: int) -> None:
        """Record that this version of the reader has read just the pages that are here."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE documents SET reader = ? WHERE id = ?", (reader, document_id)
            )

    def point(self, document: Document) -> None:
        """Record that the path of a document holds it, which is here already."""
        with self._file.transaction() as connection:
            self._point(connection, document)

    def copy(self, other: Catalog, document_id: str) -> None:
        """Take a document of another catalog, with its chunks and the vectors that are there."""
        document, cut = other.document(document_id), other.cut_of(document_id)
        if document is None or cut is None:
            return  # it was removed meanwhile
        reader = other.reader_of(document_id) or 0
        self.put(document, other.chunks.of(document_id), cut=cut, reader=reader)
        if floats := other.chunks.vectors([document_id], cut).get(document_id):
            self.embedded(document_id, floats)

    def overwrites(self) -> bool:
        """Tell whether all that was ever removed was overwritten: not so in earlier versions."""
        return self._file.overwrites()

    def erase(self) -> None:
        """Leave nothing in the file of what was removed."""
        self._file.erase()

    def remove(self, path: str) -> None:
        """Forget a path."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM sources WHERE path = ?", (path,))

    def orphans(self) -> list[str]:
        """Return the ids of documents that no path holds any more."""
        return self._ids(
            "SELECT id FROM documents WHERE id NOT IN (SELECT document_id FROM sources)"
        )

    def forget(self, document_id: str) -> None:
        """Drop an orphan, once its vectors are gone from the store."""
        with self._file.transaction() as connection:
            self.chunks.forget(connection, document_id)
            connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def withdraw(self) -> None:
        """Take back of all documents that they are cut and embedded."""
        with self._file.transaction() as connection:
            self.chunks.forget_all(connection)
            connection.execute("UPDATE documents SET chunk_count = NULL, cut = NULL, embedded = 0")

    def withdrawn(self) -> list[str]:
        """Return the ids of documents whose chunks are to be cut anew."""
        return self._ids("SELECT id FROM documents WHERE cut IS NULL ORDER BY id")

    def pending(self) -> dict[str, int]:
        """Return the documents without vectors, and how many chunks they have."""
        query = "SELECT id, coalesce(chunk_count, 0) FROM documents WHERE NOT embedded ORDER BY id"
        return {row[0]: row[1] for row in self._file.rows(query)}

    def chunk_counts(self) -> dict[str, int]:
        """Return how many chunks each embedded document has."""
        query = "SELECT id, chunk_count FROM documents WHERE embedded"
        return {row["id"]: row["chunk_count"] for row in self._file.rows(query)}

    def entries(self) -> list[Entry]:
        """Return all paths and what they hold, by path."""
        return [_entry(row) for row in self._file.rows(f"{ENTRIES} ORDER BY path")]

    def find(self, name: str) -> list[Entry]:
        """Return the entries that `name` may mean, by path.

        It is a path or else a file name or else the beginning of an id, of 8 characters or more.
        """
        conditions = ["path = ?", "name = ?"]
        if len(name) >= SHORTEST_PREFIX:
            conditions.append("substr(document_id, 1, length(?1)) = ?1")
        for condition in conditions:
            rows = self._file.rows(f"{ENTRIES} WHERE {condition} ORDER BY path", name)
            if rows:
                return [_entry(row) for row in rows]
        return []

    def _point(self, connection: Connection, document: Document) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)",
            (document.path, document.name, document.id),
        )

    def _ids(self, query: str, *values: str) -> list[str]:
        return [str(row[0]) for row in self._file.rows(query, *values)]


def _entry(row: Row) -> Entry:
    document_id, name, path, pages, chunks, embedded, indexed_at = row
    return Entry(document_id, name, path, pages, chunks, bool(embedded), indexed_at)
