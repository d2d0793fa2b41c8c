"""`rapid models pull`, once its command line is understood."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from rapid_cli.cli.boundary import FAILED, print_error
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.render.console import Bars, console, tell
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.render.pulling import pulled_json, pulled_line
from rapid_cli.cli.streams import require_output
from rapid_cli.config import home, suggestion
from rapid_cli.errors import ConfigError, RapidError
from rapid_cli.models.hub.backoff import PAUSES
from rapid_cli.models.hub.errors import amount
from rapid_cli.models.hub.pulling import Plan, Puller, require_room
from rapid_cli.models.hub.verifying import Hashes
from rapid_cli.models.specs import Located, ModelPair, ModelsFile
from rapid_cli.text.printable import printable_line


def run(
    names: Sequence[str],
    *,
    models: Path | None,
    json: bool,
    quiet: bool,
    pauses: Sequence[float] = PAUSES,
) -> None:
    """Pull all names, whatever becomes of each; exit with FAILED if one of them failed."""
    if json:
        require_output()
    errors = console(quiet=quiet)
    models_file = models_file_in_force(models, errors)
    with Bars(errors) as bars:
        pulling = _Pulling(models_file, errors, bars, pauses)
        try:
            for name in dict.fromkeys(names):
                pulling.pull(name)
        except KeyboardInterrupt:
            bars.close()
            _say(errors, "Interrupted: the next pull goes on from what is here.")
            raise
    if json:
        for row in pulling.rows:
            print_json(row)
    for pair in pulling.complete:
        _say_next(errors, pair, models)
    if pulling.failed:
        raise typer.Exit(FAILED)


def models_of(models_file: ModelsFile, name: str) -> list[Located]:
    """Return what a name in models.toml stands for; ConfigError if it stands for nothing."""
    pair = models_file.pairs.get(name)
    if pair is not None:
        return [models_file.model(each) for each in pair.models]
    tables = (models_file.models, models_file.embedders, models_file.rerankers)
    for table in tables:
        if name in table:
            return [table[name]]
    known = [each for table in (models_file.pairs, *tables) for each in table]
    raise ConfigError(
        f"{models_file.source} has no pair, model, embedder or reranker {name!r}",
        suggestion(name, dict.fromkeys(known)),
    )


class _Pulling:
    """One run: what it was asked for so far, and what came of it."""

    def __init__(
        self, models_file: ModelsFile, errors: Console, bars: Bars, pauses: Sequence[float]
    ) -> None:
        self.rows: list[dict[str, object]] = []
        self.complete: list[ModelPair] = []
        self.failed = False
        self._models_file = models_file
        self._errors = errors
        self._bars = bars
        self._puller = Puller(Hashes(home()), self._note, self._progress, pauses)
        self._done: dict[Located, bool] = {}

    def pull(self, name: str) -> None:
        """Pull all models of a name; each failure is said and costs only itself."""
        with self._failures(name):
            wanted = models_of(self._models_file, name)
            plans = [plan for spec in wanted if (plan := self._plan(spec)) is not None]
            require_room(plans)
            for plan in plans:
                self._pull(plan)
            if name in self._models_file.pairs and all(map(self._done.get, wanted)):
                self.complete.append(self._models_file.pairs[name])

    def _plan(self, spec: Located) -> Plan | None:
        plan = None
        if spec not in self._done:
            with self._failures(spec.name, spec):
                plan = self._puller.plan(spec)
        return plan

    def _pull(self, plan: Plan) -> None:
        spec = plan.spec
        if plan.missing_bytes and plan.snapshot:
            commit, size = plan.snapshot.commit[:7], amount(plan.missing_bytes)
            self._note(f"{spec.name}: pulling {size} from {spec.repo} at {commit}")
        with self._failures(spec.name, spec):
            pulled = self._puller.pull(plan)
            self._done[spec] = True
            self._bars.close()
            self.rows.append(pulled_json(pulled))
            self._note(pulled_line(pulled))

    @contextmanager
    def _failures(self, name: str, spec: Located | None = None) -> Iterator[None]:
        """Say what goes wrong with a name, and go on; a `spec` is not tried again."""
        try:
            yield
        except RapidError as error:
            self.failed = True
            if spec is not None:
                self._done[spec] = False
            self._bars.close()
            print_error(RapidError(f"{name}: {error.message}", error.hint))
            told = {"message": error.message, "hint": error.hint}
            self.rows.append({"name": name, "error": told})

    def _note(self, text: str) -> None:
        _say(self._errors, text)

    def _progress(self, name: str, done: int, total: int) -> None:
        self._bars.update_bytes(f"pulling {name}", done, total)


def _say_next(errors: Console, pair: ModelPair, models: Path | None) -> None:
    if pair.note:
        tell(errors, f"{pair.name}: {pair.note}")
    options = ["--pair", pair.name] + (["--models", str(models)] if models else [])
    _say(errors, f'Now: rapid ask book.pdf "Who tells the story?" {shlex.join(options)}')


def _say(errors: Console, text: str) -> None:
    errors.print(printable_line(text), soft_wrap=True)
