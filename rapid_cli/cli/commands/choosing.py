"""From what was said on the command line to options, a session and a desk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import typer
from rich.console import Console

from rapid_cli.answering.answer import Options
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.cli.boundary import STARTED
from rapid_cli.cli.commands.opening import copy_progress, open_sources
from rapid_cli.cli.options import AUTO, Choices
from rapid_cli.cli.render.console import Bars
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.library.sources import Gathered
from rapid_cli.llama import accelerators
from rapid_cli.machine.gpus import idle_gpu
from rapid_cli.models.models_file import find_models_file, load_models_file
from rapid_cli.models.specs import ModelPair
from rapid_cli.session.conversation import Desk
from rapid_cli.session.pairs import PairFiles
from rapid_cli.session.session import Session
from rapid_cli.text.printable import printable_line


@dataclass(frozen=True, slots=True)
class Opened:
    """What answers come from; `log` tells whether they go into the history."""

    session: Session
    gathered: Gathered
    desk: Desk
    options: Options
    log: bool


@contextmanager
def open_desk(
    sources: Sequence[str], choices: Choices, errors: Console, *, several: bool
) -> Iterator[Opened]:
    """Find the pair, read the sources and make ready to answer."""
    models_file = load_models_file(find_models_file(choices.models))
    spec = models_file.pair(choices.pair)
    options = _options(choices, spec)
    with Session(
        models_file,
        collection=choices.collection,
        ocr=choices.ocr,
        device=choices.device,
        context_length=choices.context_length,
    ) as session:
        with Bars(errors) as bars:
            files = session.pairs.find(
                spec, choices.target, choices.drafter, progress=copy_progress(bars)
            )
        started = time.perf_counter()
        with (
            open_sources(session.library, sources, errors) as gathered,
            Desk(
                session,
                files,
                gathered.documents,
                started=STARTED,
                index_seconds=time.perf_counter() - started,
                several=several,
            ) as desk,
        ):
            _say_what_is_idle(files, errors)
            log = models_file.settings.history and not choices.no_log
            yield Opened(session, gathered, desk, options, log)


def _say_what_is_idle(files: PairFiles, errors: Console) -> None:
    """Print a word on a GPU that llama.cpp was not built for; not to those who chose the CPU."""
    _, target = files.target
    if target.gpu_layers == 0:
        return
    idle = idle_gpu(used=bool(accelerators()))
    if idle:
        note = f"{idle.name} is not used, since llama.cpp was built without it: {idle.install}"
        errors.print(printable_line(note), style="yellow", soft_wrap=True)


def _options(choices: Choices, spec: ModelPair) -> Options:
    temperature = _or(choices.temperature, spec.temperature)
    return Options(
        strategy=strategy_named(choices.strategy),
        sampling=SamplingParams(temperature, choices.top_k, choices.top_p),
        eta=_or(choices.eta, spec.eta),
        gamma=spec.gamma if choices.gamma is None else _gamma(choices.gamma),
        max_tokens=choices.max_tokens,
        seed=choices.seed,
        retrieve_tokens=choices.retrieve_tokens or spec.retrieve_tokens,
        context_length=choices.context_length,
        fresh=choices.fresh,
    )


def _gamma(value: str) -> int | None:
    if value == AUTO:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise typer.BadParameter(f"--gamma is {value!r}: give a number of tokens, or auto")
    return int(value)


def _or(chosen: float | None, default: float) -> float:
    return default if chosen is None else chosen
