"""The endpoints that answer questions, in OpenAI's forms and in rapid's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rapid_cli.models.specs import ModelsFile
from rapid_cli.serving.http.asking import Question, Told, answering, pairs_here, require_pair
from rapid_cli.serving.http.completions import (
    model_json,
    models_json,
    read_choices,
    read_completion,
)
from rapid_cli.serving.http.fields import Fields, client_of, read_object, wrong
from rapid_cli.serving.http.sse import Ascii, Events, attended, begun, comment, message
from rapid_cli.serving.http.subjects import Subjects
from rapid_cli.serving.worker import Job, Worker

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers questions about documents by a worker; `pair` is the one that does by default."""

    subjects: Subjects
    models_file: ModelsFile
    pair: str
    worker: Worker
    started: int = field(default_factory=lambda: int(time.time()))

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
            return Events(job, _named(events, self.worker), failure="error")
        answer = await attended(request, job)
        return Ascii(answer.data)

    def _ask(self, request: Request, question: Question, user: str | None) -> Job[Told]:
        return self.worker.submit(client_of(request, user), answering(question, self.subjects))


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


async def _named(events: AsyncIterator[Told | None], worker: Worker) -> AsyncIterator[str]:
    """Yield what a client is told as events with names; how many wait if it is long silent."""
    async for told in events:
        yield comment(f"{worker.waiting} wait") if told is None else message(told.data, told.name)
