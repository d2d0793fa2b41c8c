"""Asking every question of every variant, in an order in which what was read stays read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, replace
from zlib import crc32

from rapid_cli.answering.answer import Answer, Finished, Note, Prefilled
from rapid_cli.errors import DocumentError, RapidError
from rapid_cli.evaluation.judging import supports
from rapid_cli.evaluation.packs import Pack
from rapid_cli.evaluation.questions import Question
from rapid_cli.evaluation.results import Record, key_of
from rapid_cli.evaluation.variants import Variant
from rapid_cli.session.conversation import Desk, Sources

OpenDesk = Callable[[], Desk]
"""Opens what answers questions."""


@dataclass(frozen=True, slots=True)
class Task:
    """One question to one variant; `paths` are those of the documents it is about."""

    question: Question
    variant: Variant
    paths: tuple[str, ...]
    models: Mapping[str, str]

    @property
    def key(self) -> str:
        """The key that its record will have."""
        return key_of(self.question, self.variant, self.models)


def plan(
    packs: Sequence[Pack], variants: Sequence[Variant], models: Mapping[str, str]
) -> list[Task]:
    """Return all that is to be asked, in order.

    The questions about one document follow each other: first of all variants that read the whole
    document, which then stays in their context, and then of those that read passages.
    """
    by_document: dict[tuple[str, ...], list[Question]] = {}
    for pack in packs:
        for question in pack.questions:
            by_document.setdefault(pack.paths[question.document], []).append(question)
    others = [each for each in variants if each.options.strategy.target_reads == "passages"]
    readers = [each for each in variants if each not in others]
    return [
        Task(question, variant, paths, models)
        for paths, questions in by_document.items()
        for group in (readers, others)
        for question in questions
        for variant in group
    ]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What answers: `open_sources` opens documents by their paths, `open_desk` who is asked."""

    open_sources: Callable[[tuple[str, ...]], AbstractContextManager[Sources]]
    open_desk: OpenDesk

    def run(self, tasks: Iterable[Task]) -> Generator[Prefilled | Note | Record, None, None]:
        """Ask; yield a record for each task, and how the reading goes on.

        A question that cannot be answered, or a document that cannot be read, is recorded as such.
        """
        groups: dict[tuple[str, ...], list[Task]] = {}
        for task in tasks:
            groups.setdefault(task.paths, []).append(task)
        for paths, group in groups.items():
            try:
                opened = self.open_sources(paths)
                with opened as sources, self.open_desk() as desk:
                    for task in group:
                        yield from _asked(task, sources, desk)
            except DocumentError as error:
                yield from (_failed(task, error) for task in group)


def _asked(task: Task, sources: Sources, desk: Desk) -> Iterator[Prefilled | Note | Record]:
    question, variant = task.question, task.variant
    instruction = question.instruction(variant.instruction)
    options = replace(variant.options, seed=_seed(question, variant.options.seed))
    events = desk.ask(question.text, sources, options, instruction=instruction)
    try:
        with closing(events):
            for event in events:
                match event:
                    case Prefilled() | Note():
                        yield event
                    case Finished(answer=answer):
                        yield _record(task, answer)
    except RapidError as error:
        yield _failed(task, error)


def _seed(question: Question, seed: int | None) -> int:
    """Return a seed of the question's own. Were it one for all, all would share one's luck."""
    return crc32(f"{seed} {question.id}".encode())


def _record(task: Task, answer: Answer) -> Record:
    stats, chunks = answer.stats, [passage.chunk for passage in answer.sources]
    return Record(
        task.question,
        task.variant.name,
        task.variant.settings,
        task.models,
        answer=answer.text,
        finish_reason=answer.finish_reason,
        sources=tuple((chunk.first_page, chunk.last_page) for chunk in chunks),
        citations=_citations(task.question, answer),
        tokens=stats.tokens,
        drafted=stats.drafted,
        accepted=stats.accepted,
        document_tokens=answer.document_tokens,
        restored_tokens=answer.restored_tokens,
        coverage=answer.target.coverage,
        device=answer.pair.target.device,
        seconds=asdict(answer.seconds),
    )


def _citations(question: Question, answer: Answer) -> tuple[bool, ...]:
    """Tell of each marked sentence whether its first source holds the evidence, where known."""
    cited = [answer.sources[each.sources[0] - 1].chunk for each in answer.citations if each.sources]
    judged = (supports(question, (c.first_page, c.last_page), c.text) for c in cited)
    return tuple(each for each in judged if each is not None)


def _failed(task: Task, error: RapidError) -> Record:
    return Record(
        task.question, task.variant.name, task.variant.settings, task.models, error=error.message
    )


def undone(tasks: Iterable[Task], known: Mapping[str, Record]) -> list[Task]:
    """Return the tasks without an answer; what failed is tried again."""
    done: Collection[str] = {key for key, record in known.items() if record.error is None}
    return [task for task in tasks if task.key not in done]
