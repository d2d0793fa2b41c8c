"""The only owner of llama_cpp: weights, the contexts opened on them, and their vocabulary."""

from rapid_cli.llama.context import LlamaContext
from rapid_cli.llama.native import compute_devices
from rapid_cli.llama.vocabulary import Vocabulary, check_pair
from rapid_cli.llama.weights import Weights

__all__ = ["LlamaContext", "Vocabulary", "Weights", "check_pair", "compute_devices"]
