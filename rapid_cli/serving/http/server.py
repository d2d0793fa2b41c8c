"""The server: an address, the workers behind it, and an end in order."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from rapid_cli.api.rapid import Rapid
from rapid_cli.errors import ConfigError
from rapid_cli.machine.guard.secrets import CLIENT_TOKEN
from rapid_cli.serving.http.answers import Answers
from rapid_cli.serving.http.application import application
from rapid_cli.serving.http.documents import Documents
from rapid_cli.serving.http.security import Log, Rules, is_loopback
from rapid_cli.serving.http.subjects import Subjects
from rapid_cli.serving.signals import signals
from rapid_cli.serving.worker import MOST_WAITING, Worker

MOST_SEARCHES = 64
"""Searches take a fraction of a second, so more of them may wait."""
MOST_CONNECTIONS = 512
LONGEST_HEAD = 1 << 16
"""Bytes of an address and headers; an address may hold a passage that is looked for."""
END_SECONDS = 5
"""In which responses must end when the server does."""
WORK_SECONDS = 10.0
"""In which the work in hand must end then; loading a model cannot be interrupted."""


class Stuck(Exception):
    """The work in hand did not end, and neither models nor library can be closed.

    `signal` is the number of the one that came, if any did.
    """

    def __init__(self, signal: int | None) -> None:
        super().__init__()
        self.signal = signal


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and the token to ask for; at most `most_waiting` questions may wait."""

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    most_waiting: int = MOST_WAITING


def listening(host: str, port: int, *, has_token: bool) -> socket.socket:
    """Return a socket at an address, which listens as soon as it is served.

    ConfigError if it cannot be had, and without a token for all but loopback.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(
            f"there is no address {host!r}", "give one as --host 127.0.0.1"
        ) from error
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    if not is_loopback(str(address[0])) and not has_token:
        message = f"whoever reaches {host} could read your documents, as there is no token"
        hint = f"set {CLIENT_TOKEN}, or give --token-file; or listen on 127.0.0.1 alone"
        raise ConfigError(message, hint)
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # else an address in use is taken over
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        message = f"{host} port {port} cannot be listened on: {error.strerror}"
        raise ConfigError(message, "choose another one with --port; 0 takes any") from error
    return listener


class Server:
    """Serves documents at an address until it is told to end."""

    def __init__(
        self, address: Address, rapid: Rapid, searching: Rapid, subjects: Subjects, log: Log
    ) -> None:
        """Take a Rapid for answers and another for searches, and bind the address.

        Raises ConfigError if it cannot be had.
        """
        self._listener = listening(address.host, address.port, has_token=bool(address.token))
        name, self.port = self._listener.getsockname()[:2]
        self._host = address.host
        answers = Worker(rapid, most_waiting=address.most_waiting)
        searches = Worker(searching, most_waiting=MOST_SEARCHES)
        self._workers = (answers, searches)
        served = (
            Answers(subjects, rapid.models_file, rapid.pair, answers),
            Documents(subjects, searches, answers),
        )
        rules = Rules(address.host, str(name), address.token)
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                application(*served, rules, log),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                h11_max_incomplete_event_size=LONGEST_HEAD,
                timeout_graceful_shutdown=END_SECONDS,
            ),
            self._end_work,
        )

    @property
    def url(self) -> str:
        """The address, as a browser takes it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return self._workers[0].waiting

    @property
    def in_hand(self) -> int:
        """How many questions and searches wait or are in work."""
        return sum(worker.waiting + worker.is_busy for worker in self._workers)

    def run(self, *, ready: Callable[[], None] = lambda: None) -> int | None:
        """Serve until `end` or a signal, whose number is returned; `ready` is called at first.

        Stuck if the work in hand does not end.
        """
        with signals(self.end) as caught:
            self._listener.listen()
            for worker in self._workers:
                worker.start()
            try:
                ready()
                asyncio.run(self._uvicorn.serve([self._listener]))
            finally:
                self._end_work()
                if not all(worker.join(WORK_SECONDS) for worker in self._workers):
                    raise Stuck(caught[0] if caught else None)
        return caught[0] if caught else None

    def end(self) -> None:
        """End soon: what is being answered ends with an error, and what waits is refused."""
        self._uvicorn.should_exit = True

    def close(self) -> None:
        """Give the address back."""
        self._listener.close()

    def _end_work(self) -> None:
        for worker in self._workers:
            worker.end()


class _Uvicorn(uvicorn.Server):
    """Uvicorn's server, which leaves signals alone, and ends the work before the connections."""

    def __init__(self, config: uvicorn.Config, end_work: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_work = end_work

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let responses end, so that connections can."""
        self._end_work()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield
