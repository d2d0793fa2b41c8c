"""Chroma's database on a server, which several machines share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rapid_cli.errors import RapidError, StoreError
from rapid_cli.library.vectors.chroma import Database, load_chromadb, without_functions
from rapid_cli.machine.guard.secrets import TOKEN, is_loopback, store_token
from rapid_cli.machine.network import answer_of_proxy, obstacle

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

OWN = "rapid"
VERSION_PATH = "/api/v2/version"
MAJOR = "1"  # servers and clients of one major version understand each other
GREETING_SECONDS = 5.0
ANSWER_SECONDS = 60.0
# A server takes 40 MB at once: this many vectors of 4,096 numbers, and their texts.
LARGEST_BATCH = 1000

# What Chroma's errors are called, and what helps.
_LOG = "look at the log of the server, and see that its disk has room"
_TOKEN = f"put a token that fits into the environment variable {TOKEN}"
_LATER = "it lets no more through for now: try again later"
HINTS = {
    "InternalError": _LOG,
    "Exception": _LOG,  # whatever the server has no name for
    "ChromaAuthError": _TOKEN,
    "AuthorizationError": _TOKEN,
    "RateLimitError": _LATER,
    "QuotaError": _LATER,
    "NotFoundError": "another machine has just removed it: try again",
}
UNKNOWN = "is that a Chroma server, and does nothing between here and there change its answers?"

_environment = Lock()


class ServerDatabase(Database):
    """The database of the Chroma server at `url`; the token for it is in the environment.

    Any number of processes may have it open, and nothing is written on this machine.
    """

    shared = True

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        super().__init__(f"at {self._url}")

    def collection(self, name: str) -> Collection | None:
        """Return a collection, good until the next call of this; or None if there is none."""
        with self.errors():
            client = self._opened()
            from chromadb.errors import NotFoundError  # noqa: PLC0415 - slow to import

            try:
                # Anew each time: another machine may have deleted it and made it again.
                return without_functions(client.get_collection(name, embedding_function=None))
            except NotFoundError:
                return None

    def create(self, name: str, metadata: Mapping[str, str | int]) -> Collection:
        """Make a collection, or return the one that another machine has just made."""
        try:
            return super().create(name, metadata)
        except StoreError:
            made = self.collection(name)
            if made is None:
                raise
            return made

    def delete(self, name: str) -> None:
        """Delete a collection, if there is one."""
        if self.collection(name) is not None:
            with self.errors():
                self._opened().delete_collection(name)

    def largest_batch(self) -> int:
        """Return how many rows the server takes at once."""
        return min(super().largest_batch(), LARGEST_BATCH)

    def _explained(self, error: BaseException) -> RapidError:
        """Return the error that tells what Chroma raised, or what is in the way to the server."""
        found = obstacle(error, self._url, direct=is_loopback(self._url))
        return self._unusable(found.reason, found.hint) if found else super()._explained(error)

    def _hint(self, error: BaseException) -> str:
        import httpx  # noqa: PLC0415

        if isinstance(error, httpx.TransportError):
            return self._is_it_running()
        return HINTS.get(type(error).__name__, UNKNOWN)

    def _connect(self) -> Client:
        with self.errors(), _direct(self._url):
            load_chromadb()
            import chromadb  # noqa: PLC0415 - takes a second
            from chromadb.api.client import Client  # noqa: PLC0415
            from chromadb.api.fastapi import FastAPI  # noqa: PLC0415
            from chromadb.config import Settings  # noqa: PLC0415

            # Chroma itself would wait without end for a server that does not answer.
            self._greet(chromadb.__version__)
            settings = Settings(anonymized_telemetry=False, chroma_server_host=self._url)
            settings.chroma_server_http_port = None  # the URL says it
            client = chromadb.HttpClient(self._url, headers=_headers(self._url), settings=settings)
            assert isinstance(client, Client), "only this kind can be closed"
            server = client._server
            assert isinstance(server, FastAPI), "made for a URL"
            # There is no setting for it.
            server._session.timeout = ANSWER_SECONDS
            return client

    def _greet(self, own: str) -> None:
        """Raise StoreError unless a Chroma server answers soon, with a version that fits."""
        import httpx  # noqa: PLC0415

        answer = httpx.get(
            self._url + VERSION_PATH, headers=_headers(self._url), timeout=GREETING_SECONDS
        )
        refusal = answer_of_proxy(answer.status_code, self._url, direct=is_loopback(self._url))
        if refusal is not None:
            raise self._unusable(refusal.reason, refusal.hint)
        if answer.status_code in (401, 403):
            message = f"the server at {self._url} wants a token that fits"
            raise StoreError(message, f"put it into the environment variable {TOKEN}")
        version = answer.text.strip().strip('"')
        if not answer.is_success or not version[:1].isdigit():
            message = f"what answers at {self._url} is no Chroma server of version {MAJOR}"
            raise StoreError(message, self._is_it_running())
        if version.split(".")[0] != MAJOR:
            message = (
                f"the Chroma server at {self._url} has version {version}, and here it is {own}"
            )
            raise StoreError(message, f"install the same on both: `pip install chromadb=={own}`")

    def _is_it_running(self) -> str:
        parts = urlsplit(self._url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        start = f"`chroma run --host {parts.hostname} --port {port}`"
        return f"is the server running? On its machine: {start}"


def name_for(collection: str | None, content: str) -> str:
    """Return what Chroma calls our collection of some content; others may use the server, too."""
    return f"{OWN}-{collection}-{content}" if collection else f"{OWN}-{content}"


def _headers(url: str) -> dict[str, str]:
    token = store_token(url)
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextmanager
def _direct(url: str) -> Iterator[None]:
    """Pass by the proxies that the environment names, if `url` is on this very machine."""
    if not is_loopback(url):
        yield
        return
    with _environment:  # else a second thread would take what the first has set for what was there
        before = os.environ.get("no_proxy")
        os.environ["no_proxy"] = "*"
        try:
            yield
        finally:
            if before is None:
                os.environ.pop("no_proxy", None)
            else:
                os.environ["no_proxy"] = before
