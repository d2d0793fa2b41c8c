"""Server-sent events: how they are written, and responses made of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import JSONResponse, StreamingResponse

from rapid_cli.errors import RapidError
from rapid_cli.serving.http.errors import error_json
from rapid_cli.serving.worker import Job

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)
FIRST_SECONDS = 1.0
"""What goes wrong so soon is told by the status of the response."""
PATIENCE_SECONDS = 10.0
"""After so long without anything to tell, that is told: many who wait give up after a minute."""

T = TypeVar("T")


class Ascii(JSONResponse):
    """JSON in which all that a terminal would obey is escaped, with all other than ASCII."""

    def render(self, content: object) -> bytes:
        """Return the bytes of an object."""
        return f"{_dumped(content)}\n".encode()


def _dumped(data: object) -> str:
    return json.dumps(data).replace("\x7f", "\\u007f")


def message(data: object, name: str = "") -> str:
    """Return an event: an object as JSON, or a word that is none."""
    text = data if isinstance(data, str) else _dumped(data)
    return f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n"


def comment(text: str) -> str:
    """Return what clients pass over, but which keeps them waiting."""
    return f": {text}\n\n"


class Events(StreamingResponse):
    """A response of events about a job, which ends when nobody listens any more."""

    media_type = "text/event-stream"

    def __init__(self, job: Job[T], content: AsyncIterator[str], *, failure: str = "") -> None:
        """Take the events as text; an error in them becomes an event of the name `failure`."""
        super().__init__(
            _with_errors(content, failure),
            headers={"X-Accel-Buffering": "no"},  # proxies are to pass each event on at once
        )
        self._job = job

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send them, as long as the client is there."""
        try:
            with suppress(Gone):
                await _unless_left(receive, self.stream_response(send))
        finally:
            self._job.cancel()


async def _with_errors(content: AsyncIterator[str], failure: str) -> AsyncIterator[str]:
    try:
        async for each in content:
            yield each
    except Exception as error:
        if not isinstance(error, RapidError):
            logger.error("a response failed", exc_info=error)
        yield message(error_json(error), failure)


async def begun(job: Job[T]) -> AsyncIterator[T | None]:
    """Return the events of a job, with None among them whenever it is long silent.

    What goes wrong at once is raised here, before the response has a status.
    """
    await job.begin(FIRST_SECONDS)
    return job.patient_events(PATIENCE_SECONDS)


async def attended(request: Request, job: Job[T]) -> T:
    """Return the result of a job; Gone, and it is cancelled, if the client leaves before."""
    try:
        return await _unless_left(request.receive, job.result())
    finally:
        job.cancel()


class Gone(Exception):
    """The client has left, and hears nothing."""


async def _unless_left(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what work returns, or raise Gone if the client leaves before; the work ends then."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Gone
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
