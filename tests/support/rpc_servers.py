"""A server of llama.cpp's RPC on 127.0.0.1, in a process of its own."""

from __future__ import annotations

import ctypes
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@contextmanager
def rpc_server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the address of a server that computes on this machine's CPU, and its process."""
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, __file__, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(address, process)
        yield address, process
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    for _ in range(300):
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not start")


def serve(address: str) -> None:
    import llama_cpp
    from llama_cpp._ggml import libggml

    llama_cpp.llama_backend_init()
    device, start = libggml.ggml_backend_dev_by_type, libggml.ggml_backend_rpc_start_server
    device.argtypes, device.restype = [ctypes.c_int], ctypes.c_void_p
    size, text = ctypes.c_size_t, ctypes.c_char_p
    start.argtypes, start.restype = [text, text, size, size, ctypes.c_void_p], None
    listed = (ctypes.c_void_p * 1)(device(0))
    start(address.encode(), None, 1, 1, ctypes.cast(listed, ctypes.c_void_p))


if __name__ == "__main__":
    serve(sys.argv[1])
