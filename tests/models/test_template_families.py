"""The formats of this year's model families: prompts to the letter, thoughts, and switches."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rapid_cli.answering.answer import Piece, Thought
from rapid_cli.answering.detokenizer import AnswerText
from rapid_cli.models.prompts import INSTRUCTIONS, PromptFormat, Turn
from tests.support.template_families import FAMILIES, Family
from tests.support.template_runs import render_here

TEXT, QUESTION, ANSWER = "  Ships came.\n", "Who wrote? ", (7, 8)
by_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    render_here(monkeypatch)


def format_of(family: Family, reasoning: bool | None = None) -> PromptFormat:
    return PromptFormat(family.template, bos=family.bos, eos=family.eos, reasoning=reasoning)


def written(parts) -> str:
    return "".join("{A}" if part == ANSWER else part.text for part in parts)


def asked(format_: PromptFormat) -> str:
    prompt = format_.prompt(TEXT, QUESTION)
    return written((*prompt.context, *prompt.question))


def filled(expected: str) -> str:
    said = f"{TEXT}\n\nQuestion: {QUESTION}"
    return expected.replace("{I}", INSTRUCTIONS).replace("{U}", said)


@by_family
def test_a_prompt_is_to_the_letter_what_the_family_reads(family):
    assert asked(format_of(family)) == filled(family.asked)


@by_family
def test_an_answer_of_before_is_told_as_the_family_reads_it(family):
    _, *rest = format_of(family).prompt(TEXT, "And who?", [Turn(QUESTION, ANSWER)]).question
    told, _, _ = written(rest).partition("And who?")
    assert told == QUESTION + family.told.replace("{Q}", "Question: ")


@by_family
@pytest.mark.parametrize("reasoning", [True, False])
def test_thinking_is_switched_as_the_family_has_it(family, reasoning):
    format_ = format_of(family, reasoning)
    assert format_.switch == family.switch
    changed = family.on if reasoning else family.off
    assert asked(format_) == filled(changed or family.asked)
    assert bool(format_.unheard_reasoning("it")) == (not family.switch)


class Letters:
    """A vocabulary with a token for each letter."""

    def tokenize(self, text, *, special=False):
        return list(map(ord, text))

    def text(self, token):
        return chr(token)

    def piece(self, token):
        return chr(token).encode()

    def is_end(self, token):
        return token == 0


@dataclass
class Model:
    format: PromptFormat
    vocabulary = Letters()
    stop = ()


def read(format_: PromptFormat, said: str) -> tuple[str, str]:
    """Return what of a model's words is a thought, and what an answer."""
    text = AnswerText(Model(format_))
    events = [event for letter in said for event in text.add(ord(letter), "target")]
    events += text.end()
    return tuple(
        "".join(event.text for event in events if isinstance(event, kind)).strip()
        for kind in (Thought, Piece)
    )


THINKING = [family for family in FAMILIES if family.tags]


@pytest.mark.parametrize("family", THINKING, ids=lambda family: family.name)
def test_a_thought_is_told_from_the_answer_whether_the_prompt_begins_it_or_the_model(family):
    format_ = format_of(family, reasoning=True)
    opener, closer = family.tags
    begun = format_.open_thought is not None
    said = f"\nWho is she?\n{closer}\n\nAnn."
    assert begun == filled(family.on or family.asked).rstrip().endswith(opener)
    assert read(format_, said if begun else opener + said) == ("Who is she?", "Ann.")


@by_family
def test_an_answer_without_a_thought_is_an_answer(family):
    format_ = format_of(family, reasoning=False)
    if format_.open_thought is None:
        assert read(format_, "Ann.") == ("", "Ann.")


def test_what_marks_an_answer_is_no_part_of_it():
    by_name = {family.name.split(",")[0]: family for family in FAMILIES}
    harmony = format_of(by_name["gpt-oss"])
    assert read(harmony, "<|channel|>final<|message|>Ann.") == ("", "Ann.")
    cohere = format_of(by_name["Command A"], reasoning=False)
    assert read(cohere, "<|START_RESPONSE|>Ann.") == ("", "Ann.")
    ernie = format_of(next(each for each in FAMILIES if "marks the answer" in each.name))
    assert read(ernie, "Hm.\n</think>\n\n<response>\nAnn.") == ("Hm.", "Ann.")
