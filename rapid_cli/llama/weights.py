"""A model's weights: loaded once, shared by every context opened on them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import llama_cpp

from rapid_cli.config import ModelSpec
from rapid_cli.errors import ModelError
from rapid_cli.llama import native
from rapid_cli.llama.kinds import check_kind, load_error, may_fuse, own_chat_template
from rapid_cli.llama.vocabulary import Vocabulary

MAGIC = b"GGUF"
ALL_LAYERS = -1


def will_offload(spec: ModelSpec) -> bool:
    """Tell whether layers of a model are computed on a GPU."""
    return bool(llama_cpp.llama_supports_gpu_offload()) and spec.gpu_layers != 0


class Weights:
    """The weights of one GGUF file. A context manager: freed once, after its contexts."""

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        """Load `path`; ModelError if it is no usable GGUF or of a kind that cannot be cut back."""
        native.start()
        check_magic(path)
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = ALL_LAYERS if spec.gpu_layers is None else spec.gpu_layers
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
        self.context_limit: int = llama_cpp.llama_model_n_ctx_train(self._handle)
        self.chat_template = own_chat_template(self._handle)

    @property
    def handle(self) -> object:
        """llama.cpp's pointer; refused after `close`."""
        assert self._handle is not None, "weights used after close"
        return self._handle

    @property
    def offloaded(self) -> bool:
        """Whether layers are computed on a GPU."""
        return will_offload(self.spec)

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
        return False if spec.flash_attention is None and not self.may_fuse else spec.flash_attention

    @property
    def may_fuse(self) -> bool:
        """Whether fused attention is as good as the other."""
        return may_fuse(self.window, offloaded=self.offloaded)

    @property
    def device(self) -> str:
        """Where the layers are computed."""
        return native.compute_devices()[0 if self.offloaded else -1]

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return int(llama_cpp.llama_model_size(self.handle))

    @property
    def fingerprint(self) -> str:
        """What the speed of these weights depends on, as one line."""
        file, spec = self.path.stat(), self.spec
        settings = (spec.gpu_layers, spec.threads, self.flash_attention, spec.k_type, spec.v_type)
        ubatch = "" if spec.ubatch is None else f"ubatch={spec.ubatch} "
        return (
            f"{self.path.name} {file.st_size} {file.st_mtime_ns} {settings} {ubatch}"
            f"{self.device} {native.engine()}"
        )

    def state_key_of(self, spec: ModelSpec) -> str:
        """Return what keys and values in a context run as `spec` says depend on, as one line.

        Rope and sliding window come from the file, which stands here by its size and time.
        """
        file = self.path.stat()
        return (
            f"{self.path.name} {file.st_size} {file.st_mtime_ns} {self.device} "
            f"gpu_layers={spec.gpu_layers} flash_attention={self.flash_attention_of(spec)} "
            f"v={spec.v_type} swa_full=True"
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


def check_magic(path: Path) -> None:
    """Raise ModelError if a file is not there or does not begin as a GGUF does."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", "check the path") from error
    if magic != MAGIC:
        raise ModelError(f"{path} is not a GGUF file", "rapid runs models in llama.cpp's format")
