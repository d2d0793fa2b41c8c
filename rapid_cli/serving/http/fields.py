"""What requests hold: JSON, read up to a limit, and fields of it that are what they must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from rapid_cli.serving.http.errors import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_BODY = 1 << 20
"""Bytes; documents are not sent, so this is a very long conversation."""
BODY_SECONDS = 30.0
"""In which all of a body must have come."""
LARGEST_NUMBER = 2**53
"""Beyond it, JSON does not tell whole numbers apart everywhere."""
LONGEST_NUMBER = 12
"""Digits of a number in an address."""
DEEPEST = 64
"""So many arrays and objects may stand within each other."""


class Fields:
    """The fields of an object in a request; `at` is where it stands, for errors.

    Each field is taken once; `require_known` refuses what is left.
    """

    def __init__(self, held: object, at: str = "") -> None:
        if not isinstance(held, Mapping):
            raise wrong(at or None, "an object", held)
        self._held = {key: value for key, value in held.items() if value is not None}
        self._at = f"{at}." if at else ""

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def name(self, field: str) -> str:
        """Return what a field is called in an error."""
        return f"{self._at}{field}"

    def take(self, name: str) -> Any:
        """Return whatever a field holds, None if it is missing."""
        return self._held.pop(name, None)

    def text(self, name: str) -> str | None:
        """Return a text."""
        value = self.take(name)
        if value is None or isinstance(value, str):
            return value
        raise wrong(self.name(name), "a text", value)

    def required_text(self, name: str) -> str:
        """Return a text that must be there, and not be empty."""
        if not (value := (self.text(name) or "").strip()):
            raise missing(self.name(name))
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(self.name(name), "a whole number", value)
        return int(self._usual(name, value))

    def number(self, name: str) -> float | None:
        """Return a number."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(self.name(name), "a number", value)
        return self._usual(name, value)

    def flag(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.name(name), "true or false", value)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of texts."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise wrong(self.name(name), "an array of texts", value)
        return tuple(value)

    def array(self, name: str) -> Sequence[Any]:
        """Return an array."""
        value = self.take(name)
        if value is None or isinstance(value, list):
            return value or []
        raise wrong(self.name(name), "an array", value)

    def _usual(self, name: str, value: float) -> float:
        if abs(value) > LARGEST_NUMBER:
            raise wrong(self.name(name), "a number of a usual size", value)
        return value

    def require_known(self) -> None:
        """Refuse fields that nobody has taken."""
        for name in self._held:
            shown = self.name(name)[:100]
            message = f"there is no parameter {shown}"
            raise Refused(400, message, param=shown, code="unknown_parameter")


def wrong(param: str | None, wanted: str, value: object) -> Refused:
    """Return the error of a field that is something else than it must be."""
    found = {dict: "an object", list: "an array", str: "a text", bool: "true or false"}
    kind = found.get(type(value), "nothing" if value is None else "another number")
    message = f"{param or 'the body'} must be {wanted}, and is {kind}"
    return Refused(400, message, param=param, code="invalid_type")


def missing(param: str) -> Refused:
    """Return the error of a field that must be there."""
    return Refused(400, f"{param} is missing or empty", param=param, code="missing_parameter")


def client_of(request: Request, user: str | None = None) -> str:
    """Return who asks, for whom turns are taken: whoever a program says, or an address."""
    if user:
        return f"user {user}"
    return f"address {request.client.host}" if request.client else ""


def count_in(request: Request, name: str, usual: int) -> int:
    """Return a whole number in the address of a request."""
    said = request.query_params.get(name, "")
    if not said:
        return usual
    if not (said.isascii() and said.isdecimal() and len(said) <= LONGEST_NUMBER):
        raise wrong(name, "a whole number", said)
    return int(said)


async def read_object(request: Request) -> Fields:
    """Read the JSON object in a request's body."""
    body = await _read(request)
    try:
        held = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        _require_sound(held, DEEPEST)
    except (ValueError, RecursionError) as error:  # also of what is not UTF-8
        message = f"the body is no JSON: {str(error)[:100]}"
        raise Refused(400, message, code="invalid_json") from error
    return Fields(held)


async def _read(request: Request) -> bytes:
    """Read the body; an error before it is read whole if it is too long."""
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and int(said[:20]) > LARGEST_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY:
                    raise _too_large()
    except TimeoutError as error:
        raise Refused(408, "the body did not come in time", code="timeout") from error
    return bytes(body)


def _too_large() -> Refused:
    message = f"the body is larger than {LARGEST_BODY:,} bytes"
    return Refused(413, message, "say less, and name documents", code="body_too_large")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _require_sound(held: object, depth: int) -> None:
    """Raise ValueError for halves of characters, and for what is nested too deeply."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(held, str):
        held.encode("utf-8")
    elif isinstance(held, dict):
        for key, value in held.items():
            key.encode("utf-8")
            _require_sound(value, depth - 1)
    elif isinstance(held, list):
        for value in held:
            _require_sound(value, depth - 1)
