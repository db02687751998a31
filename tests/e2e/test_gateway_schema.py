"""Whatever the gateway emits is what OpenAI's own description of its API says: errors, lists, plain
answers, and every chunk of a stream, restyled, resumed and replayed ones too."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from gateway_house import Gateway
from town import Provider, route_over

from scripted import DONE, USAGE, event, scripted, text

# Where it is not at hand this file is not collected: see tests/conftest.py.
DESCRIPTION = Path(__file__).parents[3] / "shared/data/openai_openapi.yaml"

SCHEMAS = "#/components/schemas/"
MESSAGES = [{"role": "user", "content": "Hello"}]


def with_null(schema: Any) -> Any:
    """`nullable` is OpenAPI 3.0's; the document says it in 3.1 all the same."""
    if isinstance(schema, list):
        return [with_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    read = {key: with_null(part) for key, part in schema.items() if key != "nullable"}
    return {"anyOf": [read, {"type": "null"}]} if schema.get("nullable") is True else read


@functools.cache
def described() -> dict[str, Any]:
    document = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    return {"components": {"schemas": with_null(document["components"]["schemas"])}}


@functools.cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": SCHEMAS + name, **described()}
    return jsonschema.Draft202012Validator(schema)


def check(name: str, document: Any) -> None:
    wrong = [
        f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(document)
    ]
    assert wrong == [], f"{name}: {document}"


def check_stream(body: bytes) -> list[dict[str, Any]]:
    """The chunks, each of which is one; ends with [DONE] unless the last is an error."""
    events = body.decode().split("\n\n")
    assert events.pop() == ""
    chunks = []
    for number, sent in enumerate(events):
        assert sent.startswith("data: "), sent
        data = sent.removeprefix("data: ")
        if data == "[DONE]":
            assert number == len(events) - 1
            break
        chunk = json.loads(data)
        if "error" in chunk:
            check("ErrorResponse", chunk)
            assert number == len(events) - 1
        else:
            check("CreateChatCompletionStreamResponse", chunk)
        chunks.append(chunk)
    return chunks


CHUNK = {"id": "c2", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def call(index: int, arguments: str, **more: Any) -> bytes:
    function = {"arguments": arguments, **({"name": "find"} if more else {})}
    return event({"tool_calls": [{"index": index, **more, "function": function}]})


TOOLS = [
    event({"role": "assistant", "content": None}),
    call(0, "", id="call_0", type="function"),
    call(0, '{"a"'),
    call(0, ': "Ü"}'),
    call(1, '{"b": ', id="call_1", type="function"),
    call(1, "2}"),
    event(finish="tool_calls"),
    DONE,
]
WORDS = [*text("one ", "two ", "three"), event(finish="stop"), DONE]
OTHER_WORDS = [*text("one t", "wo thr", "ee"), event(finish="stop"), DONE]
OTHER_TOOLS = [
    TOOLS[0],
    call(0, '{"a": ', id="call_x", type="function"),
    call(0, '"Ü"}'),
    call(1, "{", id="call_y", type="function"),
    call(1, '"b": 2}'),
    *TOOLS[-2:],
]


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path / "p", {"models": ["m"]}) as provider:
        yield provider


@pytest.fixture
def gateway(tmp_path, mock):
    with Gateway(tmp_path / "g", route_over(mock.url)) as running:
        yield running


@pytest.fixture
def two():
    with scripted({}) as first, scripted({}) as second:
        yield first, second


@pytest.fixture
def pair(tmp_path, two):
    config = route_over(*(one.url for one in two), health_check={"interval": 0})
    config["routes"]["r"]["cache"] = {"when": "always", "ttl": 60}
    config["breaker"] = {"consecutive": 1000, "min_requests": 1000}
    with Gateway(tmp_path / "g", config) as running:
        yield running


def test_the_description_refuses_what_is_wrong():
    with pytest.raises(AssertionError):
        check("ErrorResponse", {"error": {"message": "no type"}})
    with pytest.raises(AssertionError):
        check_stream(b'data: {"id":"c","object":"chat.completion.chunk","choices":[]}\n\n')
    with pytest.raises(AssertionError):
        check_stream(event(finish="nonsense"))


def test_plain_answers_and_lists(gateway):
    check("CreateChatCompletionResponse", gateway.chat().json)
    check("CreateChatCompletionResponse", gateway.chat(n=2, max_tokens=3).json)
    made = gateway.call("/v1/embeddings", {"model": "r", "input": ["one", "two"]})
    check("CreateEmbeddingResponse", made.json)
    models = gateway.call("/v1/models").json
    check("ListModelsResponse", models)
    assert models["data"]


@pytest.mark.parametrize("counted", [False, True])
def test_a_stream_and_its_usage(gateway, counted):
    more = {"stream_options": {"include_usage": True}} if counted else {}
    chunks = check_stream(gateway.chat(stream=True, **more).body)
    assert [chunk for chunk in chunks if chunk.get("usage")] == chunks[-1:] * counted


@pytest.mark.parametrize(("whole", "other"), [(WORDS, OTHER_WORDS), (TOOLS, OTHER_TOOLS)])
def test_a_stream_that_was_resumed_and_one_that_was_stored(pair, two, whole, other):
    """Cut at every event; what comes from the second is restyled, and pieces of it are known."""
    counted = b"data: %s\n\n" % json.dumps({**CHUNK, "choices": [], "usage": USAGE}).encode()
    two[1].steps = {"m": [*other[:-1], counted, DONE]}
    for cut in range(len(whole) - 1):
        two[0].steps = {"m": whole[:cut]}
        asked = {"stream": True, "stream_options": {"include_usage": True}, "n": 1}
        first = pair.chat(f"cut {cut}", **asked)
        assert first.headers["x-keel-cache"] == "miss"
        chunks = check_stream(first.body)
        assert chunks[-1]["usage"] == USAGE
        again = pair.chat(f"cut {cut}", **asked)
        assert again.headers["x-keel-cache"] == ("hit" if cut < 2 else "miss")  # resumed: not kept
        check_stream(again.body)


def test_a_stream_that_is_interrupted(pair, two):
    two[0].steps = {"m": text("one ", "two ")}
    two[1].steps = {"m": [*text("something else"), event(finish="stop"), DONE]}
    chunks = check_stream(pair.chat(stream=True).body)
    assert chunks[-1]["error"]["code"] == "stream_interrupted"


def test_errors_of_the_gateway(tmp_path, mock):
    tenants = {"shop": {"keys": ["sk-shop"]}, "lab": {"keys": ["sk-lab"], "enabled": False}}
    tenants["poor"] = {"keys": ["sk-poor"], "budget": {"usd": 0.000001, "window": "day"}}
    tenants["busy"] = {"keys": ["sk-busy"], "limits": {"requests_per_minute": 1}}
    shop = {"authorization": "Bearer sk-shop"}
    chat = "/v1/chat/completions"
    small = {"model": "r", "messages": MESSAGES}
    with Gateway(tmp_path / "g", route_over(mock.url, tenants=tenants)) as gateway:
        answers = {
            "unauthorized": gateway.call(chat, small),
            "not_found": gateway.call("/v2", headers=shop),
            "method_not_allowed": gateway.call(chat, headers=shop),
            "model_not_found": gateway.call(chat, {**small, "model": "nobody"}, shop),
            "account_frozen": gateway.call(chat, small, {"x-api-key": "sk-lab"}),
            "budget_exceeded": gateway.call(chat, small, {"x-api-key": "sk-poor"}),
            "loop_detected": gateway.call(chat, small, {**shop, "x-keel-hops": "9"}),
            "request_too_large": gateway.call(chat, b'{"x": "%s"}' % (b"x" * (33 << 20)), shop),
        }
        for _ in range(4):
            answers["rate_limited"] = gateway.call(chat, small, {"x-api-key": "sk-busy"})
        bodies = (b"{", b"[]", b"", b'{"model":"r"}', b'{"model":3}', b"{}" * 2)
        refused = [gateway.call(chat, body, shop) for body in bodies]
        for behaviour in ({"error": 401}, {"error": 503}, {"fault": "reset"}, {"error": 404}):
            mock.script({"default": behaviour})
            refused += [
                gateway.call(chat, small, shop),
                gateway.call(chat, {**small, "stream": True}, shop),
            ]
    for code, answer in answers.items():
        assert answer.code == code
        check("ErrorResponse", answer.json)
    for answer in refused:
        assert answer.status >= 400
        check("ErrorResponse", answer.json)


def test_an_error_of_the_heads_rules(gateway):
    answer = gateway.call("/health", headers={"transfer-encoding": "gzip"})
    assert answer.status == 400
    check("ErrorResponse", answer.json)
