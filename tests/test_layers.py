"""The architecture: imports point downwards only, and each library has its owner.

Imports inside functions and for type checkers count like all others.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rapid_cli"
LAYERS = """
__main__
cli
render watching
desk doctor
report session sources plots checking
pairs
loading adjusting offers preflight.worker
fitting
needs
indexing
answering library bench_report
bench sharing tuning
generation retrieval matching trying
drafters
prefill ahead writing
answers
reading materials shelf copies
llama kvstore store catalog history embedder reranker hub profiles synthetic extraction
preflight.preflight
preflight.engine
preflight.records preflight.children
extraction_worker chunks exporting preflight.ways
exported reader
chroma_server models measuring seal sqlite trials
chroma citations words tuned
strategies prompts chunking ranking passages places perplexity
models_file
offloading
memory model_checks turns logfile progress
child libraries
documents config partial printable private sentences formats findings hardware crashes processor
control_groups missing network shortage
decoding.loop
decoding.planning
decoding.acceptance decoding.costs decoding.verification decoding.lookup
decoding.drafting
decoding.sampling decoding.stats
decoding.context
errors
"""
OWNERS = {
    "defusedxml": "reader",
    "httpx": "chroma_server",
    "chromadb": "chroma chroma_server",
    "filelock": "turns",
    "gguf": "synthetic",
    "huggingface_hub": "hub",
    "jinja2": "prompts",
    "lxml": "reader",
    "mammoth": "reader",
    "llama_cpp": "llama",
    "matplotlib": "plots",
    "onnxruntime": "exported",
    "packaging": "doctor",
    "platformdirs": "config models_file",
    "prompt_toolkit": "cli",
    "psutil": "doctor llama partial reader",
    "pypdf": "reader",
    "pypdfium2": "reader",
    "rich": "cli render",
    "sentence_transformers": "exporting reranker",
    "sqlite3": "sqlite",
    "tokenizers": "exported",
    "torch": "exporting reranker",
    "transformers": "exporting",
    "typer": "cli",
    "watchfiles": "watching",
}
PURE = {
    "__future__",
    "bisect",
    "collections",
    "dataclasses",
    "functools",
    "itertools",
    "math",
    "statistics",
}
LAYER = {name: row for row, line in enumerate(LAYERS.split("\n")) for name in line.split()}


def imports(path):
    """Return the full names of all that a file imports; of `from a import b` that is `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module(path):
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return name.removesuffix("__init__").removesuffix(".")


def entry(name):
    """Return the entry of LAYERS for a module or something in it: itself, or its package."""
    while name not in LAYER and "." in name:
        name = name.rpartition(".")[0]
    return name


IMPORTS = {module(path): imports(path) for path in PACKAGE.rglob("*.py")}


def own(name):
    """Return the entries of LAYERS that a module imports."""
    prefix = "rapid_cli."
    return {entry(full[len(prefix) :]) for full in IMPORTS[name] if full.startswith(prefix)}


def libraries(name):
    return {full.split(".")[0] for full in IMPORTS[name]} - {"rapid_cli"}


def test_every_module_has_a_layer_and_every_layer_its_modules():
    assert {entry(name) for name in IMPORTS} - {"", "decoding", "preflight"} == set(LAYER)


def test_the_package_itself_imports_only_what_must_come_first():
    assert own("") == {"processor"}


@pytest.mark.parametrize("name", sorted(IMPORTS.keys() - {""}))
def test_imports_point_downwards(name):
    here = entry(name)
    assert [other for other in own(name) - {here} if LAYER[other] <= LAYER[here]] == []


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_only_its_owner_imports_a_library(name):
    owned = {
        library
        for library in libraries(name) - {"numpy"}
        if library in OWNERS or library not in sys.stdlib_module_names
    }
    assert {one for one in owned if entry(name) not in OWNERS.get(one, "").split()} == set()


def test_decoding_knows_nothing_but_numpy_and_itself():
    inner = [name for name in IMPORTS if name.startswith("decoding.")]
    assert inner
    for name in inner:
        assert libraries(name) <= PURE | {"typing", "numpy"}, name
        assert all(other.startswith("decoding.") for other in own(name)), name


def test_the_command_line_starts_without_heavy_libraries():
    program = "import sys, rapid_cli.cli; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    assert "rapid_cli.cli" in loaded
    heavy = {"torch", "chromadb", "llama_cpp", "sentence_transformers", "transformers", "pypdf"}
    assert loaded & heavy == set()
