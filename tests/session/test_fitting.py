"""Models on a GPU that is made up: llama.cpp is told of it, and computes on the CPU all the same.

Which layers it gets, what is said of them, and what is refused follows from its free memory.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, read_shape
from rapid_cli.llama import weights as weights_module
from rapid_cli.llama.devices import GPU, ComputeDevice
from rapid_cli.models.memory import GIB
from rapid_cli.models.models_file import load_models_file
from rapid_cli.models.specs import DeviceChoice, ModelSpec
from rapid_cli.session import fitting
from rapid_cli.session.fitting import Memory
from rapid_cli.session.loading import LoadedModel
from rapid_cli.session.session import Session

pytestmark = pytest.mark.models
MIB = 1 << 20
LAYERS = 31  # 30 of SmolLM2, and its output
FILE = """
[default]
pair = "self"
embedder = "none"
[models.starter]
path = "{path}"
{more}
[pairs.self]
target = "starter"
[models.other]
path = "{path}"
threads = 1
[pairs.two]
target = "starter"
drafter = "other"
[embedders.none]
path = "none"
"""


class Machine:
    """A computer with a GPU; both have memory, of which what is loaded takes nothing."""

    def __init__(self):
        self.gpu_bytes, self.bytes = 64 * GIB, 64 * GIB

    def free_memory(self, offloaded):
        return self.gpu_bytes if offloaded else self.bytes


@pytest.fixture
def computer(monkeypatch):
    computer = Machine()
    gpus = (ComputeDevice(1, GPU, "Toy 100"),)
    monkeypatch.setattr(weights_module, "accelerators", lambda: gpus)
    monkeypatch.setattr(fitting, "free_memory", computer.free_memory)
    return computer


@pytest.fixture
def shape(starter_path):
    return read_shape(starter_path)


@pytest.fixture
def spec(starter_path, repack):
    return ModelSpec("starter", path=str(starter_path), repack=repack)


@pytest.fixture
def open_session(tmp_path, starter_path, familiar_home, repack):
    with ExitStack() as opened:

        def open_session(more="", **options):
            path = tmp_path / "models.toml"
            more = f"repack = {str(repack).lower()}\n{more}"
            path.write_text(FILE.format(path=starter_path, more=more))
            return opened.enter_context(Session(load_models_file(path), **options))

        yield open_session


def load(session, name="self"):
    return session.loader.load_pair(session.pairs.find(session.models_file.pair(name)))


def take(spec, shape, lengths=(8192,)):
    return Memory(smaller_cache=True).take(spec, shape, lengths=lengths)


def test_all_layers_go_to_a_gpu_that_holds_them_and_nothing_is_said(computer, spec, shape):
    assert take(spec, shape) == (spec, "")


def test_fewer_go_to_a_small_one_and_the_note_has_the_numbers(computer, spec, shape):
    computer.gpu_bytes = 300 * MIB
    placed, note = take(spec, shape)
    assert 0 < placed.gpu_layers < LAYERS
    assert replace(placed, gpu_layers=None) == spec
    said = re.fullmatch(
        rf"{placed.gpu_layers} of 31 layers of starter are computed on the GPU: "
        r"(\d\.\d) GiB would be needed for all, and 0\.3 GiB are free\.",
        note,
    )
    computer.gpu_bytes = int((float(said[1]) + 0.05) * GIB)
    assert take(spec, shape)[1] == ""


def test_none_go_to_one_that_is_full(computer, spec, shape):
    computer.gpu_bytes = MIB
    placed, note = take(spec, shape)
    assert placed.gpu_layers == 0
    assert note.startswith("0 of 31 layers of starter are computed on the GPU: ")


def test_longer_contexts_leave_room_for_fewer_layers(computer, spec, shape):
    computer.gpu_bytes = 260 * MIB
    layers = [take(spec, shape, (length,))[0].gpu_layers for length in (4096, 6144, 8192)]
    assert layers[0] > layers[1] > layers[2]
    assert take(spec, shape, (99999,))[0].gpu_layers == layers[2], "it holds 8,192 tokens at most"
    assert take(spec, shape, (4096, 4096))[0].gpu_layers < layers[0]


def test_a_number_of_layers_that_is_asked_for_is_obeyed_or_refused(computer, spec, shape):
    computer.gpu_bytes = 300 * MIB
    asked = replace(spec, gpu_layers=3)
    assert take(asked, shape) == (asked, "")
    computer.gpu_bytes = 60 * MIB
    with pytest.raises(ModelError, match=r"needs .* of GPU memory"):
        take(replace(spec, gpu_layers=20), shape)


def test_what_stays_with_the_cpu_must_fit_the_computers_memory(computer, spec, shape):
    computer.gpu_bytes, computer.bytes = 300 * MIB, 50 * MIB
    with pytest.raises(ModelError, match=r"needs .* of memory"):
        take(spec, shape)
    computer.gpu_bytes = 64 * GIB
    take(spec, shape)


def test_a_model_with_layers_on_other_machines_is_never_refused(computer, spec, shape):
    computer.gpu_bytes = computer.bytes = 0
    remote = replace(spec, rpc=("there:50052",))
    assert take(remote, shape) == (remote, "")


def test_models_placed_before_keep_room_for_their_contexts(computer, spec, shape):
    computer.gpu_bytes = 600 * MIB
    memory = Memory(smaller_cache=True)
    assert memory.take(spec, shape)[1] == ""
    computer.gpu_bytes -= shape.tensor_bytes
    second, note = memory.take(replace(spec, name="second"), shape)
    assert second.gpu_layers is not None
    assert "layers of second" in note


def test_a_context_that_does_not_fit_the_gpu_beside_its_layers_is_refused_with_numbers(
    computer, spec, shape, starter_path, preflight
):
    computer.gpu_bytes = 150 * MIB
    memory = Memory(smaller_cache=False)
    placed, note = memory.take(spec, shape, lengths=(2048,))
    with Weights(starter_path, placed) as weights:
        model = LoadedModel(weights, shape, memory, preflight, note=note)
        loaded = memory._loaded[True]
        assert 0 < loaded < shape.tensor_bytes
        computer.gpu_bytes = 150 * MIB - loaded
        with model.open(length=2048, rows=17) as context:
            assert context.note == note
        computer.gpu_bytes = 100 * MIB
        with pytest.raises(ModelError, match=r"8192 tokens needs .* of GPU memory .* are free"):
            model.open(length=8192, rows=17)
        computer.gpu_bytes, computer.bytes = 64 * GIB, 100 * MIB
        with pytest.raises(ModelError, match=r"8192 tokens needs .* of memory .* are free"):
            model.open(length=8192, rows=17)


def test_a_loaded_model_says_where_its_layers_are_and_once_why(computer, open_session):
    model = load(open_session()).target
    assert model.device.startswith("Toy 100 (31 of 31 layers)")
    assert model.offloaded
    computer.gpu_bytes = 400 * MIB
    model = load(open_session()).target
    layers = int(re.match(r"Toy 100 \((\d+) of 31 layers\)", model.device)[1])
    assert 0 < layers < LAYERS
    assert not model.offloaded, "the CPU has work too"
    with model.open(length=512, rows=1) as context:
        assert context.note.startswith(f"{layers} of 31 layers of starter are computed on the GPU")
    with model.open(length=512, rows=1) as context:
        assert context.note == ""


def test_a_context_that_is_announced_is_planned_for(computer, open_session):
    computer.gpu_bytes = 400 * MIB
    short, usual = (
        load(open_session(context_length=length)).target._weights.gpu_layers
        for length in (2048, None)
    )
    assert short > usual


def test_a_small_drafter_gets_its_layers_before_the_target(computer, open_session):
    computer.gpu_bytes = 550 * MIB
    pair = load(open_session("k_type = 'f32'"), "two")
    assert pair.drafter._weights.wholly_offloaded
    assert not pair.target._weights.wholly_offloaded


def test_cpu_leaves_the_gpu_alone_whatever_models_toml_says(computer, open_session):
    session = open_session('gpu_layers = 20\nrpc = ["127.0.0.1:9"]', device=DeviceChoice.CPU)
    model = load(session).target
    assert model._weights.gpu_layers == 0
    assert model._weights._devices == []
    assert "layers" not in model.device
    assert "Toy" not in model.device
    assert model.note == ""


def test_gpu_takes_all_layers_whatever_models_toml_says(computer, open_session):
    model = load(open_session("gpu_layers = 3", device=DeviceChoice.GPU)).target
    assert model.device.startswith("Toy 100 (31 of 31 layers)")
    computer.gpu_bytes = 100 * MIB
    with pytest.raises(ModelError, match=r"needs .* of GPU memory"):
        load(open_session(device=DeviceChoice.GPU))


def keys(session):
    model = load(session).target
    with model.open(length=512, rows=1) as context:
        return model.fingerprint, context.state_key


def test_what_was_read_and_measured_counts_for_as_many_layers_however_they_were_chosen(
    computer, open_session
):
    everything = keys(open_session())
    assert keys(open_session("gpu_layers = 99")) == everything
    assert keys(open_session(device=DeviceChoice.GPU)) == everything
    computer.gpu_bytes = 400 * MIB
    chosen = keys(open_session())
    layers = load(open_session()).target._weights.gpu_layers
    assert 0 < layers < LAYERS - 1
    computer.gpu_bytes = 64 * GIB
    assert keys(open_session(f"gpu_layers = {layers}")) == chosen
    others = [keys(open_session(f"gpu_layers = {count}")) for count in (layers + 1, 0)]
    for place in (0, 1):
        assert len({each[place] for each in (everything, chosen, *others)}) == 4


def test_a_window_is_fused_only_where_no_layer_is_computed_on_the_cpu(computer, spec, starter_path):
    for count, fuses in ((None, True), (10, False), (0, False)):
        with Weights(starter_path, replace(spec, gpu_layers=count)) as weights:
            weights.__class__ = type("Sliding", (Weights,), {"window": 512})
            assert weights.may_fuse is fuses
