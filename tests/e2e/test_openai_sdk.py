"""The fake provider as the official SDK sees it: what it takes for a real one is realistic."""

from __future__ import annotations

import openai
import pytest
from town import Provider

MESSAGES = [{"role": "user", "content": "Hello [[nonce=sdk]] [[in=12]] [[out=5]]"}]


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path, {"models": ["gpt-4.1", "gpt-4.1-mini"]}) as provider:
        yield provider


@pytest.fixture
def client(mock):
    with openai.OpenAI(base_url=mock.url, api_key="sk-test", max_retries=0, timeout=10) as made:
        yield made


def chat(client, behaviour=None, **more):
    headers = {"x-mock": behaviour} if behaviour else {}
    return client.chat.completions.create(
        model="gpt-4.1", messages=MESSAGES, extra_headers=headers, **more
    )


def test_a_chat(client):
    reply = chat(client)
    assert reply.object == "chat.completion"
    assert reply.model == "gpt-4.1"
    assert reply.choices[0].message.role == "assistant"
    assert "[[nonce=sdk]]" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (12, 5)
    assert reply.usage.total_tokens == 17


def test_a_streamed_chat(client):
    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert "[[nonce=sdk]]" in text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == 5


def test_embeddings_and_models(client):
    made = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [item.index for item in made.data] == [0, 1]
    assert all(len(item.embedding) == 8 for item in made.data)
    assert made.usage.prompt_tokens > 0
    assert [model.id for model in client.models.list()] == ["gpt-4.1", "gpt-4.1-mini"]


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("400", openai.BadRequestError),
        ("401", openai.AuthenticationError),
        ("403", openai.PermissionDeniedError),
        ("404", openai.NotFoundError),
        ("409", openai.ConflictError),
        ("422", openai.UnprocessableEntityError),
        ("429-retry-after-2", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("529", openai.InternalServerError),
    ],
)
def test_an_error_is_of_its_class(client, behaviour, kind):
    with pytest.raises(kind) as caught:
        chat(client, behaviour)
    assert caught.value.status_code == int(behaviour[:3])
    assert caught.value.type
    assert caught.value.message
    if behaviour.startswith("429"):
        assert caught.value.code == "rate_limit_exceeded"
        assert caught.value.response.headers["retry-after"] == "2"


def test_a_quota_that_is_used_up(client):
    with pytest.raises(openai.RateLimitError) as caught:
        chat(client, "quota")
    assert caught.value.type == "insufficient_quota"


@pytest.mark.parametrize("behaviour", ["reset", "close", "reset-mid-body", "truncated"])
def test_a_connection_that_breaks(client, behaviour):
    with pytest.raises(openai.APIConnectionError):
        chat(client, behaviour)


@pytest.mark.parametrize("behaviour", ["silence", "head-then-silence"])
def test_silence(client, behaviour):
    with pytest.raises(openai.APITimeoutError):
        chat(client, behaviour, timeout=0.3)


def test_the_sdk_waits_as_it_is_told_and_tries_again(mock):
    rule = {"for": 0.5, "error": {"status": 429, "retry_after_ms": 600}}
    mock.script({"start": "first_request", "rules": [rule]})
    with openai.OpenAI(base_url=mock.url, api_key="sk-test", max_retries=2) as client:
        assert chat(client).choices
    assert mock.state()["by_status"] == {"429": 1, "200": 1}
