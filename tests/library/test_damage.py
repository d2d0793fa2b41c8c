"""What becomes of a library whose vectors on disk are lost or damaged, as by a killed process."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from rapid_cli.errors import StoreError
from rapid_cli.library import search
from tests.support import chroma_servers
from tests.support.libraries import OpenLibrary, assert_sound, index, opened, write

pytestmark = pytest.mark.slow

LONG = 1500
"""So many chunks that Chroma writes its index."""


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    write(folder / "apple.txt", "apple")
    write(folder / "lemon.txt", "lemon", sentences=LONG)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, docs: Path) -> Path:
    """A library with a text of each length, closed."""
    home = tmp_path_factory.mktemp("whole") / "home"
    with opened(home) as library:
        index(library, docs)
    return home


@pytest.fixture
def home(tmp_path: Path, whole: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "home"))


@pytest.fixture
def in_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let searches go to the store, as in a large library."""
    monkeypatch.setattr(search, "EXACT_CHUNKS", 0)


def lose_copies(home: Path) -> None:
    """Let the catalog have no vectors, as that of earlier versions."""
    with closing(sqlite3.connect(home / "library.sqlite3")) as connection:
        connection.executescript("DELETE FROM vectors")


def found(library: OpenLibrary, limit: int = 20) -> int:
    ids = [entry.document_id for entry in library.entries()]
    return len(library.search("lemon", ids, limit))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "chroma.sqlite3": lambda _: b"not a database" * 1000,
    "*/index_metadata.pickle": lambda raw: raw[: len(raw) // 2],
    "*/header.bin": lambda _: b"junk" * 25,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_mended_from_the_catalog_before_more_is_indexed(
    home: Path, tmp_path: Path, name: str
) -> None:
    damage(home, name)
    write(tmp_path / "melon.txt", "melon")
    with opened(home) as library:
        assert index(library, tmp_path / "melon.txt") == {"new": ["melon.txt"]}
        assert library.embedder.embedded <= 2 * 5, "what was embedded before is not again"
        assert_sound(library)
        library.store.probe()


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.usefixtures("in_store")
def test_damage_is_mended_from_the_catalog_before_a_search(home: Path, name: str) -> None:
    damage(home, name)
    with opened(home) as library:
        assert found(library) == 20
        assert library.embedder.embedded == len(library.embedder.asked)
        assert_sound(library)


@pytest.mark.parametrize("lost", ["chroma", "chroma/*-*"])
@pytest.mark.usefixtures("in_store")
def test_lost_vectors_are_stored_again_or_told_where_there_is_no_copy(
    home: Path, lost: str
) -> None:
    lose(home, lost)
    with opened(home) as library:
        assert found(library) == 20
        assert_sound(library)
    lose(home, lost)
    lose_copies(home)
    with opened(home) as library:
        with pytest.raises(StoreError) as caught:
            found(library)
        assert "rapid index --rebuild" in caught.value.hint
        assert list(library.rebuild())
        assert found(library) == 20
        assert_sound(library)


@pytest.mark.usefixtures("in_store")
def test_a_damaged_store_with_the_only_vectors_is_left_as_it_is(home: Path, tmp_path: Path) -> None:
    damage(home, "chroma.sqlite3")
    lose_copies(home)
    write(tmp_path / "melon.txt", "melon")
    with opened(home) as library:
        for work in (lambda: index(library, tmp_path / "melon.txt"), lambda: found(library)):
            with pytest.raises(StoreError, match="cannot be used") as caught:
                work()
            assert "rapid index --rebuild" in caught.value.hint
        assert (home / "chroma" / "chroma.sqlite3").read_bytes().startswith(b"not a database")
        assert list(library.rebuild())
        assert_sound(library)


@pytest.mark.usefixtures("in_store")
def test_what_a_server_has_lost_is_told_and_the_rest_is_left_to_those_who_share_it(
    docs: Path, tmp_path: Path
) -> None:
    with (
        chroma_servers.running(tmp_path / "server") as url,
        opened(tmp_path / "home", server=url) as library,
    ):
        index(library, docs)
        assert found(library) == 20
        before = library.stored()
        gone = next(each.document_id for each in library.entries() if each.name == "lemon.txt")
        library.store.remove(gone)
        with pytest.raises(StoreError, match="passages are missing"):
            found(library)
        assert library.stored() == {key: count for key, count in before.items() if key != gone}


def damage(home: Path, name: str) -> None:
    (file,) = (home / "chroma").glob(name)
    file.write_bytes(DAMAGES[name](file.read_bytes()))


def lose(home: Path, pattern: str) -> None:
    for folder in home.glob(pattern):
        shutil.rmtree(folder)
