"""An answer as data and as lines of text: what `--json` prints and what stands under an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from rapid_cli.answering.answer import Answer
from rapid_cli.answering.citations import Citation
from rapid_cli.documents import Document, Passage, is_file
from rapid_cli.errors import RapidError
from rapid_cli.text.naming import title, told_heading, told_label, told_name
from rapid_cli.text.printable import printable, printable_line

Json = dict[str, object]
LONGEST_LABEL = 500


def answer_json(answer: Answer, documents: Mapping[str, Document]) -> Json:
    """Return the object that `--json` prints for one answer."""
    options, pair = answer.options, answer.pair
    return {
        "question": answer.question,
        "answer": answer.text,
        "thinking": answer.thinking or None,
        "finish_reason": answer.finish_reason,
        "strategy": options.strategy.name,
        "pair": pair.name,
        "target": pair.target.name,
        "drafter": pair.drafter.name if answer.drafter else None,
        "seed": options.seed,
        "sources": [passage_json(passage, documents) for passage in answer.sources or ()],
        "citations": [_citation_json(citation) for citation in answer.citations],
        "context": _context_json(answer),
        "stats": _stats_json(answer),
    }


def passage_json(passage: Passage, documents: Mapping[str, Document]) -> Json:
    """Return a passage with the place it is cited by: pages, or a section where there are none."""
    chunk = passage.chunk
    document = documents[chunk.document_id]
    label = (document.pages[chunk.first_page - 1].label or "")[:LONGEST_LABEL] or None
    paged = document.paged
    return {
        "document": title(document.name),
        "path": document.path,
        "page": chunk.first_page if paged else None,
        "last_page": chunk.last_page if paged else None,
        "page_label": label if paged else None,
        "section": None if paged else label,
        "score": round(passage.score, 4),
        "text": chunk.text,
    }


def place(passage: Passage, documents: Mapping[str, Document]) -> str:
    """Return where a passage stands, such as `book.pdf, pages 3-4 (printed iii)`, in one line."""
    name, within = place_parts(passage, documents)
    return f"{name}, {within}"


def place_parts(passage: Passage, documents: Mapping[str, Document]) -> tuple[str, str]:
    """Return the name of a passage's document, and where in it the passage stands."""
    chunk = passage.chunk
    document = documents[chunk.document_id]
    label = document.pages[chunk.first_page - 1].label
    if document.paged:
        pages = f"page {chunk.first_page}"
        if chunk.last_page != chunk.first_page:
            pages = f"pages {chunk.first_page}-{chunk.last_page}"
        within = pages + (f" (printed {told_label(label)})" if label else "")
    elif label:
        within = told_heading(label)
    else:
        within = f"{percentage(chunk.start / max(len(document.text), 1))} into the text"
    return told_name(document), within


def address(passage: Passage, documents: Mapping[str, Document]) -> str | None:
    """Return a `file://` address of a passage's page or document; None if it is no file."""
    document = documents[passage.chunk.document_id]
    if not is_file(document.path):
        return None  # least of all to a path that another machine says it has
    page = f"#page={passage.chunk.first_page}" if document.paged else ""
    return Path(document.path).absolute().as_uri() + page


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
        places = "\n".join(f"- {place(passage, documents)}" for passage in answer.sources or ())
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


def percentage(share: float) -> str:
    """Return a share in whole per cent, but a little is not rounded to nothing, nor most to all."""
    if 0 < share < 0.01:
        return f"{100 * share:.1g}%"
    return f"{share if share >= 1 else min(share, 0.99):.0%}"


def failure_json(question: str, error: RapidError) -> Json:
    """Return the object that stands for a question that could not be answered."""
    return {"question": question, "error": {"message": error.message, "hint": error.hint}}


def passages_json(
    question: str, passages: Iterable[Passage], documents: Mapping[str, Document]
) -> Json:
    """Return the object that `search --json` prints."""
    found = [passage_json(passage, documents) for passage in passages]
    return {"question": question, "passages": found}


def _citation_json(citation: Citation) -> Json:
    return {
        "start": citation.start,
        "end": citation.end,
        "sources": list(citation.sources),
        "support": round(citation.support, 4),
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
        "plain_tokens_per_second": _rounded(stats.plain_tokens_per_second),
        "speedup": _rounded(answer.speedup),
        "device": answer.pair.target.device,
        "seconds": {name: _rounded(value) for name, value in asdict(seconds).items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
