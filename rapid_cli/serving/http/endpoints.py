"""What is served at which address: OpenAI's forms, and rapid's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from rapid_cli.api.places import place_of
from rapid_cli.api.rapid import Rapid
from rapid_cli.api.report import Json, passages_json
from rapid_cli.documents import Chunk, Document, Passage
from rapid_cli.library.events import FileDone, FileSkipped
from rapid_cli.library.sources import Gathered
from rapid_cli.models.specs import ModelsFile
from rapid_cli.serving.http.asking import Question, Told, answering, pairs_here, require_pair
from rapid_cli.serving.http.completions import (
    model_json,
    models_json,
    read_choices,
    read_completion,
)
from rapid_cli.serving.http.errors import Refused
from rapid_cli.serving.http.fields import Fields, read_object, wrong
from rapid_cli.serving.http.sse import Ascii, Events, attended, begun, comment, message
from rapid_cli.serving.http.subjects import Subjects
from rapid_cli.serving.worker import Job, Work, Worker

if TYPE_CHECKING:
    from starlette.requests import Request

FOUND, MOST_FOUND = 5, 100
"""How many passages a search returns, and at most."""
AROUND, MOST_AROUND = 1_000, 20_000
"""How many characters are shown on each side of a passage, and at most."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Serves requests: questions by one worker, and what takes no model by another.

    So nobody waits for minutes to see a passage. `pair` is the one that answers by default.
    """

    subjects: Subjects
    models_file: ModelsFile
    pair: str
    answers: Worker
    searches: Worker
    started: int = field(default_factory=lambda: int(time.time()))

    async def health(self, _: Request) -> Response:
        """Tell that the server works, and nothing else."""
        return Ascii({"status": "ok"})

    async def models(self, _: Request) -> Response:
        """List the pairs that can answer, as OpenAI lists models."""
        return Ascii(models_json(pairs_here(self.models_file, self.pair), self.started))

    async def model(self, request: Request) -> Response:
        """Tell of one of them."""
        name = request.path_params["name"]
        require_pair(name, self.models_file, self.pair)
        return Ascii(model_json(name, self.started))

    async def complete(self, request: Request) -> Response:
        """Answer as OpenAI's chat completions do."""
        completion = read_completion(await read_object(request), self.pair)
        require_pair(completion.model, self.models_file, self.pair)
        job = self._ask(request, completion.question, completion.client)
        if completion.stream:
            events = await begun(job)
            return Events(job, completion.chunks(events))
        answer = await attended(request, job)
        return Ascii(completion.whole(answer.data))

    async def ask(self, request: Request) -> Response:
        """Answer with the object of `rapid ask --json`, or with events and then that."""
        fields = await read_object(request)
        question = _question(fields)
        user, stream = fields.text("user"), fields.flag("stream")
        fields.require_known()
        require_pair(question.choices.pair or self.pair, self.models_file, self.pair)
        job = self._ask(request, question, user)
        if stream:
            events = await begun(job)
            return Events(job, _named(events, self.answers), failure="error")
        answer = await attended(request, job)
        return Ascii(answer.data)

    def _ask(self, request: Request, question: Question, user: str | None) -> Job[Told]:
        return self.answers.submit(_client(request, user), answering(question, self.subjects))

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

        return await self._found(request, find)

    async def sources(self, request: Request) -> Response:
        """List the documents that are asked about by default, as `rapid list --json` does."""

        def find(rapid: Rapid) -> Generator[Json, None, None]:
            yield {"sources": [asdict(entry) for entry in self.subjects.entries(rapid)]}

        return await self._found(request, find)

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

        return Ascii(await attended(request, self.answers.submit(_client(request, None), read)))

    async def passage(self, request: Request) -> Response:
        """Return a part of a document, with what stands before and after it."""
        asked = request.query_params
        name = asked.get("document", "")
        start, end = _count(request, "start", 0), _count(request, "end", 0)
        around = min(_count(request, "around", AROUND), MOST_AROUND)
        words = asked.get("find", "")

        def find(rapid: Rapid) -> Generator[Json, None, None]:
            document = self.subjects.document(rapid, name)
            at = document.text.find(words) if words else -1
            span = (at, at + len(words)) if at >= 0 else (start, end)
            yield _surrounded(document, *span, around)

        return await self._found(request, find)

    async def _found(self, request: Request, work: Work[Json]) -> JSONResponse:
        """Let the worker that has no models do something, and return what that finds."""
        return Ascii(await attended(request, self.searches.submit(_client(request, None), work)))


def _question(fields: Fields) -> Question:
    text = fields.required_text("question")
    said = [_said(each, number) for number, each in enumerate(fields.array("said"))]
    return Question(
        text,
        fields.texts("sources"),
        read_choices(fields, fields, fields.text("pair")),
        tuple(said),
        fields.text("instruction") or "",
    )


def _said(turn: object, number: int) -> tuple[str, str]:
    match turn:
        case [str(question), str(answer)]:
            return question, answer
    raise wrong(f"said[{number}]", "an array of a question and its answer", turn)


def _client(request: Request, user: str | None) -> str:
    """Return who asks, for whom turns are taken: whoever a program says, or an address."""
    if user:
        return f"user {user}"
    return f"address {request.client.host}" if request.client else ""


async def _named(events: AsyncIterator[Told | None], worker: Worker) -> AsyncIterator[str]:
    """Yield what a client is told as events with names; how many wait if it is long silent."""
    async for told in events:
        yield comment(f"{worker.waiting} wait") if told is None else message(told.data, told.name)


def _count(request: Request, name: str, usual: int) -> int:
    said = request.query_params.get(name, "")
    if not said:
        return usual
    if not (said.isascii() and said.isdecimal() and len(said) <= 12):
        raise wrong(name, "a whole number", said)
    return int(said)


def _surrounded(document: Document, start: int, end: int, around: int) -> Json:
    """Return `document.text[start:end]` and its place, between what surrounds it."""
    text = document.text
    start = min(start, len(text))
    end = max(start, min(end, len(text)))
    chunk = Chunk(document.id, 0, text[start:end], start, end, 0, 0)
    place = place_of(Passage(chunk, 0.0), {document.id: document})
    return {
        "document": document.name,
        "document_id": document.id,
        "path": document.path,
        **place.fields(),
        "start": start,
        "end": end,
        "before": text[max(0, start - around) : start],
        "text": text[start:end],
        "after": text[end : end + around],
    }
