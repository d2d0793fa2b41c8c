"""A disk that takes no more is named as such: nobody is told to delete or rebuild a library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from rapid_cli.library.vectors.chroma import REBUILD, FolderDatabase
from tests.support.repository import REPOSITORY

# The limit on the size of a file stands for the end of the disk.
FILLING = """
import resource, sys
from pathlib import Path
import numpy as np
from rapid_cli.documents import Chunk, Document, Page
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.vectors.store import Store

def fill_catalog(number):
    pages = (Page(1, None, "text " * 10_000),)
    document = Document(f"{number:064}", "name", f"/{number}", pages, False)
    catalog.put(document, [], cut="cut", reader=1)

def fill_store(number):
    chunks = [Chunk(f"{number:064}", index, "text " * 100, 0, 1, 1, 1) for index in range(100)]
    store.add(chunks, np.ones((100, 8), np.float32))

with Catalog(Path(sys.argv[1])) as catalog, Store(Path(sys.argv[1])) as store:
    catalog.entries()
    store.use("minilm", 8, 100)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    for fill in (fill_catalog, fill_store):
        try:
            for number in range(100):
                fill(number)
        except StoreError as error:
            print(error.hint)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_files_that_may_not_grow_are_not_called_damaged(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILLING, tmp_path],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    hints = done.stdout.splitlines()
    assert (done.returncode, len(hints)) == (0, 2), done.stderr
    assert all("make room on the disk" in hint for hint in hints)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("said", "free", "hint"),
    [
        ("No space left on device (os error 28)", 2**40, "make room"),
        ("Disk quota exceeded (os error 122)", 2**40, "make room"),
        ("File too large (os error 27)", 2**40, "ulimit -f"),
        ("Failed to apply logs to the hnsw segment writer", 1000, "make room"),
        ("Failed to apply logs to the hnsw segment writer", 2**40, REBUILD),
    ],
)
def test_what_chroma_says_of_a_full_disk_is_understood(
    said: str, free: int, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**41, 2**41 - free, free))
    assert hint in FolderDatabase(tmp_path)._hint(RuntimeError(said))
