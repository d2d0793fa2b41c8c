"""The code against its architecture: imports point downwards, and each library has its owner.

Imports inside functions and for type checkers count like all others.
"""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from tests.support.architecture import (
    FIRST,
    OWNERS,
    PACKAGES,
    PAGE,
    PROGRAMS,
    modules,
    own,
    package,
    with_sections,
    within,
)
from tests.support.repository import REPOSITORY

ORDER = list(PACKAGES)
MOST_MODULES = 13
PURE = {
    "__future__",
    "bisect",
    "collections",
    "dataclasses",
    "functools",
    "itertools",
    "math",
    "statistics",
    "typing",
}
INNER = [name for name in modules() if name not in {"", *PROGRAMS}]


def libraries(name: str) -> set[str]:
    """Return what a module imports that is not of this project."""
    return {full.split(".")[0] for full in modules()[name]} - {"rapid_cli"}


def others(name: str) -> set[str]:
    """Return the other packages that a module imports."""
    return {package(one) for one in own(name)} - {package(name)}


def test_every_module_is_of_a_package_and_every_package_has_its_modules() -> None:
    assert {package(name) for name in INNER} == set(PACKAGES)


def test_what_a_package_may_import_lies_below_it() -> None:
    for name, below in PACKAGES.items():
        assert all(ORDER.index(other) > ORDER.index(name) for other in below.split()), name


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_imports_just_what_it_may(name: str) -> None:
    imported = set().union(*(others(one) for one in INNER if package(one) == name))
    assert imported == set(PACKAGES[name].split())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_imports_only_what_it_may_and_is_imported_by_nothing(name: str) -> None:
    assert {package(one) for one in own(name)} <= set(PROGRAMS[name].split())
    assert all(name not in own(other) for other in modules())


def test_the_package_itself_imports_only_what_must_come_first() -> None:
    assert {package(name) for name in own("")} == {FIRST}


def test_no_modules_import_each_other_in_a_circle() -> None:
    parents = {name: own(name) - set(name.split(".")[:1]) for name in INNER}
    tuple(TopologicalSorter(parents).static_order())


def test_no_package_has_more_modules_than_one_can_keep_in_mind() -> None:
    folders = [name.rpartition(".")[0] for name in INNER if name not in PACKAGES]
    crowded = {folder: folders.count(folder) for folder in folders}
    assert {name: count for name, count in crowded.items() if count > MOST_MODULES} == {}


@pytest.mark.parametrize("name", sorted(modules()))
def test_only_its_owner_imports_a_library(name: str) -> None:
    foreign = {
        library
        for library in libraries(name) - {"numpy"}
        if library in OWNERS or library not in sys.stdlib_module_names
    }
    assert {one for one in foreign if not within(name, OWNERS.get(one, ""))} == set()


def test_decoding_knows_nothing_but_numpy_and_itself() -> None:
    inner = [name for name in INNER if package(name) == "decoding"]
    assert inner
    for name in inner:
        assert libraries(name) <= PURE | {"numpy"}, name


def test_the_page_of_the_architecture_agrees_with_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_sections(page) == page, "run python -m tests.support.architecture"


def imported_by(module: str) -> set[str]:
    """Return what Python has imported in a new process when a module is."""
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    assert module in loaded
    return loaded


def test_the_command_line_starts_without_heavy_libraries() -> None:
    heavy = {"torch", "chromadb", "llama_cpp", "sentence_transformers", "transformers", "pypdf"}
    assert imported_by("rapid_cli.cli") & heavy == set()


def test_the_library_is_searched_without_what_runs_models() -> None:
    assert imported_by("rapid_cli.cli.commands.library") & {"llama_cpp", "torch"} == set()
