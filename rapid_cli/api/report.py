"""An answer as data and as lines of text: what `--json` prints and what stands under an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from rapid_cli.answering.answer import Answer
from rapid_cli.answering.citing.citations import Citation
from rapid_cli.answering.citing.nearest import nearest_part
from rapid_cli.api.places import Part, best_support, place, place_of
from rapid_cli.documents import Document, Passage
from rapid_cli.errors import RapidError
from rapid_cli.text.naming import title
from rapid_cli.text.printable import printable, printable_line
from rapid_cli.text.sizes import percentage

Json = dict[str, object]


def answer_json(answer: Answer, documents: Mapping[str, Document]) -> Json:
    """Return the object that `--json` prints for one answer."""
    options, pair = answer.options, answer.pair
    return {
        "question": answer.question,
        "answer": answer.text,
        "absent": answer.absent,
        "thinking": answer.thinking or None,
        "finish_reason": answer.finish_reason,
        "strategy": options.strategy.name,
        "pair": pair.name,
        "target": pair.target.name,
        "drafter": pair.drafter.name if answer.drafter else None,
        "seed": options.seed,
        "sources": _sources_json(answer, documents),
        "citations": [_citation_json(each, answer, documents) for each in answer.citations],
        "context": _context_json(answer),
        "stats": _stats_json(answer),
    }


def passage_json(
    passage: Passage, documents: Mapping[str, Document], part: Part | None = None
) -> Json:
    """Return a passage with the place it is cited by: pages, or a section where there are none.

    With a `part` that is the place of the sentences that matter.
    """
    place = place_of(passage, documents, part)
    return {
        "document": title(place.document.name),
        "document_id": place.document.id,
        "path": place.document.path,
        **place.fields(),
        "score": round(passage.score, 4),
        "text": passage.chunk.text,
    }


def _sources_json(answer: Answer, documents: Mapping[str, Document]) -> list[Json]:
    """Return the sources of an answer, each by the place of the sentence that it supports best."""
    parts = {number: support.part for number, support in best_support(answer).items()}
    sources = enumerate(answer.sources or (), start=1)
    return [passage_json(passage, documents, parts.get(number)) for number, passage in sources]


def summary(answer: Answer) -> str:
    """Return the statistics of an answer in one line."""
    stats, seconds = answer.stats, answer.seconds
    parts = [f"{answer.options.strategy.name}: {stats.tokens} tokens"]
    if answer.tokens_per_second is not None:
        parts.append(f"{answer.tokens_per_second:.1f} tok/s")
    if answer.speedup is not None and answer.options.strategy.drafters:
        parts.append(f"{answer.speedup:.2f}x plain decoding")
    if stats.acceptance_rate is not None:
        parts.append(f"{percentage(stats.acceptance_rate)} of {stats.drafted} drafted accepted")
        parts.append(f"{stats.mean_acceptance_length:.1f} tokens a round")
    if answer.absent:
        parts.append("neither the text nor its passages tell")
    if stats.transferred:
        parts.append(f"{stats.transferred} decided by the passages")
    if seconds.first_token is not None:
        parts.append(f"first token after {seconds.first_token:.1f} s")
    parts.append(answer.pair.target.device)
    return printable_line(" · ".join(parts))


def conversation_markdown(answers: Iterable[Answer], documents: Mapping[str, Document]) -> str:
    """Return questions, answers and where their passages stand, as Markdown."""
    parts = []
    for answer in answers:
        supports = best_support(answer)
        parts_of = {number: support.part for number, support in supports.items()}
        sources = enumerate(answer.sources or (), start=1)
        places = "\n".join(
            f"- {place(passage, documents, parts_of.get(number))}" for number, passage in sources
        )
        text = printable(f"## {answer.question}\n\n{answer.text.strip()}")
        parts.append(f"{text}\n\n{places}".strip())
    return "\n\n".join(parts) + "\n"


def coverage_note(coverage: float, *, truncated: bool) -> str | None:
    """Return a sentence on what was not read, or None where all was."""
    if coverage >= 1:
        return None
    share = percentage(coverage)
    if truncated:
        return (
            f"The text does not fit the model's context: it read the {share} that is most "
            "like the question."
        )
    return f"The model read the {share} of the text that is most like the question."


def failure_json(question: str, error: RapidError) -> Json:
    """Return the object that stands for a question that could not be answered."""
    return {"question": question, "error": {"message": error.message, "hint": error.hint}}


def passages_json(
    question: str, passages: Iterable[Passage], documents: Mapping[str, Document]
) -> Json:
    """Return the object that `search --json` prints."""
    found = [
        passage_json(
            each, documents, nearest_part(question, each, documents[each.chunk.document_id])
        )
        for each in passages
    ]
    return {"question": question, "passages": found}


def _citation_json(citation: Citation, answer: Answer, documents: Mapping[str, Document]) -> Json:
    return {
        "start": citation.start,
        "end": citation.end,
        "sources": list(citation.sources),
        "support": round(citation.support, 4),
        "places": [
            {"quote": quote, **place_of(answer.sources[number - 1], documents, part).fields()}
            for number, quote, part in citation.quoted
        ],
    }


def _context_json(answer: Answer) -> Json:
    return {
        "document_tokens": answer.document_tokens,
        "target_tokens": len(answer.target.prompt),
        "drafter_tokens": len(answer.drafter.prompt) if answer.drafter else 0,
        "coverage": round(answer.target.coverage, 4),
        "truncated": answer.truncated,
        "restored_tokens": answer.restored_tokens,
    }


def _stats_json(answer: Answer) -> Json:
    stats, seconds = answer.stats, answer.seconds
    return {
        "tokens": stats.tokens,
        "rounds": stats.rounds,
        "drafted": stats.drafted,
        "accepted": stats.accepted,
        "transferred": stats.transferred,
        "acceptance_rate": _rounded(stats.acceptance_rate),
        "mean_acceptance_length": _rounded(stats.mean_acceptance_length),
        "gamma_mean": _rounded(stats.gamma_mean),
        "tokens_per_second": _rounded(answer.tokens_per_second),
        "plain_tokens_per_second": _rounded(answer.plain_tokens_per_second),
        "speedup": _rounded(answer.speedup),
        "device": answer.pair.target.device,
        "seconds": {name: _rounded(value) for name, value in asdict(seconds).items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
