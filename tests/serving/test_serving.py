"""A server as a whole: who waits, who leaves, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import httpx
import openai
import pytest

from rapid_cli.answering.answer import Event, Prefilled
from rapid_cli.api.rapid import Rapid
from rapid_cli.serving.http.server import Address, Server, Stuck
from rapid_cli.serving.http.subjects import Subjects
from tests.support.rapid import rapid
from tests.support.servers import Process, Running, serving, serving_process

ASK = {"question": "Who?", "max_tokens": 1}


class Slow(Rapid):
    """Reads for as long as a test wants, before it answers."""

    def __init__(self, models: Path) -> None:
        super().__init__(models)
        self.asked: list[str] = []
        self.ended: list[str] = []
        self.go = threading.Event()

    def stream(self, question, *given, **more) -> Generator[Event, None, None]:
        answering = super().stream(question, *given, **more)

        def held() -> Generator[Event, None, None]:
            self.asked.append(question)
            try:
                done = 0
                while not self.go.wait(0.02):
                    done += 1
                    yield Prefilled("target", done, 1000)
                yield from answering
            finally:
                self.ended.append(question)

        return held()


@pytest.fixture
def slow(at_home: Path) -> Iterator[tuple[Slow, Running]]:
    models = at_home / "models.toml"
    rapid = Slow(models)
    with serving(models, at_home / "ferry.md", rapid=rapid, most_waiting=2) as running:
        yield rapid, running
        rapid.go.set()


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_who_waits_takes_turns_and_who_comes_too_late_is_told_to_come_again(slow) -> None:
    rapid, server = slow
    threads = []

    def ask(question: str, user: str) -> None:
        body = {**ASK, "question": question, "user": user}
        threads.append(in_thread(lambda: server.post("/v1/ask", body)))

    ask("first", "a")
    until(lambda: rapid.asked)
    ask("second of a", "a")
    until(lambda: server.server.waiting == 1)
    ask("first of b", "b")
    until(lambda: server.server.waiting == 2)
    response = server.post("/v1/ask", ASK)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "queue_full"
    assert int(response.headers["retry-after"]) > 0
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.chat.completions.create(
            model="starter", messages=[{"role": "user", "content": "Who?"}], stream=True
        )
    found = server.post("/v1/search", {"question": "inn"})
    assert found.status_code == 200, "a search does not wait for answers"
    rapid.go.set()
    for thread in threads:
        thread.join()
    assert rapid.asked == ["first", "second of a", "first of b"]
    assert server.server.waiting == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/ask", "/v1/chat/completions"])
def test_work_ends_when_the_client_leaves(slow, path: str, stream: bool) -> None:
    rapid, server = slow
    body = dict(ASK) if path == "/v1/ask" else {"messages": [{"role": "user", "content": "Who?"}]}
    with Leaving(server, path, {**body, "stream": stream}):
        until(lambda: rapid.asked)
        with Leaving(server, path, {**body, "stream": stream}):
            until(lambda: server.server.waiting == 1)
        until(lambda: server.server.waiting == 0)
        assert not rapid.ended
    until(lambda: rapid.ended)
    rapid.go.set()
    assert server.post("/v1/ask", ASK).status_code == 200
    assert len(rapid.asked) == 2, "what nobody waited for was not asked"


class Leaving:
    """A request whose client leaves at the end of the block, with its answer unread."""

    def __init__(self, server: Running, path: str, body: object) -> None:
        self._request = httpx.Request("POST", server.url + path, json=body)

    def __enter__(self) -> None:
        url = self._request.url
        self._socket = socket.create_connection((url.host, url.port))
        lines = [f"POST {url.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self._request.headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + self._request.read())

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_while_a_text_is_read_comments_tell_how_far(slow) -> None:
    rapid, server = slow
    body = {"messages": [{"role": "user", "content": "Who?"}], "max_tokens": 1, "stream": True}
    with server.client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        comment = next(line for line in lines if line.startswith(":"))
        assert comment == ": target has read 1 of 1000"
        rapid.go.set()
        assert [line for line in lines if line][-1] == "data: [DONE]"


def test_what_waits_long_is_told_that_it_does(slow, monkeypatch) -> None:
    monkeypatch.setattr("rapid_cli.serving.http.sse.FIRST_SECONDS", 0.05)
    monkeypatch.setattr("rapid_cli.serving.http.sse.PATIENCE_SECONDS", 0.05)
    rapid, server = slow
    with Leaving(server, "/v1/ask", ASK):
        until(lambda: rapid.asked)
        for path, body in (
            ("/v1/ask", {**ASK, "stream": True}),
            (
                "/v1/chat/completions",
                {"messages": [{"role": "user", "content": "x"}], "stream": True},
            ),
        ):
            with server.client.stream("POST", path, json=body) as response:
                assert any("wait" in line for line in response.iter_lines() if line[:1] == ":")


def test_at_the_end_answers_in_work_are_told_and_nothing_listens(slow) -> None:
    rapid, server = slow
    told: list[tuple[str, object]] = []
    stream = in_thread(lambda: told.extend(server.events("/v1/ask", {**ASK, "stream": True})))
    until(lambda: rapid.asked)
    whole: list[httpx.Response] = []
    waiting = in_thread(lambda: whole.append(server.post("/v1/ask", ASK)))
    until(lambda: server.server.waiting == 1)
    server.server.end()
    for thread in (stream, waiting):
        thread.join(10)
    name, data = told[-1]
    assert (name, data["error"]["code"]) == ("error", "server_ended")
    assert whole[0].status_code == 503
    until(lambda: not listens(server.server.port))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_unexpected_error_tells_nothing_of_the_inside(at_home: Path, caplog) -> None:
    class Broken(Rapid):
        def stream(self, *given, **more):
            raise KeyError("secret of the inside")

    models = at_home / "models.toml"
    with serving(models, at_home / "ferry.md", rapid=Broken(models)) as server:
        for stream in (False, True):
            response = server.post("/v1/ask", {**ASK, "stream": stream})
            assert response.status_code == 500
            assert response.json()["error"]["code"] == "internal_error"
            assert "inside" not in response.text
        assert server.get("/health").status_code == 200
    assert "secret of the inside" in caplog.text


def test_what_was_read_stays_in_memory_and_is_kept_on_disk(server: Running, home: Path) -> None:
    first = server.post("/v1/ask", {**ASK, "strategy": "long-context"}).json()["context"]
    asked = {**ASK, "question": "What is a bed?", "strategy": "long-context"}
    again = server.post("/v1/ask", asked).json()["context"]
    assert again["restored_tokens"] == first["document_tokens"]
    kept = json.loads(rapid("cache", "list", "--json", home=home).stdout)
    assert "ferry.md" in {each["name"] for each in kept}


def test_work_that_does_not_end_is_no_reason_to_wait_forever(at_home, monkeypatch) -> None:
    monkeypatch.setattr("rapid_cli.serving.http.server.WORK_SECONDS", 0.1)
    deaf = threading.Event()

    class Deaf(Rapid):
        def stream(self, *given, **more):
            assert deaf.wait(20)
            return super().stream(*given, **more)

    models = at_home / "models.toml"
    stuck: list[Stuck] = []
    with Deaf(models) as answering, Rapid(models) as searching:
        log: list[str] = []
        server = Server(Address(), answering, searching, Subjects(["ferry.md"]), log.append)

        def run() -> None:
            try:
                server.run(ready=ready.set)
            except Stuck as error:
                stuck.append(error)

        ready = threading.Event()
        thread = in_thread(run)
        assert ready.wait(10)
        response = in_thread(lambda: httpx.post(f"{server.url}/v1/ask", json=ASK, trust_env=False))
        until(lambda: server.in_hand)
        server.end()
        thread.join(10)
        assert [each.signal for each in stuck] == [None]
        deaf.set()
        response.join()
        server.close()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-"], 2, "a server has no standard input"),
        (["nothing-here.txt"], 1, "nothing-here.txt"),
        (["--pair", "nobody"], 1, "nobody"),
        (["--token-file", "nothing-here.txt"], 1, "the token in nothing-here.txt cannot be read"),
        (["--host", "no such host"], 1, "there is no address 'no such host'"),
    ],
)
def test_what_cannot_be_served_is_told_at_once(home: Path, words, code: int, said: str) -> None:
    done = rapid("serve", "--port", 0, *words, home=home)
    assert done.returncode == code
    assert said in done.stderr
    assert "Listening" not in done.stderr


def test_an_empty_library_can_be_served_and_says_so(furnish, tmp_path, monkeypatch) -> None:
    home = furnish(tmp_path, shallow=True)
    monkeypatch.setenv("RAPID_HOME", str(home))
    with serving(home / "models.toml") as server:
        assert server.get("/v1/sources").json() == {"sources": []}
        for path in ("/v1/ask", "/v1/search"):
            response = server.post(path, {"question": "Who?"})
            assert response.status_code == 404
            assert response.json()["error"]["code"] == "no_documents"
        (home / "new.txt").write_text("The kraken sleeps.")
        assert rapid("index", home / "new.txt", home=home).returncode == 0
        assert "kraken" in server.post("/v1/search", {"question": "Who sleeps?"}).text
        assert rapid("remove", "new.txt", home=home).returncode == 0
        assert server.post("/v1/search", {"question": "Who sleeps?"}).status_code == 404


@pytest.mark.slow
def test_a_signal_ends_it_within_seconds_also_while_a_model_reads(furnish, tmp_path: Path) -> None:
    home = furnish(tmp_path, shallow=True)
    text = home / "long.txt"
    text.write_text("\n\n".join(f"Page {n} tells of whale {n}." for n in range(800)))
    with serving_process(text, home=home) as process:
        url = process.wait_for(r"Listening on (\S+)")[1]
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            asked = {"question": "Which whale?", "strategy": "long-context", "stream": True}
            with client.stream("POST", "/v1/ask", json=asked) as response:
                lines = response.iter_lines()
                next(line for line in lines if line == "event: progress")
                began = time.monotonic()
                process.process.send_signal(signal.SIGTERM)
                told = list(lines)
            assert "event: error" in told
            assert "event: answer" not in told
        assert_ended(process, signal.SIGTERM, began)
        assert not listens(int(url.rpartition(":")[2]))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_end_it_too_and_a_second_one_changes_nothing(home: Path, number) -> None:
    with serving_process(home / "ferry.md", home=home) as process:
        process.wait_for(r"Listening on (\S+)")
        began = time.monotonic()
        process.process.send_signal(number)
        process.process.send_signal(signal.SIGTERM)
        assert_ended(process, number, began)


def assert_ended(process: Process, number: signal.Signals, began: float) -> None:
    assert process.process.wait(20) == 128 + number
    assert time.monotonic() - began < 5
    assert "Traceback" not in process.said
