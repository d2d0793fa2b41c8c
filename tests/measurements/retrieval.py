"""What the retrieval finds of the passages that answer a question.

    python -m tests.measurements.retrieval PACK.jsonl... [--size 128]

A line of a pack is a question with `doc` (a path from the folder above the pack's), `answers` and
`pages_1based`. Each row of the table is one way to rank the passages of a question's document: how
often those of 512, 1,024 and 2,048 tokens hold an answer, and how often one of the first five
touches a page that is named as evidence. In all of them the first five are of different pages and
near-duplicates are left out, as when a question is asked.
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

from rapid_cli.documents import Passage
from rapid_cli.library.library import EMBED_CHUNKS
from rapid_cli.library.search import DEPTH
from rapid_cli.models.models_file import open_models_file
from rapid_cli.reader import reading
from rapid_cli.retrieval.chunking import split
from rapid_cli.retrieval.embedder import CHUNK_TOKENS, Embedder
from rapid_cli.retrieval.passages import about_budget
from rapid_cli.retrieval.ranking import Key, rank, spread, without_near_duplicates
from rapid_cli.session.session import Session
from rapid_cli.text.page_references import named_pages
from rapid_cli.text.words import indexed, match

BUDGETS = (512, 1024, 2048)
FIRST = 5
WAYS = ("dense", "lexical", "hybrid")
TOKENIZER = "porter unicode61 remove_diacritics 2"


class Searched:
    """A document that is cut, embedded and indexed."""

    def __init__(self, path: Path, embedder: Embedder, size: int) -> None:
        self.document = document = reading.read(path)
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

    def by_meaning(self, question: str) -> dict[Key, float]:
        similarities = self.vectors @ self.embedder.embed([question])[0]
        best = np.argsort(-similarities, kind="stable")[:DEPTH].tolist()
        return {("", index): float(similarities[index]) for index in best}

    def by_words(self, question: str) -> dict[Key, float]:
        query = "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
        expression = match(question)
        rows = self.database.execute(query, (expression, DEPTH)) if expression else ()
        return {("", number): bm25 for number, bm25 in rows}

    def on_named_pages(self, question: str) -> set[Key]:
        pages = named_pages(question).among(self.document.pages) if self.document.paged else []
        return {
            ("", chunk.index)
            for chunk in self.chunks
            for page in pages
            if chunk.first_page <= page <= chunk.last_page
        }

    def ranked(self, question: str, way: str) -> list[Passage]:
        if way == "hybrid":
            named = self.on_named_pages(question)
            found = rank(self.by_meaning(question), self.by_words(question), named)
        else:
            only = self.by_meaning(question) if way == "dense" else self.by_words(question)
            found = sorted(only.items(), key=lambda item: -item[1])
        numbers = [number for (_, number), _ in found if 0 <= number < len(self.chunks)]
        passages = [Passage(self.chunks[number], 0.0) for number in numbers]
        return without_near_duplicates(spread(passages))

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


def measure(pack: Path, searched, *, words: range, limit: int | None) -> None:
    """Print the rows of one pack."""
    lines = map(json.loads, pack.read_text(encoding="utf-8").splitlines())
    asked = [one for one in lines if one["answerable"] and one["doc_words"] in words][:limit]
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
        shares = [f"{count / len(asked):.3f}" for count in held]
        shares.append(f"{hits / len(cited):.3f}" if cited else "")
        print(f"| {pack.stem} ({len(asked)}) | {way} | {' | '.join(shares)} |", flush=True)


def main() -> None:
    """Measure packs, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--size", type=int, default=CHUNK_TOKENS, help="tokens in a chunk")
    parser.add_argument("--least-words", type=int, default=0, help="leave out shorter documents")
    parser.add_argument("--words", type=int, default=10**9, help="leave out longer documents")
    parser.add_argument("--limit", type=int, help="ask only so many questions of each pack")
    options = parser.parse_args()
    with Session(open_models_file(None)) as session:
        embedder = session.embedder
        searched = cache(lambda path: Searched(path, embedder, options.size))
        print("| pack (questions) | ranking | 512 | 1,024 | 2,048 | page among the first 5 |")
        print("|---|---|---|---|---|---|")
        for pack in options.packs:
            words = range(options.least_words, options.words)
            measure(pack, searched, words=words, limit=options.limit)


if __name__ == "__main__":
    main()
