"""Libraries that cannot be loaded: what is missing is named, and what helps."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from rapid_cli.errors import LibraryError, StoreError
from rapid_cli.machine.libraries import importing, unimportable, unloadable
from tests.support import pdfs
from tests.support.rapid import rapid_process
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

LLAMA = "llama-cpp-python"
SHARED = "Failed to load shared library '/x/llama_cpp/lib/libllama.so': "
MISSING = "{}: cannot open shared object file: No such file or directory"
GLIBC = (
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/libggml.so)"
)
CXX = "/usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /x/torch.so)"


@pytest.mark.parametrize(
    ("name", "error", "said", "hint"),
    [
        (
            LLAMA,
            RuntimeError(SHARED + MISSING.format("libcudart.so.12")),
            "llama-cpp-python cannot be loaded: the library libcudart.so.12 is missing",
            "LD_LIBRARY_PATH name the folder of the CUDA toolkit",
        ),
        (LLAMA, RuntimeError(MISSING.format("libcublas.so.12")), "libcublas.so.12", "CUDA toolkit"),
        (LLAMA, RuntimeError(MISSING.format("libcuda.so.1")), "libcuda.so.1", "the driver of"),
        (
            LLAMA,
            RuntimeError(MISSING.format("libgomp.so.1")),
            "libgomp.so.1",
            "apt install libgomp1",
        ),
        ("torch", OSError(MISSING.format("libstdc++.so.6")), "libstdc++.so.6", "libstdc++6"),
        ("torch", ImportError(MISSING.format("libodd.so.3")), "libodd.so.3", "LD_LIBRARY_PATH"),
        (
            LLAMA,
            RuntimeError(SHARED + GLIBC),
            "llama-cpp-python was built for a newer system: libc.so.6 here has no GLIBC_2.38",
            "get it for this system: pip install --force-reinstall --no-cache-dir llama-cpp-python",
        ),
        ("torch", ImportError(CXX), "libstdc++.so.6 here has no GLIBCXX_3.4.32", "reinstall torch"),
        (
            "torch",
            ImportError("dlopen(/x/a.so): Library not loaded: @rpath/libomp.dylib\n  Referenced"),
            "torch cannot be loaded: the library libomp.dylib is missing",
            "brew install libomp",
        ),
        (
            "onnxruntime",
            ImportError("DLL load failed while importing x: The specified module ..."),
            "onnxruntime cannot be loaded: DLL load failed while importing x",
            "Visual C++ Redistributable",
        ),
        (
            "chromadb",
            RuntimeError("unsupported version of sqlite3\nmore of it"),
            "chromadb cannot be loaded: unsupported version of sqlite3",
            "pip install --force-reinstall chromadb",
        ),
        (
            LLAMA,
            ModuleNotFoundError("No module named 'llama_cpp'", name="llama_cpp"),
            "there is no module llama_cpp",
            "install it: pip install llama-cpp-python",
        ),
        (
            "chromadb",
            ModuleNotFoundError("No module named 'bcrypt.x'", name="bcrypt.x"),
            "there is no module bcrypt.x",
            "install it: pip install bcrypt",
        ),
    ],
)
def test_the_missing_file_is_named_with_what_brings_it(name, error, said, hint):
    told = unloadable(name, error)
    assert said in told.message
    assert hint in told.hint
    assert "\n" not in told.message + told.hint


def test_errors_of_our_own_pass_through():
    with pytest.raises(StoreError, match="ours"), importing("chromadb"):
        raise StoreError("ours")
    with (
        pytest.raises(LibraryError, match="torch cannot be loaded: ValueError"),
        importing("torch"),
    ):
        raise ValueError


def test_a_library_that_nobody_watches_is_named_by_its_module():
    told = unimportable(ImportError(MISSING.format("libz.so.1"), name="lxml.etree"))
    assert told.message == "lxml cannot be loaded: the library libz.so.1 is missing"
    assert unimportable(ImportError()).message.startswith("a library cannot be loaded")


EXPORTING = ("torch", "sentence_transformers")

# The commands, with a library in the place of the real one that fails as it would.


@pytest.fixture
def failing(tmp_path, request):
    """Run rapid where the import of a package fails."""

    def run(package: str, error: str, *words: object) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "path" / package
        folder.mkdir(parents=True)
        for name in ("__init__", "config"):  # Chroma's settings are imported before the rest of it
            (folder / f"{name}.py").write_text(f"raise {error}")
        home = tmp_path / "home"
        if package not in EXPORTING:  # what exports the embedder is missed by that
            request.getfixturevalue("furnish")(home)
        path = os.pathsep.join([str(tmp_path / "path"), str(REPOSITORY)])
        return rapid_process(*words, home=home, cwd=tmp_path, PYTHONPATH=path)

    return run


@pytest.mark.parametrize(
    ("package", "name", "error"),
    [
        (
            "llama_cpp",
            "llama-cpp-python",
            f"RuntimeError({SHARED + MISSING!r}.format('libx.so.1'))",
        ),
        ("chromadb", "chromadb", f"ImportError({MISSING!r}.format('libx.so.1'))"),
        ("onnxruntime", "onnxruntime", f"ImportError({MISSING!r}.format('libx.so.1'))"),
        ("torch", "torch", f"OSError({MISSING!r}.format('libx.so.1'))"),
        (
            "sentence_transformers",
            "sentence-transformers",
            f"ImportError({MISSING!r}.format('libx.so.1'))",
        ),
        ("lxml", "lxml", f"ImportError({MISSING!r}.format('libx.so.1'), name='lxml')"),
    ],
)
def test_a_library_that_is_not_whole_is_one_sentence(failing, tmp_path, package, name, error):
    (tmp_path / "page.html").write_text(
        "<html><body><p>The ferry leaves at nine.</p></body></html>"
    )
    done = failing(package, error, "ask", "page.html", "When does the ferry leave?")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    *_, message, hint = done.stderr.splitlines()
    assert f"{name} cannot be loaded: the library libx.so.1 is missing" in message
    assert "LD_LIBRARY_PATH" in hint
    assert "Traceback" not in done.stderr


def test_a_pdf_says_that_its_reader_is_missing_and_not_that_it_is_damaged(failing, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdfs.make_pdf(["The ferry leaves at nine."]))
    error = f"OSError({MISSING!r}.format('libx.so.1'))"
    done = failing("pypdfium2", error, "search", "a.pdf", "When does the ferry leave?")
    assert done.returncode == 1
    assert "a.pdf cannot be read: pypdfium2 cannot be loaded: the library libx.so.1" in done.stderr


def test_the_doctor_names_the_file_that_llama_cpp_misses(failing):
    error = f"RuntimeError({SHARED + MISSING!r}.format('libcudart.so.12'))"
    done = failing("llama_cpp", error, "doctor", "--json")
    assert done.returncode == 1
    findings = {each["subject"]: each for each in json.loads(done.stdout)["findings"]}
    assert "the library libcudart.so.12 is missing" in findings["llama.cpp"]["text"]
    assert "CUDA toolkit" in findings["llama.cpp"]["hint"]


def test_a_library_that_nobody_watches_is_one_sentence_too_and_more_is_in_the_log(
    failing, tmp_path
):
    (tmp_path / "a.txt").write_text("The ferry leaves at nine.")
    error = f"ImportError({MISSING!r}.format('libx.so.1'), name='platformdirs')"
    done = failing("platformdirs", error, "search", "a.txt", "When does the ferry leave?")
    assert (done.returncode, done.stdout) == (1, "")
    assert "platformdirs cannot be loaded: the library libx.so.1 is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in (tmp_path / "home" / "rapid.log").read_text()
