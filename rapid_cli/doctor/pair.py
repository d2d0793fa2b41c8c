"""Whether a pair of models can work here, by what their files say: no weights are read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rapid_cli.doctor.agreement import check_own_weights, check_vocabularies, planned_runs
from rapid_cli.doctor.findings import Finding, nothing_failed
from rapid_cli.doctor.memory import MemoryAt, check_memory
from rapid_cli.doctor.model import CheckedModel, check_model
from rapid_cli.models.specs import ModelPair
from rapid_cli.session.needs import PairRun
from rapid_cli.session.pairs import Pairs
from rapid_cli.session.tuned import AGAIN


@dataclass(frozen=True, slots=True)
class CheckedPair:
    """What was found of a pair; `drafter` is None where the target's own weights draft.

    `runs` is how both will run, None if a file is not usable; `memory` is what they need then.
    """

    target: CheckedModel
    drafter: CheckedModel | None
    findings: list[Finding]
    runs: PairRun | None
    memory: list[MemoryAt]

    @property
    def ok(self) -> bool:
        """Whether the pair can work."""
        return nothing_failed(self.findings)


def check(
    pairs: Pairs, pair: ModelPair, target: Path | None = None, drafter: Path | None = None
) -> CheckedPair:
    """Check a pair, with the files named on the command line in place of its models."""
    roles, again = pairs.roles(pair, target, drafter), f"{AGAIN} {pair.name}"
    if target:  # which nobody tunes: that is for pairs
        again = ""
    with ExitStack() as opened:
        look = partial(check_model, pairs, opened)
        reads = look("target", roles.target, lower_precision=roles.lower_precision, again=again)
        if roles.drafter is None:
            drafts = None
            together = [check_own_weights(pairs, reads, roles.copied)]
        else:
            again = "" if drafter else again
            drafts = look("drafter", roles.drafter, lower_precision=False, again=again)
            together = [*drafts.findings, check_vocabularies(reads, drafts)]
        runs = planned_runs(pairs, pair, roles, reads, drafts)
    of_memory, memory = check_memory(runs) if runs else ([], [])
    return CheckedPair(reads, drafts, [*reads.findings, *together, *of_memory], runs, memory)
