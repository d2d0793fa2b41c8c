"""`rapid eval`, once its command line is understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from rapid_cli.answering.answer import Note, Prefilled
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.cli.boundary import INTERRUPTED, SKIPPED
from rapid_cli.cli.commands.opening import copy_progress, finish_index, note, open_sources
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.evaluate import EvaluateOptions, Only
from rapid_cli.cli.render.console import Bars, console, tell
from rapid_cli.cli.render.evaluation import print_rows
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.streams import require_output
from rapid_cli.errors import DocumentError
from rapid_cli.evaluation.packs import Pack, read_pack
from rapid_cli.evaluation.plots import draw
from rapid_cli.evaluation.prepared import (
    PreparedSet,
    deepest,
    is_prepared,
    prepare,
    read_prepared,
)
from rapid_cli.evaluation.report import rows
from rapid_cli.evaluation.results import Record, ResultsFile, distinct, read_results
from rapid_cli.evaluation.running import Evaluation, Task, plan, undone
from rapid_cli.evaluation.variants import Grid, Variant, baseline_among, variants
from rapid_cli.figures import check_plot_path
from rapid_cli.models.specs import ModelPair, ModelsFile
from rapid_cli.session.conversation import Desk, Sources
from rapid_cli.session.session import Session

if TYPE_CHECKING:
    from rapid_cli.session.pairs import PairFiles  # loads a native library

USUAL = ("long-context", "rag", "rapid")
MANY = 30
"""For more answers than this it is said that none of them is kept without --results."""
MOST_TOLD = 10
"""So many lines that are no questions are told one by one."""


def run(options: EvaluateOptions) -> None:
    """Ask the questions of the packs of all variants, and print what came of it."""
    _check(options)
    require_output()
    errors = console(quiet=options.quiet)
    if not options.packs:
        complete = _report_stored(options, errors)
    elif options.prepare:
        complete = _prepare(options, errors)
    else:
        complete = _evaluate(options, errors)
    if not complete:
        raise typer.Exit(SKIPPED)


def _check(options: EvaluateOptions) -> None:
    """Raise a usage error for options that nothing can come of."""
    if options.plot:
        check_plot_path(options.plot)
    if not options.packs and not options.results:
        raise typer.BadParameter("a pack of questions is missing: name one, or give --results")
    if not options.packs and options.prepare:
        raise typer.BadParameter("--prepare needs a pack of questions")
    if (options.target or options.drafter) and len(options.pair or ()) > 1:
        raise typer.BadParameter("--target and --drafter do not go with several pairs")
    stems = Counter(path.stem for path in options.packs or ())
    for name, count in stems.items():
        if count > 1:
            raise typer.BadParameter(f"{count} packs are called {name}: rename one of them")
    strategies = [strategy_named(name) for name in options.strategy or USUAL]
    if options.eta and not any(each.transfer for each in strategies):
        raise typer.BadParameter("--eta is for strategies that transfer knowledge, such as rapid")


def _report_stored(options: EvaluateOptions, errors: Console) -> bool:
    """Print the tables of a file of results."""
    assert options.results is not None
    stored = read_results(options.results)
    if stored.unreadable:
        numbers = ", ".join(map(str, stored.unreadable))
        note(errors, f"{options.results}: no answers in lines {numbers}")
    records = distinct(stored.records.values())
    if not records:
        raise typer.BadParameter(f"{options.results} holds no answers yet: name a pack")
    names = list(dict.fromkeys(record.variant for record in records))
    _report(records, baseline_among(names, options.baseline), options, skipped=0)
    return not stored.unreadable and not any(record.error for record in records)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The questions that are asked, and the set that they come from, if it was prepared."""

    packs: Sequence[Pack]
    prepared: PreparedSet | None
    skipped: int


def _asked(options: EvaluateOptions, errors: Console) -> _Asked:
    """Read the packs, and tell of what in them is no question."""
    paths = options.packs or []
    prepared = None
    if any(map(is_prepared, paths)):
        if len(paths) > 1:
            raise typer.BadParameter("a prepared set is asked alone, without other packs")
        prepared = read_prepared(paths[0])
        packs = list(prepared.packs)
    else:
        packs = [read_pack(path, options.doc or ()) for path in paths]
    skipped = [line for pack in packs for line in pack.skipped]
    for line in skipped[:MOST_TOLD]:
        note(errors, line)
    if len(skipped) > MOST_TOLD:
        note(errors, f"and {len(skipped) - MOST_TOLD} more lines that are no questions")
    answerable = None if options.only is None else options.only is Only.ANSWERABLE
    chosen = [pack.chosen(options.limit, answerable=answerable) for pack in packs]
    if not any(pack.questions for pack in chosen):
        raise typer.BadParameter(f"there are no {options.only} questions in the packs")
    return _Asked(chosen, prepared, len(skipped))


def _prepare(options: EvaluateOptions, errors: Console) -> bool:
    """Write a set to be asked elsewhere."""
    assert options.prepare is not None
    asked = _asked(options, errors)
    if asked.prepared:
        raise typer.BadParameter(f"{options.packs} is prepared already")
    models_file = models_file_in_force(options.models, errors)
    total = sum(len(pack.questions) for pack in asked.packs)
    depth = deepest(options.retrieve_tokens or (), options.context_length)
    with Session(models_file) as session, Bars(errors) as bars:
        _read_all(asked.packs, session, bars, errors)
        opened = partial(_read, session, bars, errors)
        ready = prepare(options.prepare, asked.packs, opened, depth)
        for number, _ in enumerate(ready, start=1):
            bars.update("questions", number, total, "questions")
    tell(errors, f"{options.prepare} holds {total} questions: rapid eval {options.prepare}", "dim")
    return not asked.skipped


@contextmanager
def _read(
    session: Session, bars: Bars, errors: Console, paths: tuple[str, ...]
) -> Iterator[Sources]:
    """Read, index and embed documents, which is shown in the place of `bars`."""
    bars.close()
    with open_sources(session.library, paths, errors) as gathered:
        finish_index(session.library, gathered, errors)
        yield gathered


def _read_all(packs: Sequence[Pack], session: Session, bars: Bars, errors: Console) -> None:
    """Read all documents before the first question, so that each finds the library alike.

    How much a word counts depends on all that it holds. What cannot be read fails when it is asked
    about.
    """
    documents = (pack.paths[each.document] for pack in packs for each in pack.questions)
    for paths in dict.fromkeys(documents):
        with suppress(DocumentError), _read(session, bars, errors, paths):
            pass


@dataclass(slots=True)
class _Answers:
    """The answers so far, by their keys: those that were there, and those made now."""

    results: ResultsFile | None
    total: int
    records: dict[str, Record] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def collect(
        self, events: Iterable[Prefilled | Note | Record], bars: Bars, errors: Console
    ) -> None:
        """Take answers as they come, shown on `bars`, and keep them."""
        for event in events:
            match event:
                case Prefilled(role=role, done=done, total=total):
                    bars.update(f"{role} reads", done, total, "tokens")
                case Note(text=text):
                    if text not in self.told:
                        self.told.add(text)
                        note(errors, text)
                case Record():
                    self.records[event.key] = event
                    if self.results:
                        self.results.add(event)
                    if event.error is not None:
                        note(errors, f"{event.question.id}, {event.variant}: {event.error}")
                    bars.update("answers", len(self.records), self.total, "answers")


def _evaluate(options: EvaluateOptions, errors: Console) -> bool:
    """Ask what is not answered yet, and print the tables of all that is; tell if all went well."""
    asked = _asked(options, errors)
    models_file = models_file_in_force(options.models, errors)
    pairs = [models_file.pair(name) for name in options.pair or (None,)]
    compared = variants(pairs, _grid(options))
    baseline = baseline_among([each.name for each in compared], options.baseline)
    total = len(compared) * sum(len(pack.questions) for pack in asked.packs)
    if not options.results and total > MANY:
        note(errors, f"{total} answers will be made, and none is kept: give --results FILE")
    interrupted = False
    with ExitStack() as stack:
        results = None
        if options.results:
            results = stack.enter_context(ResultsFile(options.results))
        answers = _Answers(results, total)
        asking = _Asking(options, models_file, asked, answers, errors)
        try:
            for pair in pairs:
                mine = [each for each in compared if each.pair == pair.name]
                asking.ask(pair, mine)
        except KeyboardInterrupt:
            interrupted = True
    records = _in_order(answers.records.values(), compared)
    if records:
        _report(records, baseline, options, asked.skipped)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    return not asked.skipped and not any(record.error for record in records)


def _grid(options: EvaluateOptions) -> Grid:
    return Grid(
        [strategy_named(name) for name in dict.fromkeys(options.strategy or USUAL)],
        etas=options.eta or (),
        temperatures=options.temperature or (),
        retrieve_tokens=options.retrieve_tokens or (),
        gamma=options.gamma,
        max_tokens=options.max_tokens,
        seed=options.seed,
        context_length=options.context_length,
        instruction=options.instruction,
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is asked of each pair of models, and where the answers go."""

    options: EvaluateOptions
    models_file: ModelsFile
    asked: _Asked
    answers: _Answers
    errors: Console

    def ask(self, pair: ModelPair, compared: Sequence[Variant]) -> None:
        """Ask one pair of models; it is loaded only if there is something left to ask."""
        options, answers = self.options, self.answers
        with Session(
            self.models_file,
            untuned=options.untuned,
            device=options.device,
            context_length=options.context_length,
        ) as session:
            with Bars(self.errors) as bars:
                files = session.pairs.find(
                    pair, options.target, options.drafter, progress=copy_progress(bars)
                )
            tasks = plan(self.asked.packs, compared, _file_names(files))
            known = answers.results.known if answers.results else {}
            left = undone(tasks, known)
            _take_known(tasks, left, known, answers)
            if left:
                session.loader.load_pair(files)
                with Bars(self.errors) as bars:
                    if not self.asked.prepared:
                        _read_all(self.asked.packs, session, bars, self.errors)
                    with closing(self._evaluation(session, files, bars).run(left)) as events:
                        answers.collect(events, bars, self.errors)

    def _evaluation(self, session: Session, files: PairFiles, bars: Bars) -> Evaluation:
        """Return what answers: a prepared set without searching, else what is read here."""
        prepared = self.asked.prepared
        opened = prepared.open if prepared else partial(_read, session, bars, self.errors)
        open_desk = partial(Desk, session, files, several=True, cites=prepared is None)
        return Evaluation(opened, open_desk)


def _take_known(
    tasks: Sequence[Task], left: Sequence[Task], known: Mapping[str, Record], answers: _Answers
) -> None:
    """Take the answers that were made before, judged by what the pack says now."""
    waiting = {task.key for task in left}
    for task in tasks:
        if task.key not in waiting:
            record = replace(known[task.key], question=task.question, variant=task.variant.name)
            answers.records[task.key] = record


def _file_names(files: PairFiles) -> dict[str, str]:
    return {"target": files.target[0].name, "drafter": files.drafter[0].name}


def _in_order(records: Iterable[Record], compared: Sequence[Variant]) -> list[Record]:
    """Sort answers so that the variants stand as they were named."""
    place = {variant.name: number for number, variant in enumerate(compared)}
    return sorted(records, key=lambda record: place[record.variant])


def _report(
    records: Sequence[Record], baseline: str, options: EvaluateOptions, skipped: int
) -> None:
    """Print the tables, or JSON, and draw the plot."""
    table = rows(records, baseline)
    if options.json:
        found = {
            "baseline": baseline,
            "answers": len(records),
            "failed": sum(record.error is not None for record in records),
            "skipped_lines": skipped,
            "rows": [asdict(row) for row in table],
        }
        print_json(found)
    else:
        print_rows(table, baseline)
    if options.plot:
        draw(options.plot, table)
