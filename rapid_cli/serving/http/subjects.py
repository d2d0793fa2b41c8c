"""What can be asked about: documents of the library, by default those named at the start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.api.rapid import Rapid
from rapid_cli.documents import Document, is_file
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Entry
from rapid_cli.library.events import IndexingEvent
from rapid_cli.library.sources import Gathered
from rapid_cli.serving.http.errors import Refused


@dataclass(frozen=True, slots=True)
class _Held:
    """A document in memory, and when the library read it."""

    indexed_at: str
    document: Document


class Subjects:
    """The documents to ask about. Several threads may use it, each with a Rapid of its own.

    `names` are files, folders and names as on the command line, and nothing but their documents can
    be asked about. None stand for the whole library, whatever it holds when a question comes.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = names
        self._ids: tuple[str, ...] | None = None
        self._held: dict[str, _Held] = {}

    def read(self, rapid: Rapid, gathered: Gathered) -> Iterator[IndexingEvent]:
        """Read and index what was named, or what is new of it, and ask about that from now on.

        DocumentError if nothing of it can be read. A whole library is only made ready, and may be
        empty.
        """
        try:
            yield from self._gather(rapid, gathered)
            yield from rapid.completing(gathered)
        finally:
            rapid.library.rest()  # others may need it while nobody asks
        if self._names:
            self._ids = tuple(gathered.documents)

    def _gather(self, rapid: Rapid, gathered: Gathered) -> Iterator[IndexingEvent]:
        if self._names or rapid.documents():
            yield from rapid.adding(self._names, gathered)

    def entries(self, rapid: Rapid) -> list[Entry]:
        """Return the documents that are asked about by default."""
        entries = rapid.documents()
        if self._ids is None:
            return entries
        order = {document_id: number for number, document_id in enumerate(self._ids)}
        mine = [entry for entry in entries if entry.document_id in order]
        return sorted(mine, key=lambda entry: order[entry.document_id])

    def chosen(self, rapid: Rapid, names: Sequence[str] | None = None) -> Gathered:
        """Return those of the documents with these names, or all of them.

        Refused if there are none.
        """
        entries = self.entries(rapid) if names is None else self._named(rapid, names)
        if not entries:
            hint = "index some with `rapid index`, or start the server with files"
            raise Refused(404, "there are no documents to ask about", hint, code="no_documents")
        ids = dict.fromkeys(entry.document_id for entry in entries)
        for _ in rapid.library.prepare(ids):
            pass
        return Gathered(rapid.library, documents=self._documents(rapid, entries))

    def document(self, rapid: Rapid, name: str) -> Document:
        """Return the one document that a name means."""
        entries = self._named(rapid, [name])
        return next(iter(self._documents(rapid, entries).values()))

    def file(self, rapid: Rapid, name: str) -> Entry:
        """Return a document that a name means, by a path at which it is, if there is one."""
        entries = self._named(rapid, [name])
        there = (entry for entry in entries if is_file(entry.path) and Path(entry.path).exists())
        return next(there, entries[0])

    def _named(self, rapid: Rapid, names: Sequence[str]) -> list[Entry]:
        """Return what names mean among the documents; Refused if one means none of them."""
        found: list[Entry] = []
        for name in names:
            entries = [] if "\0" in name else rapid.library.find(name)
            mine = [each for each in entries if self._ids is None or each.document_id in self._ids]
            if not mine:
                shown = name if len(name) <= 200 else f"{name[:200]}…"
                message, hint = f"there is no document {shown!r}", "GET /v1/sources lists them"
                raise Refused(404, message, hint, code="document_not_found")
            found += mine
        return found

    def _documents(self, rapid: Rapid, entries: Iterable[Entry]) -> dict[str, Document]:
        """Return documents, of which those in memory are not read again."""
        known = {entry.document_id: entry.indexed_at for entry in rapid.documents()}
        for document_id in self._held.keys() - known.keys():  # removed documents are forgotten
            self._held.pop(document_id, None)
        found: dict[str, Document] = {}
        for entry in entries:
            held = self._held.get(entry.document_id)
            if held is None or held.indexed_at != entry.indexed_at:
                held = _Held(entry.indexed_at, _document(rapid, entry.document_id))
                self._held[entry.document_id] = held
            found[entry.document_id] = held.document
        return found


def _document(rapid: Rapid, document_id: str) -> Document:
    try:
        return rapid.library.get(document_id)
    except StoreError as error:  # it was removed since it was listed
        raise Refused(404, error.message, error.hint, code="document_not_found") from error
