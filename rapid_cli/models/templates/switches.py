"""The switches that a chat template may have: how it is told whether the model is to think."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jinja2 import nodes

MOST_NAMES = 12
"""Variables that are tried; templates have one or two that are about thinking."""
_ABOUT_THINKING = re.compile("think|reason")
_BUDGET = re.compile("budget|token|limit")
_LEVEL = re.compile("effort|level|mode|option")
_NEGATIVE = re.compile("^(disable|skip|no|without|hide)_")
_FIRST = ("enable_thinking", "thinking", "reasoning")
"""The usual names: templates with several switches obey them before others."""
_LEVELS_ON = ("high", "medium", "max", "on", "enabled", "thinking", "think")
_LEVELS_OFF = ("none", "off", "disabled", "chat", "no_think", "minimal", "low")
_WORDS = (
    ("/think", "/no_think"),
    ("/think", "/nothink"),
)
"""What is said among the instructions to models whose templates look for that."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What switches thinking on, or off: values of variables, or a word in the instructions."""

    given: Mapping[str, object] = field(default_factory=dict)
    word: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """What may be a switch, by the name of its variable, or the word for off."""

    name: str
    on: Setting
    off: Setting


def switches(tree: nodes.Template, source: str) -> Iterator[Switch]:
    """Yield what a template may have for a switch; only what changes its text is one.

    Yes or no comes before how much, since a model that thinks a little still thinks.
    """
    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    about = sorted(
        filter(_ABOUT_THINKING.search, names),
        key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name),
    )[:MOST_NAMES]
    levels = [name for name in about if _LEVEL.search(name)]
    budgets = [name for name in about if _BUDGET.search(name)]
    for name in about:
        if name not in levels and name not in budgets:
            yes = not _NEGATIVE.search(name)
            yield Switch(name, Setting({name: yes}), Setting({name: not yes}))
    for name in budgets:
        yield Switch(name, Setting(), Setting({name: 0}))
    for name in levels:
        yield from _by_level(tree, name)
    for on, off in _WORDS:
        if off in source:
            yield Switch(off, Setting(word=on), Setting(word=off))


def _by_level(tree: nodes.Template, name: str) -> Iterator[Switch]:
    """Yield a switch that takes a level: one with which the template compares it, or a usual one.

    A template that compares it with none writes it for the model to read, as that of gpt-oss does.
    """
    known = _compared(tree, name)
    on = next((level for level in _LEVELS_ON if level in known), "medium")
    off = next((level for level in _LEVELS_OFF if level in known), "low")
    yield Switch(name, Setting({name: on}), Setting({name: off}))


def _compared(tree: nodes.Template, name: str) -> set[object]:
    """Return the constants with which a template compares a variable."""
    known: set[object] = set()
    for comparison in tree.find_all(nodes.Compare):
        if any(each.name == name for each in comparison.find_all(nodes.Name)):
            known |= {each.value for each in comparison.find_all(nodes.Const)}
    return known
