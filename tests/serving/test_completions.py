"""Chat completions, as the `openai` package asks for them and as others get them wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from rapid_cli.api.choices import Choices
from rapid_cli.serving.http.asking import Told
from rapid_cli.serving.http.completions import Completion, read_completion
from rapid_cli.serving.http.fields import Fields
from tests.support.servers import Running

QUESTION = "Who is the landlord of the inn?"
ASKED = [{"role": "user", "content": QUESTION}]
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_the_models_are_the_pairs_that_are_here(client: openai.OpenAI) -> None:
    (model,) = client.models.list().data
    assert model.id == "starter"
    assert client.models.retrieve("starter").id == "starter"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"


def test_an_answer_has_its_sources_and_counts_tokens(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="starter", messages=ASKED, max_tokens=8, temperature=0, user="me", n=1, stop=None
    )
    (choice,) = answer.choices
    assert choice.finish_reason == "length"
    assert choice.message.role == "assistant"
    assert choice.message.content
    own = choice.message.model_extra["rapid"]
    assert own.keys() == {"sources", "citations", "context", "stats"}
    assert own["sources"][0]["document"] == "ferry.md"
    assert answer.usage.completion_tokens == own["stats"]["tokens"] == 8
    assert answer.usage.prompt_tokens == own["context"]["target_tokens"]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8
    assert answer.object == "chat.completion"


def test_a_stream_tells_the_same_as_the_whole_and_ends_with_the_rest(client) -> None:
    wanted = {"model": "starter", "messages": ASKED, "max_completion_tokens": 8, "temperature": 0}
    whole = client.chat.completions.create(**wanted)
    chunks = list(
        client.chat.completions.create(
            **wanted, stream=True, stream_options={"include_usage": True}
        )
    )
    *pieces, last, usage = chunks
    assert pieces[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in pieces)
    assert text == whole.choices[0].message.content
    assert last.choices[0].finish_reason == "length"
    assert last.choices[0].delta.model_extra["rapid"]["sources"]
    assert usage.choices == []
    assert usage.usage.completion_tokens == 8
    assert len({chunk.id for chunk in chunks}) == 1
    without = list(client.chat.completions.create(**wanted, stream=True))
    assert all(chunk.choices and not chunk.usage for chunk in without)


def test_a_seed_repeats_an_answer(client: openai.OpenAI) -> None:
    wanted = {"model": "starter", "messages": ASKED, "max_tokens": 12, "temperature": 5.0}
    first, again, other = (
        client.chat.completions.create(**wanted, seed=seed).choices[0].message.content
        for seed in (7, 7, 8)
    )
    assert first == again != other


def test_own_choices_go_in_the_body_and_other_documents_are_named_there(client) -> None:
    own = {"strategy": "rag", "sources": ["ferry.md"], "top_k": 3, "gamma": "auto", "fresh": True}
    answer = client.chat.completions.create(
        model="starter", messages=ASKED, max_tokens=2, extra_body={"rapid": own}
    )
    sources = answer.choices[0].message.model_extra["rapid"]["sources"]
    assert {source["document"] for source in sources} == {"ferry.md"}


def test_what_was_said_before_is_read_and_instructions_come_after_the_question(client) -> None:
    def read(*messages: dict[str, Any]) -> int:
        found = client.chat.completions.create(model="starter", messages=messages, max_tokens=1)
        return found.usage.prompt_tokens

    parts = [{"type": "text", "text": "Who is the landlord "}, {"type": "text", "text": "of it?"}]
    alone = read({"role": "user", "content": "Who is the landlord of it?"})
    assert read({"role": "user", "content": parts}) == alone
    said = ({"role": "user", "content": "When?"}, {"role": "assistant", "content": "At nine."})
    assert read(*said, {"role": "user", "content": parts}) > alone + 4
    for role in ("system", "developer"):
        told = read({"role": role, "content": "Be kind."}, {"role": "user", "content": parts})
        assert told > alone


def message(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


USER = message("user", "Who?")
WRONG = [
    ({"messages": []}, "messages", "missing_parameter"),
    ({"messages": "Who?"}, "messages", "invalid_type"),
    ({"messages": [1]}, "messages[0]", "invalid_type"),
    ({"messages": [message("tool", "x")]}, "messages[0].role", "invalid_value"),
    ({"messages": [message("user", " ")]}, "messages[0].content", "missing_parameter"),
    ({"messages": [message("user", 5)]}, "messages[0].content", "invalid_type"),
    ({"messages": [message("assistant", "x")]}, "messages[0].role", "invalid_value"),
    ({"messages": [USER, USER]}, "messages[1].role", "invalid_value"),
    ({"messages": [USER, message("assistant", "x")]}, "messages", "invalid_value"),
    ({"messages": [message("system", "x")]}, "messages", "invalid_value"),
    (
        {"messages": [message("user", [{"type": "image_url", "image_url": {}}])]},
        "messages[0].content[0].type",
        "unsupported_parameter",
    ),
    (
        {"messages": [USER, message("assistant", "", tool_calls=[{}]), USER]},
        "messages[1].tool_calls",
        "unsupported_parameter",
    ),
    ({"n": 2}, "n", "unsupported_parameter"),
    ({"n": True}, "n", "unsupported_parameter"),
    ({"tools": [{"type": "function"}]}, "tools", "unsupported_parameter"),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    ({"logprobs": True}, "logprobs", "unsupported_parameter"),
    ({"stop": ["x"]}, "stop", "unsupported_parameter"),
    ({"presence_penalty": 0.5}, "presence_penalty", "unsupported_parameter"),
    ({"grammar": "x"}, "grammar", "unknown_parameter"),
    ({"rapid": {"eta": "much"}}, "rapid.eta", "invalid_type"),
    ({"rapid": {"speed": 1}}, "rapid.speed", "unknown_parameter"),
    ({"rapid": {"sources": "ferry.md"}}, "rapid.sources", "invalid_type"),
    ({"rapid": {"gamma": "many"}}, "rapid.gamma", "invalid_type"),
    ({"rapid": 1}, "rapid", "invalid_type"),
    ({"rapid": {"strategy": "guess"}}, None, "invalid_value"),
    ({"temperature": "hot"}, "temperature", "invalid_type"),
    ({"temperature": -1}, None, "invalid_value"),
    ({"temperature": 10**400}, "temperature", "invalid_type"),
    ({"top_p": 1.5}, None, "invalid_value"),
    ({"max_tokens": 0}, None, "invalid_value"),
    ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
    ({"max_tokens": True}, "max_tokens", "invalid_type"),
    ({"max_tokens": 10**15}, None, "context_length_exceeded"),
    ({"seed": -1}, None, "invalid_value"),
    ({"stream": "yes"}, "stream", "invalid_type"),
    ({"stream_options": {"speed": 1}}, "stream_options.speed", "unknown_parameter"),
    ({"user": 5}, "user", "invalid_type"),
]


@pytest.mark.parametrize(
    ("given", "param", "code"), WRONG, ids=[str(case[0])[:40] for case in WRONG]
)
def test_what_is_wrong_is_told_with_its_name(server, given, param, code) -> None:
    response = server.post(PATH, {"model": "starter", "messages": [USER], **given})
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == "invalid_request_error"


HARMLESS = {
    "n": 1,
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "response_format": {"type": "text"},
    "logprobs": False,
    "logit_bias": {},
    "stop": [],
    "frequency_penalty": 0,
    "presence_penalty": 0.0,
    "metadata": {"a": "b"},
    "store": False,
    "service_tier": "auto",
    "seed": None,
    "stream_options": None,
    "rapid": None,
}


def test_what_asks_for_nothing_is_accepted(server: Running) -> None:
    response = server.post(PATH, {"messages": [USER], "max_tokens": 1, **HARMLESS})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model_and_document_are_not_found(client: openai.OpenAI, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-5", messages=ASKED, stream=stream)
    assert caught.value.code == "model_not_found"
    assert "known are: starter" in caught.value.message
    with pytest.raises(openai.NotFoundError, match="no document") as caught:
        client.chat.completions.create(
            model="starter",
            messages=ASKED,
            stream=stream,
            extra_body={"rapid": {"sources": ["/etc/passwd"]}},
        )
    assert caught.value.code == "document_not_found"


def test_a_model_whose_files_are_not_here_tells_how_to_get_them(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="rapid models pull qwen3-4b"):
        client.chat.completions.create(model="qwen3-4b", messages=ASKED)


ANSWER = {
    "answer": "Peter Coffin.",
    "thinking": "Who was it?",
    "finish_reason": "stop",
    "sources": [],
    "citations": [],
    "context": {"target_tokens": 9, "restored_tokens": 5},
    "stats": {"tokens": 7},
}


def completion(**more: object) -> Completion:
    return read_completion(Fields({"messages": [USER], **more}), "starter")


def test_what_a_model_thinks_first_is_no_part_of_the_answer() -> None:
    said = completion().whole(ANSWER)["choices"][0]["message"]
    assert said["reasoning_content"] == "Who was it?"
    assert said["content"] == "Peter Coffin."

    async def told():
        for name, text in (("thought", "Who was it?"), ("piece", "Peter Coffin.")):
            yield Told(name, {"text": text})
        yield None
        yield Told("answer", ANSWER)

    async def streamed() -> str:
        return "".join([chunk async for chunk in completion(stream=True).chunks(told())])

    text = asyncio.run(streamed())
    assert ": waiting\n\n" in text
    lines = [line for line in text.splitlines() if line.startswith("data: {")]
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines]
    assert [delta.get("reasoning_content") for delta in deltas] == [None, "Who was it?", None, None]
    assert [delta.get("content") for delta in deltas] == ["", None, "Peter Coffin.", None]


def test_choices_are_what_was_asked_for() -> None:
    own = {
        "strategy": "rag",
        "eta": 5,
        "gamma": 3,
        "top_k": 2,
        "retrieve_tokens": 64,
        "fresh": True,
    }
    wanted = {"temperature": 0.5, "top_p": 0.9, "seed": 4, "max_tokens": 9}
    choices = completion(**wanted, max_completion_tokens=8, rapid=own).question.choices
    assert choices == Choices(pair="starter", **(wanted | {"max_tokens": 8}), **own)
