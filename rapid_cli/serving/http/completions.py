"""OpenAI's forms: chat completions and models, in which rapid's own go as an object `rapid`."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from rapid_cli.api.choices import Choices
from rapid_cli.api.rapid import Said
from rapid_cli.api.report import Json
from rapid_cli.serving.http.asking import Question, Told
from rapid_cli.serving.http.errors import Refused
from rapid_cli.serving.http.fields import Fields, missing, wrong
from rapid_cli.serving.http.sse import comment, message

OWN = "rapid"
"""The key of what other servers know nothing of, in requests and in answers."""
OWN_CHOICES = ("eta", "gamma", "top_k", "retrieve_tokens", "fresh", "strategy")
OWN_ANSWER = ("sources", "citations", "context", "stats")
HARMLESS: Mapping[str, Sequence[object]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "presence_penalty": (0,),
    "reasoning_effort": (),
    "response_format": ({"type": "text"},),
    "stop": ([], ""),
    "store": (False,),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
    "web_search_options": (),
}
"""What rapid does not do, with the values that ask for nothing."""
IGNORED = (
    *("metadata", "parallel_tool_calls", "prediction", "prompt_cache_key"),
    *("prompt_cache_retention", "safety_identifier", "service_tier"),
)
"""What changes no answer."""
INSTRUCTING = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Completion:
    """A request for a chat completion, and what all parts of the answer to it share."""

    question: Question
    model: str
    client: str | None = None
    stream: bool = False
    include_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, answer: Json) -> Json:
        """Return the completion of an answer."""
        said: Json = {"role": "assistant", "content": answer["answer"], "refusal": None}
        if answer["thinking"]:
            said["reasoning_content"] = answer["thinking"]
        said[OWN] = _own(answer)
        choice: Json = {
            "index": 0,
            "message": said,
            "logprobs": None,
            "finish_reason": answer["finish_reason"],
        }
        head = self._head("chat.completion")
        return {**head, "choices": [choice], "usage": _usage(answer)}

    async def chunks(self, events: AsyncIterator[Told | None]) -> AsyncIterator[str]:
        """Yield the completion in chunks as server-sent events.

        Comments tell how far the text is read, or that there is nothing to tell, so that nobody
        gives up waiting.
        """
        yield self._chunk({"role": "assistant", "content": ""})
        async for told in events:
            if told is None:
                yield comment("waiting")
                continue
            match told.name:
                case "progress":
                    data = told.data
                    yield comment(f"{data['role']} has read {data['done']} of {data['total']}")
                case "piece":
                    yield self._chunk({"content": told.data["text"]})
                case "thought":
                    yield self._chunk({"reasoning_content": told.data["text"]})
                case "answer":
                    for chunk in self._last(told.data):
                        yield chunk
        yield message("[DONE]")

    def _last(self, answer: Json) -> list[str]:
        chunks = [self._chunk({OWN: _own(answer)}, answer["finish_reason"])]
        if self.include_usage:
            head = self._head("chat.completion.chunk")
            chunks.append(message({**head, "choices": [], "usage": _usage(answer)}))
        return chunks

    def _chunk(self, delta: Json, finish_reason: object = None) -> str:
        choice: Json = {
            "index": 0,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        chunk: Json = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return message(chunk | ({"usage": None} if self.include_usage else {}))

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _own(answer: Json) -> Json:
    return {name: answer[name] for name in OWN_ANSWER}


def _usage(answer: Json) -> Json:
    context, stats = cast("Json", answer["context"]), cast("Json", answer["stats"])
    read, written = cast("int", context["target_tokens"]), cast("int", stats["tokens"])
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": context["restored_tokens"]},
    }


def models_json(names: Sequence[str], created: int) -> Json:
    """Return the list of models."""
    return {"object": "list", "data": [model_json(name, created) for name in names]}


def model_json(name: str, created: int) -> Json:
    """Return one model of the list."""
    return {"id": name, "object": "model", "created": created, "owned_by": OWN}


def read_completion(fields: Fields, default_model: str) -> Completion:
    """Return the completion that a request asks for; Refused if it cannot be had."""
    _refuse_unsupported(fields)
    model = fields.text("model") or default_model
    own = Fields(fields.take(OWN) or {}, OWN)
    sources = own.texts("sources")
    question, said, instruction = _conversation(fields.array("messages"))
    choices = read_choices(fields, own, model)
    completion = Completion(
        Question(question, sources, choices, said, instruction),
        model,
        client=fields.text("user"),
        stream=fields.flag("stream") or False,
        include_usage=_includes_usage(fields),
    )
    for each in (fields, own):
        each.require_known()
    return completion


def read_choices(fields: Fields, own: Fields, pair: str | None) -> Choices:
    """Return how to answer; `own` has what other servers know nothing of."""
    longest = fields.integer("max_tokens")
    newer = fields.integer("max_completion_tokens")
    given: dict[str, Any] = {
        "max_tokens": longest if newer is None else newer,
        "temperature": fields.number("temperature"),
        "top_p": fields.number("top_p"),
        "seed": fields.integer("seed"),
        "strategy": own.text("strategy"),
        "eta": own.number("eta"),
        "gamma": _gamma(own),
        "top_k": own.integer("top_k"),
        "retrieve_tokens": own.integer("retrieve_tokens"),
        "fresh": own.flag("fresh"),
    }
    return Choices(pair=pair, **{name: each for name, each in given.items() if each is not None})


def _gamma(own: Fields) -> object:
    value = own.take("gamma")
    if value is None or value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(own.name("gamma"), 'a whole number or "auto"', value)
    return value


def _refuse_unsupported(fields: Fields) -> None:
    for name in IGNORED:
        fields.take(name)
    for name, harmless in HARMLESS.items():
        value = fields.take(name)
        if value is not None and not any(_is_same(value, each) for each in harmless):
            said = f"{name} is not supported"
            if harmless:
                said += f" but for {json.dumps(harmless[0])}"
            raise Refused(400, said, param=name, code="unsupported_parameter")


def _is_same(value: object, other: object) -> bool:
    """Tell whether two values are equal; true is not 1 here."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _includes_usage(fields: Fields) -> bool:
    options = Fields(fields.take("stream_options") or {}, "stream_options")
    included = options.flag("include_usage") or False
    options.flag("include_obfuscation")
    options.require_known()
    return included


def _conversation(messages: Sequence[object]) -> tuple[str, tuple[Said, ...], str]:
    """Return the question, what was said before it, and what instructs how to answer."""
    if not messages:
        raise missing("messages")
    instructions: list[str] = []
    spoken: list[tuple[str, str, str]] = []
    for number, held in enumerate(messages):
        at = f"messages[{number}]"
        role, text = _message(Fields(held, at))
        if role in INSTRUCTING:
            instructions.append(text)
        else:
            spoken.append((role, text, at))
    _require_turns(spoken)
    texts = [text for _, text, _ in spoken]
    said = tuple(zip(texts[:-1:2], texts[1:-1:2], strict=True))
    return texts[-1], said, "\n\n".join(instructions)


def _message(fields: Fields) -> tuple[str, str]:
    """Return who says what."""
    role = fields.text("role")
    if role not in (*INSTRUCTING, "user", "assistant"):
        known = "system, developer, user and assistant"
        message, param = f"{fields.name('role')} is none of {known}", fields.name("role")
        raise Refused(400, message, param=param, code="invalid_value")
    for name in ("tool_calls", "function_call"):
        if fields.take(name):
            param = fields.name(name)
            message = f"{param} is not supported"
            raise Refused(400, message, param=param, code="unsupported_parameter")
    text = _content(fields.take("content"), fields.name("content"))
    if role == "user" and not text.strip():
        raise missing(fields.name("content"))
    return role, text


def _content(content: object, at: str) -> str:
    """Return the text of a message, whole or in parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(at, "a text, or an array of its parts", content)
    return "".join(_part(Fields(part, f"{at}[{n}]")) for n, part in enumerate(content))


def _part(fields: Fields) -> str:
    if fields.text("type") != "text":
        param = fields.name("type")
        message = f"{param} must be text: nothing else is read"
        raise Refused(400, message, param=param, code="unsupported_parameter")
    return fields.text("text") or ""


def _require_turns(spoken: Sequence[tuple[str, str, str]]) -> None:
    """Refuse what does not go from question to answer in turns, and ends with a question."""
    for number, (role, _, at) in enumerate(spoken):
        expected = "assistant" if number % 2 else "user"
        if role != expected:
            message = f"{at}.role must be {expected}: questions and answers take turns"
            raise Refused(400, message, param=f"{at}.role", code="invalid_value")
    if len(spoken) % 2 == 0:
        message = "the last message must be a user's question"
        raise Refused(400, message, param="messages", code="invalid_value")
