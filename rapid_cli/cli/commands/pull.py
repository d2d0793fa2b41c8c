"""`rapid models pull`, once its command line is understood."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer
from rich.console import Console

from rapid_cli.cli.boundary import FAILED, print_error
from rapid_cli.cli.render.console import Bars, console
from rapid_cli.cli.render.pulling import pulled_json, pulled_line
from rapid_cli.cli.streams import require_output
from rapid_cli.config import suggestion
from rapid_cli.errors import ConfigError, RapidError
from rapid_cli.models.hub.backoff import PAUSES
from rapid_cli.models.hub.errors import amount
from rapid_cli.models.hub.pulling import Plan, Pulled, Puller, require_room
from rapid_cli.models.models_file import find_models_file, load_models_file
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
    models_file = load_models_file(find_models_file(models))
    errors = console(quiet=quiet)
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
            print(jsonlib.dumps(row))
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


@dataclass(slots=True)
class _Pulling:
    """One run: what it was asked for so far, and what came of it."""

    models_file: ModelsFile
    errors: Console
    bars: Bars
    pauses: Sequence[float]
    rows: list[dict[str, object]] = field(default_factory=list)
    complete: list[ModelPair] = field(default_factory=list)
    failed: bool = False
    _done: dict[Located, bool] = field(default_factory=dict)

    def pull(self, name: str) -> None:
        """Pull all models of a name; each failure is said and costs only itself."""
        try:
            wanted = models_of(self.models_file, name)
        except ConfigError as error:
            self._fail(name, error)
            return
        puller = Puller(self._note, self._progress, self.pauses)
        plans = [plan for spec in wanted if (plan := self._plan(puller, spec)) is not None]
        try:
            if plans:
                require_room(plans)
        except RapidError as error:
            self._fail(name, error)
            return
        for plan in plans:
            self._pull(puller, plan)
        if name in self.models_file.pairs and all(map(self._done.get, wanted)):
            self.complete.append(self.models_file.pairs[name])

    def _plan(self, puller: Puller, spec: Located) -> Plan | None:
        if spec in self._done:
            return None
        try:
            return puller.plan(spec)
        except RapidError as error:
            self._fail(spec.name, error)
            self._done[spec] = False
            return None

    def _pull(self, puller: Puller, plan: Plan) -> None:
        spec = plan.spec
        if plan.missing_bytes and plan.snapshot:
            commit, size = plan.snapshot.commit[:7], amount(plan.missing_bytes)
            self._note(f"{spec.name}: pulling {size} from {spec.repo} at {commit}")
        try:
            pulled = puller.pull(plan)
        except RapidError as error:
            self._fail(spec.name, error)
            self._done[spec] = False
            return
        self._done[spec] = True
        self._finish(pulled)

    def _finish(self, pulled: Pulled) -> None:
        self.bars.close()
        self.rows.append(pulled_json(pulled))
        self._note(pulled_line(pulled))

    def _fail(self, name: str, error: RapidError) -> None:
        self.failed = True
        self.bars.close()
        print_error(RapidError(f"{name}: {error.message}", error.hint))
        self.rows.append({"name": name, "error": {"message": error.message, "hint": error.hint}})

    def _note(self, text: str) -> None:
        _say(self.errors, text)

    def _progress(self, name: str, done: int, total: int) -> None:
        self.bars.update_bytes(f"pulling {name}", done, total)


def _say_next(errors: Console, pair: ModelPair, models: Path | None) -> None:
    if pair.note:
        _say(errors, f"{pair.name}: {pair.note}")
    options = ["--pair", pair.name] + (["--models", str(models)] if models else [])
    _say(errors, f'Now: rapid ask book.pdf "Who tells the story?" {shlex.join(options)}')


def _say(errors: Console, text: str) -> None:
    errors.print(printable_line(text), soft_wrap=True)
