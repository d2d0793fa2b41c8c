"""What a server saves: a question about a text that was read before, asked over HTTP.

    python -m tests.measurements.warm_server

Each question is asked of a server that runs, and of a new process, in turns. Both have read the
text before, and answer with the starter alone. A request is timed from its start, a process from
its own, until the first piece of the answer is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx

from rapid_cli.bench.materials import built_in_text
from tests.measurements.reading_once import CHARACTERS, timed

QUESTIONS = (
    "What is a statement?",
    "What is an expression?",
    "How are names bound?",
    "What does a return statement do?",
    "What is a module?",
    "How is an exception raised?",
    "What is a class?",
)
ANSWER_TOKENS = 24
CHOICES = {"strategy": "long-context", "max_tokens": ANSWER_TOKENS, "temperature": 0.1}
RAPID = (sys.executable, "-m", "rapid_cli")


@contextmanager
def served(text: Path, environment: dict[str, str]) -> Iterator[httpx.Client]:
    """Serve a text in a process of its own."""
    command = [*RAPID, "serve", str(text), "--port", "0", "--quiet"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        try:
            assert process.stderr is not None
            url = next(line.split()[2] for line in process.stderr if "Listening on" in line)
            with httpx.Client(base_url=url, timeout=600, trust_env=False) as client:
                yield client
        finally:
            process.terminate()


def own_forms(client: httpx.Client, question: str) -> float:
    """Return the seconds until the first piece of an answer in rapid's own forms."""
    body = {**CHOICES, "question": question, "stream": True}
    return _until("/v1/ask", body, client, "event: piece")


def forms_of_openai(client: httpx.Client, question: str) -> float:
    """Return the seconds until the first piece of an answer in the forms of OpenAI."""
    choices = {key: value for key, value in CHOICES.items() if key != "strategy"}
    messages = [{"role": "user", "content": question}]
    own = {"strategy": CHOICES["strategy"]}
    body = {**choices, "messages": messages, "rapid": own, "stream": True}
    return _until("/v1/chat/completions", body, client, "")


def _until(path: str, body: object, client: httpx.Client, wanted: str) -> float:
    started, first = time.perf_counter(), None
    with client.stream("POST", path, json=body) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if first is None and (line == wanted if wanted else _has_content(line)):
                first = time.perf_counter() - started
    assert first is not None
    return first


def _has_content(line: str) -> bool:
    if not line.startswith("data: {"):
        return False
    choices = json.loads(line.removeprefix("data: "))["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def main() -> None:
    """Ask each question in each way, and print a table."""
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "reference.txt"
        text.write_text(built_in_text()[:CHARACTERS], encoding="utf-8")
        environment = os.environ | {"RAPID_HOME": folder}
        options = ["--strategy", "long-context", "--max-tokens", str(ANSWER_TOKENS)]
        ask = [*RAPID, "ask", str(text), *options]
        timed([*ask, "What is this about?"], environment)  # it is read now
        with served(text, environment) as client:
            own_forms(client, "What is this about?")  # what was read is restored now
            for question, other in zip(QUESTIONS, reversed(QUESTIONS), strict=True):
                first, _ = timed([*ask, question], environment)
                rows.setdefault("a new process", []).append(first)
                rows.setdefault("the server, /v1/ask", []).append(own_forms(client, question))
                named = rows.setdefault("the server, /v1/chat/completions", [])
                named.append(forms_of_openai(client, f"{other} Tell me."))
    print("| first token of | median | slowest |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {median(seconds):.2f} s | {max(seconds):.2f} s |")


if __name__ == "__main__":
    main()
