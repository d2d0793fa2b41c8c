from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

from rapid_cli.answering.answer import Answer, Finished, Note, Prefilled, Seconds
from rapid_cli.answering.citing.citations import Citation
from rapid_cli.decoding.stats import DecodingStats
from rapid_cli.documents import Chunk, Passage
from rapid_cli.errors import ContextFull, DocumentError
from rapid_cli.evaluation.packs import Pack
from rapid_cli.evaluation.results import Record
from rapid_cli.evaluation.running import Evaluation, plan, undone
from tests.support.evaluations import MODELS, PLAIN, RAG, RAPID, make_question, make_record

FIRST, SECOND = make_question(1, pages=(2,)), make_question(2)
THIRD = make_question(3, document="e")
PACKS = [
    Pack("p", (FIRST, THIRD, SECOND), {"d": ("d.txt",), "e": ("e.txt",)}),
    Pack("q", (make_question(1, pack="q"),), {"d": ("d.txt",)}),
]
TASKS = plan(PACKS, [RAG, PLAIN, RAPID], MODELS)


def passage(page: int, text: str = "Edith") -> Passage:
    return Passage(Chunk("abc", 0, text, 0, len(text), page, page), 1.0)


class Desk:
    """Answers from a script; opened and closed like a real one."""

    def __init__(self, log: list[str], seeds: list[int] | None = None) -> None:
        self.log, self.sources = log, ""
        self.seeds = [] if seeds is None else seeds

    def ask(self, question, sources, options, turns=(), *, instruction=""):
        self.sources = sources
        self.seeds.append(options.seed)
        self.log.append(f"{self.sources} {options.strategy.name} {question[7:-1]}")
        assert instruction == "Answer with a few words."
        if question == SECOND.text:
            raise ContextFull("the context is full")
        yield Prefilled("target", 1, 2)
        yield Note("by the way")
        pair = SimpleNamespace(name="mine", target=SimpleNamespace(device="a CPU"))
        yield Finished(
            Answer(
                question,
                options,
                pair,
                Seconds(total=2.0, decode=1.0),
                target=SimpleNamespace(coverage=1.0),
                text="Edith",
                finish_reason="stop",
                sources=[passage(1), passage(2), passage(3, "Tom")],
                citations=[Citation(0, 1, (2, 1)), Citation(1, 2, (3,)), Citation(2, 3)],
                stats=DecodingStats(),
            )
        )

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.log.append(f"{self.sources} closed")


def run(tasks, seeds=None) -> tuple[list, list[str]]:
    log: list[str] = []

    @contextmanager
    def opened(paths: tuple[str, ...]) -> Iterator[str]:
        if paths == ("bad.txt",):
            raise DocumentError("bad.txt is damaged")
        yield paths[0]

    return list(Evaluation(opened, lambda: Desk(log, seeds)).run(tasks)), log


def test_what_reads_a_whole_document_comes_before_what_reads_passages() -> None:
    _, log = run(TASKS)
    assert log == [
        *("d.txt long-context 1", "d.txt rapid 1", "d.txt long-context 2", "d.txt rapid 2"),
        *("d.txt long-context 1", "d.txt rapid 1", "d.txt rag 1", "d.txt rag 2", "d.txt rag 1"),
        "d.txt closed",
        *("e.txt long-context 3", "e.txt rapid 3", "e.txt rag 3", "e.txt closed"),
    ]


def seeds_of(seed: int, variants=(RAPID, RAG)) -> list[int]:
    """Return with which seeds three questions are asked, each of all variants in turn."""
    seeded = [replace(each, options=replace(each.options, seed=seed)) for each in variants]
    seeds: list[int] = []
    run(sorted(plan(PACKS[:1], seeded, MODELS), key=lambda task: task.question.id), seeds)
    return seeds


def test_a_seed_repeats_the_luck_of_each_question_which_is_its_own_and_that_of_all_variants():
    first, same, second, again, third, last = seeds_of(0)
    assert (first, second, third) == (same, again, last)
    assert len({first, second, third}) == 3
    assert seeds_of(0) == seeds_of(0)
    assert not set(seeds_of(0)) & set(seeds_of(1))


def test_each_task_has_its_record_and_what_failed_is_one_too() -> None:
    events, _ = run(TASKS)
    records = [each for each in events if isinstance(each, Record)]
    assert [each.key for each in records] == [task.key for task in TASKS]
    assert {each.question.id for each in records if each.error} == {"2"}
    assert {each.error for each in records} == {None, "the context is full"}
    first = records[0]
    assert (first.answer, first.finish_reason, first.device) == ("Edith", "stop", "a CPU")
    assert first.sources == ((1, 1), (2, 2), (3, 3))
    assert first.citations == (True, False), "by pages, where they are known"
    assert records[4].citations == (True, False), "by the right answer, where they are not"
    assert first.seconds["total"] == 2.0
    assert any(isinstance(each, Prefilled) for each in events)
    assert any(isinstance(each, Note) for each in events)


def test_a_document_that_cannot_be_read_fails_all_its_questions_and_no_others() -> None:
    packs = [Pack("p", (FIRST, THIRD), {"d": ("bad.txt",), "e": ("e.txt",)})]
    events, _ = run(plan(packs, [PLAIN, RAG], MODELS))
    records = [each for each in events if isinstance(each, Record)]
    assert [(each.question.id, each.error) for each in records] == [
        *[("1", "bad.txt is damaged")] * 2,
        *[("3", None)] * 2,
    ]


def test_what_is_done_is_left_out_and_what_failed_is_tried_again() -> None:
    done = make_record(FIRST, RAG)
    failed = make_record(FIRST, PLAIN, answer="", error="no")
    left = undone(TASKS, {each.key: each for each in (done, failed)})
    assert len(left) == len(TASKS) - 1
    assert done.key not in {task.key for task in left}
