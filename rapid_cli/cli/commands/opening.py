"""What commands open, shown while it is read or written: sources, and what answers about them."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console

from rapid_cli.answering.answer import Answer
from rapid_cli.api.answers import Answered
from rapid_cli.api.choices import Choices
from rapid_cli.api.rapid import Rapid
from rapid_cli.api.report import failure_json
from rapid_cli.cli.boundary import STARTED, print_error
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.answering import AnswerOptions
from rapid_cli.cli.render.answers import (
    answer_view,
    render_answer,
    render_cut,
    render_sources,
    render_statistics,
)
from rapid_cli.cli.render.console import Bars, console, tell
from rapid_cli.cli.render.documents import render_indexing
from rapid_cli.cli.render.objects import print_json
from rapid_cli.errors import RapidError, StoreError
from rapid_cli.library.library import Library
from rapid_cli.library.sources import Gathered, exists, gather
from rapid_cli.machine.gpus import idle_gpu
from rapid_cli.machine.paths import reads_like_question
from rapid_cli.models.prompts import Turn
from rapid_cli.models.specs import ModelSpec


def sources_and_question(words: Sequence[str], command: str) -> tuple[list[str], str]:
    """Split the words after a command; a usage error if there is no question, or not at the end."""
    if not words:
        raise typer.BadParameter("a question is missing: write it last, in quotes")
    *sources, question = words
    if not question.strip():
        raise typer.BadParameter("the question is empty: write it last, in quotes")
    if exists(Path(question)):
        if not sources:
            raise typer.BadParameter(f"a question is missing: write it after {question}, in quotes")
        for source in sources:
            if reads_like_question(source) and not exists(Path(source)):
                others = [word for word in words if word != source]
                order = shlex.join(["rapid", command, *others, source])
                raise typer.BadParameter(f"the question comes last: {order}")
    return sources, question.strip()


@contextmanager
def open_sources(library: Library, sources: Sequence[str], errors: Console) -> Iterator[Gathered]:
    """Read and index `sources`, shown on `errors`; what came by stdin is forgotten at the end."""
    gathered = Gathered(library)
    try:
        with Bars(errors) as bars:
            events = gather(sources, library, sys.stdin.buffer, gathered)
            render_indexing(events, bars, errors, Counter())
        yield gathered
    finally:
        gathered.close()


def finish_index(library: Library, gathered: Gathered, errors: Console) -> None:
    """Embed what was put off until the first answer."""
    if lasting := gathered.lasting():
        with Bars(errors) as bars:
            render_indexing(library.complete(lasting), bars, errors, Counter())


def copy_progress(bars: Bars) -> Callable[[str, int, int], None]:
    """Return what shows on `bars` how a file is written."""

    def show(name: str, done: int, total: int) -> None:
        bars.update(f"writing {name}", done // 10**6, total // 10**6, "MB")

    return show


def note(errors: Console, text: str) -> None:
    """Print what a person should know, if there is anything, in yellow."""
    if text:
        tell(errors, text, "yellow")


@dataclass(slots=True)
class Answering:
    """Models and documents that are open, which shows answers and keeps them in the history.

    `chosen` is what was said on the command line; the next answer is made with `choices`.
    """

    rapid: Rapid
    gathered: Gathered
    chosen: AnswerOptions
    choices: Choices
    errors: Console

    @property
    def keeps_history(self) -> bool:
        """Whether answers go into the history."""
        return self.rapid.models_file.settings.history and not self.chosen.no_log

    def ask(self, question: str, said: tuple[Turn, ...] = ()) -> Answer:
        """Show an answer as it comes about, then what it rests on; and remember it."""
        events = self.rapid.stream(question, self.gathered, self.choices, said=said)
        view = answer_view(
            self.errors,
            json=self.chosen.json,
            stream=self.chosen.stream,
            statistics=not self.chosen.no_stats,
            thinking=self.chosen.show_thinking,
        )
        with closing(events), Bars(self.errors) as bars, closing(view):
            result = render_answer(events, view, bars, self.errors)
        answered = Answered(result, self.gathered.documents)
        if self.chosen.json:
            print_json(answered.as_json())
        else:
            self._show_what_it_rests_on(result)
        if self.keeps_history:
            self._remember(answered)
        return result

    def finish_index(self) -> None:
        """Embed what was put off until the first answer."""
        finish_index(self.rapid.library, self.gathered, self.errors)

    def tell_failure(self, question: str, error: RapidError) -> None:
        """Say why a question could not be answered, and print what stands for it in JSON."""
        print_error(error)
        if self.chosen.json:
            print_json(failure_json(question, error))

    def _show_what_it_rests_on(self, result: Answer) -> None:
        documents, texts = self.gathered.documents, self.chosen.show_context
        render_cut(result, self.errors)
        render_sources(result, documents, self.errors, texts=texts)
        if not self.chosen.no_stats:
            render_statistics(result, self.errors)

    def _remember(self, answered: Answered) -> None:
        try:
            self.rapid.remember(answered)
        except StoreError as error:
            note(self.errors, f"The answer is not in the history: {error.message}.")


@contextmanager
def open_answering(
    sources: Sequence[str], chosen: AnswerOptions, *, several: bool
) -> Iterator[Answering]:
    """Find the pair, read the sources and make ready to answer, one question or `several`."""
    # A native library, which may not run here: that is said at once, and searching does without it.
    from rapid_cli.llama import accelerators  # noqa: PLC0415

    errors = console(quiet=chosen.quiet)
    choices = _choices(chosen)
    with Rapid(
        models_file_in_force(chosen.models, errors),
        pair=chosen.pair,
        target=chosen.target,
        drafter=chosen.drafter,
        collection=chosen.collection,
        ocr=chosen.ocr,
        encoding=chosen.encoding,
        device=chosen.device,
        context_length=chosen.context_length,
        several=several,
        started=STARTED,
    ) as rapid:
        with Bars(errors) as bars:
            _, target = rapid.find_models(progress=copy_progress(bars)).target
        with open_sources(rapid.library, sources, errors) as gathered:
            tell_idle_gpu(target, errors, used=bool(accelerators()))
            yield Answering(rapid, gathered, chosen, choices, errors)


def tell_idle_gpu(target: ModelSpec, errors: Console, *, used: bool) -> None:
    """Tell of a GPU that llama.cpp was not built for, unless the CPU was chosen."""
    if target.gpu_layers != 0 and (idle := idle_gpu(used=used)):
        text = f"{idle.name} is not used, since llama.cpp was built without it: {idle.install}"
        note(errors, text)


def _choices(chosen: AnswerOptions) -> Choices:
    return Choices(
        strategy=chosen.strategy,
        max_tokens=chosen.max_tokens,
        temperature=chosen.temperature,
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        seed=chosen.seed,
        eta=chosen.eta,
        gamma=None if chosen.gamma is None else _gamma(chosen.gamma),
        retrieve_tokens=chosen.retrieve_tokens,
        fresh=chosen.fresh,
    )


def _gamma(value: str) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if not value.isdecimal() or int(value) < 1:
        raise typer.BadParameter(f"--gamma is {value!r}: give a number of tokens, or auto")
    return int(value)
