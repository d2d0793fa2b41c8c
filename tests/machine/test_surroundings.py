"""The environment of processes that read what others have made."""

from __future__ import annotations

import pytest

from rapid_cli.machine.guard.surroundings import CONNECTING, clean_environment


@pytest.mark.parametrize(
    "name",
    [
        *(
            "RAPID_STORE_TOKEN",
            "RAPID_TOKEN",
            "HF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "SSH_AUTH_SOCK",
            "DATABASE_URL",
        ),
        *("DATABASE_URL", "PYTHON_KEYRING", "GGML_API_KEY", "HTTPS_PROXY", "https_proxy"),
    ],
)
def test_no_secret_is_passed_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "secret")
    assert name not in clean_environment()


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LC_ALL", "PYTHONPATH", "OMP_NUM_THREADS", "TESSDATA_PREFIX"]
)
def test_what_a_process_needs_is_passed_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "needed")
    assert clean_environment()[name] == "needed"


def test_more_is_passed_on_by_name_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    found = clean_environment(CONNECTING, {"TMPDIR": "/here"})
    assert found["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert found["TMPDIR"] == "/here"
