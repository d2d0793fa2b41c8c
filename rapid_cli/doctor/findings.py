"""What a check found: a verdict on a subject, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rapid_cli.errors import RapidError

Verdict = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; `hint` says what to do where something is to be done."""

    verdict: Verdict
    subject: str
    text: str
    hint: str = ""


class NotChecked(Exception):
    """A check needs what another one has found broken."""


def ok_unless(wrong: bool, subject: str, text: str, hint: str) -> Finding:
    """Return what is said either way: as a warning with a hint if something is `wrong`."""
    return Finding("warning", subject, text, hint) if wrong else Finding("ok", subject, text)


def failure(subject: str, error: RapidError, hint: str = "") -> Finding:
    """Return an error as a finding; `hint` stands in where the error has none."""
    return Finding("failure", subject, error.message, error.hint or hint)


def nothing_failed(findings: Iterable[Finding]) -> bool:
    """Tell whether all that was checked can work."""
    return all(finding.verdict != "failure" for finding in findings)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things as people say it, such as `1 model` or `1,200 models`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
