"""What a server or a downloaded folder says of its collections is data: nothing of it is run."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from rapid_cli.documents import Chunk
from rapid_cli.errors import StoreError
from rapid_cli.library.shelf import Shelf
from rapid_cli.library.vectors.chroma import load_chromadb
from rapid_cli.library.vectors.chroma_server import ServerDatabase, name_for
from rapid_cli.library.vectors.store import Store
from tests.support import chroma_servers, fake_chroma
from tests.support.fake_chroma import FakeChroma, collection, saying

pytestmark = pytest.mark.slow

EMBEDDER = {"embedder": "minilm", "dimension": 2, "chunk tokens": 8}
CONFIG = {"model_name": "folder/of/an/attacker", "kwargs": {"trust_remote_code": True}}
FUNCTION = {"type": "known", "name": "sentence_transformer", "config": CONFIG}
UNKNOWN = {"type": "unknown", "name": "sentence_transformer", "config": CONFIG}
IN_CONFIGURATION = fake_chroma.NO_FUNCTION | {"embedding_function": FUNCTION}
CHUNK = Chunk("d" * 64, 0, "the text", 0, 8, 1, 1)
VECTORS = np.array([[1.0, 0.0]], np.float32)


def dense(function: dict[str, Any]) -> dict[str, Any]:
    index = {"enabled": True, "config": {"embedding_function": function}}
    return {"defaults": {}, "keys": {"#embedding": {"float_list": {"vector_index": index}}}}


def sparse(function: dict[str, Any]) -> dict[str, Any]:
    config = {"embedding_function": function, "source_key": "#document"}
    index = {"enabled": True, "config": config}
    return {"defaults": {}, "keys": {"x": {"sparse_vector": {"sparse_vector_index": index}}}}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what is built of embedding functions, though Chroma knows some again."""
    load_chromadb()
    from chromadb.utils import embedding_functions as known

    seen: list[object] = []

    class Tripwire:
        @staticmethod
        def build_from_config(config: object) -> None:
            seen.append(config)

    for registry in (known.known_embedding_functions, known.sparse_known_embedding_functions):
        monkeypatch.setitem(registry, "sentence_transformer", Tripwire)
    return seen


def use(store: Store) -> None:
    store.use("minilm", 2, 8)
    store.add([CHUNK], VECTORS)
    store.search(VECTORS[0], [CHUNK.document_id], 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_servers.running(tmp_path_factory.mktemp("server")) as url:
        yield url


def make(url: str, name: str, metadata: dict[str, Any]) -> None:
    """Make a collection with an embedding function, as any member of a server may."""
    body = {"name": name, "metadata": metadata, "configuration": IN_CONFIGURATION}
    path = f"{url}/api/v2/tenants/{fake_chroma.TENANT}/databases/{fake_chroma.DATABASE}/collections"
    request = urllib.request.Request(path, json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with chroma_servers.OPENER.open(request) as answer:
        assert answer.status == 200


def test_the_embedding_function_of_a_member_is_never_built(
    server: str, tmp_path: Path, built: list[object]
) -> None:
    name = uuid4().hex
    make(server, name_for(name, "chunks"), EMBEDDER)
    make(server, name_for(name, "documents"), {"shelf": 1})
    with Store(tmp_path, server, name) as store:
        with pytest.raises(StoreError, match="wants an embedding function to be run") as caught:
            use(store)
        assert "never made it so" in caught.value.hint
        with pytest.raises(StoreError, match="wants an embedding function to be run"):
            Shelf(store.database, name, "anna").entries()
    assert built == []


@pytest.mark.parametrize(
    ("configuration", "schema"),
    [
        (IN_CONFIGURATION, None),
        (None, dense(FUNCTION)),
        (None, dense(UNKNOWN)),
        (None, sparse(FUNCTION)),
    ],
    ids=["configuration", "schema", "schema with an unknown type", "sparse"],
)
def test_wherever_a_server_names_a_function_it_is_refused(
    configuration: dict[str, Any], schema: dict[str, Any], tmp_path: Path, built: list[object]
) -> None:
    hostile = collection("rapid-chunks", EMBEDDER, configuration, schema)
    with saying(FakeChroma([hostile])) as fake, Store(tmp_path, fake.url) as store:
        with pytest.raises(StoreError, match="wants an embedding function to be run"):
            use(store)
        assert "upsert" not in fake.asked
    assert built == []


def test_a_server_that_changes_its_mind_gets_no_function_built(
    tmp_path: Path, built: list[object]
) -> None:
    honest = collection("rapid-chunks", EMBEDDER)
    hostile = collection("rapid-chunks", EMBEDDER, IN_CONFIGURATION, dense(FUNCTION))
    for honest_answers in range(1, 5):
        with (
            saying(FakeChroma([honest] * honest_answers + [hostile])) as fake,
            Store(tmp_path, fake.url) as store,
            pytest.raises(StoreError),
        ):
            use(store)
    assert built == []


def test_a_server_that_names_a_function_as_it_makes_a_collection_is_refused(
    built: list[object],
) -> None:
    hostile = collection("rapid-chunks", EMBEDDER, IN_CONFIGURATION)
    with saying(FakeChroma([hostile])) as fake:
        database = ServerDatabase(fake.url)
        with pytest.raises(StoreError, match="wants an embedding function to be run"):
            database.create("rapid-chunks", EMBEDDER)
        database.close()
    assert built == []


def test_a_folder_whose_collection_has_a_function_is_refused(
    tmp_path: Path, built: list[object]
) -> None:
    import chromadb

    with chromadb.PersistentClient(tmp_path / "chroma") as client:
        client._server.create_collection("chunks", metadata=EMBEDDER)
    with sqlite3.connect(tmp_path / "chroma" / "chroma.sqlite3") as connection:
        connection.execute(
            "UPDATE collections SET config_json_str = ?, schema_str = NULL",
            (json.dumps(IN_CONFIGURATION),),
        )
    connection.close()
    with (
        Store(tmp_path) as store,
        pytest.raises(StoreError, match="wants an embedding function to be run"),
    ):
        use(store)
    assert built == []


def test_chroma_knows_no_function_that_it_could_build() -> None:
    load_chromadb()
    from chromadb.utils import embedding_functions as known

    assert known.known_embedding_functions == known.sparse_known_embedding_functions == {}


PLACE = {"index": 0, "start": 0, "end": 8, "first_page": 1, "last_page": 1}
PLACE |= {"document_id": CHUNK.document_id}
FOUND = {"ids": [["a"]], "documents": [["the text"]], "metadatas": [[PLACE]], "distances": [[0.1]]}
ALL = {"ids": ["a"], "documents": ["the text"], "metadatas": [PLACE], "embeddings": [[1.0, 0.0]]}


@contextmanager
def answering(query: dict[str, Any], get: dict[str, Any], folder: Path) -> Iterator[Store]:
    chunks = collection("rapid-chunks", EMBEDDER)
    with saying(FakeChroma([chunks], query, get)) as fake, Store(folder, fake.url) as store:
        yield store


def test_an_honest_answer_is_taken(tmp_path: Path) -> None:
    with answering(FOUND, ALL, tmp_path) as store:
        for limit in (1, 5):
            (found,) = store.search(VECTORS[0], [CHUNK.document_id], limit)
            assert found.chunk == CHUNK


@pytest.mark.parametrize(
    "odd",
    [
        {"embeddings": None},
        {"embeddings": []},
        {"embeddings": [[1.0]]},
        {"embeddings": [[1.0, 0.0], [1.0]]},
        {"embeddings": [["a", "b"]]},
        {"embeddings": [[1e308, 1e308]], "documents": [None]},
        {"embeddings": [[None, None]]},
        {"documents": None},
        {"documents": [7]},
        {"documents": ["one", "two"]},
        {"metadatas": None},
        {"metadatas": [None]},
        {"metadatas": [{}]},
        {"metadatas": [{**PLACE, "index": "0"}]},
        {"metadatas": [{**PLACE, "index": True}]},
        {"metadatas": [{**PLACE, "index": -1}]},
        {"metadatas": [{**PLACE, "index": 2**64}]},
        {"metadatas": [{**PLACE, "start": 0.5}]},
        {"metadatas": [{**PLACE, "document_id": 1}]},
        {"metadatas": [{**PLACE, "text": "twice"}]},
        {"metadatas": ["no table"]},
    ],
)
def test_hits_that_are_none_are_a_store_error(odd: dict[str, Any], tmp_path: Path) -> None:
    less = {name: [[]] for name in FOUND}
    with answering(less, ALL | odd, tmp_path) as store, pytest.raises(StoreError, match="cannot"):
        store.search(VECTORS[0], [CHUNK.document_id], 1)


@pytest.mark.parametrize(
    "odd",
    [
        {"distances": [[None]]},
        {"distances": [["near"]]},
        {"distances": [[0.1, 0.2]]},
        {"distances": None},
        {"distances": [[[0.1]]]},
        {"documents": None},
        {"documents": [None]},
        {"documents": [["one", "two"]]},
        {"documents": [[None]]},
        {"metadatas": None},
        {"metadatas": []},
        {"metadatas": [[None]]},
        {"metadatas": "none"},
    ],
)
def test_a_query_answered_with_nonsense_is_a_store_error(
    odd: dict[str, Any], tmp_path: Path
) -> None:
    with answering(FOUND | odd, ALL, tmp_path) as store, pytest.raises(StoreError, match="cannot"):
        store.search(VECTORS[0], [CHUNK.document_id], 1)


def test_passages_that_were_not_asked_for_are_left_out(tmp_path: Path) -> None:
    other = {**PLACE, "document_id": "e" * 64}
    found = {
        "ids": [["a", "b", "c"]],
        "documents": [["the text"] * 3],
        "metadatas": [[other, PLACE, {**PLACE, "index": 1}]],
        "distances": [[-5.0, 0.1, 0.2]],
    }
    with answering(found, ALL, tmp_path) as store:
        (best,) = store.search(VECTORS[0], [CHUNK.document_id], 1)
        assert best.chunk == CHUNK


@pytest.mark.parametrize("dimension", ["many", None, 2**62, -1])
def test_an_impossible_dimension_is_a_store_error(dimension: object, tmp_path: Path) -> None:
    chunks = collection("rapid-chunks", EMBEDDER | {"dimension": dimension})
    with (
        saying(FakeChroma([chunks])) as fake,
        Store(tmp_path, fake.url) as store,
        pytest.raises(StoreError, match="cannot be used"),
    ):
        store.probe()


@pytest.mark.parametrize("most", [0, -1])
def test_a_server_that_takes_no_rows_is_a_store_error(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(FOUND, ALL, tmp_path) as store:
        store.use("minilm", 2, 8)
        client = store.database._opened()
        monkeypatch.setattr(client, "get_max_batch_size", lambda: most)
        with pytest.raises(StoreError, match="cannot be used"):
            store.add([CHUNK], VECTORS)
