"""Whose files are whose, seen from outside: what rapid keeps, and what the user names."""

from __future__ import annotations

import ast
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.storage.private import as_usual, narrow, private
from tests.support.rapid import rapid_process
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="rights are POSIX's")

PACKAGE = REPOSITORY / "rapid_cli"
EXECUTING = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
"""Libraries that run what the file they read says."""
TRUSTING = {"trust_remote_code", "allow_pickle"}
REFUSING = "vetting.py"
"""It looks for these words in order to refuse what has them."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rights(folder: Path) -> dict[str, int]:
    """Return the rights of a folder and of all that is in it."""
    return {str(path): mode(path) for path in (folder, *folder.rglob("*"))}


def assert_private(folder: Path) -> None:
    wrong = {path: oct(rights) for path, rights in rights(folder).items() if rights & 0o077}
    assert wrong == {}
    assert all(path.is_dir() or mode(path) == 0o600 for path in folder.rglob("*"))


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Let the tests run as most users do, and leave no trace."""
    before = os.umask(0o022)
    yield
    assert os.umask(before) == 0o022


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new user who has indexed, searched and asked: `library` is rapid's home.

    Beside it are `home` and `temporary`, the folders of the user and of the system.
    """
    folder = tmp_path_factory.mktemp("ran")
    places = {name: folder / name for name in ("home", "temporary", "library")}
    for place in places.values():
        place.mkdir()
    text, saved = folder / "keeper.txt", folder / "talk.md"
    text.write_text("Edith Marlow kept the light on Gannet Rock. " * 20)
    surroundings = {
        "HOME": str(places["home"]),
        "XDG_CACHE_HOME": str(places["home"] / "cache"),
        "TMPDIR": str(places["temporary"]),
        "HF_HUB_OFFLINE": "",
    }
    for words, stdin in (
        (["index", text], ""),
        (["search", text, "Who kept the light?"], ""),
        (
            ["chat", text, "--max-tokens", "4", "--strategy", "long-context"],
            f"Who kept the light?\n/save {saved}\n",
        ),
    ):
        done = rapid_process(*words, home=places["library"], stdin=stdin, **surroundings)
        assert done.returncode == 0, done.stderr
        if words[0] == "index":  # exports the embedder, of which libraries have much to say
            assert done.stderr == f"indexed {text} (new)\n"
    return folder


@pytest.mark.models
def test_what_rapid_and_its_libraries_write_is_the_users_alone_but_not_what_they_save(
    ran: Path,
) -> None:
    library = ran / "library"
    kinds = {path.suffix for path in library.rglob("*")}
    assert {".sqlite3", ".bin", ".lock", ".onnx", ".kv"} <= kinds
    assert_private(library)
    assert mode(ran / "keeper.txt") == mode(ran / "talk.md") == 0o644


@pytest.mark.models
def test_nothing_is_written_outside_the_library(ran: Path) -> None:
    """Libraries would keep caches and statistics in the user's and the system's folders."""
    left = [path for name in ("home", "temporary") for path in (ran / name).rglob("*")]
    assert [path for path in left if path.is_file()] == []


def test_a_home_that_others_could_read_is_closed_with_all_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "cache" / "texts").mkdir(parents=True)
    (home / "cache" / "texts" / "a.kv").write_text("")
    (home / "costs.json").write_text("{}")
    outside = tmp_path / "outside"
    outside.write_text("")
    (home / "cache" / "link").symlink_to(outside)
    assert rapid_process("history", home=home).returncode == 0
    assert mode(home) == mode(home / "cache") == mode(home / "cache" / "texts") == 0o700
    assert mode(home / "costs.json") == mode(home / "cache" / "texts" / "a.kv") == 0o600
    assert mode(outside) == 0o644


def test_in_a_home_with_other_things_only_what_is_rapids_changes(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    (home / "letters").mkdir(parents=True)
    (home / "cache").mkdir()  # perhaps of another program
    (home / "run.sh").touch(0o755)
    (home / "costs.json").write_text("{}")
    assert rapid_process("history", home=home).returncode == 0
    others = ("letters", "cache", "run.sh")
    assert {mode(home), *(mode(home / name) for name in others)} == {0o755}
    assert mode(home / "costs.json") == mode(home / "history.sqlite3") == 0o600


def test_what_a_link_in_the_home_leads_to_keeps_its_rights(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    (outside / "file").touch(0o644)
    (home / "servers").symlink_to(outside)
    (home / "costs.json").symlink_to(outside / "file")
    narrow(home)
    assert mode(home) == 0o700
    assert (mode(outside), mode(outside / "file")) == (0o755, 0o644)


def test_a_folder_where_everybody_may_write_is_no_home_unless_rapid_is_alone_there(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "costs.json").touch()
    with private(tmp_path):
        assert mode(tmp_path) == 0o700
    tmp_path.chmod(0o777)
    (tmp_path / "letter.txt").touch()
    with pytest.raises(ConfigError, match="everybody may write to"), private(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root may give away")
@pytest.mark.parametrize("theirs", ["", "library.sqlite3", "cache"])
def test_a_home_with_what_belongs_to_another_user_is_refused_and_left_alone(theirs: str) -> None:
    program = (
        "import os, sys\nfrom rapid_cli.storage.private import private\n"
        "from pathlib import Path\nfrom rapid_cli.errors import ConfigError\n"
        "os.setuid(65534)\ntry:\n    with private(Path(sys.argv[1])): print('entered')\n"
        "except ConfigError as error: print(error.message)\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is closed to others
        home = Path(folder, "home")
        (home / "cache").mkdir(parents=True)
        (home / "library.sqlite3").touch()
        for place in (home, *home.iterdir()):
            os.chown(place, 65534, 65534)
        os.chown(home / theirs, 65533, 65533)
        Path(folder).chmod(0o755)
        words = [sys.executable, "-c", program, str(home)]
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        assert done.stdout == f"{home / theirs} belongs to another user\n"
        assert mode(home) == 0o755


@pytest.mark.slow
def test_only_a_command_touches_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for words in (["--help"], ["--version"], ["index", "--help"], ["index"]):
        rapid_process(*words, home=home)
    assert not home.exists()


def test_what_the_user_names_has_the_rights_they_are_used_to(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rapid_cli.storage.private import as_usual, private\n"
        "folder = Path(sys.argv[1])\n"
        "with private(folder):\n"
        "    (folder / 'kept').touch()\n"
        "    with as_usual():\n"
        "        (folder / 'named').touch()\n"
        "    (folder / 'kept later').touch()\n"
        "(folder / 'after').touch()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, umask=0o027)
    modes = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert modes == {"kept": 0o600, "kept later": 0o600, "named": 0o640, "after": 0o640}


def test_an_error_on_the_way_brings_the_usual_rights_back(tmp_path: Path) -> None:
    for rights in (private(tmp_path), as_usual()):
        with pytest.raises(KeyboardInterrupt), rights:
            raise KeyboardInterrupt
        (tmp_path / "file").touch()
        assert mode(tmp_path / "file") == 0o644
        (tmp_path / "file").unlink()


def test_a_folder_that_is_not_there_or_not_a_folder_is_no_trouble(tmp_path: Path) -> None:
    narrow(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "file").touch()
    narrow(tmp_path / "file" / "below")


def test_folders_that_are_not_for_one_program_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, everybody = tmp_path / "home" / "me", tmp_path / "tmp"
    users.mkdir(parents=True)
    everybody.mkdir()
    everybody.chmod(0o1777)
    monkeypatch.setenv("HOME", str(users))
    for folder in (users, users.parent, everybody):
        before = mode(folder)
        narrow(folder)
        assert mode(folder) == before
    (users / "rapid").mkdir()
    narrow(users / "rapid")
    assert mode(users / "rapid") == 0o700


def modules_and_keywords(path: Path) -> set[str]:
    """Return what a file imports, and the names that are given to its calls by keyword."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # such as the keys of what is passed as **options
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load":
            found.add("torch.load")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_that_is_read_can_run(path: Path) -> None:
    trusting = TRUSTING - {"trust_remote_code"} if path.name == REFUSING else TRUSTING
    assert modules_and_keywords(path) & (EXECUTING | trusting | {"torch.load"}) == set()


def test_the_search_for_what_can_run_finds_it(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(
        "import pickle.x\nfrom shelve import open\nload(trust_remote_code=True)\n"
        "options = {'allow_pickle': True}\ntorch.load(path)\n"
    )
    wanted = {"pickle", "shelve", "trust_remote_code", "allow_pickle", "torch.load"}
    assert wanted <= modules_and_keywords(source)
