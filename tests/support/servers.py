"""Real servers on loopback: in a thread of the tests' process, and in one of its own."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rapid_cli.api.rapid import Rapid
from rapid_cli.library.sources import Gathered
from rapid_cli.serving.http.server import Address, Server
from rapid_cli.serving.http.subjects import Subjects
from tests.support.rapid import COMMAND, environment

START_SECONDS = 60.0


@dataclass
class Running:
    """A server that runs, with what is needed to ask it."""

    url: str
    log: list[str]
    server: Server | None = None
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def close(self) -> None:
        self.client.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        return self.client.post(path, json=body, **options)

    def events(self, path: str, body: object) -> list[tuple[str, Any]]:
        """Return the events of a stream, with their names."""
        with self.client.stream("POST", path, json=body) as response:
            assert response.status_code == 200, response.read()
            return list(events_in("".join(response.iter_text())))


def events_in(text: str) -> Iterator[tuple[str, Any]]:
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if "data" in lines:
            yield lines.get("event", ""), json.loads(lines["data"])


@contextmanager
def serving(
    models: Path, *sources: Path | str, rapid: Rapid | None = None, **address: Any
) -> Iterator[Running]:
    """Serve sources with the models of a models.toml, in threads of this process."""
    log: list[str] = []
    with rapid or Rapid(models) as answering, Rapid(models) as searching:
        subjects = Subjects([str(source) for source in sources])
        for _ in subjects.read(answering, Gathered(answering.library)):
            pass
        given = Address(**address)
        with closing(Server(given, answering, searching, subjects, log.append)) as server:
            ready = threading.Event()
            thread = threading.Thread(target=server.run, kwargs={"ready": ready.set})
            thread.start()
            assert ready.wait(START_SECONDS)
            try:
                with closing(Running(server.url, log, server)) as running:
                    yield running
            finally:
                server.end()
                thread.join(START_SECONDS)
                assert not thread.is_alive(), "the server does not end"


@dataclass
class Process:
    """A server in a process of its own, and what it has said so far."""

    process: subprocess.Popen[bytes]
    errors: Path

    @property
    def said(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something."""
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(pattern, self.said)):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        return found


@contextmanager
def serving_process(
    *words: object, home: Path, more: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run `rapid serve` on a free port in a process of its own."""
    errors = home / "errors.txt"
    with errors.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env=environment(home, **(more or {})),
        )
    try:
        yield Process(process, errors)
    finally:
        process.kill()
        process.wait()
