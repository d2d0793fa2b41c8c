"""What a user can get wrong, each with a way out.

RapidError
 ├─ ConfigError            settings and models.toml
 ├─ DocumentError          one input that cannot be read
 ├─ StoreError             the library on disk
 ├─ LibraryError           a library of other people's that cannot be loaded
 └─ ModelError             a model, or a pair of models
     ├─ IncompatibleModels target and drafter do not share a vocabulary
     ├─ ContextFull        the prompt does not fit the context
     └─ NativeError        llama.cpp returned a failure

A programmer's mistake is an assertion or a built-in exception, and keeps its traceback.
"""

from __future__ import annotations


class RapidError(Exception):
    """One sentence on what went wrong, and a hint on what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(RapidError):
    """Settings, options or models.toml do not make sense."""


class DocumentError(RapidError):
    """One document cannot be read."""


class StoreError(RapidError):
    """The library on disk cannot be used as it is."""


class LibraryError(RapidError):
    """A library of other people's, which rapid needs, cannot be loaded here."""


class ModelError(RapidError):
    """A model is missing, damaged or of a kind that cannot be used."""


class IncompatibleModels(ModelError):
    """Target and drafter do not share a vocabulary."""


class ContextFull(ModelError):
    """The prompt needs more tokens than the context holds."""


class NativeError(ModelError):
    """llama.cpp reported a failure."""
