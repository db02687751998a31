"""The official OpenAI SDK, unmodified, at the gateway: what works with the provider works here."""

from __future__ import annotations

import asyncio

import openai
import pytest
from gateway_house import Gateway
from town import Provider, route_over

MESSAGES = [{"role": "user", "content": "Hello [[nonce=sdk]] [[in=12]] [[out=5]]"}]


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path / "p", {"models": ["m"]}) as provider:
        yield provider


@pytest.fixture
def gateway(tmp_path, mock):
    with Gateway(tmp_path / "g", route_over(mock.url)) as running:
        yield running


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=gateway.url, api_key="sk-any", timeout=20) as made:
        yield made


def chat(client, **more):
    return client.chat.completions.create(model="r", messages=MESSAGES, **more)


def test_a_chat(client):
    reply = chat(client)
    assert "[[nonce=sdk]]" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (12, 5)
    assert reply._request_id.startswith("req_")


def test_chats_of_tasks(gateway):
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=gateway.url, api_key="sk-any") as client:
            asked = [
                client.chat.completions.create(
                    model="r", messages=[{"role": "user", "content": f"[[nonce={n}]]"}]
                )
                for n in range(20)
            ]
            replies = await asyncio.gather(*asked)
            return [reply.choices[0].message.content for reply in replies]

    texts = asyncio.run(ask())
    assert all(f"[[nonce={n}]]" in text for n, text in enumerate(texts))


def test_embeddings_and_models(client):
    made = client.embeddings.create(model="r", input=["one", "two"])
    assert [item.index for item in made.data] == [0, 1]
    assert [model.id for model in client.models.list()] == ["r"]


@pytest.mark.parametrize(
    ("behaviour", "kind", "status"),
    [
        ({"error": 400}, openai.BadRequestError, 400),
        ({"error": 401}, openai.InternalServerError, 502),  # the relay's key, not the client's
        ({"error": 404}, openai.NotFoundError, 404),
        ({"error": 422}, openai.UnprocessableEntityError, 422),
        ({"error": {"status": 429, "retry_after": 30}}, openai.RateLimitError, 429),
        ({"error": {"status": 429, "type": "insufficient_quota"}}, openai.RateLimitError, 429),
        ({"error": 503}, openai.InternalServerError, 503),
        ({"fault": "reset"}, openai.InternalServerError, 502),
    ],
)
def test_an_error_is_of_its_class_and_is_not_multiplied(client, mock, behaviour, kind, status):
    mock.script({"default": behaviour})
    with pytest.raises(kind) as caught:
        chat(client)
    assert caught.value.status_code == status
    assert caught.value.message
    # The SDK would ask three times by itself; the gateway's sends are all there were.
    sends = int(caught.value.response.headers["x-keel-attempts"])
    assert mock.state()["requests"] == sends <= 4


def test_a_wrong_key_and_a_wrong_model(tmp_path, mock):
    config = route_over(mock.url, tenants={"shop": {"keys": ["sk-shop"]}})
    with Gateway(tmp_path / "g", config) as gateway:
        with openai.OpenAI(base_url=gateway.url, api_key="sk-wrong") as client:
            with pytest.raises(openai.AuthenticationError):
                chat(client)
        with openai.OpenAI(base_url=gateway.url, api_key="sk-shop") as client:
            assert chat(client).choices
            with pytest.raises(openai.NotFoundError) as caught:
                client.chat.completions.create(model="nobody", messages=MESSAGES)
            assert caught.value.code == "model_not_found"


def test_a_spent_budget_is_not_asked_of_again(tmp_path, mock):
    config = route_over(mock.url, budgets={"relay": {"usd": 0.000001}})
    with (
        Gateway(tmp_path / "g", config) as gateway,
        openai.OpenAI(base_url=gateway.url, api_key="sk-any") as client,
    ):
        with pytest.raises(openai.RateLimitError) as caught:
            chat(client)
        assert caught.value.code == "budget_exceeded"
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert gateway.metric('keel_requests_total{route="r",outcome="budget"}') == 1
    assert mock.state()["requests"] == 0


def test_the_sdks_own_time_limit_is_a_deadline(gateway, mock):
    mock.script({"default": {"fault": "silence"}})
    with openai.OpenAI(base_url=gateway.url, api_key="k", timeout=0.5, max_retries=0) as client:
        with pytest.raises((openai.APITimeoutError, openai.InternalServerError)):
            chat(client)
    assert gateway.metric('keel_in_flight{provider="p0",model="m"}') == 0
