"""Whether one strategy is better for some kind of question, told from a file of results.

    python -m tests.measurements.routing RESULTS

RESULTS is what `rapid eval --results` wrote. Each rule sorts the questions into kinds, and answers
each kind by the strategy that was right most often for it, of other documents. So a rule that only
fits by chance is found out: what is not better than the best strategy for all would not be better
for questions to come.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from rapid_cli.evaluation.questions import Question
from rapid_cli.evaluation.results import Record, read_results

Answers = Mapping[str, Record]
"""The answers to one question, by variant."""
QUESTION_WORDS = ["who", "whom", "whose", "when", "where", "which", "how", "why", "what"]
YES_OR_NO = ["is", "are", "was", "were", "do", "does", "did", "can", "could", "has", "have", "had"]
ABOUT_THE_WHOLE = ["main", "purpose", "summary", "overall", "infer", "imply", "implied"]


def question_word(question: Question) -> str:
    """Return the question word that comes first, or what else the question is."""
    words = [word.strip("?,.\"'").lower() for word in question.text.split()]
    if words[0] in YES_OR_NO:
        return "yes or no"
    return next((word for word in words if word in QUESTION_WORDS), "none")


def reach(question: Question) -> str:
    """Tell whether a question is about the whole or about a place."""
    whole = any(word in question.text.lower() for word in ABOUT_THE_WHOLE)
    return "the whole" if whole else "a place"


RULES: dict[str, Callable[[Answers], str]] = {
    "by question word": lambda answers: question_word(_question(answers)),
    "choices or not": lambda answers: _question(answers).kind,
    "about the whole or a place": lambda answers: reach(_question(answers)),
    "long or short question": lambda answers: str(len(_question(answers).text.split()) > 12),
    "long or short document": lambda answers: str(_any(answers).document_tokens > 6_000),
    "whether rag and long-context agree": lambda answers: str(
        answers["rag"].answer.lower() == answers["long-context"].answer.lower()
    ),
}


def _any(answers: Answers) -> Record:
    return next(iter(answers.values()))


def _question(answers: Answers) -> Question:
    return _any(answers).question


def complete(records: Iterable[Record]) -> tuple[list[Answers], list[str]]:
    """Return the questions that every variant answered, and the variants."""
    found: dict[tuple[str, str], dict[str, Record]] = defaultdict(dict)
    for record in records:
        found[record.question.pack, record.question.id][record.variant] = record
    variants = list(dict.fromkeys(name for answers in found.values() for name in answers))
    return [answers for answers in found.values() if len(answers) == len(variants)], variants


def right(answers: Answers, variant: str) -> bool:
    return answers[variant].measures.right


def best_for(questions: Sequence[Answers], variants: Sequence[str], usual: str) -> str:
    """Return the variant that was right most often; the `usual` one if none was more often."""
    counts = {name: sum(right(each, name) for each in questions) for name in variants}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] > counts[usual] else usual


def routed(
    questions: Sequence[Answers], variants: Sequence[str], kind: Callable[[Answers], str]
) -> list[bool]:
    """Return whether each question is answered rightly by what was best for its kind elsewhere."""
    found = []
    for asked in questions:
        others = [
            each for each in questions if _question(each).document != _question(asked).document
        ]
        usual = best_for(others, variants, variants[0])
        alike = [each for each in others if kind(each) == kind(asked)]
        found.append(right(asked, best_for(alike, variants, usual)))
    return found


def main() -> None:
    """Print how often each variant is right, each rule, and a choice that is always lucky."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    questions, variants = complete(read_results(parser.parse_args().results).records.values())
    print(f"{len(questions)} questions")
    for name in variants:
        print(f"| {name} | {mean(right(each, name) for each in questions):.3f} |")
    for name, kind in RULES.items():
        print(f"| {name} | {mean(routed(questions, variants, kind)):.3f} |")
    lucky = mean(any(right(each, name) for name in variants) for each in questions)
    print(f"| whatever is right | {lucky:.3f} |")


if __name__ == "__main__":
    main()
