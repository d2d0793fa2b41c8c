"""Standard input, output and errors: that one is closed, full or read by nobody is no crash.

Python leaves None in place of a stream that is closed, and complains at its own end of output that
it cannot write. Here a stream is missed by what needs it, at that moment, and by nothing else.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader, BufferedWriter, FileIO, RawIOBase, TextIOWrapper
from select import select
from typing import Any, TextIO, cast

from rapid_cli.cli.boundary import FAILED, print_error
from rapid_cli.errors import DocumentError, RapidError

Buffer = Any
"""What holds bytes; it has a name of its own from Python 3.12 on."""


class OutputLost(Exception):
    """Standard output takes no more, which ends any command; no `error` if its reader has left.

    It is no RapidError: such a one may cost one question of several, and this costs all of them.
    """

    def __init__(self, error: RapidError | None = None) -> None:
        super().__init__()
        self.error = error


class _Stream(RawIOBase):
    """The bytes of a standard stream; those of one that is closed come from and go nowhere."""

    def __init__(self, raw: RawIOBase) -> None:
        self._raw = raw

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self._raw.isatty()


class _Input(_Stream):
    """Standard input: a document like others, which may be one that cannot be read."""

    def readable(self) -> bool:
        """Tell that it is for reading."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read what is there, or wait for it; DocumentError if that cannot be."""
        require_input()
        try:
            # What started rapid may have set it not to wait.
            while (count := self._raw.readinto(buffer)) is None:
                select([self._raw], [], [])
        except OSError as error:
            message = f"standard input cannot be read: {_reason(error)}"
            raise DocumentError(message, "name a file") from error
        return count


class _Errors(_Stream):
    """Standard error: where nobody can be told, nobody is."""

    def writable(self) -> bool:
        """Tell that it is for writing."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Write some of the data, or lose all of it."""
        with suppress(OSError):
            return self._put(data)
        return memoryview(data).nbytes

    def _put(self, data: Buffer) -> int:
        # What started rapid may have set it not to wait.
        while (count := self._raw.write(data)) is None:
            select([], [self._raw], [])
        return count


class _Output(_Errors):
    """Standard output: its first failure is raised, and what comes after it goes nowhere."""

    _lost = False

    def write(self, data: Buffer, /) -> int:
        """Write some of the data; OutputLost if that cannot be."""
        if self._lost:
            return memoryview(data).nbytes
        try:
            require_output()
            return self._put(data)
        except (OSError, RapidError) as error:
            self._lost = True
            raise _output_lost(error) from error


_closed: set[type[_Stream]] = set()
"""What was closed when rapid began."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Open what is closed, and end the process as it must if its output is lost."""
    _open_all()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # what cannot be written is told here, and not when Python ends
    except OutputLost as lost:
        if lost.error is not None:
            print_error(lost.error)
        raise SystemExit(FAILED if lost.error else 0) from None


def require_input() -> None:
    """Raise DocumentError if standard input is closed; before the work, where it takes long."""
    if _Input in _closed:
        hint = "pipe a text or questions into it, name a file, or begin in a terminal"
        raise DocumentError("standard input is closed", hint)


def require_output() -> None:
    """Raise RapidError if standard output is closed; before the work, where it takes long."""
    if _Output in _closed:
        hint = "let it go to a file, as in `> answer.txt`, or leave out `>&-`"
        raise RapidError("there is no standard output: it is closed", hint)


@contextmanager
def for_a_protocol() -> Iterator[tuple[RawIOBase, RawIOBase]]:
    """Give standard input and output to a protocol, which nothing else may read or write.

    Meanwhile what else is printed, by libraries too, goes to standard error, and who else reads
    finds nothing.
    """
    require_input()
    require_output()
    sys.stdout.flush()
    with ExitStack() as stack:
        incoming, outgoing = (
            stack.enter_context(_diverted(number, instead))
            for number, instead in ((0, _nothing()), (1, os.dup(2)))
        )
        stack.callback(sys.stdout.flush)  # what was printed meanwhile, before it is as it was
        yield _Input(FileIO(incoming, closefd=False)), _Output(FileIO(outgoing, "w", closefd=False))


@contextmanager
def _diverted(number: int, instead: int) -> Iterator[int]:
    """Let a descriptor lead elsewhere, and return another one for where it leads.

    That is not closed: a thread may wait for it until the program ends.
    """
    private = os.dup(number)
    os.dup2(instead, number)
    os.close(instead)
    try:
        yield private
    finally:
        os.dup2(private, number)


def _open_all() -> None:
    """Put our streams into the places of Python's; in this order, for the sake of descriptors."""
    sys.stdin = _opened(sys.stdin, _Input, "replace")
    # What a terminal has no letters for is no error.
    sys.stdout = _opened(sys.stdout, _Output, "replace")
    sys.stderr = _opened(sys.stderr, _Errors, "backslashreplace")


def _opened(stream: TextIO | None, kind: type[_Stream], errors: str) -> TextIO:
    if stream is None:
        _closed.add(kind)
        raw: RawIOBase = FileIO(_nothing(), "r" if kind is _Input else "w", closefd=False)
        encoding = "utf-8"
    elif isinstance(stream, TextIOWrapper):
        # With `python -u` there is no buffer.
        raw = cast("RawIOBase", getattr(stream.buffer, "raw", stream.buffer))
        encoding = stream.encoding
    else:  # another program's, which runs this one within itself
        return stream
    ours = kind(raw)
    buffer = BufferedReader(ours) if kind is _Input else BufferedWriter(ours)
    by_lines = kind is _Errors or raw.isatty()
    return TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=by_lines)


def _nothing() -> int:
    """Return a descriptor of the null device: the lowest that is free, which is the closed one's.

    Else the next file or connection would get it, and what a library prints would land in there.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    os.set_inheritable(descriptor, True)
    return descriptor


def _output_lost(error: Exception) -> OutputLost:
    if isinstance(error, RapidError):
        return OutputLost(error)
    if isinstance(error, BrokenPipeError | ConnectionResetError):
        return OutputLost()
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "make room on its disk, or let it go elsewhere" if is_full else "let it go elsewhere"
    return OutputLost(RapidError(f"standard output cannot be written: {_reason(error)}", hint))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
