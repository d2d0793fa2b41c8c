"""`rapid bench`, once its command line is understood."""

from __future__ import annotations

import json as jsonlib
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import typer

from rapid_cli.answering.answer import Options
from rapid_cli.answering.strategies import STRATEGIES, Strategy, strategy_named
from rapid_cli.bench.benchmark import run as measure
from rapid_cli.bench.measurements import LengthProfile, PrefillProgress, Sample, Variant
from rapid_cli.bench.plots import check_plot_path, draw
from rapid_cli.bench.report import LengthRow, length_row, rows
from rapid_cli.cli.commands.bench_setup import Setup, synthetic_setup, text_setup
from rapid_cli.cli.render.bench import print_rows, print_stage
from rapid_cli.cli.render.console import Bars, console
from rapid_cli.cli.streams import require_output
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError
from rapid_cli.models.models_file import find_models_file, load_models_file
from rapid_cli.models.specs import DeviceChoice
from rapid_cli.session.session import Session

PLAIN = "long-context"
READS_ALL = [name for name, each in STRATEGIES.items() if each.target_reads == "document"]
PAPER_GAMMA, PAPER_ACCEPTANCE = 10, 0.77
DEFAULT_LENGTH = 4096
SHORTEST = 512
"""Shortest context worth measuring, in tokens."""
INTERRUPTED = 130
"""The exit code after Ctrl-C; what was measured until then is printed first."""


def run(
    source: Path | None,
    *,
    question: str,
    pair: str | None,
    models: Path | None,
    untuned: bool,
    device: DeviceChoice | None,
    context_lengths: str | None,
    strategy: list[str] | None,
    gamma: list[int] | None,
    eta: list[float] | None,
    temperature: float,
    repeat: int,
    max_tokens: int,
    synthetic: str | None,
    draft: list[str] | None,
    assume_acceptance: list[float] | None,
    folder: Path | None,
    json: bool,
    plot: Path | None,
    quiet: bool,
) -> None:
    """Measure prefill, decoding, acceptance and costs, each strategy against plain decoding."""
    lengths = _lengths(context_lengths) if context_lengths else []
    if plot:
        check_plot_path(plot)
    if (assume_acceptance or draft or folder) and not synthetic:
        message = "--assume-acceptance, --draft and --folder are for --synthetic models"
        raise typer.BadParameter(message)
    if synthetic and (source or eta or strategy):
        raise typer.BadParameter("SOURCE, --eta and --strategy are not for --synthetic models")
    if source and source.is_dir():
        raise typer.BadParameter(f"{source} is a folder: bench reads one file")
    chosen = [strategy_named(name) for name in strategy or READS_ALL]
    for each in chosen:
        if each.name not in READS_ALL:
            raise typer.BadParameter(f"--strategy {each.name}: here the target reads all")
    require_output()
    errors = console(quiet=quiet)
    models_file = load_models_file(find_models_file(models))
    spec = models_file.pair(pair)
    sampling = SamplingParams(temperature)
    plain = Options(STRATEGIES[PLAIN], sampling, eta=spec.eta, max_tokens=max_tokens)
    found = _Found()
    planned = max(lengths) + plain.max_tokens + plain.longest_draft if lengths else None
    with (
        Session(models_file, untuned=untuned, device=device, context_length=planned) as session,
        Bars(errors) as bars,
    ):
        if synthetic:
            setup = synthetic_setup(
                session, synthetic, draft or [], folder=folder, bars=bars, errors=errors
            )
            coins = assume_acceptance or [PAPER_ACCEPTANCE]
            variants = _synthetic_variants(plain, setup, gamma or [], coins)
        else:
            setup = text_setup(session, spec, source, question, errors)
            variants = _variants(plain, setup, chosen, gamma or [PAPER_GAMMA], eta or [])
        longest = _longest(setup, variants)
        if longest < min(SHORTEST, setup.longest):
            raise ConfigError(
                f"{setup.target.name} holds no text beside an answer of {max_tokens} tokens",
                "give a smaller --max-tokens or --gamma",
            )
        lengths = lengths or [min(longest, DEFAULT_LENGTH)]
        _check_lengths(lengths, longest, setup.target.name)
        events = measure(
            setup.target,
            setup.drafters,
            setup.material,
            lengths=lengths,
            variants=variants,
            repeats=repeat,
            max_tokens=max_tokens,
            clock=time.perf_counter,
        )
        complete = found.collect(events, bars)
    _report(found, setup.title, json=json, plot=plot)
    if not complete:
        raise typer.Exit(INTERRUPTED)


@dataclass(slots=True)
class _Found:
    """What was measured so far."""

    stages: list[LengthRow] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def collect(
        self, events: Iterator[PrefillProgress | LengthProfile | Sample], bars: Bars
    ) -> bool:
        """Take all events, shown on `bars`; return False if Ctrl-C cut them short."""
        try:
            for event in events:
                match event:
                    case PrefillProgress(reader=reader, done=done, total=total):
                        bars.update(f"{reader} reads {total}", done, total, "tokens")
                    case LengthProfile():
                        bars.close()
                        self.stages.append(length_row(event))
                    case Sample():
                        self.samples.append(event)
                        bars.update("answers", len(self.samples), len(self.samples), "answers")
        except KeyboardInterrupt:
            return False
        return True


def _variants(
    plain: Options,
    setup: Setup,
    strategies: Sequence[Strategy],
    gammas: Sequence[int],
    etas: Sequence[float],
) -> list[Variant]:
    """Return plain decoding and the strategies, with planned and fixed lengths where they draft."""
    (drafter,) = setup.drafters
    variants = {PLAIN: plain}
    for strategy in strategies:
        options = replace(plain, strategy=strategy)
        variants[strategy.name] = options
        if strategy.drafters == ("model",):
            variants |= {f"{strategy.name}, gamma {g}": replace(options, gamma=g) for g in gammas}
        if strategy.transfer:
            variants |= {f"{strategy.name}, eta {e:g}": replace(options, eta=e) for e in etas}
    return [
        Variant(name, options, drafter if "model" in options.strategy.drafters else None)
        for name, options in variants.items()
    ]


def _synthetic_variants(
    plain: Options, setup: Setup, gammas: Sequence[int], coins: Sequence[float]
) -> list[Variant]:
    """Return plain decoding, and rapid with each drafter at each assumed acceptance."""
    rapid = replace(plain, strategy=STRATEGIES["rapid"])
    fixed = {f"rapid, gamma {g}": replace(rapid, gamma=g) for g in gammas}
    return [Variant(PLAIN, plain)] + [
        Variant(name, options, drafter, coin)
        for drafter in setup.drafters
        for coin in coins
        for name, options in {"rapid": rapid, **fixed}.items()
    ]


def _lengths(value: str) -> list[int]:
    try:
        lengths = [int(length) for length in value.split(",")]
    except ValueError:
        lengths = []
    if not lengths or min(lengths) < SHORTEST:
        raise typer.BadParameter(
            f"--context-lengths is {value!r}: give numbers from {SHORTEST} up, with commas between"
        )
    return sorted(set(lengths))


def _longest(setup: Setup, variants: Sequence[Variant]) -> int:
    """Return the longest prompt that the text fills and the model holds with an answer."""
    room = max(v.options.max_tokens + v.options.longest_draft + 1 for v in variants)
    return min(setup.longest, setup.target.context_limit - room)


def _check_lengths(lengths: Sequence[int], longest: int, model: str) -> None:
    if max(lengths) > longest:
        raise ConfigError(
            f"a context of {max(lengths)} tokens is too long: the text and {model} allow {longest}",
            "give shorter --context-lengths, a longer file, or another model",
        )


def _report(found: _Found, title: str, *, json: bool, plot: Path | None) -> None:
    """Print the tables, or JSON, and draw the plot."""
    table = rows(found.samples, PLAIN)
    peak = peak_memory_bytes()
    if json:
        measured = {
            "title": title,
            "peak_memory_bytes": peak,
            "stages": [asdict(stage) for stage in found.stages],
            "rows": [asdict(row) for row in table],
        }
        print(jsonlib.dumps(measured))
    else:
        print(f"{title}; peak memory {peak / 1e9:.2f} GB")
        for stage in found.stages:
            print_stage(stage)
        print_rows(table)
        if any(row.assumed_acceptance is not None for row in table):
            print("Acceptance was decided by a coin: these are speeds, not answers.")
    if plot and table:
        draw(plot, title, table, found.stages)


def peak_memory_bytes() -> int:
    """Return the most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
