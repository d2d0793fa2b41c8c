"""The architecture: which packages there are, what each is for, and what it may import.

`python -m tests.support.architecture` writes both into docs/architecture.md, as a picture and a
table; `tests/test_layers.py` holds the code, the table and the picture against this list.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.support.repository import REPOSITORY

CODE = REPOSITORY / "rapid_cli"
PAGE = REPOSITORY / "docs" / "architecture.md"
PACKAGES = {
    "cli": "doctor bench evaluation serving api session answering library llama preflight models "
    "storage machine text decoding documents figures config errors",
    "doctor": "session library llama preflight models retrieval storage machine text documents "
    "config errors",
    "bench": "session answering models retrieval decoding documents figures config errors",
    "evaluation": "session answering models storage text decoding documents figures errors",
    "serving": "api session answering library models machine text documents errors",
    "api": "session answering library models text decoding documents errors",
    "session": "answering library llama preflight models reader retrieval storage machine text "
    "documents config errors",
    "answering": "models retrieval text decoding documents config errors",
    "library": "reader retrieval storage machine text documents config errors",
    "llama": "preflight models machine errors",
    "preflight": "models storage machine config errors",
    "models": "storage machine text decoding documents config errors",
    "reader": "storage machine text documents errors",
    "retrieval": "machine text documents errors",
    "figures": "storage errors",
    "storage": "text config errors",
    "machine": "errors",
    "text": "documents",
    "decoding": "",
    "documents": "",
    "config": "errors",
    "errors": "",
}
"""Packages and single modules from the top down, each with what it may import of the others."""
PROGRAMS = {
    "__main__": "cli",
    "models.templates.worker": "machine models",
    "preflight.worker": "llama preflight models machine config",
}
"""Modules that run as `python -m` and that nothing imports, with what they may import."""
FIRST = "machine"
"""What the package itself imports: it must come before any library."""
OWNERS = {
    "chromadb": "library.vectors",
    "defusedxml": "reader",
    "filelock": "storage.locks",
    "gguf": "bench.synthetic",
    "httpx": "library.vectors.chroma_server",
    "huggingface_hub": "models.hub",
    "icu4py": "text.wrapping",
    "jinja2": "models.templates",
    "llama_cpp": "llama",
    "lxml": "reader",
    "matplotlib": "bench.plots evaluation.plots figures",
    "mcp": "serving.mcp",
    "mcp_types": "serving.mcp",
    "onnxruntime": "retrieval.onnx_embedder",
    "packaging": "doctor",
    "PIL": "cli.render.pictures reader.pdf.pictures",
    "platformdirs": "config models.models_file",
    "prompt_toolkit": "cli.commands.chat",
    "psutil": "bench.report doctor llama machine.load reader storage.partial",
    "pydantic": "serving.mcp",
    "pypdf": "reader.pdf",
    "pypdfium2": "reader.pdf",
    "rich": "cli",
    "sentence_transformers": "retrieval.torch_embedder retrieval.reranker",
    "sqlite3": "storage.sqlite",
    "starlette": "serving.http",
    "tokenizers": "retrieval.onnx_embedder",
    "textual_image": "cli.render.pictures",
    "torch": "retrieval.torch_embedder retrieval.reranker",
    "transformers": "retrieval.torch_embedder",
    "typer": "cli",
    "uvicorn": "serving.http",
    "watchfiles": "library.watching",
    "wcwidth": "text.wrapping",
}
"""Libraries of other people, each with the packages or modules that alone import it."""


def imports(path: Path) -> set[str]:
    """Return the full names of all that a file imports; of `from a import b` that is `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module(path: Path) -> str:
    """Return a file's name as a module, below `rapid_cli`."""
    name = ".".join(path.relative_to(CODE).with_suffix("").parts)
    return name.removesuffix("__init__").removesuffix(".")


@cache
def modules() -> dict[str, set[str]]:
    """Return every module with all that it imports."""
    return {module(path): imports(path) for path in sorted(CODE.rglob("*.py"))}


def own(name: str) -> set[str]:
    """Return the modules below `rapid_cli` that a module imports."""
    found = set()
    for full in modules()[name]:
        target = full.removeprefix("rapid_cli.")
        while target != full and target and target not in modules():
            target = target.rpartition(".")[0]
        found |= {target} - {full, name}
    return found


def package(name: str) -> str:
    """Return the entry of PACKAGES that a module belongs to."""
    return name.split(".", maxsplit=1)[0]


def within(name: str, places: str) -> bool:
    """Tell whether a module is one of these, or in one of these packages."""
    return any(name == place or name.startswith(f"{place}.") for place in places.split())


def purpose(name: str) -> str:
    """Return what a package is for, in its own words."""
    path = CODE / name / "__init__.py"
    tree = ast.parse((path if path.exists() else CODE / f"{name}.py").read_text(encoding="utf-8"))
    text = ast.get_docstring(tree)
    assert text, f"{name} does not say what it is for"
    return " ".join(text.split("\n\n")[0].split())


def floors() -> list[list[str]]:
    """Return the packages by floors: each stands just above the highest of what it may import."""
    height: dict[str, int] = {}
    for name in reversed(PACKAGES):
        height[name] = max((height[other] + 1 for other in PACKAGES[name].split()), default=0)
    return [
        [name for name in PACKAGES if height[name] == floor]
        for floor in range(max(height.values()), -1, -1)
    ]


def picture() -> str:
    """Return the floors as lines of text, the highest first."""
    rooms = ["   ".join(f"[ {name} ]" for name in floor) for floor in floors()]
    width = max(map(len, rooms))
    return "\n".join(["```text", *(room.center(width).rstrip() for room in rooms), "```"])


def table() -> str:
    """Return what each package is for and may import, in Markdown."""
    rows = ["| package | is for | may import |", "|---|---|---|"]
    for name, below in PACKAGES.items():
        rows.append(f"| `{name}` | {purpose(name)} | {below.replace(' ', ', ') or '-'} |")
    return "\n".join(rows)


SECTIONS = {"picture": picture, "table": table}


def with_sections(page: str) -> str:
    """Return a page with each part between its two marks made anew."""
    for name, make in SECTIONS.items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        assert end, f"the page has no place for the {name}"
        page = f"{before}{begin}{make()}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_sections(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
