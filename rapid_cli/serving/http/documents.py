"""The endpoints that take no model: searches, lists, passages and pictures of pages."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from rapid_cli.api.cited import Cited, draw
from rapid_cli.api.places import place_of
from rapid_cli.api.rapid import Rapid
from rapid_cli.api.report import Json, passages_json
from rapid_cli.documents import Chunk, Document, PagePicture, Passage
from rapid_cli.library.events import FileDone, FileSkipped
from rapid_cli.library.sources import Gathered
from rapid_cli.serving.http.errors import Refused
from rapid_cli.serving.http.fields import client_of, count_in, missing, read_object
from rapid_cli.serving.http.sse import Ascii, attended
from rapid_cli.serving.http.subjects import Subjects
from rapid_cli.serving.worker import Work, Worker
from rapid_cli.text.naming import title
from rapid_cli.text.quotes import find_quote

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")
FOUND, MOST_FOUND = 5, 100
"""How many passages a search returns, and at most."""
AROUND, MOST_AROUND = 1_000, 20_000
"""How many characters are shown on each side of a passage, and at most."""
MARKED = "X-Rapid-Marked"
"""The header that tells whether the words that were looked for are marked on a picture."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Looks into documents by a worker of its own, so that nobody waits for answers meanwhile.

    Only what changes the library is done by the worker that answers, in its turn.
    """

    subjects: Subjects
    worker: Worker
    answers: Worker

    async def search(self, request: Request) -> Response:
        """Return the passages for a question, as `rapid search --json` does."""
        fields = await read_object(request)
        question, sources = fields.required_text("question"), fields.texts("sources")
        limit = fields.integer("limit")
        fields.require_known()
        limit = FOUND if limit is None else limit
        if not 1 <= limit <= MOST_FOUND:
            hint = f"give a number from 1 to {MOST_FOUND}"
            raise Refused(400, f"limit is {limit}", hint, param="limit", code="invalid_value")

        def find(rapid: Rapid) -> Generator[Json, None, None]:
            gathered = self.subjects.chosen(rapid, sources)
            documents = gathered.documents
            passages = gathered.library.search(question, list(documents), limit)
            yield passages_json(question, passages, documents)

        return Ascii(await self._done(request, find))

    async def sources(self, request: Request) -> Response:
        """List the documents that are asked about by default, as `rapid list --json` does."""

        def find(rapid: Rapid) -> Generator[Json, None, None]:
            yield {"sources": [asdict(entry) for entry in self.subjects.entries(rapid)]}

        return Ascii(await self._done(request, find))

    async def refresh(self, request: Request) -> Response:
        """Read again what the server was started with, in its turn with the questions."""

        def read(rapid: Rapid) -> Generator[Json, None, None]:
            told: dict[str, int] = dict.fromkeys(("new", "updated", "moved", "unchanged"), 0)
            skipped: list[Json] = []
            for event in self.subjects.read(rapid, Gathered(rapid.library)):
                if isinstance(event, FileDone):
                    told[event.state] += 1
                elif isinstance(event, FileSkipped):
                    skipped.append({"path": event.path, "reason": event.error.message})
                yield {}
            entries = [asdict(entry) for entry in self.subjects.entries(rapid)]
            yield {**told, "skipped": skipped, "sources": entries}

        return Ascii(await attended(request, self.answers.submit(client_of(request), read)))

    async def passage(self, request: Request) -> Response:
        """Return a part of a document, with what stands before and after it."""
        name, words = _words(request, "document"), _words(request, "find")
        start, end = count_in(request, "start", 0), count_in(request, "end", 0)
        around = min(count_in(request, "around", AROUND), MOST_AROUND)

        def find(rapid: Rapid) -> Generator[Json, None, None]:
            document = self.subjects.document(rapid, name)
            span = _place(document.text, words) if words else (start, end)
            yield _surrounded(document, *span, around)

        return Ascii(await self._done(request, find))

    async def page(self, request: Request) -> Response:
        """Return a page of a PDF as a picture, with the words marked that are looked for."""
        name, words = _words(request, "document"), _words(request, "find")
        if not (number := count_in(request, "page", 0)):
            raise missing("page")
        width = count_in(request, "width", 0) or None

        def picture(rapid: Rapid) -> Generator[PagePicture, None, None]:
            entry = self.subjects.file(rapid, name)
            wanted = Cited(title(entry.name), entry.path, entry.document_id, number, "", words)
            yield draw(wanted, rapid.library, width=width)

        drawn = await self._done(request, picture)
        told = {MARKED: str(drawn.marked).lower()}
        return Response(drawn.png, media_type="image/png", headers=told)

    async def _done(self, request: Request, work: Work[T]) -> T:
        return await attended(request, self.worker.submit(client_of(request), work))


def _words(request: Request, name: str) -> str:
    return request.query_params.get(name, "")


def _place(text: str, words: str) -> tuple[int, int]:
    """Return where words stand in a text; at its beginning, and none of it, if they do not."""
    if (at := text.find(words)) >= 0:
        return at, at + len(words)
    spans = find_quote(text, words).spans
    return (spans[0][0], max(end for _, end in spans)) if spans else (0, 0)


def _surrounded(document: Document, start: int, end: int, around: int) -> Json:
    """Return `document.text[start:end]` and its place, between what surrounds it."""
    text = document.text
    start = min(start, len(text))
    end = max(start, min(end, len(text)))
    chunk = Chunk(document.id, 0, text[start:end], start, end, 0, 0)
    place = place_of(Passage(chunk, 0.0), {document.id: document})
    return {
        "document": title(document.name),
        "document_id": document.id,
        "path": document.path,
        **place.fields(),
        "start": start,
        "end": end,
        "before": text[max(0, start - around) : start],
        "text": text[start:end],
        "after": text[end : end + around],
    }
