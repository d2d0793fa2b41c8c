"""A chat template at work: offered a conversation in one way after another, until it says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product

from rapid_cli.models.templates.environment import environment
from rapid_cli.models.templates.switches import Setting, Switch, switches

LONGEST_TEXT = 256 << 10
"""Characters of what a template makes of a few short messages."""
_NO_TOOLS = {"tools": None, "documents": None}
"""As Hugging Face's renderer says it; some templates ask whether they are defined instead."""
_PRINTED_PARTS = ("'type': 'text'", '"type": "text"', "&#39;type&#39;")
"""What a template writes that does not know parts, and prints them as a list."""
_LEFT_OUT = "it leaves out what it is given"
_THOUGHT_NAMES = ("reasoning_content", "thinking")
"""What templates call the thought of a message, besides `reasoning`, as it is called here."""

Message = Mapping[str, object]
Surroundings = Mapping[str, object]
Way = Callable[[str, Sequence[Message]], list[Message]]
Attempt = tuple[Surroundings, Way]


class TooLong(ValueError):
    """A template writes far more than it was told."""


class LeftOut(ValueError):
    """A template drops a part of what it is told without a word."""


class Template:
    """A template of which texts are made; jinja2.TemplateError if it is none.

    `is_dated` tells that a text has the date in it. Only those that insist on it get it: with a
    date in it, what was read would be of no use the next day.
    """

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        """Compile it once, for all that it is to write."""
        self.is_dated = self._asked_for_date = False
        self._source = source
        jinja = environment()
        self._tree = jinja.parse(source)
        self._compiled = jinja.from_string(source)
        self._tokens = {"bos_token": bos, "eos_token": eos}
        dated = {"strftime_now": self._now}
        self._attempts: list[Attempt] = [
            ({**no_tools, **date}, way)
            for way, date, no_tools in product(_WAYS, ({}, dated), (_NO_TOOLS, {}))
        ]
        self._worked: tuple[Attempt, ...] = ()

    def text(self, messages: Sequence[Message], instructions: str, setting: Setting) -> str:
        """Return a conversation as the template writes it, with the instructions; else raise.

        What worked before comes first, so that conversations are told alike.
        """
        said = f"{instructions}\n\n{setting.word}" if setting.word else instructions
        wanted = [instructions, *_said(messages)]
        failure: Exception = LeftOut(_LEFT_OUT)
        for surroundings, way in (*self._worked, *self._attempts):
            try:
                text = self._written(way(said, messages), {**surroundings, **setting.given})
                _require_whole(text, wanted)
            except (MemoryError, TooLong):
                raise
            except Exception as error:  # a template is a program: it can fail in any way
                # What it makes of parts, which most do not know, is no news.
                failure = error if way in _USUAL else failure
            else:
                self._worked = ((surroundings, way),)
                self.is_dated |= self._asked_for_date
                return text
        raise failure

    def switch(self, messages: Sequence[Message], instructions: str) -> Switch | None:
        """Return what switches thinking on and off: what makes a difference in a conversation."""
        for switch in switches(self._tree, self._source):
            try:
                on = self.text(messages, instructions, switch.on)
                off = self.text(messages, instructions, switch.off)
            except MemoryError:
                raise
            except Exception:  # it may refuse such a value in any way
                continue
            if on != off:
                return switch
        return None

    def _written(self, messages: Sequence[Message], given: Surroundings) -> str:
        """Return what the template makes of messages; it may fail in any way."""
        self._asked_for_date = False
        text = self._compiled.render(
            messages=messages,
            add_generation_prompt=messages[-1]["role"] != "assistant",
            **self._tokens,
            **given,
        )
        if len(text) > LONGEST_TEXT:
            raise TooLong(f"it makes {len(text):,} characters of a short message")
        return text

    def _now(self, layout: str) -> str:
        """Return the date as a template likes it."""
        self._asked_for_date = True
        return datetime.now().strftime(layout)


def _require_whole(text: str, wanted: Sequence[str]) -> None:
    """Raise LeftOut if a template dropped any of what it was to say, or says it in another order.

    Some say the instructions last; or they print parts as a list, since they know none.
    """
    found = 0
    for each in wanted:
        begin = text.find(each, found)
        if begin < 0:
            raise LeftOut(_LEFT_OUT)
        found = begin + len(each)
    if any(mark in text for mark in _PRINTED_PARTS):
        raise LeftOut(_LEFT_OUT)


def _said(messages: Sequence[Message]) -> Iterator[str]:
    """Yield all that messages say, thoughts included."""
    for message in messages:
        if "reasoning" in message:
            yield str(message["reasoning"])
        yield str(message["content"])


def _by_system(instructions: str, messages: Sequence[Message]) -> list[Message]:
    """Let the instructions be the system's."""
    return [{"role": "system", "content": instructions}, *map(_thinking, messages)]


def _by_user(instructions: str, messages: Sequence[Message]) -> list[Message]:
    """Let the first message begin with the instructions: some refuse or drop those of a system."""
    first, *others = messages
    asked = {"role": "user", "content": f"{instructions}\n\n{first['content']}"}
    return [asked, *map(_thinking, others)]


def _by_system_in_parts(instructions: str, messages: Sequence[Message]) -> list[Message]:
    """Let all be lists of parts, as models have it that also see pictures."""
    return [_in_parts(message) for message in _by_system(instructions, messages)]


def _by_system_before_parts(instructions: str, messages: Sequence[Message]) -> list[Message]:
    """Let all but the system's be lists of parts."""
    system, *others = _by_system(instructions, messages)
    return [system, *map(_in_parts, others)]


def _by_user_in_parts(instructions: str, messages: Sequence[Message]) -> list[Message]:
    """Let all be lists of parts, of which the first begins with the instructions."""
    return [_in_parts(message) for message in _by_user(instructions, messages)]


_USUAL: tuple[Way, ...] = (_by_system, _by_user)
_WAYS = (*_USUAL, _by_system_in_parts, _by_system_before_parts, _by_user_in_parts)


def _thinking(message: Message) -> Message:
    """Return a message with its thought, if it has one, under all names that templates know."""
    thought = message.get("reasoning")
    return message if thought is None else {**message, **dict.fromkeys(_THOUGHT_NAMES, thought)}


def _in_parts(message: Message) -> Message:
    """Return a message whose content is a list: the text, and before it a thought."""
    parts = [{"type": "text", "text": message["content"]}]
    if "reasoning" in message:
        parts.insert(0, {"type": "thinking", "thinking": message["reasoning"]})
    return {"role": message["role"], "content": parts}
