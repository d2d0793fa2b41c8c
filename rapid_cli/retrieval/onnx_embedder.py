"""The one place that knows onnxruntime: an exported embedder, which starts without torch."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapid_cli.machine.libraries import importing
from rapid_cli.machine.processor import available_cpus

# The library collects events from its import on, and what people ask about is nobody's business.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
with importing("onnxruntime"):
    import onnxruntime
with importing("tokenizers"):
    from tokenizers import Encoding, Tokenizer

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
DESCRIPTION = "export.json"
BATCH_TOKENS = 4096
SILENT = 4
# What a graph calls its inputs, and what an encoding calls the same.
FIELDS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


@dataclass(frozen=True, slots=True)
class Description:
    """What an embedder says of itself.

    `max_tokens` is what it reads of a text, its `special_tokens` included; None is no limit.
    `prompt` comes before each text, and `question_prompt` before a question, unless models.toml
    says otherwise.
    """

    dimension: int
    max_tokens: int | None
    special_tokens: int
    prompt: str = ""
    question_prompt: str = ""

    def write(self, folder: Path) -> None:
        """Write it into an export."""
        text = json.dumps(asdict(self), indent=1)
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Description:
        """Read it from an export; one that is damaged raises a built-in error."""
        return Description(**json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")))


class Exported:
    """An embedder as a graph from tokens to unit vectors, and the tokenizer before it.

    A folder that does not hold all of it, undamaged, raises one of the libraries' many errors.
    """

    def __init__(self, folder: Path) -> None:
        self.description = Description.read(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._uncut = uncut(self._tokenizer)
        padding = self._tokenizer.padding
        if padding is None:
            raise ValueError(f"{TOKENIZER} does not say how to pad")
        self._padding = {
            name: padding[name] for name in ("direction", "pad_id", "pad_type_id", "pad_token")
        }
        # Texts are padded in batches of their length, once all lengths are known.
        self._tokenizer.no_padding()
        self._session = _start(folder / MODEL)
        self._fields = {node.name: FIELDS[node.name] for node in self._session.get_inputs()}

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where each token of a text of any length starts and ends."""
        return self._uncut.encode(text, add_special_tokens=False).offsets

    def embed(self, texts: Sequence[str], prompt: str = "") -> NDArray[np.float32]:
        """Return unit vectors, float32 (len(texts), dimension), of texts with a prompt before."""
        encodings = self._tokenizer.encode_batch([prompt + text for text in texts])
        vectors = np.empty((len(texts), self.description.dimension), dtype=np.float32)
        for rows in batches([len(encoding) for encoding in encodings]):
            vectors[rows] = self._run([encodings[row] for row in rows])
        return vectors

    def _run(self, encodings: list[Encoding]) -> NDArray[np.float32]:
        longest = max(len(encoding) for encoding in encodings)
        for encoding in encodings:
            encoding.pad(longest, **self._padding)
        inputs = {
            name: np.array([getattr(encoding, field) for encoding in encodings], dtype=np.int64)
            for name, field in self._fields.items()
        }
        (vectors,) = self._session.run(None, inputs)
        return np.asarray(vectors, dtype=np.float32)


def uncut(tokenizer: Tokenizer) -> Tokenizer:
    """Return a copy that neither cuts nor pads; the embedder's own must go on doing both."""
    whole = copy.deepcopy(tokenizer)
    whole.no_truncation()
    whole.no_padding()
    return whole


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts of like length, whose tokens are few enough to run at once."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    while order:
        rows = max(1, BATCH_TOKENS // max(1, lengths[order[0]]))
        yield order[:rows]
        order = order[rows:]


def _start(path: Path) -> onnxruntime.InferenceSession:
    onnxruntime.set_default_logger_severity(SILENT)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = _threads()
    # Threads that wait busily for more to embed would slow down the model that reads meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _threads() -> int:
    """Return how many cores this process may use; 0, all of them, where it may use any."""
    allowed = available_cpus()
    return allowed if allowed < (os.cpu_count() or 1) else 0
