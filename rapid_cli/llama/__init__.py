"""The only owner of llama_cpp: weights, the contexts opened on them, and their vocabulary."""

from rapid_cli.machine.libraries import importing as _importing
from rapid_cli.preflight.engine import require as _require

_require()  # loading the library may end the process: that is seen in another one first
with _importing("llama-cpp-python"):
    import llama_cpp as llama_cpp

from rapid_cli.llama.context import LlamaContext, batch_sizes
from rapid_cli.llama.devices import (
    ComputeDevice,
    accelerators,
    compute_devices,
    free_memory,
    machine,
)
from rapid_cli.llama.metadata import read_format, read_shape, require_whole
from rapid_cli.llama.model import Outline
from rapid_cli.llama.native import engine
from rapid_cli.llama.recurrent import RecurrentContext, open_context
from rapid_cli.llama.requantizing import requantize
from rapid_cli.llama.vocabulary import Vocabulary, check_pair
from rapid_cli.llama.weights import Weights, flash_attention, may_fuse, will_offload

__all__ = [
    "ComputeDevice",
    "LlamaContext",
    "Outline",
    "RecurrentContext",
    "Vocabulary",
    "Weights",
    "accelerators",
    "batch_sizes",
    "check_pair",
    "compute_devices",
    "engine",
    "flash_attention",
    "free_memory",
    "machine",
    "may_fuse",
    "open_context",
    "read_format",
    "read_shape",
    "requantize",
    "require_whole",
    "will_offload",
]
