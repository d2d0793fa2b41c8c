"""Many requests of many clients; some are wrong, some leave: nothing is lost or left behind."""

from __future__ import annotations

import gc
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from rapid_cli.llama import LlamaContext
from rapid_cli.serving.http.fields import LARGEST_BODY
from tests.support.servers import Running, serving

CLIENTS, WARMING = 8, 4
QUESTIONS = ("Who is the landlord?", "When does the ferry leave?", "What is a bed?", "Who sails?")
MOST_GROWTH = 64 << 20
"""Bytes; it grows by less from round to round, and not at all after a thousand requests."""
MOST_CONTEXTS = 2
"""That of the target, and that of the drafter."""


class Client:
    """One that asks all that there is, in an order of its own, and counts what it gets."""

    def __init__(self, server: Running, number: int) -> None:
        self._url, self._name = server.url, f"client {number}"
        self._random = random.Random(number)
        self.got: list[str] = []

    def run(self, rounds: int) -> list[str]:
        options = {"base_url": self._url, "timeout": 60, "trust_env": False}
        own = openai.OpenAI(base_url=f"{self._url}/v1", api_key="x", max_retries=0)
        with httpx.Client(**options) as self._http, own as self._openai:
            for _ in range(rounds):
                act = self._random.choice(self.ACTS)
                self.got.append(act(self))
        return self.got

    def _body(self, **more: object) -> dict[str, object]:
        question = self._random.choice(QUESTIONS)
        return {"question": question, "max_tokens": 3, "user": self._name, **more}

    def ask(self) -> str:
        answer = self._http.post("/v1/ask", json=self._body())
        assert answer.status_code == 200, answer.text
        assert answer.json()["stats"]["tokens"] == 3
        return "answered"

    def complete(self) -> str:
        messages = [{"role": "user", "content": self._random.choice(QUESTIONS)}]
        chunks = self._openai.chat.completions.create(
            model="starter", messages=messages, max_tokens=3, stream=True, user=self._name
        )
        *_, last = chunks
        assert last.choices[0].finish_reason in ("length", "stop")
        return "answered"

    def leave(self) -> str:
        body = self._body(stream=True, max_tokens=400, temperature=1.0)
        with self._http.stream("POST", "/v1/ask", json=body) as response:
            assert response.status_code == 200
            for _, _line in zip(
                range(self._random.randrange(20)), response.iter_lines(), strict=False
            ):
                pass
        return "left"

    def hang_up(self) -> str:
        """Leave while nothing has come yet."""
        try:
            self._http.post("/v1/ask", json=self._body(max_tokens=400), timeout=0.05)
        except httpx.TimeoutException:
            return "left"
        return "answered"

    def search(self) -> str:
        found = self._http.post("/v1/search", json={"question": self._random.choice(QUESTIONS)})
        assert found.json()["passages"]
        return "found"

    def send_broken(self) -> str:
        assert self._http.post("/v1/ask", content=b'{"question": ').status_code == 400
        return "refused"

    def send_too_much(self) -> str:
        body = b"[" + b"1," * LARGEST_BODY + b"1]"
        assert self._http.post("/v1/chat/completions", content=body).status_code == 413
        return "refused"

    def name_what_is_not_there(self) -> str:
        with pytest.raises(openai.NotFoundError):
            self._openai.chat.completions.create(
                model="gpt-5", messages=[{"role": "user", "content": "Who?"}]
            )
        return "refused"

    ACTS = (
        *(ask, ask, complete, complete, search),
        *(leave, hang_up, send_broken, send_too_much, name_what_is_not_there),
    )


def rounds_of(server: Running, rounds: int) -> list[str]:
    clients = [Client(server, number) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as threads:
        return [each for got in threads.map(lambda one: one.run(rounds), clients) for each in got]


def settled(server: Running, process: psutil.Process, connections: int) -> None:
    """Wait until nothing is in work, and no connection is left."""
    deadline = time.monotonic() + 20
    while server.server.in_hand or len(process.net_connections()) > connections:
        assert time.monotonic() < deadline, "work or connections are left"
        time.sleep(0.05)


def open_contexts() -> int:
    # What is there of other libraries need not be asked what it is: some of it warns then.
    found = (each for each in gc.get_objects() if issubclass(type(each), LlamaContext))
    return sum(each._handle is not None for each in found)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [8, pytest.param(25, marks=pytest.mark.long)])
def test_many_requests_leave_nothing_behind(at_home: Path, rounds: int) -> None:
    process = psutil.Process()
    models, before = at_home / "models.toml", open_contexts()
    # A question whose client has just left still waits for a moment.
    waiting = CLIENTS * max(rounds, WARMING)
    with serving(models, at_home / "ferry.md", most_waiting=waiting) as server:
        connections = len(process.net_connections())
        rounds_of(server, WARMING)  # what is opened once is open then
        settled(server, process, connections)
        gc.collect()
        assert open_contexts() > before
        threads, memory = threading.active_count(), process.memory_info().rss
        got = rounds_of(server, rounds)
        settled(server, process, connections)
        gc.collect()
        assert len(got) == CLIENTS * rounds
        assert {"answered", "found", "left", "refused"} == set(got)
        assert threading.active_count() <= threads
        assert open_contexts() - before <= MOST_CONTEXTS
        assert process.memory_info().rss - memory < MOST_GROWTH
        assert server.post("/v1/ask", {"question": "Who?", "max_tokens": 1}).status_code == 200
    assert threading.active_count() < threads
    assert open_contexts() == before
