"""rapid's own endpoints: asking, searching, documents and passages."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.rapid import rapid
from tests.support.servers import Running, serving
from tests.support.waiting import wait_for

QUESTION = "Who is the landlord of the inn?"
ASKED = {"question": QUESTION, "max_tokens": 4, "temperature": 0}


def test_health_tells_nothing_but_itself(server: Running) -> None:
    assert server.get("/health").json() == {"status": "ok"}


def test_an_answer_is_the_object_of_the_command_line(server: Running, at_home) -> None:
    import json

    found = server.post("/v1/ask", ASKED).json()
    words = ("ask", at_home / "ferry.md", QUESTION, "--max-tokens", 4, "--temperature", 0)
    done = rapid(*words, "--json", "--no-log", home=at_home)
    printed = json.loads(done.stdout)
    assert found.keys() == printed.keys()
    timeless = found.keys() - {"stats", "context"}
    assert {key: found[key] for key in timeless} == {key: printed[key] for key in timeless}


def test_a_stream_has_events_with_names_and_ends_with_the_whole_answer(server: Running) -> None:
    whole = server.post("/v1/ask", ASKED).json()
    new = {**ASKED, "question": "How much is a bed?", "stream": True, "strategy": "rag"}
    events = server.events("/v1/ask", new)
    names = {name for name, _ in events}
    assert names >= {"progress", "retrieved", "piece", "statistics", "answer"}
    last_name, answer = events[-1]
    assert last_name == "answer"
    assert answer.keys() == whole.keys()
    text = "".join(data["text"] for name, data in events if name == "piece")
    assert text == answer["answer"]
    told = dict(events)
    assert told["progress"].keys() == {"role", "done", "total"}
    assert told["retrieved"].keys() == {"coverage", "note"}
    assert told["statistics"]["tokens"] == 4


def test_what_was_said_before_and_an_instruction_are_read(server: Running) -> None:
    def read(**more: object) -> int:
        found = server.post("/v1/ask", {**ASKED, **more}).json()
        assert found["question"] == QUESTION
        return found["context"]["target_tokens"]

    alone = read()
    assert read(said=[["When?", "At nine."]]) > alone + 4
    assert read(instruction="Be kind.") > alone


def test_a_search_is_the_object_of_the_command_line(server: Running, at_home) -> None:
    import json

    found = server.post("/v1/search", {"question": QUESTION, "limit": 1}).json()
    done = rapid("search", at_home / "ferry.md", QUESTION, "--limit", 1, "--json", home=at_home)
    assert found == json.loads(done.stdout)


def test_documents_are_named_by_name_id_or_path_and_no_other_file_is_read(server, at_home) -> None:
    (entry,) = server.get("/v1/sources").json()["sources"]
    assert entry["name"] == "ferry.md"
    secret = at_home / "secret.txt"
    secret.write_text("The password is swordfish.")
    for name in ("ferry.md", entry["document_id"], entry["document_id"][:8], entry["path"]):
        found = server.post("/v1/search", {"question": "password", "sources": [name]})
        assert found.status_code == 200, name
    for name in (str(secret), "secret.txt", "../secret.txt", "", "\0", "x" * 5000, "*"):
        found = server.post("/v1/search", {"question": "password", "sources": [name]})
        assert found.status_code == 404, name
        assert found.json()["error"]["code"] == "document_not_found"
        assert "swordfish" not in found.text


def test_what_the_server_was_not_started_with_cannot_be_had_unless_that_is_all(
    server, at_home
) -> None:
    asked = {"question": "star", "sources": ["stars.txt"]}
    assert server.post("/v1/search", asked).status_code == 404
    assert server.get("/v1/passage", params={"document": "stars.txt"}).status_code == 404
    with serving(at_home / "models.toml") as whole:
        stars = whole.post("/v1/search", asked).json()
        assert {each["document"] for each in stars["passages"]} == {"stars.txt"}


def test_a_passage_comes_with_its_surroundings(server: Running) -> None:
    whole = server.get("/v1/passage", params={"document": "ferry.md", "end": 10**6}).json()
    text = whole["text"]
    assert text.startswith("# The ferry")
    asked = {"document": "ferry.md", "find": "Peter Coffin", "around": 20}
    found = server.get("/v1/passage", params=asked).json()
    assert found["text"] == text[found["start"] : found["end"]] == "Peter Coffin"
    assert found["before"] == text[found["start"] - 20 : found["start"]]
    assert found["after"] == text[found["end"] : found["end"] + 20]
    assert found["section"] == "The inn"
    by_place = {"document": found["document_id"], "start": found["start"], "end": found["end"]}
    assert server.get("/v1/passage", params=by_place).json()["text"] == "Peter Coffin"
    assert server.get("/v1/passage", params={"document": "no.md"}).status_code == 404
    assert server.get("/v1/passage").status_code == 404
    for wrong in ("-1", "x", "²", "1" * 13):
        asked = {"document": "ferry.md", "start": wrong}
        assert server.get("/v1/passage", params=asked).status_code == 400, wrong
    beyond = {"document": "ferry.md", "start": 10**11, "end": 5}
    assert server.get("/v1/passage", params=beyond).json()["text"] == ""


def test_what_has_changed_is_asked_about_after_a_refresh(server: Running, at_home) -> None:
    text = (at_home / "ferry.md").read_text()
    asked = {"question": "Who sails the kraken?", "limit": 1}
    try:
        (at_home / "ferry.md").write_text(text + "\nCaptain Nemo sails the kraken.\n")
        assert "Nemo" not in server.post("/v1/search", asked).text
        told = server.post("/v1/sources/refresh").json()
        assert (told["updated"], told["skipped"]) == (1, [])
        assert "Nemo" in server.post("/v1/search", asked).text
    finally:
        (at_home / "ferry.md").write_text(text)
    assert server.post("/v1/sources/refresh").json()["sources"][0]["name"] == "ferry.md"
    assert "Nemo" not in server.post("/v1/search", asked).text


@pytest.mark.parametrize(
    ("path", "body", "param", "code"),
    [
        ("/v1/ask", {}, "question", "missing_parameter"),
        ("/v1/ask", {"question": "  "}, "question", "missing_parameter"),
        ("/v1/ask", {"question": 1}, "question", "invalid_type"),
        ("/v1/ask", {**ASKED, "sources": "x"}, "sources", "invalid_type"),
        ("/v1/ask", {**ASKED, "said": [["x"]]}, "said[0]", "invalid_type"),
        ("/v1/ask", {**ASKED, "said": [["x", 1]]}, "said[0]", "invalid_type"),
        ("/v1/ask", {**ASKED, "model": "x"}, "model", "unknown_parameter"),
        ("/v1/ask", {**ASKED, "eta": 10**9}, None, "invalid_value"),
        ("/v1/ask", {**ASKED, "retrieve_tokens": 0}, None, "invalid_value"),
        ("/v1/search", {"question": "x", "limit": 0}, "limit", "invalid_value"),
        ("/v1/search", {"question": "x", "limit": 10**6}, "limit", "invalid_value"),
        ("/v1/search", {"question": "x", "much": 1}, "much", "unknown_parameter"),
    ],
)
def test_what_is_wrong_is_told_with_its_name(server: Running, path, body, param, code) -> None:
    response = server.post(path, body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)


def test_an_unknown_pair_is_not_found(server: Running) -> None:
    response = server.post("/v1/ask", {**ASKED, "pair": "gpt-5"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("body", ["{", "", "[]", '"x"', "\xff", "[" * 100_000, '{"a": NaN}'])
def test_a_body_that_is_no_object_is_refused(server: Running, body: str) -> None:
    for path in ("/v1/ask", "/v1/search", "/v1/chat/completions"):
        response = server.client.post(path, content=body.encode("latin-1"))
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("odd", ['"\\ud800"', "1" + "0" * 5000])
def test_what_json_allows_and_nobody_can_read_is_refused(server: Running, odd: str) -> None:
    body = f'{{"question": {odd}}}'
    assert server.client.post("/v1/ask", content=body).status_code == 400


@pytest.mark.parametrize(
    "question", ["\0", "a\0b", "\x1b[2J\x7f\x9b", "﷽" * 500, "🙈", "' OR 1=1 --", '"']
)
def test_odd_questions_are_answered(server: Running, question: str) -> None:
    asked = {"question": question, "max_tokens": 1}
    for path in ("/v1/ask", "/v1/search"):
        body = asked if path == "/v1/ask" else {"question": question}
        response = server.post(path, body)
        assert response.status_code == 200, response.text
        assert response.content.isascii()
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", response.content)


def test_a_question_too_long_for_the_model_is_told_so(server: Running) -> None:
    response = server.post("/v1/ask", {"question": "why " * 50_000})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"


def test_what_is_too_large_is_refused_before_it_is_read(server: Running) -> None:
    large = b'{"question": "' + b"x" * (5 << 20) + b'"}'
    response = server.client.post("/v1/ask", content=large)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"

    def pieces():
        for start in range(0, len(large), 1 << 16):
            yield large[start : start + (1 << 16)]

    assert server.client.post("/v1/ask", content=pieces()).status_code == 413
    assert server.get("/health").status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(server: Running, monkeypatch) -> None:
    monkeypatch.setattr("rapid_cli.serving.http.fields.BODY_SECONDS", 0.05)

    def slowly():
        yield b'{"question": '
        time.sleep(0.5)
        yield b'"Who?"}'

    assert server.client.post("/v1/ask", content=slowly()).status_code == 408


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_nothing_can_be_added_or_removed(server: Running, method: str) -> None:
    for path in ("/v1/sources", "/v1/sources/ferry.md", "/v1/passage", "/static/x.html", "/"):
        assert server.client.request(method, path, content=b"x").status_code in (404, 405)


def test_unknown_paths_and_wrong_methods_are_told_in_the_same_form(server: Running) -> None:
    for path in ("/v1", "/v1/nothing", "/static/../security.py", "/static/x.py", "/health/"):
        response = server.get(path)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"
    response = server.get("/v1/ask")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert response.headers["allow"] == "POST"


def test_the_page_may_load_nothing_from_elsewhere(server: Running) -> None:
    response = server.get("/")
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy


def test_all_answers_have_the_headers_that_keep_browsers_from_harm(server: Running) -> None:
    for path in ("/", "/health", "/v1/models", "/nothing"):
        headers = server.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")
        assert "content-security-policy" in headers
        assert not any(name.startswith("access-control") for name in headers)
        assert "server" not in headers


def test_the_log_tells_of_requests_and_not_of_questions(server: Running) -> None:
    server.post("/v1/search", {"question": "swordfish"})
    server.get("/v1/passage", params={"document": "ferry.md", "find": "swordfish"})
    wait_for(lambda: server.log[-1].startswith("GET /v1/passage 200 "))  # it follows the response
    assert server.log[-2].startswith("POST /v1/search 200 ")
    assert "swordfish" not in "".join(server.log)


def test_the_history_has_none_of_it(server: Running, at_home) -> None:
    server.post("/v1/ask", {"question": "Is this remembered?", "max_tokens": 1})
    assert "remembered" not in rapid("history", "--json", home=at_home).stdout
