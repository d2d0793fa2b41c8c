"""What a check found: a verdict on a subject, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; `hint` says what to do where something is to be done."""

    verdict: Verdict
    subject: str
    text: str
    hint: str = ""
