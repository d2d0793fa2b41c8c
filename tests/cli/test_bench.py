"""`rapid bench` in processes of its own, mostly with a tiny model of random weights."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.cut_models import models_with
from tests.support.rapid import environment
from tests.support.rapid import rapid as run
from tests.support.repository import REPOSITORY

pytest.importorskip("gguf")
pytest.importorskip("matplotlib")

pytestmark = pytest.mark.slow

PNG = b"\x89PNG\r\n\x1a\n"
TINY = ("bench", "--synthetic", "tiny:Q8_0", "--context-lengths", "512")
QUICK = (*TINY, "--repeat", "1", "--max-tokens", "16")
COIN_NOTE = "Acceptance was decided by a coin: these are speeds, not answers."
ROW_FIELDS = {
    *("context_length", "variant", "drafter", "assumed_acceptance", "runs", "tokens_per_second"),
    *("slowest", "fastest", "speedup", "predicted_tokens_per_second", "acceptance_rate"),
    *("mean_acceptance_length", "gamma_mean", "first_draft_seconds", "first_token_seconds"),
}
STAGE_FIELDS = {
    *("context_length", "prefill_tokens_per_second", "cache_bytes", "verify_milliseconds"),
    *("steady_milliseconds", "drafter_tokens", "draft_milliseconds"),
}


SCREEN = {"TERM": "xterm", "COLUMNS": "200"}


def rapid(*words: object, home: Path):
    return run(*words, home=home, **SCREEN)


def altered(code: str, *words: object, home: Path):
    """Run the command line as some code starts it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(home, **SCREEN),
        check=False,
        stdin=subprocess.DEVNULL,
    )


def succeeded(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the tiny models are written by whoever needs them first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def models(tmp_path: Path, shallow_path: Path) -> Path:
    """A models.toml with the first layers of the starter model."""
    path = tmp_path / "models.toml"
    path.write_text(models_with(shallow_path), encoding="utf-8")
    return path


def table(output: str) -> list[dict[str, str]]:
    """Return the rows of the Markdown table in `output`."""
    lines = [line for line in output.splitlines() if line.startswith("|")]
    heads, rule, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert all(re.fullmatch("-+", cell) for cell in rule)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def test_a_table_compares_every_variant_with_plain_decoding(home):
    words = ("--gamma", "4", "--assume-acceptance", "1", "--assume-acceptance", "0")
    output = succeeded(rapid(*QUICK, *words, home=home))
    title, stage, drafts, *_ = lines = output.splitlines()
    assert re.match(r"tiny Q8_0, random weights, .+$", title)
    assert re.match(r"Peak memory: \d+\.\d\d GB$", lines[-2])
    assert re.match(r"At 512 tokens: read at \d+ tok/s, cache 0\.00 GB, batches of k .+ ms$", stage)
    assert re.match(r"  drafts of k tokens by same, which reads 512, take .+ ms$", drafts)
    assert COIN_NOTE in output
    rows = table(output)
    assert [(row["variant"], row["drafter"]) for row in rows] == [
        ("long-context", ""),
        *[("rapid", "same"), ("rapid, gamma 4", "same")] * 2,
    ]
    assert rows[0]["speed-up"] == "1.00x"
    assert rows[0]["accepted"] == ""
    assert [row["accepted"] for row in rows[1:]] == [
        *["100% (coin 1)"] * 2,
        *["0% (coin 0)"] * 2,
    ]
    assert {row["context"] for row in rows} == {"512"}
    for row in rows:
        assert float(row["tok/s"]) > 0
        assert re.fullmatch(r"\d+\.\d\dx", row["speed-up"])


def test_json_has_every_row_and_stage_and_nothing_else_is_on_stdout(home):
    lengths = ("--context-lengths", "1024,512,1024")
    output = succeeded(rapid(*QUICK, *lengths, "--repeat", "2", "--json", home=home))
    measured = json.loads(output)
    assert set(measured) == {"title", "peak_memory_bytes", "stages", "rows"}
    assert measured["peak_memory_bytes"] > 10**7
    stages, rows = measured["stages"], measured["rows"]
    assert [stage["context_length"] for stage in stages] == [512, 1_024]
    assert all(set(stage) == STAGE_FIELDS for stage in stages)
    for stage in stages:
        assert set(stage["verify_milliseconds"]) == {"1", "2", "4", "8", "9", "16"}
        assert "2" in stage["steady_milliseconds"]
        assert set(stage["draft_milliseconds"]["same"]) == {"1", "4"}
        assert stage["drafter_tokens"] == {"same": 512}
    assert stages[0]["cache_bytes"] < stages[1]["cache_bytes"]
    assert all(set(row) == ROW_FIELDS for row in rows)
    assert sorted((row["context_length"], row["variant"]) for row in rows) == [
        (512, "long-context"),
        (512, "rapid"),
        (1_024, "long-context"),
        (1_024, "rapid"),
    ]
    assert {row["runs"] for row in rows} == {2}
    assert {row["assumed_acceptance"] for row in rows} == {None, 0.77}


def test_drafters_of_another_shape_or_format_are_measured_beside_each_other(home):
    drafts = ("--draft", "same", "--draft", "tiny:q4_0", "--json")
    measured = json.loads(succeeded(rapid(*QUICK, *drafts, home=home)))
    drafters = [row["drafter"] for row in measured["rows"]]
    assert drafters == [None, "same", "tiny:q4_0"]
    assert set(measured["stages"][0]["draft_milliseconds"]) == {"same", "tiny:q4_0"}


def test_a_plot_is_drawn_beside_the_table(home, tmp_path):
    path = tmp_path / "speed.png"
    output = succeeded(rapid(*QUICK, "--plot", path, home=home))
    assert len(table(output)) == 2
    assert path.read_bytes().startswith(PNG)
    assert path.stat().st_size > 20_000


def test_a_synthetic_model_is_written_once_and_then_used_again(tmp_path):
    folder = tmp_path / "models"
    succeeded(rapid(*QUICK, "--folder", folder, home=tmp_path / "home"))
    (path,) = folder.iterdir()
    assert path.name == "tiny-Q8_0.gguf"
    before = path.stat()
    succeeded(rapid(*QUICK, "--folder", folder, home=tmp_path / "home"))
    (path,) = folder.iterdir()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.models
def test_without_a_file_a_pair_reads_the_text_that_python_brings_and_needs_no_index_either(
    home, models
):
    chosen = ("--strategy", "speculative", "--strategy", "prompt-lookup", "--gamma", "2")
    short = ("--context-lengths", "512", "--repeat", "1", "--max-tokens", "8", "--json")
    words = ("bench", *chosen, *short, "--models", models)
    measured = json.loads(succeeded(rapid(*words, home=home)))
    assert measured["title"].startswith("starter on the topics of Python's reference, ")
    rows = {row["variant"]: row for row in measured["rows"]}
    drafter = "smollm2-135m"
    assert {name: row["drafter"] for name, row in rows.items()} == {
        "long-context": None,
        "speculative": drafter,
        "speculative, gamma 2": drafter,
        "prompt-lookup": None,
    }
    assert rows["long-context"]["speedup"] == 1
    assert {row["assumed_acceptance"] for row in rows.values()} == {None}
    # Only who drafts with the model waits for it to read.
    waits = {name: row["first_token_seconds"] for name, row in rows.items()}
    assert max(waits["long-context"], waits["prompt-lookup"]) < 0.8 * waits["speculative"]
    assert not (home / "chroma").exists()


@pytest.mark.models
def test_a_model_can_be_measured_as_llama_cpp_runs_it_by_itself(home, models):
    short = ("--strategy", "long-context", "--context-lengths", "512", "--repeat", "1")

    def cached(*more):
        words = ("bench", *short, "--max-tokens", "8", "--json", "--models", models, *more)
        return json.loads(succeeded(rapid(*words, home=home)))["stages"][0]["cache_bytes"]

    by_itself = cached("--untuned")
    assert 0.7 * by_itself < cached() < 0.8 * by_itself, "models.toml stores keys in eight bits"


def test_a_synthetic_benchmark_needs_no_index_and_loads_none_of_its_libraries(home):
    code = (
        "import sys, rapid_cli.cli\n"
        "try:\n"
        "    rapid_cli.cli.main()\n"
        "finally:\n"
        "    heavy = {'chromadb', 'torch', 'sentence_transformers', 'transformers', 'matplotlib'}\n"
        "    print(sorted(heavy & set(sys.modules)), 'llama_cpp' in sys.modules, file=sys.stderr)\n"
    )
    result = altered(code, *QUICK, home=home)
    assert len(table(succeeded(result))) == 2
    assert result.stderr.splitlines()[-1] == "[] True"


BAD_INPUT = [
    (["--synthetic", "tinny"], 1, "did you mean 'tiny'?"),
    (["--synthetic", "tiny:Q5"], 1, "no format 'Q5'"),
    (["--synthetic", "tiny", "--draft", "llama-9b"], 1, "no model shape 'llama-9b'"),
    (["--synthetic", "tiny", "--context-lengths", "512,9000"], 1, "9000 tokens is too long"),
    (["--synthetic", "tiny", "--max-tokens", "5000"], 1, "give a smaller --max-tokens"),
    (["--synthetic", "tiny", "--max-tokens", "4079"], 1, "give a smaller --max-tokens"),
    (["--synthetic", "tiny", "--folder", "file"], 1, "file cannot be"),
    (["--synthetic", "tiny", "--plot", "speed.pdf"], 1, "neither .png nor .svg"),
    (["--synthetic", "tiny", "--plot", "none/speed.png"], 1, "none does not exist"),
    (["--synthetic", "tiny", "--pair", "startr"], 1, "did you mean 'starter'"),
    (["--assume-acceptance", "0.5"], 2, "are for --synthetic models"),
    (["--synthetic", "tiny", "--assume-acceptance", "1.5"], 2, "--assume-acceptance"),
    (["--synthetic", "tiny", "--context-lengths", "long"], 2, "--context-lengths is 'long'"),
    (["--synthetic", "tiny", "--context-lengths", "512,"], 2, "--context-lengths is '512,'"),
    (["--synthetic", "tiny", "--context-lengths", "100"], 2, "numbers from 512 up"),
    (["--synthetic", "tiny", "--repeat", "0"], 2, "--repeat"),
    (["--synthetic", "tiny", "--gamma", "0"], 2, "--gamma"),
]


@pytest.mark.parametrize(("words", "code", "said"), BAD_INPUT, ids=str)
def test_bad_input_is_one_sentence_and_measures_nothing(tmp_path, monkeypatch, words, code, said):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    result = rapid("bench", *words, home=tmp_path / "home")
    told = re.sub(r"[\s│╭╮╰╯─]+", " ", result.stderr)
    assert result.returncode == code, told
    assert said in told
    assert "Traceback" not in told
    assert result.stdout == ""


def test_each_length_is_told_when_it_is_measured(home):
    words = ("bench", "--synthetic", "tiny:Q8_0", "--context-lengths", "1024,512")
    output = succeeded(rapid(*words, "--repeat", "1", "--max-tokens", "8", home=home))
    told = re.findall(r"^At (\d+) tokens|^\| (\d+) +\| (\S+)", output, re.MULTILINE)
    assert told == [
        ("512", "", ""),
        *[("", "512", name) for name in ("long-context", "rapid")],
        ("1024", "", ""),
        *[("", "1024", name) for name in ("long-context", "rapid")],
    ]


def test_what_was_measured_of_a_length_is_told_while_it_goes_on(home):
    words = (*TINY, "--repeat", "100000", "--max-tokens", "64", "--quiet")
    with subprocess.Popen(
        [sys.executable, "-m", "rapid_cli", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(home, **SCREEN),
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("tiny Q8_0")
        assert process.stdout.readline().startswith("At 512 tokens: read at")
        assert process.poll() is None
        process.terminate()
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Peak memory" in rest


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    code = (
        "import shutil, rapid_cli.cli\n"
        "real = shutil.disk_usage\n"
        "shutil.disk_usage = lambda path: real(path)._replace(free=1000)\n"
        "rapid_cli.cli.main()\n"
    )
    result = altered(code, *QUICK, home=tmp_path)
    assert result.returncode == 1
    assert "0.0 GB of the disk are free" in result.stderr
    assert "choose another disk" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert list((tmp_path / "synthetic").iterdir()) == []


SIGNALS = pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "limit"]
)


def interrupted(words: Sequence[object], home: Path, number: int) -> tuple[int, str, str]:
    """Send a signal once there are answers; return exit code, stdout, and stderr, a terminal."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rapid_cli", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=end,
        env=environment(home, **SCREEN),
    )
    os.close(end)
    seen = bytearray()

    def watch() -> None:
        sent = False
        try:
            while data := os.read(terminal, 4096):
                seen.extend(data)
                if not sent and re.search(rb"answers .*[1-9]\d/", seen):
                    process.send_signal(number)
                    sent = True
        except OSError:  # the other end is closed
            pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        watcher.join()
        os.close(terminal)
    return process.returncode, output.decode(), seen.decode("utf-8", "replace")


@SIGNALS
def test_a_signal_leaves_what_was_measured_so_far(home, tmp_path, number, expected):
    plot = tmp_path / "speed.png"
    words = (*TINY, "--repeat", "100000", "--max-tokens", "64", "--plot", plot)
    code, output, errors = interrupted(words, home, number)
    assert code == expected, errors
    assert "Traceback" not in errors
    rows = table(output)
    assert [row["variant"] for row in rows] == ["long-context", "rapid"]
    assert all(float(row["tok/s"]) > 0 for row in rows)
    assert COIN_NOTE in output
    assert plot.read_bytes().startswith(PNG)


@SIGNALS
def test_a_signal_keeps_json_whole(home, number, expected):
    words = (*TINY, "--repeat", "100000", "--max-tokens", "64", "--json")
    code, output, errors = interrupted(words, home, number)
    assert code == expected, errors
    measured = json.loads(output)
    assert len(measured["stages"]) == 1
    assert all(row["runs"] > 1 for row in measured["rows"])
