"""How tests run the command line: within this process, or in one of its own.

Within this process libraries are imported once for all tests, which is most of what a command
takes. A process of its own is for what only such a one has: signals, pipes, terminals, closed
streams, crashes, and how long it takes to start.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.support.repository import REPOSITORY

LONGEST_SECONDS = 300.0
Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = (sys.executable, "-m", "rapid_cli")
"""What starts a process of its own."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the surroundings of a command that keeps all in `home` and asks no network.

    A models.toml in `home` is the one in force.
    """
    own = {"RAPID_HOME": str(home), "HF_HUB_OFFLINE": "1", "COLUMNS": "100"}
    if (home / "models.toml").is_file():
        own["RAPID_MODELS"] = str(home / "models.toml")
    usual = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return usual | own | {"PYTHONPATH": str(REPOSITORY)} | more


def rapid(
    *words: object, home: Path, stdin: str = "", cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command within this process, and return what it wrote, native libraries included."""
    arguments = [str(word) for word in words]
    with ExitStack() as stack:
        given, out, errors = (stack.enter_context(TemporaryFile()) for _ in range(3))
        given.write(stdin.encode())
        given.seek(0)
        with chdir(cwd or Path.cwd()), surrounded(environment(home, **more)):
            code = run_within(arguments, given, out, errors)
        return subprocess.CompletedProcess(arguments, code, _text(out), _text(errors))


def rapid_process(
    *words: object, home: Path, stdin: str = "", cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_SECONDS,
        cwd=cwd,
        env=environment(home, **more),
        check=False,
    )


def run_within(words: list[str], *streams: IO[bytes], code: str | None = None) -> int:
    """Run a command within this process, or `code` in its place; return the exit code."""
    from rapid_cli.cli import main

    before = sys.argv
    sys.argv = ["rapid", *words]
    with _standard(*streams):
        try:
            exec(code, {"__name__": "__main__"}) if code else main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.argv = before
            sys.stderr.flush()
    return 0


@contextmanager
def _standard(*files: IO[bytes]) -> Iterator[None]:
    """Let files be the three standard streams, of Python and of native libraries."""
    before = sys.stdin, sys.stdout, sys.stderr
    for stream in before[1:]:
        stream.flush()
    kept = [os.dup(number) for number in range(3)]
    try:
        for number, file in enumerate(files):
            file.flush()
            os.dup2(file.fileno(), number)
        # Named here, for what replaces a standard stream relies on that it stays.
        streams = [
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in enumerate("rww")
        ]
        sys.stdin, sys.stdout, sys.stderr = streams
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
        for number, descriptor in enumerate(kept):
            os.dup2(descriptor, number)
            os.close(descriptor)


@contextmanager
def surrounded(wanted: Mapping[str, str]) -> Iterator[None]:
    """Let these be all environment variables."""
    before = os.environ.copy()
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
