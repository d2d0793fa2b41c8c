"""The token of the environment for a server: to which address it may go, and on which way."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from rapid_cli.errors import ConfigError, StoreError

TOKEN, TOKEN_URL = "RAPID_STORE_TOKEN", "RAPID_STORE_URL"
"""The token for the server of the library, and the URL of the server that it is for."""
CLIENT_TOKEN = "RAPID_TOKEN"
"""The token that clients of this machine's own server must show."""
PLAIN_HTTP = "RAPID_PLAIN_HTTP"
"""The hosts to which tokens may go over http://, in a network that the user trusts."""
PORTS = {"http": 80, "https": 443}


def store_token(url: str) -> str:
    """Return the token for the server at `url`, or nothing; StoreError if it must not go there."""
    token = os.environ.get(TOKEN, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise StoreError(
            f"{TOKEN} holds more than a token", "copy it again, it is one line of ASCII"
        )
    meant = os.environ.get(TOKEN_URL, "").strip()
    if token and meant and not is_same_place(meant, url):
        raise StoreError(
            f"{TOKEN} is for {meant}, as {TOKEN_URL} says, and not for {url}",
            f"unset {TOKEN} to go there without it, or mend {TOKEN_URL}",
        )
    if token and goes_in_clear(url):
        message = f"{TOKEN} would go to {url} in clear: whoever is on the way could read it"
        raise StoreError(message, encrypt_hint(url))
    return token


def require_named_url(url: str, said: str) -> None:
    """Raise ConfigError unless a token is known to be for `url`, or there is none.

    That is for a URL that is `said` by a file which came with a folder: trusted or not, it is not
    where the user has said whom a token is for.
    """
    if os.environ.get(TOKEN) and not os.environ.get(TOKEN_URL):
        raise ConfigError(
            f"{said} is no address that {TOKEN} is known to be for",
            f"if it is, set {TOKEN_URL}={url}; if not, unset {TOKEN}",
        )


def goes_in_clear(url: str) -> bool:
    """Tell whether what is sent to a URL can be read on the way, and nobody has allowed that."""
    parts = urlsplit(url)
    allowed = os.environ.get(PLAIN_HTTP, "").lower().replace(",", " ").split()
    return parts.scheme == "http" and not is_loopback(url) and parts.hostname not in allowed


def encrypt_hint(url: str) -> str:
    """Return what to do about a URL to which a token would go in clear."""
    host = urlsplit(url).hostname
    return f"use an https:// address; in a network that you trust, set {PLAIN_HTTP}={host}"


def is_loopback(url: str) -> bool:
    """Tell whether a URL is on this very machine."""
    from ipaddress import ip_address  # noqa: PLC0415 - not for who has no server

    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_same_place(one: str, other: str) -> bool:
    """Tell whether two URLs lead to the same server and path."""
    try:
        return _place(one) == _place(other)
    except ValueError:  # the port is no number
        return False


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme)
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")
