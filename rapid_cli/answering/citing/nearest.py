"""Which of the pages or sections of a passage is most like a question, told by its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rapid_cli.answering.citing.citations import weighted_terms
from rapid_cli.documents import Document, Passage
from rapid_cli.text.sentences import passage_sentences


def nearest_part(question: str, passage: Passage, document: Document) -> tuple[int, int] | None:
    """Return where in a passage its page or section stands that is most like a question.

    None if it touches only one, or if none is more like the question than all others.
    """
    chunk = passage.chunk
    if chunk.first_page == chunk.last_page:
        return None
    spans: dict[int, tuple[int, int]] = {}
    terms: dict[int, set[str]] = {}
    for start, end in passage_sentences(chunk.text):
        page = document.page_at(chunk.start + start)
        spans[page.number] = spans.get(page.number, (start, end))[0], end
        told = "" if document.paged else page.label or ""
        found = weighted_terms(f"{chunk.text[start:end]}\n{told.rpartition('›')[2]}")
        terms.setdefault(page.number, set()).update(found)
    likeness = _likeness(weighted_terms(question), terms)
    best = max(likeness.values(), default=0.0)
    (first, *others) = [number for number, one in likeness.items() if one == best] or [0]
    return spans[first] if best and not others else None


def _likeness(wanted: Mapping[str, int], terms: Mapping[int, set[str]]) -> dict[int, float]:
    """Return what each part has of the wanted terms, of which the rare ones tell most."""
    holders = Counter(term for held in terms.values() for term in held)
    return {
        number: sum(weight / holders[term] for term, weight in wanted.items() if term in held)
        for number, held in terms.items()
    }
