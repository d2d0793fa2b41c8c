"""The only owner of llama_cpp: weights, the contexts opened on them, and their vocabulary."""

from rapid_cli.llama.context import LlamaContext, batch_sizes
from rapid_cli.llama.devices import (
    ComputeDevice,
    accelerators,
    compute_devices,
    free_memory,
    machine,
)
from rapid_cli.llama.kinds import may_fuse
from rapid_cli.llama.metadata import read_extents, read_format, read_shape
from rapid_cli.llama.native import available_threads, engine
from rapid_cli.llama.outline import Outline
from rapid_cli.llama.requantizing import requantize
from rapid_cli.llama.vocabulary import Vocabulary, check_pair
from rapid_cli.llama.weights import Weights, will_offload

__all__ = [
    "ComputeDevice",
    "LlamaContext",
    "Outline",
    "Vocabulary",
    "Weights",
    "accelerators",
    "available_threads",
    "batch_sizes",
    "check_pair",
    "compute_devices",
    "engine",
    "free_memory",
    "machine",
    "may_fuse",
    "read_extents",
    "read_format",
    "read_shape",
    "requantize",
    "will_offload",
]
