"""The only owner of llama_cpp: weights, the contexts opened on them, and their vocabulary."""

from rapid_cli.llama.context import READ_BATCH, READ_BATCH_GPU, LlamaContext
from rapid_cli.llama.metadata import read_shape
from rapid_cli.llama.native import compute_devices, free_memory
from rapid_cli.llama.vocabulary import Vocabulary, check_pair
from rapid_cli.llama.weights import Weights, will_offload

__all__ = [
    "READ_BATCH",
    "READ_BATCH_GPU",
    "LlamaContext",
    "Vocabulary",
    "Weights",
    "check_pair",
    "compute_devices",
    "free_memory",
    "read_shape",
    "will_offload",
]
