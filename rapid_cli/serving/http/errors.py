"""Errors as clients of OpenAI's interface expect them: a status, and one form for all."""

from __future__ import annotations

from rapid_cli.api.report import Json
from rapid_cli.errors import ConfigError, ContextFull, DocumentError, RapidError, StoreError
from rapid_cli.serving.worker import Busy, Ended

RETRY_SECONDS = 5
"""When a client that is refused for lack of room may ask again."""


class Refused(RapidError):
    """A request that cannot be served, with the status of the answer to it.

    `param` names what is wrong in the request, and `code` the kind of mistake.
    """

    def __init__(
        self,
        status: int,
        message: str,
        hint: str = "",
        *,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.param = param
        self.code = code


KINDS: tuple[tuple[type[RapidError], int, str], ...] = (
    (Busy, 429, "queue_full"),
    (Ended, 503, "server_ended"),
    (ContextFull, 400, "context_length_exceeded"),
    (ConfigError, 400, "invalid_value"),
    (DocumentError, 422, "document_unreadable"),
    (StoreError, 500, "library_unusable"),
    (RapidError, 500, "model_failed"),
)
"""Errors by their kinds, the narrower ones first: status and code."""


def refused(error: BaseException) -> Refused:
    """Return how an error is told to a client: nothing of what is a mistake of the program."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, RapidError):
        status, code = next(each[1:] for each in KINDS if isinstance(error, each[0]))
        return Refused(status, error.message, error.hint, code=code)
    return Refused(500, "the server failed at this", "its log tells more", code="internal_error")


def error_json(error: BaseException) -> Json:
    """Return the object that tells an error."""
    told = refused(error)
    message = f"{told.message}: {told.hint}" if told.hint else told.message
    kind = _kind(told.status)
    return {
        "error": {"message": message, "type": kind, "param": told.param, "code": told.code},
    }


def headers(error: Refused) -> dict[str, str]:
    """Return the headers that go with an error."""
    if error.status in (429, 503):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}


def _kind(status: int) -> str:
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    return kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
