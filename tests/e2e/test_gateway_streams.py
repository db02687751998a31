"""Streams at the gateway, read by the official OpenAI SDK."""

from __future__ import annotations

import http.client
import json

import openai
import pytest
from gateway_house import Gateway
from town import Provider, route_over, wait_until

MESSAGES = [{"role": "user", "content": "Hello"}]
WORDS = " ".join(f"word{n}" for n in range(40))


@pytest.fixture
def two(tmp_path):
    with (
        Provider(tmp_path / "p0", {"models": ["m"], "default": {"content": WORDS}}) as first,
        Provider(tmp_path / "p1", {"models": ["m"], "default": {"content": WORDS}}) as second,
    ):
        yield first, second


@pytest.fixture
def gateway(tmp_path, two):
    config = route_over(*(provider.url for provider in two), route={"stream": {"stall": "1s"}})
    with Gateway(tmp_path / "g", config) as running:
        yield running


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=gateway.url, api_key="sk-any", timeout=20) as made:
        yield made


def stream(client, **more):
    return client.chat.completions.create(model="r", messages=MESSAGES, stream=True, **more)


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_a_stream_and_its_usage(client):
    chunks = list(stream(client))
    assert text_of(chunks) == WORDS
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    counted = list(stream(client, stream_options={"include_usage": True}))
    assert counted[-1].choices == []
    assert counted[-1].usage.completion_tokens > 0


@pytest.mark.parametrize("fault", ["reset_mid_body", "truncated", "error_inside", "unparsable"])
@pytest.mark.parametrize("cut", [0, 1, 7])
def test_a_stream_that_breaks_is_whole_for_the_client(client, two, fault, cut):
    two[0].script({"default": {"content": WORDS, "fault": fault, "cut_after_tokens": cut}})
    chunks = list(stream(client))
    assert text_of(chunks) == WORDS
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_that_stalls_is_whole_for_the_client(client, two):
    stalls = {"content": WORDS, "fault": "head_then_silence", "cut_after_tokens": 5}
    two[0].script({"default": stalls})
    assert text_of(stream(client)) == WORDS


def test_what_nobody_can_go_on_with_is_an_error_and_no_end(gateway, client, two):
    two[0].script({"default": {"content": WORDS, "fault": "truncated", "cut_after_tokens": 7}})
    two[1].script({"default": {"content": "Something else altogether"}})
    read = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream(client):
            read.append(chunk)
    assert caught.value.code == "stream_interrupted"
    assert WORDS.startswith(text_of(read))
    assert read

    host, port = gateway.url.split("/")[2].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    body = json.dumps({"model": "r", "messages": MESSAGES, "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    reply = connection.getresponse()
    assert reply.status == 200
    assert reply.getheader("content-type").startswith("text/event-stream")
    raw = reply.read()
    connection.close()
    assert b'"stream_interrupted"' in raw
    assert b"[DONE]" not in raw


def test_all_that_fails_before_content_has_a_status_of_its_own(client, two):
    for provider in two:
        provider.script({"default": {"error": 503}})
    with pytest.raises(openai.InternalServerError) as caught:
        stream(client)
    assert caught.value.status_code == 503


def test_a_client_that_leaves_settles(gateway, client, two):
    for provider in two:
        provider.script({"default": {"content": WORDS, "tokens_per_second": 5}})
    with stream(client) as begun:
        next(iter(begun))
    wait_until(
        lambda: gateway.metric('keel_budget_held_usd{account="relay"}') == 0, 10, "nothing held"
    )
