"""The fields of a form, as they are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TICKED, EMPTY = "[x]", "[ ]"
_BUTTONS = {"submit": "Submit", "reset": "Reset", "button": ""}
_UNSEEN = {"hidden", "password", "file"}
_TICKED_ROLES = {"checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio"}


def input_text(attributes: Mapping[str, str]) -> str:
    """Return what a person sees in an input: its value, a tick, its caption; no password."""
    kind = attributes.get("type", "text").strip().lower()
    if "hidden" in attributes.get("class", "").split():
        return ""  # a switch of the page, that a label stands for
    if kind in {"checkbox", "radio"}:
        return TICKED if "checked" in attributes else EMPTY
    if kind in _UNSEEN:
        return ""
    if kind == "image":
        return attributes.get("alt", "")
    return attributes.get("value", _BUTTONS.get(kind, ""))


def tick(attributes: Mapping[str, str]) -> str:
    """Return the tick of an element that a script makes a box of, empty if it is none."""
    if attributes.get("role") not in _TICKED_ROLES or "aria-checked" not in attributes:
        return ""
    return TICKED if attributes["aria-checked"] == "true" else EMPTY


def gauge_text(attributes: Mapping[str, str]) -> str:
    """Return how far a progress bar or a meter has come, empty if it does not say."""
    try:
        value, most = float(attributes["value"]), float(attributes.get("max", 1))
    except (KeyError, ValueError):
        return ""
    if not 0 < most < float("inf") or not abs(value) < float("inf"):
        return ""
    if "max" in attributes and most not in {1, 100}:
        return f"{value:.12g} of {most:.12g}"
    return f"{100 * value / most:.4g}%"


@dataclass(slots=True)
class _Option:
    chosen: bool
    disabled: bool
    label: str
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.label or " ".join("".join(self.pieces).split())


class Selection:
    """A list to choose from, while its options come."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        rows = attributes.get("size", "1").strip()
        self._multiple = "multiple" in attributes
        self._open = self._multiple or (rows.isdecimal() and rows not in {"0", "1"})
        self._options: list[_Option] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element in it."""
        if tag == "option":
            chosen, disabled = "selected" in attributes, "disabled" in attributes
            label = attributes.get("label", "").strip()
            self._options.append(_Option(chosen, disabled, label))

    def data(self, text: str) -> None:
        """Take text."""
        if self._options:
            self._options[-1].pieces.append(text)

    def end(self, tag: str) -> None:
        """End an element in it."""

    def text(self) -> str:
        """Return the chosen option; of a list that shows all, each with a tick or none."""
        if self._open:
            ticked = ((TICKED if each.chosen else EMPTY, each.text) for each in self._options)
            return ", ".join(f"{mark} {text}" for mark, text in ticked)
        chosen = [each for each in self._options if each.chosen][-1:]
        usual = [each for each in self._options if not each.disabled][:1]
        return next((each.text for each in chosen or usual), "")


class Area:
    """A field of several lines, while its text comes."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element in it, which no browser does."""

    def data(self, text: str) -> None:
        """Take text."""
        self._pieces.append(text)

    def end(self, tag: str) -> None:
        """End an element in it."""

    def text(self) -> str:
        """Return its text."""
        return "".join(self._pieces).strip()
