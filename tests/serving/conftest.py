from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import Running, serving

FERRY = """# The ferry

The ferry to the island leaves at nine in the morning. Captain Ahab commands it.

# The inn

The landlord of the inn is Peter Coffin. A bed costs four crowns.
"""
STARS = "Sirius is the brightest star of the night. Vega is blue."


@pytest.fixture(scope="session")
def home(furnish: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with models that are quick, and two texts that can be asked about."""
    home = furnish(tmp_path_factory.mktemp("serving"), shallow=True)
    (home / "ferry.md").write_text(FERRY, encoding="utf-8")
    (home / "stars.txt").write_text(STARS, encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def at_home(home: Path) -> Iterator[Path]:
    """The home, which is that of this process meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAPID_HOME", str(home))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield home


@pytest.fixture(scope="module")
def server(at_home: Path) -> Iterator[Running]:
    """A server of the text about the ferry; that about stars is in the library too."""
    with serving(at_home / "models.toml", at_home / "stars.txt"):
        pass
    with serving(at_home / "models.toml", at_home / "ferry.md") as running:
        yield running
