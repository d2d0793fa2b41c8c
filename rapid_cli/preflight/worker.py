"""Loads llama.cpp, or computes with a model: run as `python -m`, where crashes are expected.

The arguments are the name of a function and its parameters in JSON; `child.tell` prints the result.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rapid_cli.machine.child import ChildResult, tell
from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight.engine import trust

BATCH = 16
"""Tokens that are read at once: there are other kernels for one token, and for up to 8."""
SHORTEST = 256
"""Tokens of a context; llama.cpp gives no less."""


def engine() -> ChildResult:
    """Load llama.cpp, and let it look for devices."""
    from rapid_cli.llama import compute_devices  # noqa: PLC0415 - it may crash

    return {"devices": list(compute_devices())}


def model(path: str, spec: dict[str, object]) -> ChildResult:
    """Load a model as a spec says, let it read some tokens at once, and then one.

    Returns the "device", the "seconds" it took, and whether the logits "differ", as they should.
    """
    from rapid_cli.llama import Weights, open_context  # noqa: PLC0415 - it may crash

    began = time.perf_counter()
    run = ModelSpec(**spec)  # type: ignore[arg-type]
    with Weights(Path(path), run) as weights:
        tokens = [number % weights.vocabulary.size for number in range(BATCH + 1)]
        with open_context(weights, length=SHORTEST, rows=BATCH) as context:
            context.extend(tokens[:BATCH], rows=BATCH)
            (logits,) = context.extend(tokens[BATCH:], rows=1)
            differ = bool(logits.max() > logits.min())  # false if they are NaN
        return {"seconds": time.perf_counter() - began, "device": weights.device, "differ": differ}


def outline(path: str, name: str) -> ChildResult:
    """Open a model without its weights, at which llama.cpp may give up."""
    from rapid_cli.llama import Outline  # noqa: PLC0415 - it may crash

    with Outline(Path(path), name):
        return {}


WORK: dict[str, Callable[..., ChildResult]] = {
    work.__name__: work for work in (engine, model, outline)
}


def main() -> None:
    """Call the function that the command line names."""
    trust()
    name, *more = sys.argv[1:]
    arguments = json.loads(more[0]) if more else {}
    tell(lambda: WORK[name](**arguments))


if __name__ == "__main__":
    main()
