"""How fast documents are indexed.

    python -m tests.measurements.indexing_speed FILE...

For each file: the embedding of its chunks alone, then `rapid index` in an empty library. Without
files, a folder of 1,000 generated documents is indexed, then one of them is changed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1
DOCUMENTS = 1_000
WORDS = ("whale", "ship", "sea", "captain", "harpoon", "oil", "storm", "island", "crew", "mast")

EMBEDDING = """
import sys, time
from pathlib import Path
from rapid_cli.reader import reading
from rapid_cli.retrieval.chunking import split
from rapid_cli.library.library import EMBED_CHUNKS
from rapid_cli.models.models_file import open_models_file
from rapid_cli.session.session import Session

with Session(open_models_file(None)) as session:
    document, embedder = reading.read(Path(sys.argv[1])), session.embedder
    embedder.embed(["loaded"])
    started = time.perf_counter()
    chunks = split(document, embedder.token_starts(document.text), size=embedder.chunk_tokens)
    for first in range(0, len(chunks), EMBED_CHUNKS):
        embedder.embed([chunk.text for chunk in chunks[first : first + EMBED_CHUNKS]])
    print(len(document.pages), len(chunks), time.perf_counter() - started)
"""


def index(path: Path, home: Path) -> tuple[float, float]:
    """Return the seconds that `rapid index` takes, and the peak memory of its processes in GiB."""
    command = [sys.executable, "-m", "rapid_cli", "index", str(path)]
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, env=os.environ | {"RAPID_HOME": str(home)}) as running:
        while running.poll() is None:
            peak = max(peak, memory(running.pid))
            time.sleep(SAMPLE_SECONDS)
    assert running.returncode == 0, command
    return time.perf_counter() - started, peak / 2**30


def memory(pid: int) -> int:
    """Return the memory of a process and its children, in bytes."""
    try:
        parent = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (parent, *parent.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def measure_files(paths: list[Path]) -> None:
    """Print a row a file: pages, chunks, and both times."""
    print("| file | pages | chunks | embedding alone | `rapid index` | ratio | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"RAPID_HOME": folder}
            command = [sys.executable, "-c", EMBEDDING, str(path)]
            alone = subprocess.run(
                command, env=environment, check=True, capture_output=True, text=True
            )
            pages, chunks, seconds = alone.stdout.split()
            total, peak = index(path, Path(folder))
        row = f"{pages} | {chunks} | {float(seconds):.0f} s | {total:.0f} s"
        ratio = total / float(seconds)
        print(f"| {path.name} | {row} | {ratio:.2f} | {peak:.2f} GiB |", flush=True)


def measure_many() -> None:
    """Print what a folder of documents takes, at first and after a change."""
    with tempfile.TemporaryDirectory() as folder:
        docs, home = Path(folder, "docs"), Path(folder, "home")
        docs.mkdir()
        draw = random.Random(1)
        for number in range(DOCUMENTS):
            words = [draw.choice(WORDS) for _ in range(300)]
            (docs / f"{number}.txt").write_text(f"Report {number}. " + " ".join(words))
        first, _ = index(docs, home)
        (docs / "500.txt").write_text("This one has changed.")
        second, _ = index(docs, home)
    share = second / first
    print(f"{DOCUMENTS} documents: {first:.1f} s; one changed: {second:.1f} s, {share:.1%} of it")


if __name__ == "__main__":
    if files := [Path(name) for name in sys.argv[1:]]:
        measure_files(files)
    else:
        measure_many()
