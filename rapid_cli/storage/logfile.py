"""The log: what libraries and rapid itself have to say, in a file and not in the user's way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from rapid_cli.config import home
from rapid_cli.text.printable import printable_line

if TYPE_CHECKING:
    from logging.handlers import RotatingFileHandler

FILE_NAME = "rapid.log"
LARGEST_BYTES = 1_000_000
"""When the file is this large it becomes the old one, and the old one goes."""
LONGEST_MESSAGE = 2_000
"""Characters; some libraries log whole tables of the file they read."""


class Line(logging.Formatter):
    """Says when, which process, how bad and who, then what, in so many characters at most."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line, which a terminal shows and does not obey."""
        text = printable_line(super().format(record).strip())
        return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + " …"


class LogFile(logging.Handler):
    """Writes to the log in the library's folder, which it makes for the first record.

    A log is an aid: where it cannot be written there is none, and nobody is told.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        with suppress(OSError, ValueError):
            self._file.emit(record)

    def close(self) -> None:
        """Close the file; a later record opens it again."""
        file: RotatingFileHandler | None = self.__dict__.pop("_file", None)
        if file is not None:
            with suppress(OSError):  # what is still to be written, on a full disk
                file.close()
        super().close()

    @cached_property
    def _file(self) -> RotatingFileHandler:
        from logging.handlers import RotatingFileHandler  # noqa: PLC0415 - rarely needed

        path = home() / FILE_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(path, maxBytes=LARGEST_BYTES, backupCount=1, encoding="utf-8")
        file.setFormatter(Line())
        return file


@contextmanager
def logged(*, verbose: bool = False) -> Iterator[None]:
    """Send the log of all libraries, and Python's warnings, to the log meanwhile.

    With `verbose` it goes to stderr too, with every detail of rapid's own.
    """
    root, own = logging.getLogger(), logging.getLogger("rapid_cli")
    before, raised = own.level, logging.raiseExceptions
    logging.raiseExceptions = False  # a full disk is no reason for a traceback on the terminal
    own.setLevel(logging.DEBUG if verbose else logging.INFO)
    handlers = [_at(LogFile(), logging.INFO)]
    if verbose:
        handlers.append(_at(logging.StreamHandler(), logging.DEBUG))
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        own.setLevel(before)
        logging.raiseExceptions = raised


@contextmanager
def unwritten() -> Iterator[None]:
    """Write nothing into the log's file meanwhile."""
    root = logging.getLogger()
    files = [handler for handler in root.handlers if isinstance(handler, LogFile)]
    for file in files:
        root.removeHandler(file)
    try:
        yield
    finally:
        for file in files:
            root.addHandler(file)


def _at(handler: logging.Handler, level: int) -> logging.Handler:
    handler.setLevel(level)
    handler.setFormatter(Line())
    return handler
