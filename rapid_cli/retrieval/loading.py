"""What loading a model raises, as one kind of error: the libraries raise built-ins of any kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rapid_cli.errors import ModelError, RapidError
from rapid_cli.machine.shortage import shortage_hint


@contextmanager
def load_errors(model: str, hint: str) -> Iterator[None]:
    """Turn whatever is raised into a ModelError that says the `model` cannot be loaded, and why."""
    try:
        yield
    except RapidError:
        raise
    except Exception as error:
        message = f"{model} cannot be loaded: {first_line(error)}"
        raise ModelError(message, shortage_hint(error) or hint) from error


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or of what kind it is if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
