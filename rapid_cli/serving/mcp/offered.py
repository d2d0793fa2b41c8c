"""The documents that clients may ask about, and the choice of some of them by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapid_cli.api.rapid import Rapid
from rapid_cli.documents import Document
from rapid_cli.errors import StoreError
from rapid_cli.library.sources import Gathered

SHORTEST_ID = 8
"""So many letters of an id's beginning are enough."""
LONGEST_NAME = 200
"""So much is told of a name that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as it is listed."""

    id: str
    name: str
    pages: int


@dataclass(frozen=True, slots=True)
class Offered:
    """The documents of some sources, as they were when these were gathered; or the whole library.

    The library counts as it is at each question. Names lead to these documents and to nothing else,
    least of all to a file.
    """

    gathered: Gathered | None = None

    def listed(self, rapid: Rapid) -> list[Listed]:
        """Return all documents."""
        if self.gathered is not None:
            documents = self.gathered.documents.values()
            return [Listed(each.id, each.name, len(each.pages)) for each in documents]
        entries = {entry.document_id: entry for entry in rapid.documents()}
        return [Listed(each.document_id, each.name, each.pages) for each in entries.values()]

    def ids(self, rapid: Rapid, names: Sequence[str] = ()) -> list[str]:
        """Return the ids of the documents that are meant, of all without names; or StoreError."""
        if not names:
            ids = [each.id for each in self.listed(rapid)]
            if not ids:
                raise StoreError("the library is empty", "fill it: `rapid index FOLDER`")
            return ids
        return list(dict.fromkeys(found for name in names for found in self._find(rapid, name)))

    def document(self, rapid: Rapid, document_id: str) -> Document:
        """Return one of the documents, by its id."""
        if self.gathered is not None:
            return self.gathered.documents[document_id]
        return rapid.library.get(document_id)

    def gather(self, rapid: Rapid, ids: Iterable[str]) -> Gathered:
        """Return some of the documents to be asked about, by their ids."""
        wanted = list(ids)
        for _ in rapid.library.prepare(wanted):
            pass
        documents = {each: self.document(rapid, each) for each in wanted}
        return Gathered(rapid.library, documents=documents)

    def _find(self, rapid: Rapid, name: str) -> list[str]:
        """Return what a name means: a path, a file name, or an id or its beginning."""
        entries = [] if "\0" in name else rapid.library.find(name)
        found = [entry.document_id for entry in entries]
        if self.gathered is not None:
            documents = self.gathered.documents
            found = [each for each in found if each in documents] or [
                each.id for each in documents.values() if _means(name, each)
            ]
        if not found:
            message = f"there is no document {name[:LONGEST_NAME]!r}"
            raise StoreError(message, "the list of documents has them all")
        return found


def _means(name: str, document: Document) -> bool:
    begins = len(name) >= SHORTEST_ID and document.id.startswith(name)
    return begins or name in {document.name, document.path}
