"""Whether a pair of models can work here, by what their files say: no weights are read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.doctor.agreement import (
    check_copy,
    check_run,
    check_tuning,
    check_vocabularies,
    planned,
)
from rapid_cli.doctor.findings import Finding
from rapid_cli.doctor.memory import MemoryAt, check_memory
from rapid_cli.doctor.model import Seen, check_model
from rapid_cli.models.specs import ModelPair
from rapid_cli.session.pairs import Pairs
from rapid_cli.session.tuned import AGAIN

__all__ = ["Checked", "MemoryAt", "check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a pair; `drafter` is None where the target's own weights draft."""

    target: Seen
    drafter: Seen | None
    findings: tuple[Finding, ...]
    memory: tuple[MemoryAt, ...]

    @property
    def ok(self) -> bool:
        """Whether the pair can work."""
        return all(finding.verdict != "failure" for finding in self.findings)


def check(
    pairs: Pairs, pair: ModelPair, target: Path | None = None, drafter: Path | None = None
) -> Checked:
    """Check a pair, with the files named on the command line in place of its models."""
    with ExitStack() as opened:
        steps = _steps(pairs, pair, target, drafter, opened)
        findings = []
        while True:
            try:
                findings.append(next(steps))
            except StopIteration as end:
                first, second, memory = end.value
                return Checked(first, second, tuple(findings), tuple(memory))


def _steps(
    pairs: Pairs, pair: ModelPair, target: Path | None, drafter: Path | None, opened: ExitStack
) -> Generator[Finding, None, tuple[Seen, Seen | None, list[MemoryAt]]]:
    roles = pairs.roles(pair, target, drafter)
    first = yield from check_model("target", roles.target, pairs.find_model, opened)
    again = "" if target else f"{AGAIN} {pair.name}"
    yield from check_tuning(pairs, first, lower_precision=roles.lower_precision, again=again)
    yield from check_run(pairs, first, lower_precision=roles.lower_precision)
    second = None
    if roles.drafter is not None:
        second = yield from check_model("drafter", roles.drafter, pairs.find_model, opened)
        again = "" if target or drafter else again
        yield from check_tuning(pairs, second, lower_precision=False, again=again)
        yield from check_run(pairs, second, lower_precision=False)
        yield check_vocabularies(first, second)
    else:
        yield check_copy(pairs, first, roles.copied)
    runs = planned(pairs, pair, roles, first, second)
    memory = [] if runs is None else (yield from check_memory(runs))
    return first, second, memory
