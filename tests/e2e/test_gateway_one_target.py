"""A gateway with one target: it is asked again and waited for, and its delays reach the client."""

from __future__ import annotations

import time

import openai
import pytest
from gateway_house import Gateway
from town import Provider, route_over, wait_until


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path / "p", {"models": ["m"]}) as provider:
        yield provider


@pytest.fixture
def gateway(tmp_path, mock):
    with Gateway(tmp_path / "g", route_over(mock.url)) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
def test_one_503_is_asked_again(gateway, mock, stream):
    # With this seed the first answer is a 503 and the second is not.
    mock.script({"seed": 5, "rules": [{"probability": [1, 2], "error": 503}]})
    answer = gateway.chat(stream=stream)
    assert answer.status == 200
    assert answer.headers["x-keel-attempts"] == "2"
    assert mock.state()["by_status"] == {"503": 1, "200": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_a_429_is_waited_out(gateway, mock, stream):
    gateway.chat()
    throttled = {"status": 429, "retry_after": 1}
    mock.script({"start": "first_request", "rules": [{"for": 0.9, "error": throttled}]})
    began = time.monotonic()
    answer = gateway.chat(stream=stream)
    assert answer.status == 200
    assert answer.headers["x-keel-attempts"] == "2"
    assert time.monotonic() - began >= 1
    assert mock.state()["by_status"] == {"429": 1, "200": 2}


@pytest.mark.parametrize("stream", [False, True])
def test_a_429_that_stays_reaches_the_client_with_its_delay(gateway, mock, stream):
    throttled = {"status": 429, "retry_after": 7, "message": "slower, please"}
    mock.script({"default": {"error": throttled}})
    began = time.monotonic()
    first, second = gateway.chat(stream=stream), gateway.chat(stream=stream)
    waited = time.monotonic() - began
    assert [first.status, second.status] == [429, 429]
    assert first.headers["retry-after"] == "7"
    assert first.json["error"]["message"] == "slower, please"
    assert 7 - waited <= int(second.headers["retry-after"]) <= 7
    assert first.headers["x-should-retry"] == "false"
    assert mock.state()["requests"] == 1  # nobody asks a key that cools


def test_a_429_that_stays_is_the_sdks_rate_limit_error(gateway, mock):
    mock.script({"default": {"error": {"status": 429, "retry_after": 7}}})
    with openai.OpenAI(base_url=gateway.url, api_key="sk-any", timeout=20) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(
                model="r", messages=[{"role": "user", "content": "Hello"}]
            )
    assert caught.value.response.headers["retry-after"] == "7"
    assert mock.state()["requests"] == 1


def test_it_is_back_soon_after_its_provider(gateway, mock):
    assert gateway.chat().status == 200
    mock.kill()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert gateway.chat(headers={"x-keel-timeout": "2"}).status >= 500
    mock.start()
    took = wait_until(
        lambda: gateway.chat(headers={"x-keel-timeout": "2"}).status == 200, 8, "an answer"
    )
    print(f"answered {took:.2f} s after its provider's return")
