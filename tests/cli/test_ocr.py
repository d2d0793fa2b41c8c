"""`rapid index --ocr`, through real processes: with the real program and with fakes of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest import MonkeyPatch

from rapid_cli.retrieval.embedder import Embedder
from tests.support.pdfs import make_drawn_pdf, make_partly_scanned_pdf, make_pdf, make_scanned_pdf
from tests.support.rapid import environment, rapid
from tests.support.waiting import wait_for

pytestmark = pytest.mark.models

TYPED = "The harbour board met in the morning."
DRAWN = "A silver whistle was given to the keeper."


class Place:
    """A library, a folder of documents, one for programs and one for temporary files."""

    def __init__(self, folder: Path, embedders: Path) -> None:
        self.documents, self.programs = folder / "documents", folder / "programs"
        self.temporary, home = folder / "temporary", folder / "home"
        for each in (self.documents, self.programs, self.temporary, home / "cache"):
            each.mkdir(parents=True)
        (home / "cache" / "embedders").symlink_to(embedders)
        self.own = {
            "TMPDIR": str(self.temporary),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
        }
        self.home = home

    def install(self, script: str) -> None:
        """Put a program called ocrmypdf before all others."""
        program = self.programs / "ocrmypdf"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def start(self, *words: str) -> subprocess.Popen[str]:
        before = signal.getsignal(signal.SIGINT)
        # Behind a shell's `&` Ctrl-C is ignored, which the process would inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        started = subprocess.Popen(
            [sys.executable, "-m", "rapid_cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(self.home, **self.own),
        )
        signal.signal(signal.SIGINT, before)
        return started

    def run(self, *words: str) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr."""
        with MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", None)  # so that the environment is asked for it
            done = rapid(*words, home=self.home, **self.own)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def index(self, *options: str) -> tuple[int, str, str]:
        return self.run("index", str(self.documents), *options)

    def best(self, question: str) -> tuple[str, int, str]:
        """Return name, page and text of the best passage."""
        _, out, _ = self.run("search", question, "--json")
        found = json.loads(out)["passages"][0]
        return found["document"], found["page"], found["text"].strip()

    def left_over(self) -> list[Path]:
        """Return the temporary files that are not hidden, as those of other libraries are."""
        return [path for path in self.temporary.iterdir() if not path.name.startswith(".")]


@pytest.fixture
def place(tmp_path: Path, embedder: Embedder, embedder_cache: Path) -> Place:
    embedder.embed(["anything"])  # exports it once for all of these tests
    return Place(tmp_path, embedder_cache)


def test_a_second_run_with_ocr_reads_the_pages_that_the_first_names(
    place: Place, tmp_path: Path
) -> None:
    (place.documents / "mixed.pdf").write_bytes(make_partly_scanned_pdf([TYPED, None]))
    (place.documents / "scan.pdf").write_bytes(make_scanned_pdf(2))
    found, calls = tmp_path / "found.pdf", tmp_path / "calls"
    found.write_bytes(make_pdf([TYPED, DRAWN]))
    place.install(f'echo called >>"{calls}"; cp "{found}" "$6"')

    code, out, errors = place.index()
    assert (code, out) == (3, "1 new, 0 updated, 0 unchanged, 0 removed, 1 skipped\n")
    assert "page 2 has no text: needs OCR" in errors
    assert f"skipped {place.documents}/scan.pdf: it has no text; 2 pages look scanned" in errors
    assert not calls.exists()

    code, out, errors = place.index("--ocr")
    assert (code, out) == (0, "1 new, 1 updated, 0 unchanged, 0 removed, 0 skipped\n")
    assert "OCR" not in errors
    assert calls.read_text() == "called\n" * 2
    (place.documents / "scan.pdf").unlink()
    for options in (["--ocr"], []):
        code, out, _ = place.index(*options)
        assert (code, out[:26]) == (0, "0 new, 0 updated, 1 unchan")
    assert calls.read_text() == "called\n" * 2, "nothing is read twice"
    assert place.best("Who was given a whistle?") == ("mixed.pdf", 2, DRAWN)
    assert place.left_over() == []


@pytest.mark.skipif(shutil.which("ocrmypdf") is None, reason="ocrmypdf is not installed")
def test_the_real_program_finds_text_on_the_right_pages(place: Place) -> None:
    filler = "\n".join(["The sheep stood close to the walls of the moor."] * 12)
    pages = [TYPED, f"{filler}\n{DRAWN}\n{filler}", "Rain fell on the lighthouse for a week."]
    (place.documents / "scan.pdf").write_bytes(make_drawn_pdf(pages, typed=[0], dpi=300))
    code, out, errors = place.index("--ocr")
    assert (code, out) == (0, "1 new, 0 updated, 0 unchanged, 0 removed, 0 skipped\n"), errors
    assert "OCR" not in errors
    name, page, text = place.best("What was given to the keeper?")
    assert (name, page) == ("scan.pdf", 2)
    assert DRAWN in text.replace("\n", " ")
    assert place.best("Where did rain fall?")[1] == 3
    assert place.best("When did the harbour board meet?")[1:] == (1, TYPED)
    assert place.left_over() == []


@pytest.fixture
def reading(place: Place, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run whose OCR program has begun and goes on for long."""
    (place.documents / "scan.pdf").write_bytes(make_scanned_pdf(1))
    place.install(
        f'echo $$ >"{tmp_path}/id"; while sleep 0.01; do mktemp -d; touch "$TMPDIR/$$"; done'
    )
    started = place.start("index", str(place.documents), "--ocr")
    try:
        wait_for(lambda: started.poll() is not None or len(list(place.temporary.rglob("*"))) > 9)
        yield started
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_run_that_ends_in_ocr_leaves_no_process_and_no_file(
    place: Place,
    reading: subprocess.Popen[str],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    program = Path("/proc", (tmp_path / "id").read_text().strip(), "cmdline")
    assert program.read_bytes()
    reading.send_signal(number)
    _, errors = reading.communicate(timeout=20)
    assert reading.returncode == code
    assert "Traceback" not in errors
    wait_for(lambda: place.left_over() == [])
    wait_for(lambda: not (program.exists() and program.read_bytes()))
    assert place.left_over() == []
