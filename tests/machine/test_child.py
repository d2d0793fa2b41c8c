"""Processes in which what may crash is tried: what they find, and how they end."""

from __future__ import annotations

import sys

import pytest

from rapid_cli.errors import RapidError
from rapid_cli.machine.child import Child, Ended, tell


@pytest.fixture
def child(tmp_path):
    """Start a child that does what its program says, and end it after the test."""
    children = []

    def start(program: str, *words: str) -> Child:
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "stand_in.py").write_text(program)
        environment = {"PYTHONPATH": str(tmp_path / "path")}
        children.append(Child("stand_in", *words, environment=environment))
        return children[-1]

    yield start
    for each in children:
        each.end()


def test_what_a_child_tells_last_is_what_it_found(child):
    program = (
        "import sys\n"
        "from rapid_cli.machine.child import tell\n"
        "print('a library greets')\n"
        "tell(lambda: {'words': sys.argv[1:]})"
    )
    assert child(program, "a b", "ü").result(60) == {"words": ["a b", "ü"]}


def test_what_a_person_can_mend_is_an_error_with_its_hint(child):
    program = (
        "from rapid_cli.machine.child import tell\n"
        "from rapid_cli.errors import RapidError\n"
        "def work():\n"
        "    raise RapidError('it is broken', 'mend it')\n"
        "tell(work)"
    )
    with pytest.raises(RapidError, match="it is broken") as raised:
        child(program).result(60)
    assert raised.value.hint == "mend it"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGILL", "SIGABRT", "SIGKILL"])
def test_the_signal_that_ends_a_child_is_named(child, name):
    program = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    with pytest.raises(Ended) as raised:
        child(program).result(60)
    assert raised.value.signal == name
    assert raised.value.reason == f"its process ends with {name}"


@pytest.mark.slow
def test_a_child_that_hangs_is_ended_when_the_time_is_over(child):
    hanging = child("import time; time.sleep(600)")
    with pytest.raises(Ended, match="nothing came of it in 1 s") as raised:
        hanging.result(1)
    assert raised.value.signal == ""
    assert hanging._process.returncode is not None


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("rapid: llama.cpp gave up: no room\\n  a hint\\n", "llama.cpp gave up: no room"),
        ("one\\ntwo\\n", "two"),
        ("", "its process ends with exit code 3"),
    ],
)
def test_a_child_that_gives_up_says_why(child, written, reason):
    program = f"import sys; sys.stderr.write('{written}'); sys.exit(3)"
    with pytest.raises(Ended) as raised:
        child(program).result(60)
    assert (raised.value.reason, raised.value.signal) == (reason, "")


@pytest.mark.skipif(sys.platform == "win32", reason="it leaves no cores")
def test_a_child_leaves_no_image_of_its_memory(child):
    program = (
        "import resource\n"
        "from rapid_cli.machine.child import tell\n"
        "tell(lambda: {'core': resource.getrlimit(resource.RLIMIT_CORE)[0]})"
    )
    assert child(program).result(60) == {"core": 0}


def test_a_child_imports_nothing_from_the_current_folder(child, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    program = "from rapid_cli.machine.child import tell\ntell(lambda: {'all': 'well'})"
    assert child(program).result(60) == {"all": "well"}


def test_tell_prints_one_last_line(capsys):
    tell(lambda: {"a": "é"})
    assert capsys.readouterr().out.splitlines()[-1] == '{"a": "\\u00e9"}'
