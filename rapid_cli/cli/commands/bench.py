"""`rapid bench`, once its command line is understood."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import typer

from rapid_cli.answering.answer import Options
from rapid_cli.answering.strategies import STRATEGIES, Strategy, strategy_named
from rapid_cli.bench.benchmark import run as measure
from rapid_cli.bench.measurements import LengthProfile, PrefillProgress, Sample, Variant
from rapid_cli.bench.plots import draw
from rapid_cli.bench.report import LengthRow, Row, length_row, peak_memory_bytes, rows
from rapid_cli.cli.boundary import INTERRUPTED
from rapid_cli.cli.commands.bench_setup import Setup, synthetic_setup, text_setup
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.bench import BenchOptions
from rapid_cli.cli.render.bench import print_rows, print_stage
from rapid_cli.cli.render.console import Bars, console, say
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.streams import require_output
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError
from rapid_cli.figures import check_plot_path
from rapid_cli.session.session import Session

PLAIN = "long-context"
READS_ALL = [name for name, each in STRATEGIES.items() if each.target_reads == "document"]
PAPER_GAMMA, PAPER_ACCEPTANCE = 10, 0.77
DEFAULT_LENGTH = 4096
SHORTEST = 512
"""Shortest context worth measuring, in tokens."""


def run(options: BenchOptions) -> None:
    """Measure prefill, decoding, acceptance and costs, each strategy against plain decoding."""
    lengths = _lengths(options.context_lengths) if options.context_lengths else []
    _check(options)
    strategies = _strategies(options.strategy)
    require_output()
    errors = console(quiet=options.quiet)
    models_file = models_file_in_force(options.models, errors)
    pair = models_file.pair(options.pair)
    plain = Options(
        STRATEGIES[PLAIN],
        SamplingParams(options.temperature),
        eta=pair.eta,
        max_tokens=options.max_tokens,
    )
    planned = max(lengths) + plain.max_tokens + plain.longest_draft if lengths else None
    with (
        Session(
            models_file, untuned=options.untuned, device=options.device, context_length=planned
        ) as session,
        Bars(errors) as bars,
    ):
        if options.synthetic:
            setup = synthetic_setup(session, options, bars, errors)
            variants = _synthetic_variants(plain, setup, options)
        else:
            setup = text_setup(session, pair, options, errors)
            variants = _variants(plain, setup, strategies, options)
        measured = _measured(setup, lengths, variants, options)
        found = _Found(printed=not options.json)
        if found.printed:
            print(setup.title, flush=True)
        code = found.collect(measured, bars)
    _report(found, setup.title, options)
    raise typer.Exit(code)


def _check(options: BenchOptions) -> None:
    """Raise a usage error for options that exclude each other, or that nothing can come of."""
    if options.plot:
        check_plot_path(options.plot)
    if (options.assume_acceptance or options.draft or options.folder) and not options.synthetic:
        message = "--assume-acceptance, --draft and --folder are for --synthetic models"
        raise typer.BadParameter(message)
    if options.synthetic and (options.source or options.eta or options.strategy):
        raise typer.BadParameter("SOURCE, --eta and --strategy are not for --synthetic models")
    if options.source and options.source.is_dir():
        raise typer.BadParameter(f"{options.source} is a folder: bench reads one file")


def _strategies(names: Sequence[str] | None) -> list[Strategy]:
    """Return the strategies to measure; a usage error for those that do not read all."""
    strategies = [strategy_named(name) for name in names or READS_ALL]
    for each in strategies:
        if each.name not in READS_ALL:
            raise typer.BadParameter(f"--strategy {each.name}: here the target reads all")
    return strategies


def _measured(
    setup: Setup, lengths: Sequence[int], variants: Sequence[Variant], options: BenchOptions
) -> Iterator[PrefillProgress | LengthProfile | Sample]:
    """Return what is measured, as it comes; ConfigError for what the text or the model is short of.

    Without `lengths` it is at one length: the longest, up to a default.
    """
    longest = _longest(setup, variants)
    if longest < min(SHORTEST, setup.longest):
        raise ConfigError(
            f"{setup.target.name} holds no text beside an answer of {options.max_tokens} tokens",
            "give a smaller --max-tokens or --gamma",
        )
    lengths = lengths or [min(longest, DEFAULT_LENGTH)]
    if max(lengths) > longest:
        model = setup.target.name
        raise ConfigError(
            f"a context of {max(lengths)} tokens is too long: the text and {model} allow {longest}",
            "give shorter --context-lengths, a longer file, or another model",
        )
    return measure(
        setup.target,
        setup.drafters,
        setup.material,
        lengths=lengths,
        variants=variants,
        repeats=options.repeat,
        max_tokens=options.max_tokens,
        clock=time.perf_counter,
    )


_Measured = PrefillProgress | LengthProfile | Sample


@dataclass(slots=True)
class _Found:
    """What was measured so far; with `printed` the tables of each length come when it is done."""

    printed: bool
    stages: list[LengthRow] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def collect(self, events: Iterator[_Measured], bars: Bars) -> int:
        """Take all events, shown on `bars`; return the exit code: that of what cut them short."""
        code = 0
        try:
            for event in events:
                self._take(event, bars)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except SystemExit as ended:  # as by the time limit of a queue, which sends SIGTERM
            code = int(ended.code or 0)
        bars.close()
        self._print_rows()
        return code

    def _take(self, event: _Measured, bars: Bars) -> None:
        match event:
            case PrefillProgress(reader=reader, done=done, total=total):
                bars.update(f"{reader} reads {total}", done, total, "tokens")
            case LengthProfile():
                bars.close()
                self._print_rows()
                self.stages.append(length_row(event))
                if self.printed:
                    print_stage(self.stages[-1])
                    sys.stdout.flush()
            case Sample():
                self.samples.append(event)
                bars.update("answers", len(self.samples), len(self.samples), "answers")

    def _print_rows(self) -> None:
        """Print the rows of the length that was measured last, if there are any."""
        length = self.stages[-1].context_length if self.stages else 0
        latest = [sample for sample in self.samples if sample.profile.length == length]
        if self.printed and latest:
            print_rows(rows(latest, PLAIN))
            sys.stdout.flush()


def _variants(
    plain: Options, setup: Setup, strategies: Sequence[Strategy], chosen: BenchOptions
) -> list[Variant]:
    """Return plain decoding and the strategies, with planned and fixed lengths where they draft."""
    gammas, etas = chosen.gamma or [PAPER_GAMMA], chosen.eta or []
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


def _synthetic_variants(plain: Options, setup: Setup, chosen: BenchOptions) -> list[Variant]:
    """Return plain decoding, and rapid with each drafter at each assumed acceptance."""
    gammas, coins = chosen.gamma or [], chosen.assume_acceptance or [PAPER_ACCEPTANCE]
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


def _report(found: _Found, title: str, options: BenchOptions) -> None:
    """Print what is left to be told, or JSON, and draw the plot."""
    table = rows(found.samples, PLAIN)
    if options.json:
        _print_json(found, title, table)
    else:
        _print_end(table)
    if options.plot and table:
        draw(options.plot, title, table, found.stages)


def _print_json(found: _Found, title: str, table: Sequence[Row]) -> None:
    measured = {
        "title": title,
        "peak_memory_bytes": peak_memory_bytes(),
        "stages": [asdict(stage) for stage in found.stages],
        "rows": [asdict(row) for row in table],
    }
    print_json(measured)


def _print_end(table: Sequence[Row]) -> None:
    print(f"Peak memory: {peak_memory_bytes() / 1e9:.2f} GB")
    if any(row.assumed_acceptance is not None for row in table):
        say("Acceptance was decided by a coin: these are speeds, not answers.")
