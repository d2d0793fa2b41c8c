"""A model's weights: loaded once, shared by every context opened on them."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import TracebackType

import llama_cpp

from rapid_cli.errors import ModelError
from rapid_cli.llama import native
from rapid_cli.llama.devices import (
    ComputeDevice,
    accelerators,
    compute_devices,
    named_together,
)
from rapid_cli.llama.kinds import (
    check_kind,
    flash_attention,
    load_error,
    may_fuse,
    own_chat_template,
)
from rapid_cli.llama.remote import remote_devices
from rapid_cli.llama.vocabulary import Vocabulary
from rapid_cli.machine.processor import available_cpus
from rapid_cli.models.specs import ALL_LAYERS, ModelSpec

MAGIC = b"GGUF"


def will_offload(spec: ModelSpec) -> bool:
    """Tell whether layers of a model are computed on a GPU, here or on another machine."""
    return spec.gpu_layers != 0 and bool(spec.rpc or accelerators())


def threads_of(spec: ModelSpec) -> int:
    """Return how many threads compute a model: never more than there are CPUs for them."""
    return min(spec.threads or available_cpus(), available_cpus())


class Weights:
    """The weights of one GGUF file. A context manager: freed once, after its contexts."""

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        """Load `path`; ModelError if it is no usable GGUF or of a kind that cannot be cut back."""
        native.start()
        check_magic(path)
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = ALL_LAYERS if spec.gpu_layers is None else spec.gpu_layers
        self._devices = _devices_for(spec)
        handles = [device.handle for device in self._devices]
        # Without GPUs in this list llama.cpp does not use them for wide batches either.
        self._listed = (ctypes.c_void_p * (len(handles) + 1))(*handles, None)
        if spec.rpc or not handles:
            params.devices = ctypes.cast(self._listed, ctypes.c_void_p)
        if not spec.repack:
            params.use_extra_bufts = False
        with native.recorded_errors() as errors:
            self._handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._handle:
            raise load_error(path, errors)
        self.path = path
        self.spec = spec
        try:
            check_kind(self._handle, spec.name)
        except ModelError:
            self.close()
            raise
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._handle), spec.name)
        trained: int = llama_cpp.llama_model_n_ctx_train(self._handle)
        self.context_limit = spec.scaled(trained)
        self.chat_template = spec.chat_template or own_chat_template(self._handle)

    @property
    def handle(self) -> object:
        """llama.cpp's pointer; refused after `close`."""
        assert self._handle is not None, "weights used after close"
        return self._handle

    @property
    def layers(self) -> int:
        """How many layers there are; the output is one, as llama.cpp counts."""
        return int(llama_cpp.llama_model_n_layer(self.handle)) + 1

    @property
    def gpu_layers(self) -> int:
        """How many of them are computed on GPUs, here or on another machine."""
        return self.spec.layers_on_gpu(self.layers) if self._devices else 0

    @property
    def offloaded(self) -> bool:
        """Whether any are."""
        return self.gpu_layers > 0

    @property
    def wholly_offloaded(self) -> bool:
        """Whether all are."""
        return self.gpu_layers == self.layers

    @property
    def window(self) -> int:
        """Tokens that a sliding window reaches back; 0 without one."""
        return int(llama_cpp.llama_model_n_swa(self.handle))

    @property
    def flash_attention(self) -> bool | None:
        """Whether attention is computed the fused way; None leaves it to llama.cpp."""
        return self.flash_attention_of(self.spec)

    def flash_attention_of(self, spec: ModelSpec) -> bool | None:
        """Return the same for a context that is run as `spec` says."""
        return flash_attention(spec, self.window, offloaded=self.wholly_offloaded)

    @property
    def may_fuse(self) -> bool:
        """Whether fused attention is as good as the other."""
        return may_fuse(self.window, offloaded=self.wholly_offloaded)

    @property
    def device(self) -> str:
        """Where the layers are computed: those on GPUs, if there are any."""
        return named_together(self._devices) if self.offloaded else compute_devices()[-1]

    @property
    def placement(self) -> str:
        """The same for a person to read, with the number of layers on GPUs and what is unusual."""
        packing = "" if self.spec.repack else ", weights not repacked"
        if not self.offloaded:
            return f"{self.device}{packing}"
        return f"{self.device} ({self.gpu_layers} of {self.layers} layers){packing}"

    @property
    def _chosen_layers(self) -> int | None:
        """Layers on GPUs where that is not what llama.cpp does by itself."""
        usual = self.wholly_offloaded or not (self._devices or accelerators())
        return None if usual else self.gpu_layers

    @property
    def _packing(self) -> str:
        """How weights lie in memory where that is not as usual: it decides how sums are rounded."""
        return "" if self.spec.repack else " repack=False"

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return int(llama_cpp.llama_model_size(self.handle))

    @property
    def fingerprint(self) -> str:
        """What the speed of these weights depends on, as one line."""
        file, spec = self.path.stat(), self.spec
        settings = (
            self._chosen_layers,
            threads_of(spec),
            self.flash_attention,
            spec.k_type,
            spec.v_type,
        )
        ubatch = "" if spec.ubatch is None else f"ubatch={spec.ubatch} "
        return (
            f"{self.path.name} {file.st_size} {file.st_mtime_ns} {settings} {ubatch}"
            f"{self.device}{self._packing} {native.engine()}"
        )

    def state_key_of(self, spec: ModelSpec) -> str:
        """Return what keys and values in a context run as `spec` says depend on, as one line.

        What the file says of positions and windows stands here by its size and time.
        """
        file = self.path.stat()
        rope = (spec.rope_scaling, spec.rope_factor, spec.rope_base, spec.rope_original_context)
        scaled = f" rope={rope}" if any(each is not None for each in rope) else ""
        return (
            f"{self.path.name} {file.st_size} {file.st_mtime_ns} {self.device} "
            f"gpu_layers={self._chosen_layers} flash_attention={self.flash_attention_of(spec)} "
            f"v={spec.v_type} swa_full=True{scaled}{self._packing}"
        )

    def close(self) -> None:
        """Free the weights; all contexts on them must be closed already."""
        if self._handle is not None:
            llama_cpp.llama_model_free(self._handle)
            self._handle = None

    def __enter__(self) -> Weights:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free the weights."""
        self.close()


def _devices_for(spec: ModelSpec) -> list[ComputeDevice]:
    """Return the GPUs that hold layers; those of other machines first, to save traffic."""
    if spec.gpu_layers == 0:
        return []
    remote = remote_devices(spec.rpc) if spec.rpc else []
    return [*remote, *accelerators()]


def check_magic(path: Path) -> None:
    """Raise ModelError if a file is not there or does not begin as a GGUF does."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", "check the path") from error
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file", "rapid runs models in llama.cpp's format")
