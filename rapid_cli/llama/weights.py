"""A model's weights: loaded once, shared by every context opened on them."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp

from rapid_cli.llama import native
from rapid_cli.llama.devices import ComputeDevice, accelerators, compute_devices, named_together
from rapid_cli.llama.model import Model
from rapid_cli.llama.rpc import rpc_devices
from rapid_cli.machine.processor import available_cpus
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.specs import ALL_LAYERS, ModelSpec


def will_offload(spec: ModelSpec) -> bool:
    """Tell whether layers of a model are computed on a GPU, here or on another machine."""
    return spec.gpu_layers != 0 and bool(spec.rpc or accelerators())


def threads_of(spec: ModelSpec) -> int:
    """Return how many threads compute a model: never more than there are CPUs for them."""
    return min(spec.threads or available_cpus(), available_cpus())


def may_fuse(window: int, *, offloaded: bool) -> bool:
    """Tell whether fused attention is as good as the other for a model with a sliding window or 0.

    On the CPU it makes the logits of sliding-window models depend on how cells lie in the cache, by
    up to 4 for Gemma 3, so what is restored would not equal what was read.
    """
    return offloaded or not window


def flash_attention(spec: ModelSpec, window: int, *, offloaded: bool) -> bool | None:
    """Return whether a model computes attention the fused way; None leaves it to llama.cpp."""
    chosen = spec.flash_attention
    return False if chosen is None and not may_fuse(window, offloaded=offloaded) else chosen


class Weights(Model):
    """The weights of one GGUF file. A context manager: freed once, after its contexts."""

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        """Load `path`; ModelError if it is no usable GGUF or of a kind that cannot be cut back."""
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
        super().__init__(path, spec.name, params)
        self.path = path
        self.spec = spec
        self.context_limit = spec.scaled(self.context_limit)
        if spec.chat_template is not None:
            self.chat_template = spec.chat_template

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

    def flash_attention_of(self, spec: ModelSpec) -> bool | None:
        """Return whether a context run as `spec` says fuses attention; None: as llama.cpp likes."""
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
    def fingerprint(self) -> str:
        """What the speed of these weights depends on, as one line."""
        spec = self.spec
        settings = (
            self._chosen_layers,
            threads_of(spec),
            self.flash_attention_of(spec),
            spec.k_type,
            spec.v_type,
        )
        ubatch = "" if spec.ubatch is None else f"ubatch={spec.ubatch} "
        return (
            f"{stamp_of(self.path)} {settings} {ubatch}"
            f"{self.device}{self._packing} {native.engine()}"
        )

    def state_key_of(self, spec: ModelSpec) -> str:
        """Return what keys and values in a context run as `spec` says depend on, as one line.

        What the file says of positions and windows stands here by its stamp.
        """
        rope = (spec.rope_scaling, spec.rope_factor, spec.rope_base, spec.rope_original_context)
        scaled = f" rope={rope}" if any(each is not None for each in rope) else ""
        return (
            f"{stamp_of(self.path)} {self.device} "
            f"gpu_layers={self._chosen_layers} flash_attention={self.flash_attention_of(spec)} "
            f"v={spec.v_type} swa_full=True{scaled}{self._packing}"
        )


def _devices_for(spec: ModelSpec) -> list[ComputeDevice]:
    """Return the GPUs that hold layers; those of RPC servers first, to save traffic."""
    if spec.gpu_layers == 0:
        return []
    return [*(rpc_devices(spec.rpc) if spec.rpc else []), *accelerators()]
