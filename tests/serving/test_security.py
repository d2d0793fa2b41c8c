"""Who may ask: addresses, tokens, and what browsers say of pages from elsewhere."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import psutil
import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.serving.http.errors import Refused
from rapid_cli.serving.http.security import Rules, find_token, is_loopback
from rapid_cli.serving.http.server import listening
from tests.support.rapid import rapid
from tests.support.servers import Running, serving, serving_process

TOKEN = "correct-horse-battery-staple"


def test_nothing_but_loopback_is_listened_on_unless_wanted(server: Running) -> None:
    port = server.server.port
    found = {
        each.laddr.ip
        for each in psutil.Process().net_connections()
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    }
    assert found == {"127.0.0.1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0"])
def test_elsewhere_is_listened_on_with_a_token_only(host: str) -> None:
    with pytest.raises(ConfigError, match="could read your documents") as caught:
        listening(host, 0, has_token=False)
    assert "RAPID_TOKEN" in caught.value.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_token(host: str) -> None:
    with listening(host, 0, has_token=False) as listener:
        assert is_loopback(listener.getsockname()[0])


@pytest.mark.parametrize("host", ["", "no such host", "x" * 300, "256.1.1.1"])
def test_an_address_that_is_none_is_told(host: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        listening(host, 0, has_token=True)


def test_a_port_in_use_is_told() -> None:
    with listening("127.0.0.1", 0, has_token=False) as first:
        first.listen()
        with pytest.raises(ConfigError, match="cannot be listened on") as caught:
            listening("127.0.0.1", first.getsockname()[1], has_token=False)
    assert "--port" in caught.value.hint


def test_the_command_refuses_to_serve_all_without_a_token(home: Path) -> None:
    done = rapid("serve", "--host", "0.0.0.0", "--port", 0, home=home)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "rapid: whoever reaches 0.0.0.0 could read your documents, as there is no token",
        "  set RAPID_TOKEN, or give --token-file; or listen on 127.0.0.1 alone",
    ]


def test_a_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("RAPID_TOKEN", raising=False)
    assert find_token(None) == ""
    monkeypatch.setenv("RAPID_TOKEN", f" {TOKEN}\n")
    assert find_token(None) == TOKEN
    file = tmp_path / "token"
    file.write_text("another-token-from-a-file\n")
    assert find_token(file) == "another-token-from-a-file"
    for text in ("", "short", "two words are no token", "tökén-that-is-not-ascii"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError):
            find_token(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        find_token(tmp_path / "missing")


def test_no_option_takes_a_token_itself(home: Path) -> None:
    done = rapid("serve", "--token", TOKEN, home=home)
    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize(
    ("header", "lets_in"),
    [
        ({}, False),
        ({"Authorization": f"Bearer {TOKEN}"}, True),
        ({"Authorization": f"bearer {TOKEN}"}, True),
        ({"Authorization": f"Bearer {TOKEN}x"}, False),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, False),
        ({"Authorization": TOKEN}, False),
        ({"Authorization": f"Basic {TOKEN}"}, False),
        ({"Authorization": "Bearer"}, False),
        ({"Authorization": "Bearer \xff"}, False),
        ({"X-Api-Key": TOKEN}, False),
    ],
)
def test_with_a_token_only_who_has_it_is_let_in(at_home, header, lets_in, guarded) -> None:
    headers = {name: value.encode("latin-1") for name, value in header.items()}
    for path in ("/v1/models", "/v1/sources", "/v1/nothing"):
        response = guarded.get(path, headers=headers)
        assert (response.status_code != 401) == lets_in
        if not lets_in:
            assert response.json()["error"]["code"] == "invalid_api_key"
            assert response.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in response.text


@pytest.fixture(scope="module")
def guarded(at_home: Path):
    with serving(at_home / "models.toml", at_home / "ferry.md", token=TOKEN) as running:
        yield running


def test_health_and_the_page_need_no_token_and_tell_nothing(guarded: Running) -> None:
    for path in ("/health", "/"):
        assert guarded.get(path).status_code == 200
    assert "ferry" not in guarded.get("/health").text + guarded.get("/").text


OWN = ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:80", "[::1]:80", "127.9.9.9"]
OTHER = [
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "8.8.8.8", "0.0.0.0"),
    *("", "localhost/x", "me@localhost", "[::1", "[::1].evil.example", "evil.example#localhost"),
    *("localhost.", "2130706433x"),
]


@pytest.mark.parametrize("host", OWN)
def test_its_own_names_are_served(server: Running, host: str) -> None:
    assert server.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", OTHER)
def test_names_of_others_that_lead_here_are_refused(server: Running, host: str) -> None:
    response = server.get("/health", headers={"Host": host})
    assert response.status_code in (400, 421), host


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("own", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("https", 403),
        ("http://127.0.0.1", 403),
        ("http://127.0.0.1:1", 403),
        ("http://localhost.evil.example", 403),
    ],
)
def test_pages_from_elsewhere_get_nothing(server: Running, origin: str, status: int) -> None:
    own = {"own": server.url, "https": server.url.replace("http", "https")}
    headers = {"Origin": own.get(origin, origin)}
    for response in (
        server.get("/v1/models", headers=headers),
        server.client.options("/v1/ask", headers=headers),
        server.post("/v1/search", {"question": "x"}, headers=headers),
    ):
        if status == 403:
            assert response.status_code == 403
            assert response.json()["error"]["code"] == "wrong_origin"
        else:
            assert response.status_code != 403


def scope(*headers: tuple[str, str], path: str = "/v1/models") -> dict[str, object]:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "path": path, "headers": raw}


def test_one_that_listens_everywhere_is_asked_by_numbers_and_names_of_its_own() -> None:
    rules = Rules("0.0.0.0", "0.0.0.0", TOKEN)
    token = ("authorization", f"Bearer {TOKEN}")
    for host in ("192.168.1.5:80", "[fe80::1]:80", "localhost", socket.gethostname()):
        rules.check(scope(("host", host), token))
    for host in ("evil.example", "", "localhost.evil.example"):
        with pytest.raises(Refused):
            rules.check(scope(("host", host), token))


@pytest.mark.parametrize("name", ["host", "origin", "authorization"])
def test_a_header_that_is_there_twice_is_refused(name: str) -> None:
    rules = Rules("127.0.0.1", "127.0.0.1", TOKEN)
    good = {"host": "localhost", "origin": "http://localhost", "authorization": f"Bearer {TOKEN}"}
    rules.check(scope(*good.items()))
    with pytest.raises(Refused, match="several"):
        rules.check(scope(*good.items(), (name, good[name])))


@pytest.mark.slow
def test_with_a_token_other_addresses_are_listened_on(home: Path) -> None:
    with serving_process("--host", "0.0.0.0", home=home, more={"RAPID_TOKEN": TOKEN}) as process:
        port = process.wait_for(r"Listening on http://0\.0\.0\.0:(\d+)")[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert client.get("/v1/models").status_code == 401
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert client.get("/v1/models", headers=headers).status_code == 200
        assert TOKEN not in process.said
