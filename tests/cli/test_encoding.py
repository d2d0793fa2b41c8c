"""What texts are in that are not Unicode, as the command line names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.rapid import rapid

# Letters in both encodings, capital in one and small in the other: only a name can tell.
TEXT = "БЫК"
AS_SHOUTED, AS_WHISPERED = "koi8-r", "cp1251"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "minutes.txt"
    path.write_bytes(("The word is " + TEXT + ".\n").encode(AS_SHOUTED))
    return path


@pytest.mark.slow
def test_a_named_encoding_decides_and_another_one_reads_the_file_again(file, tmp_path):
    for encoding in (AS_SHOUTED, AS_WHISPERED):
        found = rapid(
            *("search", file, "Which word is it?", "--encoding", encoding), home=tmp_path / "home"
        )
        assert found.returncode == 0, found.stderr
        assert file.read_bytes().decode(encoding).split()[-1] in found.stdout


def test_an_unknown_encoding_is_refused_with_a_hint(file, tmp_path):
    for command in ("index", "search", "ask"):
        words = () if command == "index" else ("Which word is it?",)
        done = rapid(command, file, *words, "--encoding", "shift-jiss", home=tmp_path / "home")
        assert done.returncode == 1
        said = " ".join(done.stderr.split())
        assert "no encoding 'shift-jiss'" in said
        assert "did you mean shift-jis?" in said
