"""What an evaluation found, as rows of numbers: by pack and as a whole, for each variant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from rapid_cli.evaluation.comparison import interval, is_clustered, mcnemar
from rapid_cli.evaluation.judging import Measures
from rapid_cli.evaluation.results import Record

WHOLE = "all packs"
"""What stands for the name of a pack in the rows of all packs together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A variant on a pack, or on all; None is what was not measured there.

    `right` is the share of right answers, `difference` that of the questions that the baseline
    answered too, less the baseline's; both with 95% intervals. On `better` of these questions only
    this variant is right, on `worse` only the baseline. Seconds are medians over the answers.
    """

    pack: str
    variant: str
    questions: int
    failed: int
    right: float
    right_low: float
    right_high: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    better: int | None
    worse: int | None
    p_value: float | None
    by_document: bool
    contained: float | None
    f1: float | None
    exact: float | None
    choice_accuracy: float | None
    abstention_precision: float | None
    abstention_recall: float | None
    evidence: float | None
    citation_precision: float | None
    seconds: float | None
    decode_seconds: float | None
    tokens_per_second: float | None
    acceptance_rate: float | None


def rows(records: Sequence[Record], baseline: str) -> list[Row]:
    """Return a row for each pack and variant, and where there are several packs, for all."""
    packs = list(dict.fromkeys(record.question.pack for record in records))
    groups = {pack: [each for each in records if each.question.pack == pack] for pack in packs}
    if len(packs) > 1:
        groups[WHOLE] = list(records)
    return [row for pack, group in groups.items() for row in _of_pack(pack, group, baseline)]


def _of_pack(pack: str, records: Sequence[Record], baseline: str) -> list[Row]:
    by_variant: dict[str, list[Record]] = {}
    for record in records:
        by_variant.setdefault(record.variant, []).append(record)
    base = by_variant.get(baseline, [])
    return [_row(pack, name, group, base) for name, group in by_variant.items()]


def _row(pack: str, variant: str, records: Sequence[Record], base: Sequence[Record]) -> Row:
    measures = [record.measures for record in records]
    right = [float(each.right) for each in measures]
    low, high = interval(right, _documents(records)) or (0.0, 0.0)
    return Row(
        pack=pack,
        variant=variant,
        questions=len(records),
        failed=sum(record.error is not None for record in records),
        right=fmean(right),
        right_low=low,
        right_high=high,
        by_document=is_clustered(_documents(records)),
        **_difference(records, base if base and base[0].variant != variant else ()),
        **_shares(records, measures),
        **_abstention(records, measures),
        **_speeds(records),
    )


def _documents(records: Iterable[Record]) -> list[tuple[str, str]]:
    return [(record.question.pack, record.question.document) for record in records]


def _difference(records: Sequence[Record], base: Sequence[Record]) -> dict[str, Any]:
    """Return what pairs of answers to the same question say; nothing without any pair."""
    known = {_asked(record): record.measures.right for record in base}
    both = [record for record in records if _asked(record) in known]
    pairs = [(record.measures.right, known[_asked(record)]) for record in both]
    changes = [float(mine) - float(other) for mine, other in pairs]
    found = interval(changes, _documents(both))
    low, high = found or (None, None)
    better, worse = changes.count(1.0), changes.count(-1.0)
    return {
        "difference": fmean(changes) if changes else None,
        "difference_low": low,
        "difference_high": high,
        "better": better if changes else None,
        "worse": worse if changes else None,
        "p_value": mcnemar(better, worse) if changes else None,
    }


def _asked(record: Record) -> tuple[str, ...]:
    question = record.question
    return question.pack, question.id, question.document, question.text


def _shares(records: Sequence[Record], measures: Sequence[Measures]) -> dict[str, Any]:
    choices = [
        each.right
        for each, record in zip(measures, records, strict=True)
        if record.question.kind == "choice"
    ]
    return {
        "contained": _mean(each.contained for each in measures),
        "f1": _mean(each.f1 for each in measures),
        "exact": _mean(each.exact for each in measures),
        "choice_accuracy": _mean(choices),
        "evidence": _mean(each.evidence for each in measures),
        "citation_precision": _mean(each for record in records for each in record.citations),
    }


def _abstention(records: Sequence[Record], measures: Sequence[Measures]) -> dict[str, Any]:
    """Return precision and recall of "not in the text", where there are such questions."""
    absent = [not record.question.answerable for record in records]
    said = [each.abstained for each in measures]
    hits = sum(is_absent and says for is_absent, says in zip(absent, said, strict=True))
    return {
        "abstention_precision": hits / sum(said) if any(absent) and any(said) else None,
        "abstention_recall": hits / sum(absent) if any(absent) else None,
    }


def _speeds(records: Sequence[Record]) -> dict[str, Any]:
    answered = [record for record in records if record.error is None]
    tokens = sum(record.tokens for record in answered)
    drafted = sum(record.drafted for record in answered)
    decoding = _seconds(answered, "decode")
    return {
        "seconds": _median(_seconds(answered, "total")),
        "decode_seconds": _median(decoding),
        "tokens_per_second": tokens / sum(decoding) if sum(decoding) else None,
        "acceptance_rate": sum(r.accepted for r in answered) / drafted if drafted else None,
    }


def _seconds(records: Iterable[Record], name: str) -> list[float]:
    found: Iterable[Mapping[str, float | None]] = (record.seconds for record in records)
    return [value for each in found if (value := each.get(name)) is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
