"""Renders a chat template, run by `rapid_cli.models.templates.rendering` as `python -m`.

A line of JSON on standard input is the request; `child.tell` prints the result.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from jinja2 import TemplateSyntaxError

from rapid_cli.machine.child import ChildResult, tell
from rapid_cli.machine.guard.confinement import confine
from rapid_cli.models.templates.environment import Refused
from rapid_cli.models.templates.switches import Setting, Switch
from rapid_cli.models.templates.writing import Message, Template

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 3
"""What templates of models take is a small part of the first."""
LONGEST_REASON = 300


def render(request: Mapping[str, object]) -> ChildResult:
    """Return for each of the "conversations" its "text" or an "error"; and what else was seen.

    That is whether the template is "dated", and by which "switch" thinking goes on and off, "" if
    by none. A `request` has the fields of `rendering.Request`.
    """
    conversations: Sequence[Sequence[Message]] = request["conversations"]  # type: ignore[assignment]
    try:
        template = Template(
            str(request["template"]), bos=str(request["bos"]), eos=str(request["eos"])
        )
    except Exception as error:  # it may be no Jinja, or nested too deeply
        failed = {"error": _reason(error)}
        return {"rendered": [failed] * len(conversations), "dated": False, "switch": ""}
    return _rendered(template, request, conversations)


def _rendered(
    template: Template, request: Mapping[str, object], conversations: Sequence[Sequence[Message]]
) -> ChildResult:
    instructions = str(request["instructions"])
    switch = _switch(template, conversations[0], instructions)
    setting = _setting(switch, request["reasoning"])
    rendered = [_attempt(template, said, instructions, setting) for said in conversations]
    return {
        "rendered": rendered,
        "dated": template.is_dated,
        "switch": switch.name if switch else "",
    }


def _switch(template: Template, messages: Sequence[Message], instructions: str) -> Switch | None:
    """Return what switches thinking, if a template says messages as it comes, without one."""
    if "error" in _attempt(template, messages, instructions, Setting()):
        return None
    with suppress(MemoryError):
        return template.switch(messages, instructions)
    return None


def _setting(switch: Switch | None, reasoning: object) -> Setting:
    """Return the setting for what is asked for; None leaves it to the template."""
    if switch is None or reasoning is None:
        return Setting()
    return switch.on if reasoning else switch.off


def _attempt(
    template: Template, messages: Sequence[Message], instructions: str, setting: Setting
) -> dict[str, str]:
    try:
        return {"text": template.text(messages, instructions, setting)}
    except Exception as error:  # a template is a program: it can fail in any way
        return {"error": _reason(error)}


def _reason(error: Exception) -> str:
    """Return why a template cannot be used, as a clause; its own words are quoted."""
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    said = str(error) or type(error).__name__
    if isinstance(error, Refused):
        said = f"it says {json.dumps(said[:LONGEST_REASON], ensure_ascii=False)}"
    elif isinstance(error, TemplateSyntaxError):
        said = f"in line {error.lineno}: {error.message}"
    return said[:LONGEST_REASON]


def limit() -> None:
    """Refuse this process network, more memory and time, files and processes, where that can be."""
    confine(MEMORY_BYTES, starts_programs=False)
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not everywhere

    limits = {
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
