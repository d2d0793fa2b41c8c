"""A token goes to the address that it is for, and never in clear to another machine."""

from __future__ import annotations

import pytest

from rapid_cli.errors import ConfigError, StoreError
from rapid_cli.machine.guard.secrets import (
    goes_in_clear,
    is_loopback,
    is_same_place,
    require_named_url,
    store_token,
)


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("RAPID_STORE_TOKEN", "RAPID_STORE_URL", "RAPID_PLAIN_HTTP"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("https://chroma.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://localhost:8000", False),
        ("http://chroma.example", True),
        ("http://192.168.1.5:8000", True),
        ("http://localhost.example", True),
        ("http://127.0.0.1.example", True),
        ("HTTP://chroma.example", True),
    ],
)
def test_what_goes_in_clear_is_what_leaves_the_machine_over_http(url, clear):
    assert goes_in_clear(url) is clear


def test_a_host_may_be_named_to_which_it_may_go_in_clear(monkeypatch):
    monkeypatch.setenv("RAPID_PLAIN_HTTP", "NAS.local, 192.168.1.5")
    assert not goes_in_clear("http://nas.local:8000/team")
    assert not goes_in_clear("http://192.168.1.5")
    assert goes_in_clear("http://chroma.example")


def test_a_token_in_clear_is_refused_with_the_ways_out(monkeypatch):
    assert store_token("http://chroma.example") == "", "without a token nothing is refused"
    monkeypatch.setenv("RAPID_STORE_TOKEN", "open-sesame")
    with pytest.raises(StoreError, match=r"to http://chroma\.example in clear") as raised:
        store_token("http://chroma.example")
    assert "https://" in raised.value.hint
    assert "RAPID_PLAIN_HTTP=chroma.example" in raised.value.hint
    assert "sesame" not in raised.value.message + raised.value.hint
    assert store_token("https://chroma.example") == "open-sesame"


def test_a_token_goes_only_where_it_is_for(monkeypatch):
    monkeypatch.setenv("RAPID_STORE_TOKEN", "open-sesame")
    monkeypatch.setenv("RAPID_STORE_URL", "https://chroma.example/team/")
    assert store_token("https://Chroma.example:443/team") == "open-sesame"
    for other in (
        "https://chroma.example",
        "http://127.0.0.1:8000",
        "https://chroma.example:1/team",
    ):
        with pytest.raises(StoreError, match="is for https://chroma"):
            store_token(other)
    monkeypatch.delenv("RAPID_STORE_TOKEN")
    assert store_token("https://other.example") == ""


def test_an_address_that_is_none_is_nowhere():
    assert not is_same_place("http://a:port", "http://a:port")
    assert not is_loopback("nonsense")


def test_a_url_that_a_folder_names_is_nowhere_to_send_a_token_to_unless_that_was_said(monkeypatch):
    require_named_url("https://chroma.example", "it")
    monkeypatch.setenv("RAPID_STORE_TOKEN", "open-sesame")
    with pytest.raises(ConfigError, match="it is no address that RAPID_STORE_TOKEN") as raised:
        require_named_url("https://chroma.example", "it")
    assert "RAPID_STORE_URL=https://chroma.example" in raised.value.hint
    monkeypatch.setenv("RAPID_STORE_URL", "https://chroma.example")
    require_named_url("https://chroma.example", "it")
