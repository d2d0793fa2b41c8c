"""Renders a chat template, run by `rapid_cli.models.templates.rendering` as `python -m`.

A line of JSON on standard input is the request; `child.tell` prints the result.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import product

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rapid_cli.machine.child import ChildResult, tell

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 3
"""What templates of models take is a small part of the first."""
LONGEST_TEXT = 256 << 10
"""Characters of what a template makes of a few short messages."""
LONGEST_REASON = 300

Message = Mapping[str, str]


class Calendar:
    """The date for templates that insist on it; others do not get it.

    With a date in it, what was read would be of no use the next day.
    """

    def __init__(self) -> None:
        self.was_asked = False

    def now(self, layout: str) -> str:
        """Return the date as a template likes it."""
        self.was_asked = True
        return datetime.now().strftime(layout)


def render(request: Mapping[str, object]) -> ChildResult:
    """Return for each of the "conversations" its "text" or an "error", and whether it is "dated".

    A `request` has the fields of `rendering.Request`.
    """
    calendar = Calendar()
    rendered = [_rendered(request, said, calendar) for said in request["conversations"]]  # type: ignore[attr-defined]
    return {"rendered": rendered, "dated": calendar.was_asked}


def _rendered(
    request: Mapping[str, object], messages: Sequence[Message], calendar: Calendar
) -> dict[str, str]:
    try:
        return {"text": _text(request, messages, calendar)}
    except MemoryError:
        return {"error": "it takes too much memory"}
    except Exception as error:  # a template is a program: it can fail in any way
        return {"error": (str(error) or type(error).__name__)[:LONGEST_REASON]}


def _text(request: Mapping[str, object], messages: Sequence[Message], calendar: Calendar) -> str:
    """Return a conversation as the template writes it, with the instructions; else raise."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _raise
    instructions, reasoning = str(request["instructions"]), request["reasoning"]
    # Templates call the switch by one of these names.
    switches = {} if reasoning is None else {"enable_thinking": reasoning, "thinking": reasoning}
    dates: tuple[dict[str, Callable[[str], str]], ...] = ({}, {"strftime_now": calendar.now})
    failure: Exception = ValueError("it leaves out what it is given")
    for given, said in product(dates, list(_ways_to_say(instructions, messages))):
        try:
            text = environment.from_string(str(request["template"])).render(
                messages=said,
                bos_token=request["bos"],
                eos_token=request["eos"],
                add_generation_prompt=True,
                **switches,
                **given,
            )
        except TemplateError as error:
            failure = error
        else:
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"it makes {len(text):,} characters of a short message")
            if instructions in text:
                return text
    raise failure


def _ways_to_say(instructions: str, messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield the messages with the instructions as the system's, then with them in the first.

    Some templates (Gemma, Mistral) refuse or drop a system message.
    """
    first, *others = messages
    yield [{"role": "system", "content": instructions}, *messages]
    yield [{"role": "user", "content": f"{instructions}\n\n{first['content']}"}, *others]


def _raise(message: str) -> str:
    raise TemplateError(message)


def limit() -> None:
    """Refuse this process more memory and time, and files and processes, where that can be."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not everywhere

    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, most in limits.items():
        with suppress(OSError, ValueError):  # there may be a lower one already
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Answer the request on standard input."""
    request = json.loads(sys.stdin.buffer.read())
    limit()
    tell(lambda: render(request))


if __name__ == "__main__":
    main()
