"""What the retrieval finds of the passages that answer a question.

    python -m tests.measurements.retrieval PACK.jsonl... [--words N] [--least-words N]

A line of a pack is a question with `doc` (a path from the folder above the pack's), `answers` and
`pages_1based`. Each row of the table is one way to rank the passages of a question's document: how
often those of 512, 1,024 and 2,048 tokens hold an answer, and how often one of the first five
touches a page that is named as evidence. The library searches, as when a question is asked; it
keeps the documents, so that a second run is quick. The rows by meaning and by words have the same
passages in other orders.
"""

from __future__ import annotations

import argparse
import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from unicodedata import normalize

from rapid_cli.documents import Passage
from rapid_cli.models.models_file import open_models_file
from rapid_cli.reader import reading
from rapid_cli.retrieval.passages import about_budget
from rapid_cli.retrieval.ranking import spread
from rapid_cli.session.conversation import AHEAD
from rapid_cli.session.session import Session

BUDGETS = (512, 1024, 2048)
FIRST = 5
WAYS = ("by meaning", "by words", "both")


class Searched:
    """A document in the library."""

    def __init__(self, path: Path, session: Session) -> None:
        self.library = session.library
        held = self.library.held(path)
        self.document = self.library.get(held) if held else reading.read(path)
        for _ in self.library.add(self.document):
            pass
        self.starts = session.embedder.token_starts(self.document.text)

    def ranked(self, question: str) -> dict[str, list[Passage]]:
        """Return what is found for a question, in the order of each way to rank it."""
        both = self.library.search(question, [self.document.id], AHEAD)
        alike = [each for each in both if each.similarity is not None]
        worded = [each for each in both if each.lexical is not None]
        orders = (
            spread(sorted(alike, key=lambda each: -each.similarity)),
            spread(sorted(worded, key=lambda each: -each.lexical)),
            both,
        )
        return dict(zip(WAYS, orders, strict=True))

    def within(self, passages: Sequence[Passage], budget: int) -> str:
        """Return the words of the passages of so many tokens, as they are read."""
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


def measure(pack: Path, searched, *, words: range, limit: int | None, missed: bool) -> None:
    """Print the rows of one pack."""
    lines = map(json.loads, pack.read_text(encoding="utf-8").splitlines())
    asked = [one for one in lines if one["answerable"] and one["doc_words"] in words][:limit]
    cited = [one for one in asked if one["pages_1based"]]
    held = {way: [0] * len(BUDGETS) for way in WAYS}
    hits = dict.fromkeys(WAYS, 0)
    for one in asked:
        document = searched(pack.parent.parent / one["doc"])
        for way, passages in document.ranked(one["question"]).items():
            for index, budget in enumerate(BUDGETS):
                text = document.within(passages, budget)
                held[way][index] += any(plain(answer) in text for answer in one["answers"])
            hit = is_hit(passages, one["pages_1based"] or ())
            hits[way] += hit
            if missed and way == WAYS[-1] and one["pages_1based"] and not hit:
                found = [passage.chunk.first_page for passage in passages[:FIRST]]
                print(f"missed {one['pages_1based']}, found {found}: {one['question']}")
    for way in WAYS:
        shares = [f"{count / len(asked):.3f}" for count in held[way]]
        shares.append(f"{hits[way] / len(cited):.3f}" if cited else "")
        print(f"| {pack.stem} ({len(asked)}) | {way} | {' | '.join(shares)} |", flush=True)


def is_hit(passages: Sequence[Passage], pages: Sequence[int]) -> bool:
    """Tell whether one of the first passages touches one of the pages."""
    chunks = [passage.chunk for passage in passages[:FIRST]]
    return any(c.first_page <= page <= c.last_page for c in chunks for page in pages)


def main() -> None:
    """Measure packs, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--least-words", type=int, default=0, help="leave out shorter documents")
    parser.add_argument("--words", type=int, default=10**9, help="leave out longer documents")
    parser.add_argument("--limit", type=int, help="ask only so many questions of each pack")
    parser.add_argument("--missed", action="store_true", help="print what is not among the first")
    options = parser.parse_args()
    with Session(open_models_file(None)) as session:
        searched = cache(lambda path: Searched(path, session))
        print("| pack (questions) | ranking | 512 | 1,024 | 2,048 | page among the first 5 |")
        print("|---|---|---|---|---|---|")
        for pack in options.packs:
            words = range(options.least_words, options.words)
            measure(pack, searched, words=words, limit=options.limit, missed=options.missed)


if __name__ == "__main__":
    main()
