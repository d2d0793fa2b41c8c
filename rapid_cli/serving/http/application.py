"""The application: addresses, what serves them, and how errors are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from rapid_cli.errors import RapidError
from rapid_cli.serving.http import pages
from rapid_cli.serving.http.answers import Answers
from rapid_cli.serving.http.documents import Documents
from rapid_cli.serving.http.errors import Refused, error_json, headers, refused
from rapid_cli.serving.http.security import Guard, Log, Rules
from rapid_cli.serving.http.sse import Ascii, Gone

if TYPE_CHECKING:
    from starlette.requests import Request

CODES = {404: "not_found", 405: "method_not_allowed"}


def application(answers: Answers, documents: Documents, rules: Rules, log: Log) -> Guard:
    """Return the application that serves all this to whom the rules let in."""
    app = Starlette(
        routes=[
            Route("/", pages.index),
            Route("/static/{name}", pages.static),
            Route("/health", _health),
            Route("/v1/models", answers.models),
            Route("/v1/models/{name:path}", answers.model),
            Route("/v1/chat/completions", answers.complete, methods=["POST"]),
            Route("/v1/ask", answers.ask, methods=["POST"]),
            Route("/v1/search", documents.search, methods=["POST"]),
            Route("/v1/sources", documents.sources),
            Route("/v1/sources/refresh", documents.refresh, methods=["POST"]),
            Route("/v1/passage", documents.passage),
            Route("/v1/page", documents.page),
        ],
        exception_handlers={
            HTTPException: _refused_by_router,
            RapidError: _failed,
            Exception: _failed,  # it is raised again afterwards, and logged
            Gone: _gone,
        },
    )
    app.router.redirect_slashes = False
    return Guard(app, rules, log)


async def _health(_: Request) -> Response:
    """Tell that the server works, and nothing else."""
    return Ascii({"status": "ok"})


async def _failed(_: Request, error: Exception) -> Response:
    told = refused(error)
    return Ascii(error_json(told), told.status, headers(told))


async def _refused_by_router(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = "there is nothing at this address" if error.status_code == 404 else error.detail.lower()
    told = Refused(error.status_code, text, code=CODES.get(error.status_code))
    return Ascii(error_json(told), told.status, error.headers)


async def _gone(*_: object) -> Response:
    return Response(status_code=499)  # which nobody hears
