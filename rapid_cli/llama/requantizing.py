"""Copies of weights in other formats, written by llama.cpp in a process of its own.

A native call cannot be interrupted and takes a minute for a large model; a process can be ended.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import llama_cpp

from rapid_cli.errors import ModelError
from rapid_cli.llama import native
from rapid_cli.machine.guard.surroundings import clean_environment
from rapid_cli.machine.processor import available_cpus

Progress = Callable[[int], None]
"""Told the bytes written so far."""
INTERVAL_SECONDS = 0.1
_FILE_TYPES = {
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
}
_WORKER = "from rapid_cli.llama.requantizing import work; work()"


def requantize(source: Path, copy: Path, format_name: str, progress: Progress) -> None:
    """Write the weights of `source` in another format to `copy`; ModelError if that fails.

    What is left of a copy that was not finished is the caller's to remove.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _WORKER, str(source), str(copy), format_name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
    )
    with process:
        try:
            while process.poll() is None:
                progress(copy.stat().st_size if copy.exists() else 0)
                _wait(process)
        finally:
            process.kill()
        assert process.stderr is not None
        said = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode:
        reason = said.splitlines()[-1] if said else f"it ended with code {process.returncode}"
        raise ModelError(
            f"{source} cannot be written in the format {format_name}: {reason}",
            "free some disk and memory, or use the file as it is",
        )


def work() -> None:
    """Do the work, in the process that `requantize` starts."""
    source, copy, format_name = sys.argv[1:]
    native.start()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = _FILE_TYPES[format_name]
    params.allow_requantize = True
    params.nthread = available_cpus()
    with native.recorded_errors() as errors:
        failed = llama_cpp.llama_model_quantize(
            os.fsencode(source), os.fsencode(copy), ctypes.byref(params)
        )
    if failed:
        sys.exit(native.reason(errors))


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(INTERVAL_SECONDS)
    except subprocess.TimeoutExpired:
        return
