"""All checks, and their one guard: what goes wrong in one is a finding, and the next follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from rapid_cli.doctor import engine, machine, models_file, storage
from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.findings import Finding, NotChecked, failure
from rapid_cli.errors import RapidError

logger = logging.getLogger(__name__)

MORE = "`rapid --verbose doctor` tells more"

Check = Callable[[Examination], Finding | Iterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("rapid", machine.check_python),
    ("libraries", machine.check_libraries),
    ("llama.cpp", engine.check_engine),
    ("GPU", engine.check_gpu),
    ("memory", machine.check_memory),
    ("disk", machine.check_disk),
    ("folder", storage.check_home),
    ("models.toml", models_file.check_models_file),
    ("pair", models_file.check_default_pair),
    ("other pairs", models_file.check_other_pairs),
    ("rpc", engine.check_other_machines),
    ("starter", engine.check_starter),
    ("fallbacks", engine.check_fallbacks),
    ("tuning", models_file.check_tuning),
    ("embedder", storage.check_embedder),
    ("retrieval", storage.check_retrieval),
    ("library", storage.check_library),
    ("cache", storage.check_cache),
    ("terminal", machine.check_terminal),
    ("environment", machine.check_environment),
)
"""Subjects, in the order in which they are told, and what looks at each."""


def examine(models: Path | None, output: TextIO) -> list[Finding]:
    """Return what all checks find, with a models.toml or the one in force, and this output.

    Nothing is downloaded, and what rapid keeps stays as it is.
    """
    with Examination(models, output) as examination:
        examination.start()
        return judge(examination, CHECKS)


def judge(examination: Examination, checks: Sequence[tuple[str, Check]]) -> list[Finding]:
    """Return what some checks find; one that breaks is a failure of its own."""
    return [
        finding for subject, check in checks for finding in _guarded(subject, check, examination)
    ]


def _guarded(subject: str, check: Check, examination: Examination) -> Iterator[Finding]:
    try:
        found = check(examination)
        yield from [found] if isinstance(found, Finding) else found
    except NotChecked as reason:
        yield Finding("warning", subject, "was not checked", f"{reason}: mend that first")
    except RapidError as error:
        yield failure(subject, error, MORE)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # native libraries raise what they like
        logger.info("the check of %s broke", subject, exc_info=True)
        what = [type(error).__name__, *str(error).strip().splitlines()[:1]]
        yield Finding("failure", subject, f"the check itself broke: {': '.join(what)}", MORE)
