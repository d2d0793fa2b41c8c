"""What an answer is worth: every measure that its question allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapid_cli.evaluation.abstaining import abstains
from rapid_cli.evaluation.choices import chosen
from rapid_cli.evaluation.measures import best, contains, exact, f1
from rapid_cli.evaluation.questions import Question

FIRST_SOURCES = 5
"""A page of evidence counts if it is among the pages of so many sources."""

Span = tuple[int, int]
"""The first and the last page of a passage."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of one answer; None is what its question does not allow, such as F1 of a letter.

    `right` is the main one: the right answer is contained, the right letter chosen, or, where the
    text does not hold the answer, that is said.
    """

    right: bool
    abstained: bool
    contained: bool | None = None
    exact: bool | None = None
    f1: float | None = None
    letter: str | None = None
    evidence: bool | None = None


def judge(question: Question, answer: str, sources: Sequence[Span]) -> Measures:
    """Measure an answer whose sources, best first, stand on these pages.

    Where there is an answer, saying that there is none is wrong, whatever else is said.
    """
    says_no = abstains(answer) and not any(map(abstains, question.answers))
    evidence = found_evidence(question, sources)
    match question.kind:
        case "unanswerable":
            return Measures(says_no, says_no, evidence=evidence)
        case "choice":
            letter = chosen(answer, question.choices)
            right = letter in question.answers
            return Measures(right, says_no and letter is None, letter=letter, evidence=evidence)
        case _:
            return _free(question, "" if says_no else answer, says_no, evidence)


def _free(question: Question, answer: str, says_no: bool, evidence: bool | None) -> Measures:
    contained = bool(best(contains, answer, question.answers))
    return Measures(
        contained,
        says_no,
        contained=contained,
        exact=bool(best(exact, answer, question.answers)),
        f1=best(f1, answer, question.answers),
        evidence=evidence,
    )


def found_evidence(question: Question, sources: Sequence[Span]) -> bool | None:
    """Tell whether a page of evidence is among the first sources; None where none is known."""
    if not question.pages:
        return None
    return any(on_pages(span, question.pages) for span in sources[:FIRST_SOURCES])


def supports(question: Question, pages: Span, text: str) -> bool | None:
    """Tell whether a cited passage is on a page of evidence, or else holds a right answer.

    None where neither is known: of choices without pages, and where the text has no answer.
    """
    if question.kind == "unanswerable":
        return None
    if question.pages:
        return on_pages(pages, question.pages)
    if question.kind == "choice":
        return None
    return any(contains(text, answer) for answer in question.answers)


def on_pages(span: Span, pages: Sequence[int]) -> bool:
    """Tell whether any of `pages` is within a span."""
    return any(span[0] <= page <= span[1] for page in pages)
