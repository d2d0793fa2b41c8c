"""The environment of processes that read what others have made: what they need, and no secret."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
CONNECTING = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""What a process needs besides to reach a server; an address of a proxy may hold a password."""

_NEEDED = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP"),
    *("TEMP", "VIRTUAL_ENV", "CONDA_PREFIX", "RAPID_HOME", "RAPID_MODELS", "TESSDATA_PREFIX"),
    *("MAGICK_CONFIGURE_PATH", "FONTCONFIG_PATH", "FONTCONFIG_FILE", "LLAMA_CPP_LIB_PATH"),
    *("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TORCH_HOME"),
    *("TOKENIZERS_PARALLELISM", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT"),
    *("USERNAME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA"),
    *("PROGRAMDATA", "PROGRAMFILES", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
}
# Families of which new ones come about: of languages, Python, threads, GPUs and what links them.
_FAMILIES = (
    *("LC_", "XDG_", "PYTHON", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GGML_", "GS_"),
    *("CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "ROCM_", "GPU_", "VK_", "MESA_", "MTL_"),
    *("LD_", "DYLD_", "MALLOC_"),
)
_SECRET = re.compile(r"TOKEN|KEY|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)


def clean_environment(more: Iterable[str] = (), own: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Return what of the environment a process needs, and `more` of its names, then its `own`.

    Names are of any case, as those of proxies are and those of Windows.
    """
    wanted = _NEEDED | {name.upper() for name in more}
    kept = {name: value for name, value in os.environ.items() if _is_needed(name.upper(), wanted)}
    return {**kept, **own}


def _is_needed(name: str, wanted: set[str]) -> bool:
    return name in wanted or (name.startswith(_FAMILIES) and not _SECRET.search(name))
