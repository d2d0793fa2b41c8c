"""The Python API: what the command line does, for other programs; see docs/api.md."""

from rapid_cli.answering.answer import (
    Answer,
    Decoded,
    Drafted,
    Event,
    Finished,
    Note,
    Piece,
    Prefilled,
    Retrieved,
    Thought,
)
from rapid_cli.api.answers import Answered, Sentence, Source
from rapid_cli.api.choices import Choices
from rapid_cli.api.rapid import Rapid
from rapid_cli.errors import (
    ConfigError,
    ContextFull,
    DocumentError,
    IncompatibleModels,
    LibraryError,
    ModelError,
    NativeError,
    RapidError,
    StoreError,
)
from rapid_cli.models.specs import DeviceChoice

__all__ = [
    "Answer",
    "Answered",
    "Choices",
    "ConfigError",
    "ContextFull",
    "Decoded",
    "DeviceChoice",
    "DocumentError",
    "Drafted",
    "Event",
    "Finished",
    "IncompatibleModels",
    "LibraryError",
    "ModelError",
    "NativeError",
    "Note",
    "Piece",
    "Prefilled",
    "Rapid",
    "RapidError",
    "Retrieved",
    "Sentence",
    "Source",
    "StoreError",
    "Thought",
]
