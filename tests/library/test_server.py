"""A library on a Chroma server: several machines fill it at once, and it may be out of reach."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import httpx
import numpy as np
import pytest

from rapid_cli.documents import Chunk
from rapid_cli.errors import StoreError
from rapid_cli.library.shelf import Shelf
from rapid_cli.library.vectors import chroma_server
from rapid_cli.library.vectors.chroma_server import ServerDatabase, name_for
from rapid_cli.library.vectors.store import Store
from tests.support import chroma_servers, proxies
from tests.support.libraries import stored_chunks
from tests.support.recorders import recording
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

DIMENSION = 8
CHUNKS = 20
# A machine of the team: it indexes so many documents, and tells of each when it is done.
MACHINE = f"""
import hashlib
import sys
from pathlib import Path
import numpy as np
from rapid_cli.documents import Chunk, Document, Page
from rapid_cli.library.shelf import Shelf
from rapid_cli.library.vectors.store import Store

url, collection, origin, count, folder = sys.argv[1:]
with Store(Path(folder), url, collection) as store:
    shelf = Shelf(store.database, collection, origin)
    store.use("minilm", {DIMENSION}, 100)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(count)):
        name = hashlib.sha256(f"{{origin}}-{{number}}".encode()).hexdigest()
        random = np.random.default_rng(list(name.encode()))
        vectors = random.normal(size=({CHUNKS}, {DIMENSION})).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        places = [(10 * index, 10 * index + 10, 1, 1) for index in range({CHUNKS})]
        chunks = [
            Chunk(name, index, f"{{name}} text {{index}}", *place)
            for index, place in enumerate(places)
        ]
        store.add(chunks, vectors)
        pages = (Page(1, None, f"the pages of {{name}}".ljust({10 * CHUNKS})),)
        shelf.put(Document(name, name, f"/{{origin}}/{{name}}", pages, True), places)
        print(name, flush=True)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_servers.running(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def collection() -> str:
    return uuid4().hex


@contextmanager
def machine(
    url: str, collection: str, origin: str, count: int, folder: Path
) -> Iterator[subprocess.Popen[str]]:
    """Start a machine, which waits for a line; it is gone after the block."""
    started = subprocess.Popen(
        [sys.executable, "-c", MACHINE, url, collection, origin, str(count), folder / origin],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def read(started: subprocess.Popen[str]) -> str:
    assert started.stdout is not None
    return started.stdout.readline().strip()


def go(started: subprocess.Popen[str]) -> None:
    assert read(started) == "ready"
    assert started.stdin is not None
    print(file=started.stdin, flush=True)


def held(url: str, collection: str, origin: str) -> set[str]:
    """Return what one finds on the server, with its text and with all of its chunks."""
    with Store(Path("never written"), url, collection) as store:
        shelf = Shelf(store.database, collection, origin)
        found = {entry.document_id for entry in shelf.entries()}
        for document_id in found:
            fetched = shelf.fetch(document_id)
            assert fetched is not None
            assert fetched[0].text.rstrip() == f"the pages of {document_id}"
            assert len(fetched[1]) == CHUNKS
        passages = store.search(unit(), sorted(found), CHUNKS * len(found) + 1)
        places = {(passage.chunk.document_id, passage.chunk.index) for passage in passages}
        assert places == {(key, index) for key in found for index in range(CHUNKS)}
        assert len(passages) == len(places)
    return found


def unit() -> np.ndarray:
    return np.eye(1, DIMENSION, dtype=np.float32)[0]


def ids(origin: str, count: int) -> set[str]:
    names = (f"{origin}-{number}" for number in range(count))
    return {hashlib.sha256(name.encode()).hexdigest() for name in names}


def test_two_machines_that_index_at_once_find_the_documents_of_each_other(
    server: str, collection: str, tmp_path: Path
) -> None:
    with (
        machine(server, collection, "anna", 8, tmp_path) as anna,
        machine(server, collection, "ben", 8, tmp_path) as ben,
    ):
        for each in (anna, ben):
            go(each)
        assert (anna.wait(60), ben.wait(60)) == (0, 0)
    for origin in ("anna", "ben"):
        assert held(server, collection, origin) == ids("anna", 8) | ids("ben", 8)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_is_killed_leaves_the_other_alone_and_its_next_run_completes(
    server: str, collection: str, tmp_path: Path
) -> None:
    with (
        machine(server, collection, "anna", 1000, tmp_path) as anna,
        machine(server, collection, "ben", 8, tmp_path) as ben,
    ):
        for each in (anna, ben):
            go(each)
        done = {read(anna) for _ in range(3)}
        anna.kill()
        assert ben.wait(60) == 0
    found = held(server, collection, "ben")
    assert found >= ids("ben", 8) | done
    count = len(found) - 8 + 2
    with machine(server, collection, "anna", count, tmp_path) as again:
        go(again)
        assert again.wait(60) == 0
    assert held(server, collection, "ben") == ids("ben", 8) | ids("anna", count)


def test_the_first_machines_may_make_the_library_at_the_same_moment(
    server: str, collection: str, tmp_path: Path
) -> None:
    together = Barrier(4)

    def fill(origin: str) -> None:
        with Store(tmp_path, server, collection) as store:
            store.database.largest_batch()
            together.wait(30)
            store.use("minilm", DIMENSION, 100)
            store.add([Chunk(origin, 0, origin, 0, 1, 1, 1)], unit()[np.newaxis])

    origins = ["anna", "ben", "carl", "dora"]
    before = os.environ.get("no_proxy")
    with ThreadPoolExecutor(len(origins)) as pool:
        list(pool.map(fill, origins))
    assert os.environ.get("no_proxy") == before
    with Store(tmp_path, server, collection) as store:
        found = store.search(unit(), origins, 9)
    assert {passage.chunk.document_id for passage in found} == set(origins)


def test_machines_that_disagree_about_the_embedder_are_told_so(
    server: str, collection: str, tmp_path: Path
) -> None:
    with Store(tmp_path, server, collection) as anna, Store(tmp_path, server, collection) as ben:
        anna.use("minilm", DIMENSION, 100)
        with pytest.raises(StoreError, match="embedder 'minilm', and now it is 'e5'") as caught:
            ben.use("e5", DIMENSION, 100)
    assert "for all" in caught.value.hint
    assert "--collection" in caught.value.hint


def test_a_library_that_another_machine_makes_anew_is_used_as_it_is_then(
    server: str, collection: str, tmp_path: Path
) -> None:
    with Store(tmp_path, server, collection) as anna, Store(tmp_path, server, collection) as ben:
        for store in (anna, ben):
            store.use("minilm", DIMENSION, 100)
        anna.reset()
        ben.add([Chunk("book", 0, "whales", 0, 6, 1, 1)], unit()[np.newaxis])
        assert len(stored_chunks(anna, "book")) == 1


def test_a_reset_deletes_the_chunks_of_this_library_alone(
    server: str, collection: str, tmp_path: Path
) -> None:
    chunk = Chunk("book", 0, "whales", 0, 6, 1, 1)
    database = ServerDatabase(server)
    database.create(f"of-others-{collection}", {"made by": "another program"})
    with Store(tmp_path, server, collection) as own, Store(tmp_path, server, "other") as other:
        for store in (own, other):
            store.use("minilm", DIMENSION, 100)
            store.add([chunk], unit()[np.newaxis])
        own.reset()
        assert (len(stored_chunks(own, "book")), len(stored_chunks(other, "book"))) == (0, 1)
    assert database.collection(f"of-others-{collection}") is not None
    database.close()


def test_a_collection_of_another_program_is_not_touched(
    server: str, collection: str, tmp_path: Path
) -> None:
    database = ServerDatabase(server)
    database.create(name_for(collection, "chunks"), {"made by": "another program"})
    with Store(tmp_path, server, collection) as store:
        for attempt in (store.reset, lambda: store.use("minilm", DIMENSION, 100)):
            with pytest.raises(StoreError, match="another program") as caught:
                attempt()
            assert "--collection" in caught.value.hint
    assert database.collection(name_for(collection, "chunks")) is not None
    database.close()


def test_a_server_that_goes_down_is_a_store_error_and_when_it_is_up_again_all_is_there(
    tmp_path: Path,
) -> None:
    port = chroma_servers.free_port()
    url = f"http://127.0.0.1:{port}"
    chunk = Chunk("book", 0, "whales", 0, 6, 1, 1)
    running = chroma_servers.start(tmp_path / "server", port)
    try:
        with Store(tmp_path, url) as store:
            shelf = Shelf(store.database, None, "anna")
            store.use("minilm", DIMENSION, 100)
            store.add([chunk], unit()[np.newaxis])
            chroma_servers.stop(running)
            for attempt in (
                lambda: store.add([chunk], unit()[np.newaxis]),
                lambda: store.search(unit(), ["book"], 3),
                lambda: store.remove("book"),
                store.reset,
                shelf.entries,
            ):
                with pytest.raises(StoreError, match=f"at {url} cannot be used") as caught:
                    attempt()
                assert f"chroma run --host 127.0.0.1 --port {port}" in caught.value.hint
            running = chroma_servers.start(tmp_path / "server", port)
            assert stored_chunks(store, "book") == [chunk]
            assert shelf.entries() == []
    finally:
        chroma_servers.stop(running)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing can stop it here")
def test_a_server_that_falls_silent_is_a_store_error_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma_server, "ANSWER_SECONDS", 0.5)
    port = chroma_servers.free_port()
    running = chroma_servers.start(tmp_path / "server", port)
    try:
        with Store(tmp_path, f"http://127.0.0.1:{port}") as store:
            store.use("minilm", DIMENSION, 100)
            os.kill(running.pid, signal.SIGSTOP)
            began = time.monotonic()
            with pytest.raises(StoreError, match="timed out") as caught:
                stored_chunks(store, "book")
            assert time.monotonic() - began < 4
        assert "is the server running?" in caught.value.hint
    finally:
        chroma_servers.stop(running)


def refusal(url: str, tmp_path: Path) -> StoreError:
    """Return the error for a URL, which must come within a few seconds."""
    began = time.monotonic()
    with Store(tmp_path, url) as store, pytest.raises(StoreError) as caught:
        store.use("minilm", DIMENSION, 100)
    assert time.monotonic() - began < 10
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_an_address_where_nothing_listens_is_a_store_error(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{chroma_servers.free_port()}"
    error = refusal(url, tmp_path)
    assert f"at {url} cannot be used: " in error.message
    assert "is the server running?" in error.hint


def test_a_host_that_does_not_exist_is_a_store_error(tmp_path: Path) -> None:
    error = refusal("http://nowhere.invalid", tmp_path)
    assert "nowhere.invalid is the right name" in error.hint


def test_a_server_that_never_answers_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma_server, "GREETING_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refusal(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
    assert "timed out" in error.message


def test_https_to_a_server_without_it_is_a_store_error(server: str, tmp_path: Path) -> None:
    assert "cannot be used" in refusal(server.replace("http:", "https:"), tmp_path).message


@contextmanager
def answering(status: int, body: str) -> Iterator[tuple[str, list[str | None]]]:
    """Run a web server that answers all alike, and notes who wants to be let in."""
    tokens = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as web:
        Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{web.server_port}", tokens
        finally:
            web.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "said", "hint"),
    [
        (404, "Not Found", "no Chroma server", "chroma run"),
        (200, "<html>Welcome to our site</html>", "no Chroma server", "chroma run"),
        (200, '"0.6.3"', "has version 0.6.3, and here it is 1.", "pip install chromadb=="),
        (200, '"2.0.0"', "has version 2.0.0, and here it is 1.", "pip install chromadb=="),
        (401, "", "wants a token that fits", "RAPID_STORE_TOKEN"),
        (403, "go away", "wants a token that fits", "RAPID_STORE_TOKEN"),
        (200, '"1.0.0"', "cannot be used", "is that a Chroma server"),
    ],
)
def test_what_is_no_fitting_server_is_told_apart(
    tmp_path: Path, status: int, body: str, said: str, hint: str
) -> None:
    with answering(status, body) as (url, _):
        error = refusal(url, tmp_path)
    assert said in error.message
    assert url in error.message
    assert hint in error.hint


def test_the_token_from_the_environment_is_shown_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(401, "") as (url, tokens):
        refusal(url, tmp_path)
        monkeypatch.setenv("RAPID_STORE_TOKEN", " open-sesame\n")
        refusal(url, tmp_path)
    assert tokens == [None, "Bearer open-sesame"]
    with answering(200, '"1.0.0"') as (url, tokens):
        refusal(url, tmp_path)
    assert len(tokens) > 1
    assert set(tokens) == {"Bearer open-sesame"}


def test_a_token_goes_neither_in_clear_nor_to_a_server_that_it_is_not_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAPID_STORE_TOKEN", "open-sesame")
    with recording() as (proxy, arrived):
        monkeypatch.setenv("http_proxy", proxy)
        error = refusal("http://chroma.example", tmp_path)
        assert "in clear" in error.message
        monkeypatch.setenv("RAPID_STORE_URL", "https://chroma.example")
        assert "is for https://chroma.example" in refusal(proxy, tmp_path).message
        assert arrived == []
        monkeypatch.setenv("RAPID_STORE_URL", "http://chroma.example")
        monkeypatch.setenv("RAPID_PLAIN_HTTP", "chroma.example")
        refusal("http://chroma.example", tmp_path)
        assert {each.token for each in arrived} == {"Bearer open-sesame"}


def test_a_token_that_cannot_be_sent_is_named_but_not_shown(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAPID_STORE_TOKEN", "open\nsesame")
    error = refusal(server, tmp_path)
    assert "RAPID_STORE_TOKEN" in error.message
    assert "sesame" not in error.message + error.hint


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_server_on_this_machine_is_reached_past_all_proxies(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy)
    monkeypatch.setenv("no_proxy", "example.org")
    with Store(tmp_path, server.replace("127.0.0.1", name)) as store:
        assert len(stored_chunks(store, "book")) == 0
    assert os.environ["no_proxy"] == "example.org"


def test_a_server_elsewhere_is_reached_by_a_socks_proxy_if_that_answers(
    server: str, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.replace("127.0.0.1", "chroma.example")
    with proxies.relaying(int(server.rpartition(":")[2])) as (proxy, asked):
        monkeypatch.setenv("ALL_PROXY", proxy)
        with Store(tmp_path, url, collection) as store:
            assert len(stored_chunks(store, "book")) == 0
    assert set(asked) == {url.removeprefix("http://")}
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    error = refusal(url, tmp_path)
    assert error.message.endswith("cannot be used: Connection refused")
    assert "127.0.0.1:9 of ALL_PROXY: does it run?" in error.hint


def test_a_proxy_that_wants_a_password_is_not_taken_for_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxies.refusing(407) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        error = refusal("http://chroma.example", tmp_path)
    assert "wants a name and a password" in error.message
    assert "let HTTP_PROXY hold them" in error.hint


def test_certificates_that_are_gone_are_named_even_where_none_are_needed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    error = refusal(server, tmp_path)
    assert "SSL_CERT_FILE names /nonexistent/ca.pem" in error.message
    assert "unset SSL_CERT_FILE" in error.hint


@pytest.mark.parametrize(
    ("name", "helps"),
    [
        ("InternalError", "log of the server"),
        ("AuthorizationError", "RAPID_STORE_TOKEN"),
        ("RateLimitError", "try again later"),
        ("no name", "log of the server"),
    ],
)
def test_each_error_of_a_server_gets_the_hint_that_fits(
    server: str, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name, helps
) -> None:

    with Store(tmp_path, server, collection) as store:
        store.use("minilm", DIMENSION, 100)
        answer = {"error": name, "message": "it went wrong"}
        request = httpx.Request("POST", server)
        monkeypatch.setattr(
            httpx.Client,
            "request",
            lambda *_, **__: httpx.Response(500, json=answer, request=request),
        )
        with pytest.raises(StoreError, match="it went wrong") as caught:
            stored_chunks(store, "book")
        monkeypatch.undo()
    assert helps in caught.value.hint


def test_what_lies_around_for_other_users_of_chroma_does_not_count(
    server: str, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CHROMA_SERVER_HOST=nowhere.invalid\nOTHER=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHROMA_SERVER_HOST", "nowhere.invalid")
    monkeypatch.setenv("CHROMA_SERVER_HTTP_PORT", "9")
    with Store(tmp_path, server + "/", collection) as store:
        store.use("minilm", DIMENSION, 100)
        assert len(stored_chunks(store, "book")) == 0
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_a_second_connection_to_one_server_does_not_mind_the_first(
    server: str, collection: str, tmp_path: Path
) -> None:
    with Store(tmp_path, server, collection) as one, Store(tmp_path, server, collection) as two:
        one.use("minilm", DIMENSION, 100)
        assert len(stored_chunks(two, "book")) == 0
        one.close()
        two.use("minilm", DIMENSION, 100)
        two.add([Chunk("book", 0, "whales", 0, 6, 1, 1)], unit()[np.newaxis])
        assert len(stored_chunks(one, "book")) == 1
