"""The log: in its file, and not in anybody's way."""

from __future__ import annotations

import io
import logging
import os
import re
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pypdf
import pytest

from rapid_cli.storage import logfile
from rapid_cli.storage.logfile import FILE_NAME, LARGEST_BYTES, LONGEST_MESSAGE, logged, unwritten
from tests.support.pdfs import make_pdf


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "not there yet"
    monkeypatch.setenv("RAPID_HOME", str(home))
    return home


def lines(home: Path) -> list[str]:
    return (home / FILE_NAME).read_text(encoding="utf-8").splitlines()


def run(program: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
        env=os.environ | {"RAPID_HOME": str(home)},
    )


def test_nothing_to_log_makes_no_file_and_no_folder(home: Path) -> None:
    with logged():
        logging.getLogger("pypdf").info("all is well")
    assert not home.exists()


def test_what_pypdf_has_to_say_of_a_damaged_file_is_in_the_log(home: Path) -> None:
    raw = b"junk\n" + make_pdf(["Call me Ishmael."])
    with logged():
        assert "Ishmael" in pypdf.PdfReader(io.BytesIO(raw)).pages[0].extract_text()
    assert any(" WARNING pypdf" in line for line in lines(home))


def test_each_record_is_one_line_that_no_terminal_obeys(home: Path) -> None:
    forged = "odd\n2026-01-01 00:00:00,000 1 ERROR rapid_cli: forged\x9b31m\u202e"
    with logged():
        try:
            raise ValueError(forged)
        except ValueError:
            logging.getLogger("some.library").warning(forged, exc_info=True)
    (line,) = lines(home)
    assert "odd␊2026" in line
    assert "Traceback" in line
    assert not {"\x9b", "\u202e"} & set(line)


def test_the_terminal_sees_nothing_of_it(home: Path) -> None:
    program = (
        "import logging, warnings\n"
        "from rapid_cli.storage.logfile import logged\n"
        "with logged():\n"
        "    logging.getLogger('some.library').error('a dictionary: %s', {'/Font': 1})\n"
        "    warnings.warn('this text looks like a file name')\n"
        "    logging.getLogger('rapid_cli.llama').info('of our own')\n"
        "    logging.getLogger('rapid_cli.llama').debug('in detail')\n"
    )
    done = run(program, home)
    assert done.stdout == done.stderr == ""
    written = "\n".join(lines(home))
    for said in ("/Font", "looks like a file name", "of our own"):
        assert said in written
    assert "in detail" not in written


def test_verbose_shows_it_on_stderr_too_with_the_details_of_rapid(home: Path) -> None:
    program = (
        "import logging\n"
        "from rapid_cli.storage.logfile import logged\n"
        "with logged(verbose=True):\n"
        "    logging.getLogger('some.library').warning('odd \\x1b[31mfont')\n"
        "    logging.getLogger('rapid_cli.llama').debug('in detail')\n"
    )
    done = run(program, home)
    assert done.stdout == ""
    assert "odd ␛[31mfont" in done.stderr
    assert "in detail" in done.stderr
    assert [line.split(": ")[-1] for line in lines(home)] == ["odd ␛[31mfont"]


def test_a_record_says_when_who_and_how_bad(home: Path) -> None:
    with logged():
        logging.getLogger("pypdf.filters").warning("a font without a name")
    (line,) = lines(home)
    wanted = r"\d{4}-\d\d-\d\d [\d:,]{12} \d+ WARNING pypdf\.filters: a font without a name"
    assert re.fullmatch(wanted, line)


def test_what_a_document_smuggles_into_the_log_is_harmless_and_not_endless(home: Path) -> None:
    with logged():
        logging.getLogger("pypdf").warning("font \x1b]0;title\x07 %s", "x" * 100_000)
    (line,) = lines(home)
    assert "\x1b" not in line
    assert "\x07" not in line
    assert LONGEST_MESSAGE <= len(line) <= LONGEST_MESSAGE + 2


def test_the_log_does_not_grow_without_end(home: Path) -> None:
    with logged():
        for number in range(2_000):
            logging.getLogger("chromadb").warning("%d %s", number, "x" * 1_500)
    sizes = {path.name: path.stat().st_size for path in home.iterdir()}
    assert sizes.keys() == {FILE_NAME, f"{FILE_NAME}.1"}
    assert max(sizes.values()) <= LARGEST_BYTES
    assert "1999" in lines(home)[-1]


def test_where_no_log_can_be_written_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAPID_HOME", str(tmp_path / "file" / "home"))
    with logged():
        logging.getLogger("pypdf").warning("nobody hears it")
        logging.getLogger("pypdf").warning("wrong %d", "arguments")
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_no_trouble(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / FILE_NAME).symlink_to("/dev/full")
    with logged():
        logging.getLogger("pypdf").warning("no room")
    assert capfd.readouterr() == ("", "")


def test_all_is_as_before_when_it_ends(home: Path) -> None:
    root, own = logging.getLogger(), logging.getLogger("rapid_cli")
    before = (root.handlers[:], root.level, own.level, logging.raiseExceptions)
    shown = warnings.showwarning
    with pytest.raises(KeyboardInterrupt), logged(verbose=True):
        raise KeyboardInterrupt
    assert before == (root.handlers[:], root.level, own.level, logging.raiseExceptions)
    assert warnings.showwarning is shown


def test_a_folder_can_be_looked_at_without_a_log_in_it(home: Path) -> None:
    with logged():
        with unwritten():
            logging.getLogger("pypdf").warning("is not written")
        assert not home.exists()
        logging.getLogger("pypdf").warning("is written again")
    (line,) = lines(home)
    assert "is written again" in line


def test_the_command_line_logs_where_the_library_is(home: Path) -> None:
    program = (
        "import logging, sys\n"
        "from rapid_cli import cli\n"
        "from rapid_cli.config import home\n"
        "@cli.app.command()\n"
        "def grumble():\n"
        "    logging.getLogger('chromadb').error('something is odd')\n"
        "sys.argv = ['rapid', 'grumble']\n"
        "cli.main()\n"
    )
    done = run(program, home)
    assert done.stderr == ""
    assert "something is odd" in lines(home)[0]
    assert stat.S_IMODE((home / logfile.FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
