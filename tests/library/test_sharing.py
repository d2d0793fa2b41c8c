"""Libraries of several machines on one server."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from rapid_cli.documents import SHARED, Document, Page
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.sharing import Sharing
from rapid_cli.library.shelf import Shelf
from rapid_cli.library.vectors.chroma_server import ServerDatabase
from tests.support.chroma_servers import empty, running
from tests.support.libraries import OpenLibrary, index, opened, write
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from tests.support.libraries import index, opened
with opened(Path(sys.argv[1]), server=sys.argv[3]) as library:
    index(library, Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def server(started: str) -> Iterator[str]:
    """The URL of an empty server."""
    yield started
    empty(started)


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


POSING = "alice:/salary.pdf"
FORGED = "The rent is 9999 and due."


def forge(server: str, folder: Path, file: Path, text: str) -> None:
    """Shelve a text of its own under the hash of somebody's file, as any member may."""
    identity = hashlib.sha256(file.read_bytes()).hexdigest()
    forged = Document(identity, "forged.txt", str(file), (Page(1, None, text),), False)
    with opened(folder, server=server) as library:
        list(library.add(forged))


def said(library: OpenLibrary, path: Path) -> tuple[str, str]:
    """Return the whole text of a file in a library, and that of its best passage."""
    (entry,) = library.find(str(path))
    (best,) = library.search("rent", [entry.document_id], 1)
    assert library.get(entry.document_id).path == str(path)
    return library.get(entry.document_id).text, best.chunk.text


@pytest.mark.parametrize("forged_first", [True, False])
def test_a_text_of_others_never_stands_for_a_file_of_this_machine(
    server: str, tmp_path: Path, *, forged_first: bool
) -> None:
    lease = tmp_path / "lease.txt"
    lease.write_text("The rent is 100.")
    if forged_first:
        forge(server, tmp_path / "eve", lease, FORGED)
    with opened(tmp_path / "home", server=server) as library:
        library.adopt()
        index(library, lease)
        if not forged_first:
            forge(server, tmp_path / "eve", lease, FORGED)
        library.adopt()
        assert said(library, lease) == ("The rent is 100.", "The rent is 100.")
        index(library, lease)
        assert list(library.rebuild())
        assert said(library, lease) == ("The rent is 100.", "The rent is 100.")


def test_a_file_that_is_not_embedded_yet_keeps_its_own_text(server: str, tmp_path: Path) -> None:
    lease = tmp_path / "lease.txt"
    lease.write_text("The rent is 100.")
    forge(server, tmp_path / "eve", lease, FORGED)
    with opened(tmp_path / "home", server=server) as library:
        library.enter(library.extractor.read(lease))
        library.adopt()
        assert said(library, lease) == ("The rent is 100.", "The rent is 100.")


def test_the_text_of_a_pipe_is_not_that_of_others_either(server: str, tmp_path: Path) -> None:
    lease = tmp_path / "lease.txt"
    lease.write_text("The rent is 100.")
    forge(server, tmp_path / "eve", lease, FORGED)
    identity = hashlib.sha256(lease.read_bytes()).hexdigest()
    piped = Document(identity, "stdin", "stdin:0", (Page(1, None, lease.read_text()),), False)
    with opened(tmp_path / "home", server=server) as library:
        library.adopt()
        list(library.add(piped))
        assert library.get(identity).text == "The rent is 100."
        assert library.get(identity).path == "stdin:0"


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("bob-1f", "shared:bob-1f:/a"),
        (POSING, f"shared:alice_salary.pdf-{hashlib.sha256(POSING.encode()).hexdigest()[:8]}:/a"),
        ("a\u202eb\n", None),
        ("", None),
        ("x" * 500, None),
    ],
)
def test_what_others_call_themselves_cannot_be_taken_for_another(
    server: str, tmp_path: Path, origin: str, shown: str | None
) -> None:
    name = uuid4().hex
    database = ServerDatabase(server)
    page = (Page(1, None, "text"),)
    Shelf(database, name, origin).put(Document("a" * 64, "a\nb\x9b", "/a", page, False), [])
    catalog = Catalog(tmp_path)
    Sharing(catalog, Shelf(database, name, "me"), "me").adopt(lambda: "cut")
    ((path, title),) = [(entry.path, entry.name) for entry in catalog.entries()]
    assert shown is None or path == shown
    assert re.fullmatch(r"shared:[A-Za-z0-9._-]{1,89}:/a", path)
    assert title == "a\u240ab<U+009B>"
    database.close()
    catalog.close()
