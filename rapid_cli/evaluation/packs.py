"""Packs of questions: JSON lines, or a CSV of a person's own; and which of them are asked."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from rapid_cli.errors import ConfigError
from rapid_cli.evaluation.questions import Question

TABLES = (".csv", ".tsv")
SEPARATOR = "|"
"""What stands between several right answers in one cell."""
DOC_HINT = "name it with --doc"


class BadLine(ValueError):
    """A line that is no question; it says why."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Questions, and the paths of the documents that they are about, by what the pack calls them.

    `skipped` tells of each line that is no question, with its number.
    """

    name: str
    questions: tuple[Question, ...]
    paths: Mapping[str, tuple[str, ...]]
    skipped: tuple[str, ...] = ()

    def chosen(self, limit: int | None, *, answerable: bool | None) -> Pack:
        """Return the pack with only so many of its questions, and of only one kind if wanted.

        They are spread evenly over the documents and over those of each, the same each time.
        """
        found = [q for q in self.questions if answerable is None or q.answerable is answerable]
        kept = found if limit is None else _spread(found, limit)
        return replace(self, questions=tuple(kept))


def _spread(questions: Sequence[Question], limit: int) -> list[Question]:
    """Return `limit` of the questions, in their order, as evenly over the documents as can be."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.document, []).append(question)
    shares = dict.fromkeys(groups, 0)
    left = min(limit, len(questions))
    while left:
        for name, group in groups.items():
            if left and shares[name] < len(group):
                shares[name] += 1
                left -= 1
    kept = {
        id(group[at * len(group) // shares[name]])
        for name, group in groups.items()
        for at in range(shares[name])
    }
    return [question for question in questions if id(question) in kept]


def read_pack(path: Path, documents: Sequence[str] = ()) -> Pack:
    """Return the questions in a file; `documents` are what those without a document are about.

    A bad line costs itself. ConfigError for a file that cannot be read, or holds no question.
    """
    text = _text(path)
    lines = _table(text, path) if path.suffix.lower() in TABLES else _json_lines(text)
    questions: dict[tuple[str, str], Question] = {}
    paths: dict[str, tuple[str, ...]] = {}
    skipped: list[str] = []
    for number, make in lines:
        try:
            question = make(path.stem)
            if question.document not in paths:
                paths[question.document] = _located(question.document, path, documents)
            if (question.id, question.text) in questions:
                raise BadLine(f"its id {question.id!r} and question were there before")
            questions[question.id, question.text] = question
        except BadLine as error:
            skipped.append(f"{path}, line {number}: {error}")
    if not questions:
        reason = skipped[0] if skipped else f"{path} is empty"
        raise ConfigError(f"{path} holds no question that can be asked", reason)
    return Pack(path.stem, tuple(questions.values()), paths, tuple(skipped))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError as error:
        raise ConfigError(f"there is no pack {path}") from error
    except OSError as error:
        raise ConfigError(f"the pack {path} cannot be read: {error.strerror}") from error


def _located(name: str, pack: Path, documents: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of what a pack calls a document: beside the pack, above it, or in --doc."""
    if not name:
        if not documents:
            raise BadLine(f"it names no document: {DOC_HINT}")
        return tuple(documents)
    folders = [pack.parent, pack.parent.parent, *(Path(each) for each in documents)]
    if pack.parent == Path():
        folders[1] = Path("..")
    for folder in folders:
        if (folder / name).exists():
            return (str(folder / name),)
    named = [each for each in documents if Path(each).name == name]
    if not named:
        raise BadLine(f"there is no document {name!r} beside the pack or in the folder above")
    return (named[0],)


Make = Callable[[str], Question]
"""Makes a question of a line, given the name of the pack; BadLine if it is none."""


def _json_lines(text: str) -> Iterator[tuple[int, Make]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, partial(_of_json, line)


def _of_json(line: str, pack: str) -> Question:
    _require_text(line)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine("it is no JSON") from error
    if not isinstance(value, dict):
        raise BadLine("it is no JSON object")
    text, document = _string(value, "question"), _string(value, "doc", needed=False)
    choices = _choices(value.get("choices"))
    return _question(
        pack,
        str(value.get("id") or ""),
        document,
        text,
        answers=_answers(value.get("answers"), choices),
        choices=choices,
        answerable=value.get("answerable") is not False,
        pages=_numbers(value.get("pages_1based")),
    )


def _question(pack: str, number: str, document: str, text: str, **more: Any) -> Question:
    """Return a question; one without an id gets one that it has wherever its line stands."""
    number = number or hashlib.sha256(f"{document}\n{text}".encode()).hexdigest()[:8]
    question = Question(pack, number, document, text, **more)
    if question.answerable and not question.answers:
        raise BadLine("it has no right answer: give `answers`, or `answerable` false")
    return question


def _require_text(line: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise BadLine("it is not text in UTF-8") from error


def _string(value: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    found = value.get(name)
    if isinstance(found, str) and (found.strip() or not needed):
        return found.strip()
    if found is None and not needed:
        return ""
    raise BadLine(f"its {name!r} is {'missing' if found is None else 'no text'}")


def _choices(value: object) -> dict[str, str]:
    """Return choices by letters; a list gets the letters from A on."""
    if value is None:
        return {}
    if isinstance(value, list) and 2 <= len(value) <= len(ascii_uppercase):
        value = dict(zip(ascii_uppercase, value, strict=False))
    if not isinstance(value, dict) or not all(len(letter) == 1 for letter in value):
        raise BadLine("its 'choices' are neither a list nor an object of letters")
    return {letter.upper(): str(text).strip() for letter, text in value.items()}


def _answers(value: object, choices: Mapping[str, str]) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [] if value is None else [value]
    answers = tuple(text for each in given if (text := _plain(each)))
    if not choices:
        return answers
    letters = {text: letter for letter, text in choices.items()}
    found = tuple(letters.get(each, each.upper()) for each in answers)
    if not set(found) <= choices.keys():
        raise BadLine(f"its right answer {answers[0]!r} is none of the choices")
    return found


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadLine("a right answer is no text")
    return str(value).strip()


def _numbers(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    pages = value if isinstance(value, list) else [value]
    if not all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in pages):
        raise BadLine("its pages are not numbers from 1 on")
    return tuple(pages)


def _table(text: str, path: Path) -> Iterator[tuple[int, Make]]:
    """Yield the rows of a table under a header; ConfigError if that lacks what is needed."""
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    if not {"question", "answer"} <= set(rows.fieldnames):
        raise ConfigError(
            f"{path} has no columns `question` and `answer` in its first line",
            "its first line names the columns: question,answer, and doc, id, pages if you like",
        )
    try:
        for row in rows:
            yield rows.line_num, partial(_of_row, row)
    except csv.Error as error:
        raise ConfigError(f"{path}, line {rows.line_num}: it is no CSV: {error}") from error


def _of_row(row: Mapping[str | None, Any], pack: str) -> Question:
    """Return the question in a row; an empty answer says that the text does not hold it."""
    if None in row:
        raise BadLine("it has more cells than the first line: put quotes around commas")
    cells = {str(name): (value or "").strip() for name, value in row.items()}
    for value in cells.values():
        _require_text(value)
    if not cells["question"]:
        raise BadLine("its question is missing")
    answers = tuple(part.strip() for part in cells["answer"].split(SEPARATOR) if part.strip())
    return _question(
        pack,
        cells.get("id", ""),
        cells.get("doc", ""),
        cells["question"],
        answers=answers,
        answerable=bool(answers),
        pages=_page_cell(cells.get("pages", "")),
    )


def _page_cell(cell: str) -> tuple[int, ...]:
    """Return pages such as "3", "3; 5" or "3-5"."""
    pages: list[int] = []
    for part in cell.replace(";", " ").replace(",", " ").replace(SEPARATOR, " ").split():
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise BadLine(f"its pages are {cell!r}: give numbers such as 3; 5-6")
        pages += range(int(first), int(last or first) + 1)
    return tuple(pages)
