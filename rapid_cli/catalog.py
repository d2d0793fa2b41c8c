"""The catalog, in SQLite: which documents the library holds, and from which files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from rapid_cli.documents import Document, Page
from rapid_cli.sqlite import Connection, DatabaseFile

FILE_NAME = "library.sqlite3"
VERSION = 2
SHORTEST_PREFIX = 8

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY,
    paged INTEGER NOT NULL,
    pages TEXT NOT NULL,
    page_count INTEGER NOT NULL,
    warnings TEXT NOT NULL,
    chunk_count INTEGER,  -- NULL: its chunks are no longer in the store, see withdraw()
    indexed_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sources (
    path TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    document_id TEXT NOT NULL REFERENCES documents (id)
);
-- What a question about few documents is compared with: a copy, since the store takes a second to
-- open. Version 1 had none; a document without a row is searched in the store.
CREATE TABLE IF NOT EXISTS vectors (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    embedder TEXT NOT NULL,
    places TEXT NOT NULL,
    floats BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sources_of_document ON sources (document_id);
"""

ENTRIES = """
SELECT document_id, name, path, page_count, coalesce(chunk_count, 0), indexed_at
FROM sources JOIN documents ON documents.id = document_id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A path, and the document it holds; `indexed_at` is a UTC time in ISO 8601."""

    document_id: str
    name: str
    path: str
    pages: int
    chunks: int
    indexed_at: str


@dataclass(frozen=True, slots=True)
class Vectors:
    """The chunks of a document as an embedder sees them.

    `places` are start, end, first and last page of each, `floats` their vectors as float32.
    """

    embedder: str
    places: list[tuple[int, int, int, int]]
    floats: bytes


class Catalog:
    """The documents of the library and the paths they come from; opened at its first use.

    A row for a document promises that its chunks are in the store: write it after them. Several
    paths may hold one document. Whatever goes wrong on disk is a StoreError.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE_NAME
        remedy = f"delete {path} and index your documents again"
        self._file = DatabaseFile(
            path, schema=SCHEMA, version=VERSION, title="library", remedy=remedy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        self._file.close()

    def holds(self, document_id: str) -> bool:
        """Tell whether the document is here, at one path at least, and its chunks in the store."""
        query = "SELECT 1 FROM sources JOIN documents ON documents.id = document_id"
        query += " WHERE document_id = ? AND chunk_count IS NOT NULL"
        return bool(self._file.rows(query, document_id))

    def document(self, document_id: str) -> Document | None:
        """Return a document under one of its paths, or None if there is no path to it."""
        rows = self._file.rows(
            "SELECT name, path, pages, paged, warnings FROM documents"
            " JOIN sources ON document_id = id WHERE id = ? ORDER BY path LIMIT 1",
            document_id,
        )
        for name, path, pages, paged, warnings in rows:
            read = tuple(Page(*page) for page in json.loads(pages))
            notes = tuple(json.loads(warnings))
            return Document(document_id, name, path, read, bool(paged), notes)
        return None

    def id_at(self, path: str) -> str | None:
        """Return the id of the document that was last read from `path`."""
        rows = self._file.rows("SELECT document_id FROM sources WHERE path = ?", path)
        return str(rows[0][0]) if rows else None

    def put(self, document: Document, chunk_count: int, vectors: Vectors | None = None) -> None:
        """Record a document whose chunks are in the store, and that its path holds it."""
        pages = [(page.number, page.label, page.text) for page in document.pages]
        values = (
            document.id,
            document.paged,
            json.dumps(pages, ensure_ascii=False),
            len(pages),
            json.dumps(document.warnings, ensure_ascii=False),
            chunk_count,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET pages = excluded.pages, warnings = excluded.warnings,"
                " chunk_count = excluded.chunk_count, indexed_at = excluded.indexed_at",
                values,
            )
            if vectors is not None:
                places = json.dumps(vectors.places)
                connection.execute(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                    (document.id, vectors.embedder, places, vectors.floats),
                )
            self._point(connection, document)

    def point(self, document: Document) -> None:
        """Record that the path of a document holds it, which is here already."""
        with self._file.transaction() as connection:
            self._point(connection, document)

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
        """Drop an orphan, once its chunks are gone from the store."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def withdraw(self) -> None:
        """Take back of all documents that their chunks are in the store."""
        with self._file.transaction() as connection:
            connection.execute("UPDATE documents SET chunk_count = NULL")
            connection.execute("DELETE FROM vectors")

    def withdrawn(self) -> list[str]:
        """Return the ids of documents whose chunks are to be made again."""
        return self._ids("SELECT id FROM documents WHERE chunk_count IS NULL ORDER BY id")

    def chunk_counts(self) -> dict[str, int]:
        """Return how many chunks in the store each document has, without those withdrawn."""
        query = "SELECT id, chunk_count FROM documents WHERE chunk_count IS NOT NULL"
        return {row["id"]: row["chunk_count"] for row in self._file.rows(query)}

    def vectors(self, document_id: str, embedder: str) -> Vectors | None:
        """Return the vectors of a document, if this embedder has made them."""
        query = "SELECT places, floats FROM vectors WHERE document_id = ? AND embedder = ?"
        for places, floats in self._file.rows(query, document_id, embedder):
            return Vectors(embedder, [tuple(place) for place in json.loads(places)], floats)
        return None

    def entries(self) -> list[Entry]:
        """Return all paths and what they hold, by path."""
        return [Entry(*row) for row in self._file.rows(f"{ENTRIES} ORDER BY path")]

    def below(self, folder: Path) -> list[str]:
        """Return the paths that lie below `folder`."""
        paths = (entry.path for entry in self.entries())
        return [path for path in paths if Path(path).is_relative_to(folder)]

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
                return [Entry(*row) for row in rows]
        return []

    def _point(self, connection: Connection, document: Document) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)",
            (document.path, document.name, document.id),
        )

    def _ids(self, query: str) -> list[str]:
        return [str(row[0]) for row in self._file.rows(query)]
