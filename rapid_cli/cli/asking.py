"""`rapid ask`, once its command line is understood."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import typer

from rapid_cli.answering import answer
from rapid_cli.answers import Event, Options, Seconds
from rapid_cli.cli.boundary import SKIPPED, STARTED
from rapid_cli.cli.opening import open_sources
from rapid_cli.cli.options import AUTO, sources_and_question
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.models_file import find_models_file, load_models_file
from rapid_cli.render.answers import (
    answer_view,
    render_answer,
    render_cut,
    render_sources,
    render_statistics,
)
from rapid_cli.render.console import Bars, console
from rapid_cli.report import answer_json
from rapid_cli.session import PairFiles, Session
from rapid_cli.sources import Gathered
from rapid_cli.strategies import strategy_named


def run(
    words: list[str],
    *,
    strategy: str,
    pair: str | None,
    models: Path | None,
    target: Path | None,
    drafter: Path | None,
    max_tokens: int,
    temperature: float | None,
    top_k: int,
    top_p: float,
    seed: int | None,
    eta: float | None,
    gamma: str,
    retrieve_tokens: int | None,
    context_length: int | None,
    show_context: bool,
    json: bool,
    no_stream: bool,
    no_stats: bool,
    quiet: bool,
) -> None:
    """Answer a question about documents."""
    sources, question = sources_and_question(words)
    models_file = load_models_file(find_models_file(models))
    spec = models_file.pair(pair)
    options = Options(
        strategy=strategy_named(strategy),
        sampling=SamplingParams(_or(temperature, spec.temperature), top_k, top_p),
        eta=_or(eta, spec.eta),
        gamma=_gamma(gamma),
        max_tokens=max_tokens,
        seed=seed,
        retrieve_tokens=retrieve_tokens or spec.retrieve_tokens,
        context_length=context_length,
    )
    errors = console(quiet=quiet)
    view = answer_view(errors, json=json, stream=not no_stream, statistics=not no_stats)
    with Session(models_file) as session:
        files = session.find_pair(spec, target, drafter)
        started = time.perf_counter()
        with open_sources(session.library, sources, errors) as gathered:
            seconds = Seconds(index=time.perf_counter() - started)
            events = _events(question, gathered, session, files, options=options, seconds=seconds)
            with Bars(errors) as bars, closing(view):
                result = render_answer(events, view, bars, errors)
            if json:
                print(jsonlib.dumps(answer_json(result, gathered.documents), ensure_ascii=False))
            else:
                render_cut(result, errors)
                render_sources(result, gathered.documents, errors, texts=show_context)
                if not no_stats:
                    render_statistics(result, errors)
    if gathered.skipped:
        raise typer.Exit(SKIPPED)


def _events(
    question: str,
    gathered: Gathered,
    session: Session,
    files: PairFiles,
    *,
    options: Options,
    seconds: Seconds,
) -> Iterator[Event]:
    """Load the models and answer."""
    started = time.perf_counter()
    pair = session.load_pair(files)
    seconds.load = time.perf_counter() - started
    ids = list(gathered.documents)
    return answer(
        question,
        list(gathered.documents.values()),
        lambda limit: session.library.search(question, ids, limit),
        pair,
        options,
        profiles=session.profiles,
        seconds=seconds,
        started=STARTED,
        clock=time.perf_counter,
    )


def _gamma(value: str) -> int | None:
    if value == AUTO:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise typer.BadParameter(f"--gamma is {value!r}: give a number of tokens, or auto")
    return int(value)


def _or(chosen: float | None, default: float) -> float:
    return default if chosen is None else chosen
