"""The chunks of the library's documents in SQLite: their places, their words, their vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapid_cli.documents import Chunk
from rapid_cli.storage.sqlite import Connection, DatabaseFile
from rapid_cli.text.words import indexed, match

# The vectors are a copy, since the store takes a second to open: few documents are compared here.
SCHEMA = """
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    first_page INTEGER NOT NULL,
    last_page INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (document_id, number)
);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    text, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TABLE IF NOT EXISTS vectors (document_id TEXT PRIMARY KEY, floats BLOB NOT NULL);
"""
FIELDS = "document_id, number, text, start, end, first_page, last_page"
AMONG = "document_id IN (SELECT value FROM json_each(?))"
# The chunks of a document lie together: of all others the index is not even asked.
_IN_REACH = (
    "words.rowid BETWEEN"
    " (SELECT min(chunks.id) FROM json_each(?2) JOIN chunks ON document_id = value)"
    " AND (SELECT max(chunks.id) FROM json_each(?2) JOIN chunks ON document_id = value)"
)
_IN_DOCUMENTS = (
    f" JOIN chunks ON {_IN_REACH} AND chunks.id = words.rowid"
    " AND chunks.document_id IN (SELECT value FROM json_each(?2))"
)


@dataclass(frozen=True, slots=True)
class Match:
    """A chunk that holds words of a question, and what they weigh together."""

    document_id: str
    number: int
    weight: float


class Chunks:
    """The tables beside those of the catalog; what is written takes part in its transactions."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file

    def put(self, connection: Connection, chunks: Iterable[Chunk]) -> None:
        """Add the chunks of a document that has none."""
        for chunk in chunks:
            place = (chunk.start, chunk.end, chunk.first_page, chunk.last_page)
            cursor = connection.execute(
                "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
                (chunk.document_id, chunk.index, *place, chunk.text),
            )
            connection.execute(
                "INSERT INTO words (rowid, text) VALUES (?, ?)",
                (cursor.lastrowid, indexed(chunk.text)),
            )

    def keep_vectors(self, connection: Connection, document_id: str, floats: bytes) -> None:
        """Keep the vectors of all chunks of a document, as float32 in their order."""
        row = (document_id, floats)
        connection.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", row)

    def forget(self, connection: Connection, document_id: str) -> None:
        """Drop the chunks of a document, and all that goes with them."""
        ids = "SELECT id FROM chunks WHERE document_id = ?"
        connection.execute(f"DELETE FROM words WHERE rowid IN ({ids})", (document_id,))
        connection.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        connection.execute("DELETE FROM vectors WHERE document_id = ?", (document_id,))

    def forget_all(self, connection: Connection) -> None:
        """Drop all chunks."""
        for table in ("words", "chunks", "vectors"):
            connection.execute(f"DELETE FROM {table}")

    def of(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document in their order."""
        query = f"SELECT {FIELDS} FROM chunks WHERE document_id = ? ORDER BY number"
        return [Chunk(*row) for row in self._file.rows(query, document_id)]

    def named(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Chunk]:
        """Return the chunks of these documents with these numbers; what is gone is left out."""
        query = (
            f"SELECT {FIELDS} FROM json_each(?) AS key JOIN chunks"
            " ON document_id = key.value ->> 0 AND number = key.value ->> 1"
        )
        found = (Chunk(*row) for row in self._file.rows(query, json.dumps(keys)))
        return {(chunk.document_id, chunk.index): chunk for chunk in found}

    def on_pages(self, document_id: str, pages: Sequence[int]) -> list[int]:
        """Return the numbers of the chunks of a document that touch one of these pages."""
        query = (
            "SELECT DISTINCT number FROM chunks JOIN json_each(?) AS page"
            " ON page.value BETWEEN first_page AND last_page WHERE document_id = ? ORDER BY number"
        )
        return [row[0] for row in self._file.rows(query, json.dumps(list(pages)), document_id)]

    def holding(self, runs: Iterable[str], document_ids: Sequence[str]) -> dict[str, int]:
        """Return how many chunks of these documents hold each word or run, if any do."""
        wanted = json.dumps([[run, match(run)] for run in runs])
        query = (
            "SELECT run.value ->> 0, count(*) FROM json_each(?1) AS run CROSS JOIN words"
            f" ON words MATCH run.value ->> 1 {_IN_DOCUMENTS} GROUP BY run.value ->> 0"
        )
        rows = self._file.rows(query, wanted, json.dumps(list(document_ids)))
        return {str(run): int(count) for run, count in rows}

    def hold_both(self, run: str, others: Iterable[str], document_ids: Sequence[str]) -> bool:
        """Tell whether a chunk of these documents holds a run of words and any of others."""
        expression = f"{match(run)} AND ({' OR '.join(map(match, others))})"
        query = f"SELECT 1 FROM words {_IN_DOCUMENTS} WHERE words MATCH ?1 LIMIT 1"
        return bool(self._file.rows(query, expression, json.dumps(list(document_ids))))

    def matching(
        self, weights: Mapping[str, float], document_ids: Sequence[str], limit: int
    ) -> list[Match]:
        """Return the chunks of these documents that hold words or runs of words, best first.

        A chunk counts the weights of those that it holds.
        """
        wanted = json.dumps([[match(run), weight] for run, weight in weights.items()])
        query = (
            "WITH held AS MATERIALIZED (SELECT words.rowid AS id, sum(run.value ->> 1) AS weights,"
            " sum(words.rank) AS bm25 FROM json_each(?1) AS run"
            f" CROSS JOIN words ON words MATCH run.value ->> 0 AND {_IN_REACH}"
            " GROUP BY words.rowid)"
            " SELECT document_id, number, weights FROM held JOIN chunks ON chunks.id = held.id"
            " AND document_id IN (SELECT value FROM json_each(?2))"
            f" ORDER BY weights DESC, bm25, held.id LIMIT {int(limit)}"
        )
        rows = self._file.rows(query, wanted, json.dumps(list(document_ids)))
        return [Match(*row) for row in rows]

    def vectors(self, document_ids: Sequence[str], cut: str) -> dict[str, bytes]:
        """Return the float32 vectors of those documents that have them here, and were cut so."""
        query = (
            "SELECT document_id, floats FROM vectors JOIN documents ON documents.id = document_id"
            f" WHERE {AMONG} AND cut = ?"
        )
        rows = self._file.rows(query, json.dumps(list(document_ids)), cut)
        return {row["document_id"]: row["floats"] for row in rows}
