"""The files that one model consists of, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rapid_cli.machine.stamps import FileStamp

SPLIT = re.compile(r"(?P<stem>.+)-[0-9]{5}-of-(?P<count>[0-9]{5})\.gguf")
OTHER_RUNTIMES = (
    *("*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.ot", "*.mlmodel", "*.tflite", "*.ckpt"),
    *("onnx/*", "openvino/*", "coreml/*", "*.gguf"),
)
"""Copies of the weights for libraries that rapid does not use."""
PICKLED = ("pytorch_model*.bin", "pytorch_model*.bin.index.json")
"""What sentence-transformers reads only where there are no safetensors."""
CODE = (
    *("*.py", "*.pyc", "*.ipynb", "*.so", "*.dylib", "*.dll", "*.sh"),
    *("*.pt", "*.pth", "*.pkl", "*.pickle", "*.joblib", "*.npy", "*.npz", "training_args.bin"),
)
"""What could run, as it is or when it is unpickled; no model that rapid loads needs any of it."""
NEVER_NEEDED = (*OTHER_RUNTIMES, *CODE)


def parts(file: str) -> list[str]:
    """Return the files of a GGUF model: the one named, or all parts of which it is one."""
    split = SPLIT.fullmatch(file)
    if split is None:
        return [file]
    count = int(split["count"])
    return [f"{split['stem']}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]


def stamp_of(path: Path) -> FileStamp:
    """Return the stamp of a GGUF model, of which all parts count; OSError if it is not there."""
    others = [path.with_name(name) for name in parts(path.name) if name != path.name]
    return FileStamp.of(path, *(other for other in others if other.exists()))


def needed(files: Sequence[str]) -> list[str]:
    """Return the files of a sentence-transformers model that loading it takes."""
    safe = any(file.endswith(".safetensors") for file in files)
    patterns = (*NEVER_NEEDED, *PICKLED) if safe else NEVER_NEEDED
    return [file for file in files if not any(fnmatchcase(file, each) for each in patterns)]
