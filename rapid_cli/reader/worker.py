"""Reads files in a process that can be stopped, run by `rapid_cli.reader.workers` as `python -m`.

A line of JSON asks for a file; STARTED says that it is being read, a line that begins with LONGER
for how many seconds more it may take, and a line of JSON answers.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, TypedDict

from rapid_cli.documents import Document, Page, PagePicture
from rapid_cli.errors import DocumentError
from rapid_cli.machine.guard.confinement import allow_seconds, confine, forbid_processes

STARTED = b"started\n"
LONGER = b"longer "
GRACE_SECONDS = 5.0
"""A worker whose parent should have stopped it by now ends so much later by itself."""
ANSWER_SHARE = 8
"""An answer takes at most this part of the memory limit: its reader needs a multiple of it."""


class Drawing(TypedDict):
    """A page to draw, counted from 1, and how wide in pixels; a quote to mark, of which passage.

    The file must be the one of the `document_id`, unless that is None.
    """

    page: int
    quote: str
    passage: str
    width: int
    document_id: str | None


class Request(TypedDict):
    """A file to read, as `os.fsdecode` names it, from which folder, and for how long at most.

    Or it is what was piped in: so many bytes follow the line; None is for a file.
    It is below the `searched` folder, unless that is empty; both are named from the `folder`.
    Texts that are not Unicode are in the `encoding`; None is for what their letters show.
    A `careful` reader does without libraries that may crash. With a `drawing` one of its pages is
    drawn, and its text is not read.
    """

    path: str
    piped: int | None
    folder: str
    searched: str
    ocr: bool
    careful: bool
    encoding: str | None
    seconds: float
    drawing: Drawing | None


Asked = tuple[Request, bytes | None]
"""A request, and what was piped in."""
Answer = dict[str, object]
"""The fields of a document or a picture; or the message and hint of an error, or its end."""


def result(line: bytes, name: str) -> Document | DocumentError:
    """Return what a worker says of the file called `name`."""
    answer = json.loads(line)
    if error := _error(answer, name):
        return error
    pages = tuple(Page.stored(**page) for page in answer.pop("pages"))
    return Document(pages=pages, warnings=tuple(answer.pop("warnings")), **answer)


def picture(line: bytes, name: str) -> PagePicture | DocumentError:
    """Return what a worker says of a page of the file called `name`."""
    answer = json.loads(line)
    if error := _error(answer, name):
        return error
    marks = tuple(tuple(mark) for mark in answer.pop("marks"))
    return PagePicture(base64.b64decode(answer.pop("png")), marks=marks, **answer)


def _error(answer: Mapping[str, str], name: str) -> DocumentError | None:
    if "failure" in answer:
        return DocumentError(f"{name} {answer['failure']}", answer["hint"])
    if "message" in answer:
        return DocumentError(answer["message"], answer["hint"])
    return None


def remove(folder: str) -> None:
    """Remove a folder in which processes that are about to end may still write."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            return
        time.sleep(0.05)


def main(memory_bytes: int, folder: str, *, ocr: bool) -> None:
    """Answer requests until there can be no more, or a file has taken much memory.

    `folder` is for temporary files, and removed in the end. Without `ocr` no program is started.
    """
    requests, answers = _private_pipes()
    confine(memory_bytes, starts_programs=ocr)
    asked: SimpleQueue[Asked] = SimpleQueue()
    Thread(target=_listen, args=(requests, asked, folder), daemon=True).start()
    if not ocr:
        forbid_processes()
    first = asked.get()
    # What is imported for the first file costs that file none of its time.
    from rapid_cli.reader import reading  # noqa: F401, PLC0415
    from rapid_cli.storage.logfile import logged  # noqa: PLC0415

    with logged():
        _serve(chain([first], iter(asked.get, None)), answers, memory_bytes)
    _end(folder)


def _serve(asked: Iterable[Asked], answers: BinaryIO, memory_bytes: int) -> None:
    too_large, largest = _line(_too_large()), memory_bytes // ANSWER_SHARE
    for request, raw in asked:
        _send(answers, STARTED)
        _allow(request["seconds"] + GRACE_SECONDS)
        answer = _answer(request, raw, largest, partial(_take_longer, request, answers))
        _send(answers, answer)
        _set_alarm(0)
        # Libraries that were refused memory cannot be relied on, and what a file has taken is not
        # given back while its reader lives.
        if answer == too_large or _peak_bytes() > memory_bytes // 2:
            return


def _take_longer(request: Request, answers: BinaryIO, seconds: float) -> None:
    """Have so many seconds before the time for a file begins anew."""
    _allow(seconds + request["seconds"] + GRACE_SECONDS)
    _send(answers, b"%s%d\n" % (LONGER, seconds))


def _answer(
    request: Request, raw: bytes | None, largest: int, take_longer: Callable[[float], None]
) -> bytes:
    from rapid_cli.reader.cleaning import reason  # noqa: PLC0415

    try:
        with suppress(OSError):
            os.chdir(request["folder"])
        if request["drawing"]:
            line = _line(_drawn(request["path"], request["drawing"]))
        else:
            line = _line(_read(request, raw, take_longer))
        return line if len(line) <= largest else _line(_too_large())
    except Exception as error:
        if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
            return _line(_too_large())
        if isinstance(error, DocumentError):
            return _line({"message": error.message, "hint": error.hint})
        hint = "it was skipped: save it again with another program"
        return _line({"failure": f"cannot be read: {reason(error)}", "hint": hint})


def _read(request: Request, raw: bytes | None, take_longer: Callable[[float], None]) -> Answer:
    from rapid_cli.reader import reading  # noqa: PLC0415

    document = reading.read(
        Path(request["path"]),
        ocr=request["ocr"],
        takes=take_longer,
        careful=request["careful"],
        folder=Path(request["searched"]) if request["searched"] else None,
        raw=raw,
        encoding=request["encoding"],
    )
    return asdict(document)


def _drawn(path: str, drawing: Drawing) -> Answer:
    from rapid_cli.reader import reading  # noqa: PLC0415

    drawn = reading.draw_page(
        Path(path),
        drawing["page"],
        drawing["quote"],
        drawing["passage"],
        width=drawing["width"],
        document_id=drawing["document_id"],
    )
    return asdict(drawn) | {"png": base64.b64encode(drawn.png).decode("ascii")}


def _too_large() -> Answer:
    hint = "it was skipped: split it into smaller files"
    return {"failure": "needs too much memory to read", "hint": hint}


def _line(answer: Answer) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _send(answers: BinaryIO, line: bytes) -> None:
    answers.write(line)
    answers.flush()


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout, and leave nothing in their places for libraries and children."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return requests, answers


def _peak_bytes() -> int:
    """Return the most memory that this process had, where the system tells that."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def _listen(requests: BinaryIO, asked: SimpleQueue[Asked], folder: str) -> None:
    """Pass on what is asked; once nobody can ask, end at once, whatever is being read."""
    for line in requests:
        request: Request = json.loads(line)
        size = request["piped"]
        asked.put((request, None if size is None else requests.read(size)))
    _end(folder)


def _allow(seconds: float) -> None:
    """Go on for so many seconds at most, and compute no longer on all processors together."""
    allow_seconds(seconds * (os.cpu_count() or 1))
    _set_alarm(seconds)


def _set_alarm(seconds: float) -> None:
    """End in so many seconds, even in native code that lets no other thread run; 0: do not."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _end(folder: str) -> None:
    remove(folder)
    if sys.platform != "win32":
        with suppress(OSError):  # whoever runs this by hand has no group of processes for it
            os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], ocr=bool(sys.argv[3:]))
