"""Whether the words that an answer would cite are marked on the pages of PDFs.

    python -m tests.measurements.citations_marked PACK.jsonl... [--questions N] [--missed]

A line of a pack is a question with `doc`, a path from the folder above the pack's; those about PDFs
are taken, so many and spread over their documents. The passages that are found for a question stand
for its answer: of each of the first three, the sentence that is most like the question is quoted as
a citation is. Its page is drawn, and what PDFium reads within the marks is compared with the quote,
letter by letter. So the judge knows nothing of how quotes are found. On the page after it, a quote
should not be found, or be just as it is, as what stands on every page. `--missed` shows the quotes
that are not marked, and what is marked in the place of others.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from unicodedata import normalize

from rapid_cli.answering.citing.citations import quote, weighted_terms
from rapid_cli.documents import Document, Passage
from rapid_cli.library.library import Library
from rapid_cli.models.models_file import open_models_file
from rapid_cli.session.session import Session
from rapid_cli.text.sentences import passage_sentences
from tests.support.marked_pages import text_within

PASSAGES = 3
LIKE = 0.9
"""How much of the letters in a quote and its marks must agree, by difflib's ratio."""
WIDTH = 1_400


def asked(packs: list[Path], count: int) -> Iterator[tuple[Path, str]]:
    """Yield the documents and questions, the first of each document before all second ones."""
    questions: dict[Path, list[str]] = defaultdict(list)
    for pack in packs:
        for line in map(json.loads, pack.read_text(encoding="utf-8").splitlines()):
            if line["doc"].endswith(".pdf"):
                questions[pack.parent.parent / line["doc"]].append(line["question"])
    rounds = range(max(map(len, questions.values()), default=0))
    taken = [
        (path, ones[at]) for at in rounds for path, ones in questions.items() if at < len(ones)
    ]
    yield from sorted(taken[:count])


def cited(question: str, passage: Passage, document: Document) -> tuple[int, str]:
    """Return the page and the words of the sentence of a passage that is most like a question."""
    text, wanted = passage.chunk.text, weighted_terms(question)
    spans = list(passage_sentences(text))
    told = [
        sum(weight for term, weight in wanted.items() if term in weighted_terms(text[start:end]))
        for start, end in spans
    ]
    start, end = spans[told.index(max(told))]
    page = document.page_at(passage.chunk.start + start)
    return page.number, quote(question, text[start:end])


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, normalize("NFKD", text).casefold()))


def judge(told: str, found: str) -> str:
    if not found:
        return "not found"
    ratio = SequenceMatcher(None, letters(told), letters(found), autojunk=False).ratio()
    return "covered" if ratio >= LIKE else "otherwise"


def drawn(library: Library, path: Path, page: int, told: str, passage: str) -> tuple[str, str]:
    """Return how a quote is marked on a page, and what stands within the marks."""
    picture = library.extractor.picture(path, page, told, passage=passage, width=WIDTH)
    if not picture.has_text:
        return "no letters", ""
    found = text_within(path.read_bytes(), page, picture) if picture.marked else ""
    return judge(told, found), found


def show(title: str, outcomes: Counter[str]) -> None:
    total = sum(outcomes.values())
    print(title)
    for outcome, count in outcomes.most_common():
        print(f"  {outcome:12}{count:5}  {count / max(total, 1):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--missed", action="store_true")
    options = parser.parse_args()
    here, after = Counter[str](), Counter[str]()
    documents, questions = set(), 0
    with Session(open_models_file(None)) as session:
        library = session.library
        for path, question in asked(options.packs, options.questions):
            held = library.held(path)
            document = library.get(held) if held else library.extractor.read(path)
            library.enter(document)  # without its vectors, which take long and change little here
            documents.add(path)
            questions += 1
            for passage in library.search(question, [document.id], PASSAGES):
                page, told = cited(question, passage, document)
                outcome, found = drawn(library, path, page, told, passage.chunk.text)
                here[outcome] += 1
                if options.missed and outcome != "covered":
                    print(f"{outcome}: {path.name}, page {page}\n  {told}\n  {found!r}", flush=True)
                if page < len(document.pages):
                    after[drawn(library, path, page + 1, told, "")[0]] += 1
    print(f"{questions} questions on {len(documents)} PDFs, {sum(here.values())} quotes")
    show("on their pages", here)
    show("on the pages after", after)


if __name__ == "__main__":
    main()
