"""What drafting ahead costs and gains on a new text.

    python -m tests.measurements.drafting_ahead [FILE]

`rapid ask --fresh` answers the same question with and without drafting ahead, in turn, each in a
process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from rapid_cli.bench.materials import built_in_text

CHARACTERS = 24_000
QUESTION = "What is this text about, and what are its main points?"
REPEATS = 5
PROGRAM = """
import sys
from rapid_cli.answering import drafting_ahead
from rapid_cli.cli import main
if sys.argv.pop(1) == "without":
    drafting_ahead.LEAST_LEFT = 10**9
main()
"""


def seconds_of_answer(text: Path, home: str, how: str) -> dict[str, float]:
    """Return the seconds of one answer, and how many tokens it had."""
    words = ["ask", str(text), QUESTION, "--fresh", "--json", "--quiet", "--no-log"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, *words, "--max-tokens", "128"],
        check=True,
        capture_output=True,
        env=os.environ | {"RAPID_HOME": home},
    )
    stats = json.loads(done.stdout)["stats"]
    return stats["seconds"] | {"tokens": stats["tokens"], "rate": stats["acceptance_rate"]}


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(built_in_text()[:CHARACTERS], encoding="utf-8")
        if len(sys.argv) > 1:
            text = Path(sys.argv[1])
        home = os.environ.get("RAPID_HOME", folder)
        seconds_of_answer(text, home, "without")  # index it, and time what things cost
        runs: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
        for turn in range(2 * REPEATS):
            how = ("with", "without")[turn % 2]
            runs[how].append(seconds_of_answer(text, home, how))
    names = ("first_draft", "first_token", "decode", "total", "tokens")
    print(f"| drafting ahead | {' | '.join(names)} | total for 128 tokens |")
    print("|---|---|---|---|---|---|---|")
    for how, each in runs.items():
        cells = [f"{median(run[name] for run in each):.1f}" for name in names]
        equal = median(run["total"] - run["decode"] * (1 - 128 / run["tokens"]) for run in each)
        print(f"| {how} | {' | '.join(cells)} | {equal:.1f} |")
    pairs = zip(runs["with"], runs["without"], strict=True)
    print("total, with against without:", *(f"{a['total'] / b['total']:.2f}" for a, b in pairs))


if __name__ == "__main__":
    main()
