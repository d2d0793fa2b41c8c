"""Who may ask: addresses to listen on, the token, and what a browser says of where a page is from.

A page from elsewhere can let a browser ask a server on this machine. It is known by the address
that it takes the server for (`Host`), and by where it is from itself (`Origin`).
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rapid_cli.errors import ConfigError
from rapid_cli.machine.guard.secrets import CLIENT_TOKEN
from rapid_cli.serving.http.errors import Refused, error_json, headers
from rapid_cli.serving.http.sse import Ascii

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)
SHORTEST_TOKEN = 16
FREE_PATHS = ("/", "/health")
FREE_FOLDER = "/static/"
"""What tells nothing, and needs no token: the page asks its user for that."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load and ask: nothing from elsewhere."""
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Headers of each response that does not have them of its own."""

HOST = re.compile(r"(\[(?P<number>[0-9a-fA-F:.]+)\]|(?P<name>[\w.-]+))(:\d+)?", re.ASCII)
"""What a `Host` header may be."""

Log = Callable[[str], None]


def find_token(file: Path | None) -> str:
    """Return the token that a file holds, or else the environment; "" without one.

    ConfigError if it is none that nobody guesses, or that cannot be sent.
    """
    place = f"the file {file}" if file else CLIENT_TOKEN
    token = _read(file) if file else os.environ.get(CLIENT_TOKEN, "").strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigError(f"{place} holds more than a token", "it is one line of ASCII, no spaces")
    if (token and len(token) < SHORTEST_TOKEN) or (file and not token):
        message = f"{place} holds a token of {len(token)} characters"
        raise ConfigError(message, f"take {SHORTEST_TOKEN} or more, which nobody can guess")
    return token


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text"
        message = f"the token in {file} cannot be read: {reason}"
        raise ConfigError(message, "name a file that holds a token alone") from error


def is_loopback(address: str) -> bool:
    """Tell whether an address is reached from this very machine alone."""
    return ip_address(address.partition("%")[0]).is_loopback


@dataclass(frozen=True, slots=True)
class Rules:
    """Which requests are let in: by the address that the server has, and by its token."""

    host: str
    address: str
    token: str = ""

    def check(self, scope: Scope) -> None:
        """Raise Refused for a request that is not let in."""
        host = _single(scope, b"host")
        if not self._is_own(host):
            message = f"this server is not {host[:100]!r}"
            raise Refused(421, message, "ask it by its address", code="wrong_host")
        origin = _single(scope, b"origin")
        if origin and origin.lower() != f"http://{host.lower()}":
            raise Refused(403, "pages from elsewhere may not ask this server", code="wrong_origin")
        path = scope["path"]
        if self.token and path not in FREE_PATHS and not path.startswith(FREE_FOLDER):
            self._require_token(_single(scope, b"authorization"))

    def _require_token(self, said: str) -> None:
        scheme, _, token = said.partition(" ")
        given, own = token.strip().encode(), self.token.encode()
        if not hmac.compare_digest(given, own) or scheme.lower() != "bearer":
            hint = "send it as `Authorization: Bearer TOKEN`"
            raise Refused(401, "the token is missing or wrong", hint, code="invalid_api_key")

    def _is_own(self, header: str) -> bool:
        """Tell whether a `Host` header names this server.

        Names of other people's may lead here, too. Numbers lead where they say.
        """
        if not (found := HOST.fullmatch(header)):
            return False
        name = (found["number"] or found["name"]).lower()
        if name in ("localhost", self.host.lower()):
            return True
        local = is_loopback(self.address)
        try:
            return is_loopback(name) or not local
        except ValueError:  # it is no number
            return not local and name in _own_names()


def _own_names() -> set[str]:
    own = socket.gethostname().lower()
    return {own, f"{own}.local"}


def _single(scope: Scope, name: bytes) -> str:
    """Return the value of a header; Refused if there are several, which may be read differently."""
    values: Sequence[bytes] = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise Refused(400, f"there are several {name.decode()} headers", code="invalid_header")
    return values[0].decode("latin-1") if values else ""


class Guard:
    """Lets in what the rules let in, adds headers to what goes out, and logs each request."""

    def __init__(self, app: ASGIApp, rules: Rules, log: Log) -> None:
        self._app = app
        self._rules = rules
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        assert scope["type"] == "http", "nothing else is served"
        began, status = perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _completed(message["headers"])}
            await send(message)

        try:
            await self._serve(scope, receive, sending)
        finally:
            seconds = perf_counter() - began
            told = status or "left"
            self._log(f"{scope['method']} {scope['path']} {told} {seconds:.3f} s")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._rules.check(scope)
        except Refused as error:
            response = Ascii(error_json(error), error.status, headers(error))
            await response(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # it was told to the client as far as that is of use
            logger.error("a request failed", exc_info=error)


def _completed(given: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers with those of each response that are missing."""
    there = {name.lower() for name, _ in given}
    more = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]
    return [*given, *(each for each in more if each[0] not in there)]
