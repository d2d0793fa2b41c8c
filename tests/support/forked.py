"""Commands in processes that are forked from one which has imported most libraries they need.

Each is a process of its own all the same, with an environment, a folder and streams of its own. The
modules of rapid are imported anew, and so are those libraries that look at the environment when
they are imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.rapid import LONGEST_SECONDS, run_within

IMPORTED = [
    "tests.support.forked",
    *("filelock", "platformdirs", "rich.console", "rich.progress", "typer"),
    # What huggingface_hub is made of. Itself it asks the environment for its hub and its cache.
    *("httpcore2", "httpx2", "tqdm.auto", "truststore", "yaml"),
]
"""Names of modules; what there is not of them is left out."""


def rapid_forked(
    *words: str, environment: Mapping[str, str], cwd: Path, code: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a forked process; or `code`, with `words` as the arguments of Python."""
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    with TemporaryDirectory() as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        process = context.Process(target=_work, args=(words, environment, cwd, out, errors, code))
        process.start()
        process.join(LONGEST_SECONDS)
        assert process.exitcode is not None, "it does not end"
        return subprocess.CompletedProcess(
            words, process.exitcode, out.read_text("utf-8"), errors.read_text("utf-8")
        )


def _work(
    words: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    out: Path,
    errors: Path,
    code: str | None,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    os.umask(0o022)
    with Path(os.devnull).open("rb") as given, out.open("wb") as told, errors.open("wb") as said:
        sys.exit(run_within(list(words), given, told, said, code=code))
