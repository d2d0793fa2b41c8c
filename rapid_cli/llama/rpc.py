"""RPC servers of llama.cpp: other machines that hold layers of a model.

Only the models that name servers get their devices, which are registered nowhere else, so that
llama.cpp places nothing else there.
"""

from __future__ import annotations

import ctypes
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

from llama_cpp._ggml import libggml

from rapid_cli.errors import ModelError
from rapid_cli.llama import native
from rapid_cli.llama.devices import ComputeDevice, described
from rapid_cli.machine.gpus import install_command
from rapid_cli.machine.guard.surroundings import clean_environment

AddServer = Callable[[bytes], int | None]
"""Connects to a server, and returns ggml's list of its devices."""
BACKEND = b"RPC"
CONNECT_SECONDS = 3.0
_ADD_SERVER = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)
_WORKER = "from rapid_cli.llama.rpc import work; work()"


native.declare(
    ("ggml_backend_reg_by_name", ctypes.c_void_p, (ctypes.c_char_p,)),
    ("ggml_backend_reg_get_proc_address", ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_char_p)),
    ("ggml_backend_reg_dev_count", ctypes.c_size_t, (ctypes.c_void_p,)),
    ("ggml_backend_reg_dev_get", ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t)),
)


def rpc_devices(servers: Sequence[str]) -> list[ComputeDevice]:
    """Return the devices of servers such as "host:50052"; ModelError if they cannot be used."""
    add = _add_server()
    if add is None:
        raise ModelError(
            "this llama.cpp cannot use other machines: it was built without RPC",
            f"install it with RPC: {install_command('GGML_RPC')}",
        )
    for server in servers:
        _check(server)
    return [device for server in servers for device in _devices_of(server, add)]


def work() -> None:
    """Ask the server in the arguments for its devices, in the process that `rpc_devices` starts.

    If a server breaks the protocol, llama.cpp ends the process; if it says nothing, it waits.
    """
    add = _add_server()
    sys.exit(0 if add is not None and _devices_of(sys.argv[1], add) else 1)


def _add_server() -> AddServer | None:
    """Return ggml's function that connects to a server; None if it was built without RPC."""
    native.start()
    registry = libggml.ggml_backend_reg_by_name(BACKEND)
    if not registry:
        return None
    address = libggml.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_rpc_add_server")
    return _ADD_SERVER(address) if address else None


def _devices_of(server: str, add: AddServer) -> list[ComputeDevice]:
    registry = add(server.encode())
    count = libggml.ggml_backend_reg_dev_count(registry) if registry else 0
    return [described(libggml.ggml_backend_reg_dev_get(registry, place)) for place in range(count)]


def _check(server: str, *, answer_seconds: float = 10.0) -> None:
    """Raise ModelError if nothing answers at `server`, or something other than llama.cpp."""
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS):
            pass
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(
            f"the RPC server {server} does not answer: {reason}",
            "start rpc-server there, or correct `rpc` in models.toml",
        ) from error
    try:
        answered = subprocess.run(
            [sys.executable, "-P", "-c", _WORKER, server],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=clean_environment(),
            timeout=answer_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        answered = None
    if answered is None or answered.returncode:
        raise ModelError(
            f"what answers at {server} is not an RPC server of this version of llama.cpp",
            "run the rpc-server there that belongs to the llama.cpp installed here",
        )
