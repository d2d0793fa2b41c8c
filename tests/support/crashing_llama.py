"""A llama.cpp that crashes where it is told to, in the place of the one that is installed."""

from __future__ import annotations

import os
from pathlib import Path

STAND_IN = """
import ctypes, importlib.util, os, signal, sys, time
from pathlib import Path

WHEN, HOW = {when!r}, {how!r}
path = next(path for path in sys.path if Path(path, "llama_cpp", "lib").is_dir())
package = Path(path, "llama_cpp")
spec = importlib.util.spec_from_file_location(
    "llama_cpp", package / "__init__.py", submodule_search_locations=[str(package)]
)


def crash():
    if HOW == "hangs":
        time.sleep(600)
    if HOW == "gives up":
        os.write(2, b"rapid: llama.cpp gave up: CUDA error\\n  a hint\\n")
        os._exit(1)
    signal.signal(getattr(signal, HOW), signal.SIG_DFL)
    os.kill(os.getpid(), getattr(signal, HOW))


if WHEN == "loaded":
    crash()
real = sys.modules["llama_cpp"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real)
load, open_, decode = (
    real.llama_model_load_from_file,
    real.llama_init_from_model,
    real.llama_decode,
)
repacked = {{}}


def llama_model_load_from_file(path, params):
    model = load(path, params)
    repacked[model] = params.use_extra_bufts
    return model


def llama_init_from_model(model, params):
    context = open_(model, params)
    repacked[context] = repacked[model]
    return context


def llama_decode(context, batch):
    if WHEN == "always" or repacked[context]:
        crash()
    return decode(context, batch)


for each in (llama_model_load_from_file, llama_init_from_model, llama_decode):
    setattr(real, each.__name__, each)
"""


def stand_in(folder: Path, *, when: str, how: str) -> dict[str, str]:
    """Write the stand-in into a folder; return the environment in which it is found.

    It crashes `when` it is "loaded", "always" as it computes, or only with weights that are
    "repacked" as llama.cpp does with AMX. `how` is a signal's name, "hangs" or "gives up".
    """
    package = folder / "llama_cpp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN.format(when=when, how=how))
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
