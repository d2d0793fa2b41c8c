"""Models with code beside them: real ones, whose code would leave a mark if it ran."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.retrieval.embedder import Embedder
from rapid_cli.retrieval.vetting import LARGEST_BYTES, require_no_code
from tests.retrieval.test_reranker import (
    QUESTION,
    make_reranker,
    passages,
    write_cross_encoder,
)
from tests.support.small_embedders import MINILM, write_embedder

EVIL = """
from pathlib import Path
Path({mark!r}).write_text("it ran")
from sentence_transformers.models import Dense
class Evil(Dense):
    pass
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_embedder(tmp_path_factory.mktemp("models") / "sound")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


@pytest.fixture
def mark(folder: Path, tmp_path: Path) -> Path:
    """Put code into the folder, and return the file that it would write."""
    mark = tmp_path / "mark"
    (folder / "evil.py").write_text(EVIL.format(mark=str(mark)))
    return mark


def change(path: Path, **keys: object) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | keys))


def embed(folder: Path, cache: Path) -> None:
    Embedder(lambda: folder, identity="odd", cache=cache).embed([QUESTION])


def change_type(folder: Path, kind: str) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[-1]["type"] = kind
    (folder / "modules.json").write_text(json.dumps(modules))


@pytest.mark.models
@pytest.mark.parametrize("kind", ["evil.Evil", "sentence_transformersx.Evil", "os.system"])
def test_an_embedder_that_names_a_class_of_its_own_is_refused_by_name(
    folder: Path, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    change_type(folder, kind)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ModelError, match=kind) as caught:
        embed(folder, tmp_path / "cache")
    assert str(folder / "modules.json") in caught.value.message
    assert "no code" in caught.value.hint
    assert not mark.exists()


@pytest.mark.models
def test_code_that_nothing_names_lies_there_and_does_nothing(
    folder: Path, mark: Path, tmp_path: Path
) -> None:
    embed(folder, tmp_path / "cache")
    assert not mark.exists()


@pytest.mark.models
def test_a_reranker_with_code_of_its_own_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_cross_encoder(tmp_path / "model")
    (folder / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "mark")))
    change(folder / "config.json", auto_map={"AutoModel": "evil.Evil"}, model_type="odd")
    with pytest.raises(ModelError, match=r"config.json is not loaded: `auto_map` names evil.Evil"):
        make_reranker(lambda: folder, identity="odd", passages=2).best_first(
            QUESTION, passages([1.0] * 4)
        )
    assert not (tmp_path / "mark").exists()


@pytest.mark.models
def test_a_pickle_that_would_run_something_does_not_run_it(folder: Path, tmp_path: Path) -> None:
    import torch

    class Bomb:
        def __reduce__(self):
            return (Path.write_text, (tmp_path / "mark", "it ran"))

    for weights in list(folder.rglob("*.safetensors")):
        torch.save({"weight": Bomb()}, weights.with_name("pytorch_model.bin"))
        weights.unlink()
        with pytest.raises(ModelError, match="cannot be loaded"):
            embed(folder, tmp_path / "cache")
        assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", {"auto_map": {"AutoConfig": "evil--repo/code.Evil"}}, "evil--repo/code"),
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": ["evil.Slow", None]}},
            "evil.Slow",
        ),
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "a.B"}}}, "auto_map"),
        ("sentence_bert_config.json", {"model_args": {"trust_remote_code": True}}, "trust_remote"),
        ("router_config.json", {"types": {"query": "evil.Evil"}}, "evil.Evil"),
        (
            "router_config.json",
            {"types": {"../x": "sentence_transformers.models.Dense"}},
            "outside",
        ),
        ("modules.json", [{"type": "sentence_transformers.models.Dense", "path": "/x"}], "outside"),
        ("2_Dense/config.json", {"activation_function": "torch.utils.collect_env.main"}, "main"),
        ("config.json", {"sentence_transformers": {"activation_fn": "os.abort"}}, "os.abort"),
        ("adapter_config.json", {"base_model_name_or_path": "evil/repo"}, "another model"),
        ("Config.JSON", {"auto_map": {"AutoModel": "a.B"}}, "auto_map"),
    ],
)
def test_what_asks_for_code_or_for_what_lies_elsewhere_is_refused(
    tmp_path: Path, file: str, content: object, said: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="is not loaded") as caught:
        require_no_code(tmp_path)
    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_what_is_too_large_or_too_deep_or_behind_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for content in ("[" * 100_000, " " * (LARGEST_BYTES + 1)):
        path.write_text(content)
        with pytest.raises(ModelError, match="is not loaded: it is"):
            require_no_code(tmp_path)
    path.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "1_Dense").symlink_to(elsewhere)
    with pytest.raises(ModelError, match="1_Dense is not loaded: it is a link"):
        require_no_code(tmp_path / "model")


def test_sound_models_are_not_refused(tmp_path: Path) -> None:
    require_no_code(MINILM)
    (tmp_path / "train.py").write_text("print('nobody names me')")
    change(tmp_path / "config.json", activation_function="gelu_new", auto_map={})
    change(tmp_path / "config_sentence_transformers.json", activation_fn="torch.nn.modules.linear")
    require_no_code(tmp_path)
