"""Libraries of several machines on one server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapid_cli.documents import SHARED, Document, Page
from rapid_cli.errors import StoreError
from tests.support.chroma_servers import running
from tests.support.libraries import index, opened, write
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from tests.support.libraries import index, opened
with opened(Path(sys.argv[1]), server=sys.argv[3]) as library:
    index(library, Path(sys.argv[2]))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with running(tmp_path / "server") as url:
        yield url


@pytest.fixture
def machines(tmp_path: Path) -> list[Path]:
    """Return two folders of documents; beside each there is a home of its own."""
    for machine, words in {"one": ["apple", "banana"], "two": ["cherry", "damson"]}.items():
        (tmp_path / machine / "docs").mkdir(parents=True)
        for word in words:
            write(tmp_path / machine / "docs" / f"{word}.txt", word)
    return [tmp_path / "one", tmp_path / "two"]


def test_machines_that_index_at_once_find_each_others_documents(
    server: str, machines: list[Path]
) -> None:
    at_once = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(machine / "home"), str(machine / "docs"), server],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        for machine in machines
    ]
    assert [each.wait(120) for each in at_once] == [0, 0]
    for machine in machines:
        with opened(machine / "home", server=server) as library:
            library.adopt()
            entries = {entry.name: entry for entry in library.entries()}
            assert sorted(entries) == ["apple.txt", "banana.txt", "cherry.txt", "damson.txt"]
            ids = [entry.document_id for entry in entries.values()]
            for word in ("apple", "damson"):
                best = library.search(f"{word} fact number 3", ids, 1)[0]
                assert best.chunk.document_id == entries[f"{word}.txt"].document_id
                assert best.similarity is not None
                assert f"The {word} has fact number 3." in library.get(best.chunk.document_id).text
            theirs = [entry for entry in entries.values() if entry.path.startswith(SHARED)]
            assert len(theirs) == 2
            assert library.embedder.embedded <= 2, "only the questions"


def test_what_one_machine_removes_is_gone_for_the_other_but_what_both_hold_stays(
    server: str, machines: list[Path]
) -> None:
    one, two = machines
    write(one / "docs" / "both.txt", "quince")
    write(two / "docs" / "both.txt", "quince")
    with opened(one / "home", server=server) as library:
        index(library, one / "docs")
    with opened(two / "home", server=server) as library:
        library.adopt()
        before = library.embedder.embedded
        index(library, two / "docs" / "both.txt")
        assert library.embedder.embedded == before, "its vectors are on the server"
        with pytest.raises(StoreError, match="another library"):
            library.remove("apple.txt")
    with opened(one / "home", server=server) as library:
        library.remove(str(one / "docs" / "both.txt"))
        library.remove("apple.txt")
        library.adopt()
        assert len(library.stored()) == 2
    with opened(two / "home", server=server) as library:
        library.adopt()
        assert sorted(entry.name for entry in library.entries()) == ["banana.txt", "both.txt"]
        (both,) = library.find("both.txt")
        assert library.search("quince", [both.document_id], 1)[0].similarity is not None


def test_a_changed_file_changes_for_all(server: str, machines: list[Path]) -> None:
    one, two = machines
    with opened(one / "home", server=server) as library:
        index(library, one / "docs")
    with opened(two / "home", server=server) as library:
        library.adopt()
    write(one / "docs" / "apple.txt", "apricot")
    with opened(one / "home", server=server) as library:
        assert index(library, one / "docs")["updated"] == ["apple.txt"]
    with opened(two / "home", server=server) as library:
        library.adopt()
        (entry,) = library.find("apple.txt")
        assert "apricot" in library.get(entry.document_id).text


def test_text_from_a_pipe_never_reaches_the_server(server: str, machines: list[Path]) -> None:
    secret = Document("0" * 64, "stdin", "stdin:0", (Page(1, None, "The code is 1234."),), False)
    with opened(machines[0] / "home", server=server) as library:
        list(library.add(secret))
        assert library.search("code", [secret.id], 1)[0].similarity is not None
        assert library.stored() == {}
    with opened(machines[1] / "home", server=server) as library:
        library.adopt()
        assert library.entries() == []


def test_a_rebuild_leaves_what_others_have_alone(server: str, machines: list[Path]) -> None:
    one, two = machines
    with opened(one / "home", server=server) as library:
        index(library, one / "docs")
    with opened(two / "home", server=server) as library:
        library.adopt()
        index(library, two / "docs")
        before = library.embedder.embedded
        assert list(library.rebuild())
        assert library.embedder.embedded == before + 10, "its own two documents alone"
        assert len(library.stored()) == len(library.entries()) == 4
    with opened(one / "home", server=server) as library:
        library.adopt()
        ids = [entry.document_id for entry in library.entries()]
        assert len(ids) == 4
        assert all(passage.similarity for passage in library.search("fact", ids, 20))
