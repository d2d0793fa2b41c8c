"""Paths at which there is nothing: URLs, paths of other systems, questions in the wrong place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading

CHECK = "check the path for a typing mistake"


def refusal(name: str) -> tuple[str, str]:
    """Return what is said of a name that the command line has made a path of."""
    with pytest.raises(DocumentError) as caught:
        reading.find(Path(name))
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://example.org/a.pdf", "http://[::1]:8000/?q=1", "ftp://example.org/a b.txt"]
)
@pytest.mark.parametrize("folder", ["", "/home/me/"])
def test_a_url_is_said_to_be_one_and_not_fetched(folder: str, url: str) -> None:
    message, hint = refusal(folder + url)
    assert message == f"{url} is a URL, and no path"
    assert hint == "URLs are not fetched: download it, and name the file"


def test_a_url_of_a_file_is_answered_with_its_path() -> None:
    message, hint = refusal("file:///home/me/my%20book.pdf")
    assert message == "file:///home/me/my%20book.pdf is a URL, and no path"
    assert hint == "give the path itself: '/home/me/my book.pdf'"


@pytest.mark.skipif(os.name == "nt", reason="these paths are its own")
def test_a_path_of_windows_is_answered_with_that_of_this_system(
    tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "my book.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    said = (r"docs\my book.txt is a path of Windows", "here it is 'docs/my book.txt'")
    assert refusal(r"docs\my book.txt") == said
    for name in (r"docs\other.txt", r"C:\Users\me\book.txt", "c:/Users/me/book.txt"):
        assert refusal(name) == (
            f"{name} is a path of Windows",
            "give the path that the file has here, in quotes",
        )


@pytest.mark.parametrize("name", ["Why?", "When does the ferry leave", "Who is Dr. No?"])
def test_what_reads_like_a_question_is_told_where_it_belongs(name: str) -> None:
    message, hint = refusal(name)
    assert message == f"{name} does not exist"
    assert hint == f"if it is the question, write it last, after what it is about; else {CHECK}"


@pytest.mark.parametrize(
    "name", ["book.pdf", "my long book.pdf", "my letters/of last year", "papers"]
)
def test_what_reads_like_a_path_is_to_be_checked(name: str) -> None:
    assert refusal(name) == (f"{name} does not exist", CHECK)


def test_a_path_below_a_file_is_to_be_checked(tmp_path: Path) -> None:
    (tmp_path / "book.pdf").write_text("text")
    message, hint = refusal(f"{tmp_path}/book.pdf/one.txt")
    assert "cannot be read: not a directory" in message
    assert CHECK in hint


def test_a_question_too_long_for_a_path_is_told_where_it_belongs() -> None:
    message, hint = refusal("Who " + "really " * 60 + "is it?")
    assert "cannot be read: file name too long" in message
    assert "if it is the question, write it last" in hint
