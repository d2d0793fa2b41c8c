"""Files read in other processes, ahead of their use, within limits of time and memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import Event, Lock, Timer
from types import MappingProxyType
from typing import Self
from weakref import finalize

from rapid_cli.documents import Document, PagePicture
from rapid_cli.errors import DocumentError
from rapid_cli.machine.guard.surroundings import clean_environment
from rapid_cli.reader.worker import (
    LONGER,
    STARTED,
    Drawing,
    Request,
    picture,
    remove,
    result,
)

TIMEOUT_SECONDS = 30.0
MEMORY_BYTES = 512 << 20
"""Address space of one worker: twice what a PDF of 2,400 pages needs."""
OCR_MEMORY_BYTES = 4 << 30
"""The same for each program that takes part in OCR."""
PIPED_SHARE = 4
"""What is piped in takes at most this part of the memory, for a reader has it more than once."""
START_SECONDS = 60.0
"""A worker that is not ready by then does not run here at all."""

PICTURE_WIDTH = 1_400
"""Pixels: letters of a usual page are sharp on a screen."""

Result = Document | DocumentError
NO_FOLDERS: Mapping[Path, Path | None] = MappingProxyType({})


class Extractor:
    """Reads files in worker processes; what hangs or crashes there costs only its own file.

    Workers start with the first file and are used again until `close`. One iterator of
    `read_ahead` is meant to be open at a time: abandoning it ends all workers.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        timeout_seconds: float = TIMEOUT_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        ocr: bool = False,
        encoding: str | None = None,
    ) -> None:
        """Allow each file `timeout_seconds`, and with `ocr` what that says it may take.

        An `encoding` is that of texts which are not Unicode.
        """
        self._seconds = timeout_seconds
        self._memory_bytes = max(memory_bytes, OCR_MEMORY_BYTES) if ocr else memory_bytes
        self.ocr = ocr
        self.encoding = encoding
        self._worker_count = workers
        self._threads = ThreadPoolExecutor(workers, "extraction")
        self._lock = Lock()
        self._living: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._stopping = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers at once, whatever they do; nothing can be read any more."""
        self._kill()
        self._threads.shutdown(cancel_futures=True)
        self._forget()

    def read_piped(self, content: bytes, name: str) -> Document:
        """Read what was piped in, which is in no file; whatever is wrong is a DocumentError."""
        if len(content) > self._memory_bytes // PIPED_SHARE:
            hint = "it was skipped: split it into smaller files"
            raise DocumentError(f"{name} needs too much memory to read", hint)
        path = Path(name)
        found = self._read(self._request(path, None), path, self._stopping, content)
        if isinstance(found, DocumentError):
            raise found
        return found

    def read(self, path: Path) -> Document:
        """Read one file; whatever is wrong with it is a DocumentError."""
        with closing(self.read_ahead([path])) as results:
            found = next(results)
        if isinstance(found, DocumentError):
            raise found
        return found

    def picture(
        self,
        path: Path,
        page: int,
        quote: str = "",
        *,
        passage: str = "",
        width: int = PICTURE_WIDTH,
        document_id: str | None = None,
    ) -> PagePicture:
        """Return a page of a PDF, counted from 1, as a picture so many pixels wide.

        The words of `quote` are marked if they are on the page; of several places that which is
        like the `passage`. DocumentError for whatever is wrong, also if the file is not the one of
        the `document_id`. Several threads may ask at once.
        """
        drawing: Drawing = {
            "page": page,
            "quote": quote,
            "passage": passage,
            "width": width,
            "document_id": document_id,
        }
        request: Request = {**self._request(path, None), "drawing": drawing}
        found = self._threads.submit(self._draw, request, path, self._stopping).result()
        if isinstance(found, DocumentError):
            raise found
        return found

    def read_ahead(
        self, paths: Iterable[Path], folders: Mapping[Path, Path | None] = NO_FOLDERS
    ) -> Generator[Result, None, None]:
        """Yield what `read` returns or raises for each path, in their order.

        A file of one of the `folders` is read only if it is in there.

        At most `workers` + 2 paths are taken ahead of the one whose result was yielded.
        """
        pending: deque[Future[Result]] = deque()
        try:
            for path in paths:
                task = self._request(path, folders.get(path)), path, self._stopping
                pending.append(self._threads.submit(self._read, *task))
                if len(pending) > self._worker_count + 2:
                    yield _next(pending)
            while pending:
                yield _next(pending)
        finally:
            if pending:
                self._abandon(pending)

    def _abandon(self, pending: Iterable[Future[Result]]) -> None:
        begun = [future for future in pending if not future.cancel()]
        self._kill()
        wait(begun)
        self._forget()
        self._stopping = Event()

    def _kill(self) -> None:
        self._stopping.set()
        with self._lock:
            for worker in self._living:
                worker.kill()

    def _forget(self) -> None:
        with self._lock:
            for worker in self._living:
                worker.end()
            self._living.clear()
            self._idle.clear()

    def _request(self, path: Path, searched: Path | None) -> Request:
        return {
            "path": str(path),
            "piped": None,
            "folder": _folder(),
            "searched": str(searched) if searched else "",
            "ocr": self.ocr,
            "careful": False,
            "encoding": self.encoding,
            "seconds": self._seconds,
            "drawing": None,
        }

    def _draw(self, request: Request, path: Path, stopping: Event) -> PagePicture | DocumentError:
        name = _name(path)
        try:
            return picture(self._ask(request, b"", stopping), name)
        except (TimeoutError, EOFError, OSError) as error:
            return _lost(name, error, drawn=True)

    def _read(
        self, request: Request, path: Path, stopping: Event, piped: bytes | None = None
    ) -> Result:
        """Have a file read, or what was piped in."""
        if piped is not None:
            request = {**request, "piped": len(piped)}
        name = _name(path)
        try:
            return result(self._answer(request, piped or b"", stopping), name)
        except (TimeoutError, EOFError, OSError) as error:
            return _lost(name, error)

    def _answer(self, request: Request, piped: bytes, stopping: Event) -> bytes:
        """Return a worker's answer, or that of a careful one if it dies; raise as `_ask` does."""
        began = time.monotonic()
        try:
            return self._ask(request, piped, stopping)
        except EOFError as death:
            left = max(1.0, request["seconds"] - (time.monotonic() - began))
            try:
                again: Request = {**request, "careful": True, "seconds": left}
                return self._ask(again, piped, stopping)
            except TimeoutError:
                raise death from None

    def _ask(self, request: Request, piped: bytes, stopping: Event) -> bytes:
        """Return a worker's answer; TimeoutError, EOFError if it died, OSError without one."""
        # What is not UTF-8 in a path is lone surrogates here, and an escape sequence in ASCII.
        line = json.dumps(request).encode("ascii") + b"\n" + piped
        worker = self._ready_worker(line, stopping)
        try:
            answer = worker.finish(request["seconds"])
        except BaseException:
            self._drop(worker)
            raise
        with self._lock:
            self._idle.append(worker)
        return answer

    def _ready_worker(self, request: bytes, stopping: Event) -> _Worker:
        """Return a worker that has begun with the file."""
        for _ in range(self._worker_count + 1):  # each may have died while it had nothing to do
            worker = self._take_worker(stopping)
            if worker.begin(request):
                return worker
            self._drop(worker)
        raise ChildProcessError(0, "readers end as soon as they start")

    def _take_worker(self, stopping: Event) -> _Worker:
        with self._lock:  # so that none starts unseen by whoever ends them
            if stopping.is_set():
                raise ChildProcessError(0, "reading was given up")
            if self._idle:
                return self._idle.pop()
            worker = _Worker(self._memory_bytes, ocr=self.ocr)
            self._living.add(worker)
            return worker

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            self._living.discard(worker)
        worker.end()


class _Worker:
    """A process that reads files one after the other, until it is killed or fails."""

    def __init__(self, memory_bytes: int, *, ocr: bool) -> None:
        module = "rapid_cli.reader.worker"
        folder = mkdtemp(prefix="rapid-")
        words = (str(memory_bytes), folder, *(["ocr"] if ocr else []))
        self._remove_folder = finalize(self, remove, folder)
        # -P: nothing in the folder where the user happens to be is imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(own={"TMPDIR": folder}),
            bufsize=1 << 16,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
        )

    def begin(self, request: bytes) -> bool:
        """Tell whether the worker lives and has begun to read the file."""
        assert self._process.stdin is not None
        with self._killed_after(START_SECONDS):
            with suppress(BrokenPipeError):
                left = memoryview(request)
                while left:  # without a buffer, in which some would be left
                    left = left[os.write(self._process.stdin.fileno(), left) :]
            return self._line() == STARTED

    def finish(self, seconds: float) -> bytes:
        """Return the line that answers; TimeoutError, or EOFError if the worker died."""
        with self._killed_after(seconds) as late:
            line = self._line()
        if line.startswith(LONGER):
            return self.finish(seconds + int(line.removeprefix(LONGER)))
        if line.endswith(b"\n"):
            return line
        raise TimeoutError(f"{seconds:g}") if late.is_set() else EOFError

    def kill(self) -> None:
        """Kill the worker and its children; a thread that waits for it sees that at once."""
        if sys.platform == "win32":
            self._process.kill()
        elif self._process.returncode is None:  # until then its number is nobody else's
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill the worker and free what belongs to it."""
        self.kill()
        with self._process:  # closes its pipes and waits for it
            pass
        self._remove_folder()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    @contextmanager
    def _killed_after(self, seconds: float) -> Iterator[Event]:
        """Kill the worker if this takes longer; the event tells whether it did."""
        late = Event()

        def kill() -> None:
            late.set()
            self.kill()

        timer = Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            timer.join()


def _name(path: Path) -> str:
    return os.fsencode(path.name).decode("utf-8", "replace")


def _lost(name: str, error: Exception, *, drawn: bool = False) -> DocumentError:
    """Return why a worker has no answer on the file called `name`."""
    again = "save it again with another program, or split it"
    if isinstance(error, TimeoutError):
        message = f"{name} takes longer than {error} s to {'draw' if drawn else 'read'}"
        hint = again if drawn else f"it was skipped: {again}"
    elif isinstance(error, EOFError):
        message = f"{name} makes its reader crash"
        hint = "it may be damaged, or need too much memory: save it again, or split it"
    else:
        message = f"{name} cannot be read: no process can be started for it"
        hint = f"the system says: {getattr(error, 'strerror', error)}"
    return DocumentError(message, hint)


def _folder() -> str:
    """Return the current folder, or nothing if it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 - as the system names it
    except OSError:
        return ""


def _next(pending: deque[Future[Result]]) -> Result:
    found = pending[0].result()  # stays among the pending ones while it is waited for
    pending.popleft()
    return found
