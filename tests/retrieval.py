"""What the retrieval finds, measured: `python tests/retrieval.py PACK.jsonl... [--size 254]`.

Not a test. A line of a pack is a question with `doc` (a path from the folder above the pack's),
`answers` and `pages_1based`. Each row of the table is one way to rank the passages of a
question's document: how often those of 512, 1,024 and 2,048 tokens hold an answer, and how often
one of the first five touches a page that is named as evidence.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from unicodedata import normalize

import numpy as np

from rapid_cli import reader
from rapid_cli.chunking import split
from rapid_cli.documents import Passage
from rapid_cli.embedder import Embedder
from rapid_cli.library import EMBED_CHUNKS
from rapid_cli.models_file import find_models_file, load_models_file
from rapid_cli.ranking import about_budget, fuse, spread, without_near_duplicates
from rapid_cli.session import Session
from rapid_cli.words import indexed, match

BUDGETS = (512, 1024, 2048)
FIRST = 5
WAYS = ("dense", "lexical", "hybrid")
DEPTH = 100
TOKENIZER = "porter unicode61 remove_diacritics 2"


class Searched:
    """A document that is cut, embedded and indexed."""

    def __init__(self, path: Path, embedder: Embedder, size: int) -> None:
        document = reader.read(path)
        self.embedder = embedder
        self.starts = embedder.token_starts(document.text)
        self.chunks = split(document, self.starts, size=size)
        texts = [chunk.text for chunk in self.chunks]
        batches = range(0, len(texts), EMBED_CHUNKS)
        self.vectors = np.concatenate(
            [embedder.embed(texts[b : b + EMBED_CHUNKS]) for b in batches]
        )
        self.database = sqlite3.connect(":memory:")
        self.database.execute(
            f"CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = '{TOKENIZER}')"
        )
        self.database.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)",
            ((chunk.index, indexed(chunk.text)) for chunk in self.chunks),
        )

    def by_meaning(self, question: str) -> list[int]:
        similarities = self.vectors @ self.embedder.embed([question])[0]
        return [int(index) for index in np.argsort(-similarities, kind="stable")[:DEPTH]]

    def by_words(self, question: str) -> list[int]:
        query = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank, rowid LIMIT ?"
        expression = match(question)
        rows = self.database.execute(query, (expression, DEPTH)) if expression else ()
        return [row[0] for row in rows]

    def ranked(self, question: str, way: str) -> list[Passage]:
        dense, lexical = self.by_meaning(question), self.by_words(question)
        rankings = {"dense": [dense], "lexical": [lexical], "hybrid": [dense, lexical]}[way]
        found = [Passage(self.chunks[key], score) for key, score in fuse(rankings)]
        return without_near_duplicates(spread(found)) if way == "hybrid" else found

    def within(self, passages: Sequence[Passage], budget: int) -> str:
        counts = {
            each.chunk.text: bisect_left(self.starts, each.chunk.end)
            - bisect_left(self.starts, each.chunk.start)
            for each in passages
        }
        chosen = about_budget(passages, budget, counts.__getitem__)
        ordered = sorted(chosen, key=lambda passage: passage.chunk.index)
        return plain(" ".join(passage.chunk.text for passage in ordered))


def plain(text: str) -> str:
    """Return the words of a text alone, between blanks."""
    words = re.findall(r"[^\W_]+", normalize("NFKC", text).lower())
    return f" {' '.join(words)} "


def measure(pack: Path, searched, *, words: int, limit: int | None) -> None:
    """Print the rows of one pack."""
    lines = map(json.loads, pack.read_text(encoding="utf-8").splitlines())
    asked = [one for one in lines if one["answerable"] and one["doc_words"] < words][:limit]
    cited = [one for one in asked if one["pages_1based"]]
    for way in WAYS:
        held, hits = [0] * len(BUDGETS), 0
        for one in asked:
            document = searched(pack.parent.parent / one["doc"])
            passages = document.ranked(one["question"], way)
            texts = [document.within(passages, budget) for budget in BUDGETS]
            for index, text in enumerate(texts):
                held[index] += any(plain(answer) in text for answer in one["answers"])
            chunks = [passage.chunk for passage in passages[:FIRST]]
            pages = one["pages_1based"] or ()
            hits += any(c.first_page <= page <= c.last_page for c in chunks for page in pages)
        shares = [f"{count / len(asked):.2f}" for count in held]
        shares.append(f"{hits / len(cited):.2f}" if cited else "")
        print(f"| {pack.stem} ({len(asked)}) | {way} | {' | '.join(shares)} |", flush=True)


def main() -> None:
    """Measure packs, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--size", type=int, default=254, help="tokens in a chunk")
    parser.add_argument("--words", type=int, default=50_000, help="leave out longer documents")
    parser.add_argument("--limit", type=int, help="ask only so many questions of each pack")
    options = parser.parse_args()
    with Session(load_models_file(find_models_file(None))) as session:
        embedder = session.embedder
        searched = cache(lambda path: Searched(path, embedder, options.size))
        print("| pack (questions) | ranking | 512 | 1,024 | 2,048 | page among the first 5 |")
        print("|---|---|---|---|---|---|")
        for pack in options.packs:
            measure(pack, searched, words=options.words, limit=options.limit)


if __name__ == "__main__":
    main()
