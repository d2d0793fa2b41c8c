"""The shelf: which documents the libraries on one server hold, and their texts, for all to read."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import numpy as np

from rapid_cli.documents import Document, Page
from rapid_cli.errors import StoreError
from rapid_cli.library.vectors.chroma import Database
from rapid_cli.library.vectors.chroma_server import name_for

if TYPE_CHECKING:
    from rapid_cli.library.vectors.chroma import Collection, Where

CONTENT = "documents"
FORMAT = 1
PART_CHARACTERS = 400_000
LARGEST_TEXT = 2**30
LONGEST_FIELD = 2**15
ID = re.compile("[0-9a-f]{64}")
# Of two texts of a document the later by this many seconds is the later.
STEP = 1.0
# Nothing here is searched by its vector, but Chroma wants one.
VECTOR = [1.0]

Place = tuple[int, int, int, int]
Metadata = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Shelved:
    """The path of a document in the library `origin`; `indexed_at` is a UTC time in ISO 8601."""

    origin: str
    path: str
    name: str
    document_id: str
    indexed_at: str


class Shelf:
    """The documents of all libraries that share a server, and the texts of these documents.

    `origin` is the id of this library: it writes entries of its own, and reads those of all. An
    entry promises that the text is here and that the chunks are in the store, so it comes last.
    Writing twice is harmless. Whatever goes wrong with the server is a StoreError.
    """

    def __init__(
        self,
        database: Database,
        collection: str | None,
        origin: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._name = name_for(collection, CONTENT)
        self._origin = origin
        self._now = now

    def put(self, document: Document, places: Sequence[Place]) -> None:
        """Shelve a document whose chunks are stored; `places` are their starts, ends and pages."""
        self.put_text(document, places)
        self.point(document)
        # Another library may have swept the text away while no entry held it.
        if not self._texts(document.id):
            self.put_text(document, places)

    def put_text(self, document: Document, places: Sequence[Place]) -> None:
        """Write the text of a document and the places of its chunks, instead of older ones."""
        text = _packed(document, places)
        digest, written_at = _digest(text), self._next_time(document.id)
        common: Metadata = {"kind": "part", "document_id": document.id}
        common |= {"digest": digest, "written_at": written_at}
        for number, start in enumerate(range(0, len(text), PART_CHARACTERS)):
            part: Metadata = {"number": number, "text": text[start : start + PART_CHARACTERS]}
            self._upsert(f"{document.id}:{digest}:{written_at}:{number}", common | part)
        # Only what is older: of all that write at once, the latest stays complete.
        self._delete(
            {"kind": "part", "document_id": document.id, "written_at": {"$lt": written_at}}
        )

    def _next_time(self, document_id: str) -> float:
        """Return the time, but a later one than that of any text of the document on the shelf.

        So the latest text counts, even if the clock here goes back or that of another is ahead.
        """
        collection = self._collection()
        now = self._now().timestamp()
        if collection is None:
            return now
        with self._database.errors():
            wanted = _where({"kind": "part", "document_id": document_id})
            keys = collection.get(where=wanted, include=[])["ids"]
            return max([now, *(_finite(key.split(":")[-2]) + STEP for key in keys)])

    def point(self, document: Document) -> None:
        """Let the path of a document, whose text is here, lead to it."""
        entry = Shelved(
            self._origin, document.path, document.name, document.id, self._now().isoformat()
        )
        self._upsert(self._entry_id(document.path), {"kind": "entry", **asdict(entry)})

    def drop(self, path: str) -> None:
        """Forget a path of this library, if it is here; those of others stay."""
        collection = self._collection()
        if collection is not None:
            with self._database.errors():
                collection.delete(ids=[self._entry_id(path)])

    def entries(self, **wanted: str) -> list[Shelved]:
        """Return the entries of all libraries with these fields, by origin and path."""
        rows = self._rows(kind="entry", **wanted)
        with self._database.errors():
            found = [_entry(row) for row in rows]
        return sorted(found, key=lambda entry: (entry.origin, entry.path))

    def is_wanted(self, document_id: str) -> bool:
        """Tell whether any entry of any library holds the document."""
        return bool(self.entries(document_id=document_id))

    def fetch(self, document_id: str) -> tuple[Document, list[Place]] | None:
        """Return a document under one of its paths, if an entry holds it, and its chunks' places.

        None if no entry holds it, or if its text is not here.
        """
        holders = self.entries(document_id=document_id)
        texts = self._texts(document_id)
        if not holders or not texts:
            return None
        own = (entry for entry in holders if entry.origin == self._origin)
        with self._database.errors():
            return _unpacked(texts[-1], next(own, holders[0]))

    def sweep(self, document_id: str) -> None:
        """Remove the text of a document that no entry holds."""
        if not self.is_wanted(document_id):
            self._delete({"kind": "part", "document_id": document_id})

    def _texts(self, document_id: str) -> list[str]:
        """Return what is written of a document, packed, without what is incomplete; latest last."""
        texts: dict[tuple[float, str], str] = defaultdict(str)
        rows = self._rows(kind="part", document_id=document_id)
        with self._database.errors():
            for row in sorted(rows, key=lambda row: int(str(row["number"]))):
                texts[_finite(row["written_at"]), str(row["digest"])] += str(row["text"])
        return [text for (_, digest), text in sorted(texts.items()) if _digest(text) == digest]

    def _rows(self, **wanted: str) -> Sequence[Mapping[str, object]]:
        collection = self._collection()
        if collection is None:
            return []
        with self._database.errors():
            rows = collection.get(where=_where(wanted), include=["metadatas"])["metadatas"] or []
            _require(all(isinstance(row, Mapping) for row in rows), "what stands there is no table")
            # A server may send more than it was asked for.
            return [row for row in rows if wanted.items() <= dict(row).items()]

    def _upsert(self, key: str, metadata: Metadata) -> None:
        collection = self._collection()
        if collection is None:
            collection = self._database.create(self._name, {"shelf": FORMAT})
        with self._database.errors():
            collection.upsert([key], np.array([VECTOR], np.float32), [metadata])

    def _delete(self, wanted: Mapping[str, object]) -> None:
        collection = self._collection()
        if collection is not None:
            with self._database.errors():
                collection.delete(where=_where(wanted))

    def _collection(self) -> Collection | None:
        """Return the collection, or None before anything is shelved."""
        collection = self._database.collection(self._name)
        if collection is not None and (collection.metadata or {}).get("shelf") != FORMAT:
            message = f"another version of rapid has made the collection {self._name!r}"
            raise StoreError(message, "install the same version of rapid on all machines")
        return collection

    def _entry_id(self, path: str) -> str:
        return f"entry:{_digest(json.dumps([self._origin, path]))}"


def _where(wanted: Mapping[str, object]) -> Where:
    conditions = [{key: value} for key, value in wanted.items()]
    return cast("Where", {"$and": conditions} if len(conditions) > 1 else wanted)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _packed(document: Document, places: Sequence[Place]) -> str:
    """Return all but the path as ASCII; a text as it is would be indexed letter by letter."""
    pages = [astuple(page) for page in document.pages]
    held = (document.paged, document.warnings, pages, list(places))
    return base64.b64encode(zlib.compress(json.dumps(held).encode())).decode()


def _unpacked(text: str, entry: Shelved) -> tuple[Document, list[Place]]:
    """Return what was packed; ValueError, or what else Python raises, if it was something else."""
    unzipped = zlib.decompressobj().decompress(base64.b64decode(text), LARGEST_TEXT)
    paged, warnings, pages, places = json.loads(unzipped)
    document = Document(
        entry.document_id,
        entry.name,
        entry.path,
        tuple(_page(number, *page) for number, page in enumerate(pages, start=1)),
        bool(paged),
        tuple(_text(warning, LONGEST_FIELD) for warning in warnings),
    )
    _require(bool(document.pages), "a text has no pages")
    return document, [_place(document, *place) for place in places]


def _page(
    expected: int,
    number: object,
    label: object,
    text: object,
    sections: Sequence[Sequence[object]] = (),
) -> Page:
    _require(_whole(number) == expected, "the pages of a text are not in order")
    known = None if label is None else _text(label, LONGEST_FIELD)
    held = _text(text, LARGEST_TEXT)
    marks = tuple((_whole(start), _text(heading, LONGEST_FIELD)) for start, heading in sections)
    starts = [0, *(start for start, _ in marks), len(held)]
    _require(starts == sorted(starts), "a section begins outside of its page")
    return Page(expected, known, held, marks)


def _place(document: Document, start: object, end: object, first: object, last: object) -> Place:
    """Return the place of a chunk, which is within the text and on pages that there are."""
    place = _whole(start), _whole(end), _whole(first), _whole(last)
    within = 0 <= place[0] <= place[1] <= len(document.text)
    paged = 1 <= place[2] <= place[3] <= len(document.pages)
    _require(within and paged, "a passage is outside of its text")
    return place


def _entry(row: Mapping[str, object]) -> Shelved:
    entry = Shelved(*(_text(row.get(name), LONGEST_FIELD) for name in Shelved.__slots__))
    _require(bool(ID.fullmatch(entry.document_id)), "the id of a document is no hash")
    return entry


def _text(value: object, longest: int) -> str:
    """Return a value that is a text no longer than that, and could be written down as UTF-8."""
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError("what should be a text is none, or too long")
    value.encode()
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("what should be a whole number is none")
    return value


def _finite(value: object) -> float:
    number = float(str(value))
    _require(math.isfinite(number), "what should be a time is none")
    return number


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)
