"""Standard streams that are closed, full or read by nobody, as services and shells leave them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rapid import environment
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

SAID_CLOSED = "rapid: there is no standard output: it is closed\n"
SAID_FULL = "rapid: standard output cannot be written: no space left on device\n"
SAID_NO_INPUT = "standard input is closed"
KINDS = ["--help", "list --json", "search ferry.txt 'When?' -q"]
"""One command of each kind: of what prints help, a table, and what it found."""
OTHERS = [
    pytest.param(words, marks=pytest.mark.long)
    for words in ("--version", "list", "models list", "cache clear", "index ferry.txt -q")
]
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk is always full here")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    """A folder with a document and a longer one, and below it all that rapid keeps."""
    folder = tmp_path_factory.mktemp("streams")
    furnish(folder / "rapid", shallow=True)
    (folder / "ferry.txt").write_text("The ferry leaves at nine.\n")
    (folder / "long.txt").write_text("The ferry leaves at nine. The bus is late again.\n" * 4000)
    return folder


def shell(command: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Let a shell run a command, in which `rapid` is the command line; nothing may crash."""
    done = subprocess.run(
        ["bash", "-c", f'rapid() {{ "{sys.executable}" -m rapid_cli "$@"; }}\n{command}'],
        cwd=home,
        env=environment(home / "rapid", **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    for sign in ("Traceback", "Exception ignored", "Error:", "Errno"):
        assert sign not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    "words",
    [
        *KINDS,
        *OTHERS,
        *("ask ferry.txt 'When?'", "bench"),
        *(
            pytest.param(words, marks=pytest.mark.long)
            for words in ("chat ferry.txt", "doctor", "models check", "models tune")
        ),
        "models pull starter --json",
    ],
)
def test_closed_output_is_one_sentence_and_a_hint(home, words):
    done = shell(f"rapid {words} >&-", home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(SAID_CLOSED), done.stderr
    assert len(done.stderr.splitlines()) == 2


@FULL
@pytest.mark.parametrize("words", [*KINDS, *OTHERS])
def test_a_full_disk_under_the_output_is_one_sentence_and_a_hint(home, words):
    done = shell(f"rapid {words} > /dev/full", home)
    assert done.returncode == 1
    assert done.stderr.startswith(SAID_FULL), done.stderr
    assert len(done.stderr.splitlines()) == 2


@FULL
def test_a_full_disk_under_both_outputs_is_an_exit_code(home):
    assert shell("rapid list > /dev/full 2>&1", home).returncode == 1


@pytest.mark.parametrize("stream", ["", pytest.param("2>&1", marks=pytest.mark.long)])
@pytest.mark.parametrize("words", [*KINDS, *OTHERS])
def test_a_reader_that_has_left_ends_a_command_quietly(home, words, stream):
    done = shell(f'rapid {words} {stream} | true; exit "${{PIPESTATUS[0]}}"', home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("errors", ["2>&-", pytest.param("2> /dev/full", marks=FULL)])
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("search ferry.txt 'When?'", 0, "leaves at nine"),
        ("--verbose search ferry.txt 'When?'", 0, "leaves at nine"),
        ("search ferry.txt missing.txt 'When?'", 3, "leaves at nine"),
        ("search missing.txt 'When?'", 1, ""),
        ("no-such-command", 2, ""),
    ],
)
def test_where_errors_cannot_be_told_the_result_and_the_exit_code_still_are(
    home, words, code, said, errors
):
    done = shell(f"rapid {words} {errors}", home)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


def test_closed_input_is_missed_by_none_who_do_not_read_it(home):
    done = shell("rapid search ferry.txt 'When?' <&-", home)
    assert done.returncode == 0, done.stderr
    assert "leaves at nine" in done.stdout


@pytest.mark.parametrize(
    "words",
    ["ask - 'When?'", "search - 'When?'", "ask ferry.txt --questions -", "chat ferry.txt"],
)
def test_closed_input_is_one_sentence_and_a_hint_for_those_who_read_it(home, words):
    done = shell(f"rapid {words} <&-", home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"rapid: {SAID_NO_INPUT}\n"), done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_closed_input_costs_only_itself(home):
    done = shell("rapid search - ferry.txt 'When?' <&-", home)
    assert done.returncode == 3
    assert "leaves at nine" in done.stdout
    assert f"skipped -: {SAID_NO_INPUT}" in done.stderr


def test_input_that_is_for_writing_only_is_one_sentence(home):
    done = shell("rapid search - 'When?' 0> written.txt", home)
    assert done.returncode == 1
    assert done.stderr.startswith("rapid: standard input cannot be read: bad file descriptor\n")


def test_input_needs_no_room_on_any_disk(home):
    done = shell("ulimit -f 1; head -c 4000 long.txt | rapid search - 'When?'", home)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_no_file_gets_the_descriptor_of_a_closed_stream(home):
    """What native libraries print would land in it: in the library, or in the log."""
    program = (
        "import os, sys; from rapid_cli.cli import streams\n"
        "with streams.standard_streams():\n"
        "    with open('database', 'wb') as database:\n"
        "        assert database.fileno() > 2\n"
        "        os.write(2, b'what a native library prints')\n"
        "        assert os.get_inheritable(2)\n"
        "assert os.path.getsize('database') == 0\n"
    )
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "$1" <&- >&- 2>&-', "bash", program],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def test_streams_that_do_not_wait_are_waited_for(home):
    """Whatever else holds the other end of a pipe may have set it so."""
    numbers = [os.pipe() for _ in range(2)]
    (asked, asking), (reading, written) = numbers
    for descriptor in (asked, written):
        os.set_blocking(descriptor, False)
    process = subprocess.Popen(
        [sys.executable, "-c", ECHO],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=asked,
        stdout=written,
        stderr=subprocess.PIPE,
    )
    os.close(asked)
    os.close(written)
    assert process.stderr is not None
    assert process.stderr.readline() == b"ready\n"
    with os.fdopen(asking, "wb") as file:
        file.write(b"again\n")
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"again\n" * 100_000
    assert process.wait(60) == 0
    process.stderr.close()


ECHO = """
import sys
from rapid_cli.cli.streams import standard_streams
with standard_streams():
    print("ready", file=sys.stderr)
    sys.stdout.write(sys.stdin.read() * 100_000)
"""


@pytest.mark.models
class TestAnswers:
    """The same for answers, which come in pieces and take a while."""

    ASK = "ask ferry.txt 'When does it leave?' --max-tokens 8 --seed 1 --no-log"
    CHAT = "chat ferry.txt --max-tokens 8 --no-log"

    @FULL
    @pytest.mark.parametrize("more", ["", "--json", "--no-stream"])
    def test_a_full_disk_ends_an_answer_with_one_sentence(self, home, more):
        done = shell(f"rapid {self.ASK} {more} > /dev/full", home)
        assert done.returncode == 1
        assert done.stderr.count(SAID_FULL) == 1
        assert "Sources" not in done.stderr or more == "--json"

    @FULL
    @pytest.mark.parametrize("words", [CHAT, "ask ferry.txt --questions - --max-tokens 8"])
    def test_a_full_disk_ends_all_questions_at_the_first(self, home, words):
        done = shell(rf"printf 'When?\nWhere?\n' | rapid {words} > /dev/full", home)
        assert done.returncode == 1
        assert done.stderr.count(SAID_FULL) == 1
        assert "Where?" not in done.stderr

    def test_a_reader_that_has_left_ends_an_answer_quietly(self, home):
        command = f'rapid {self.ASK} --no-stats | true; exit "${{PIPESTATUS[0]}}"'
        done = shell(command, home, PYTHONUNBUFFERED="1")
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
    def test_other_streams_may_be_closed(self, home, closed):
        done = shell(f"rapid {self.ASK} --json {closed}", home)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["answer"]
