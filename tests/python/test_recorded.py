"""Exchanges recorded with OpenAI and Azure, through a relay: text, usage, cost."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import keel

FOLDER = Path(__file__).parent.parent / "data" / "openai_cassettes"


def bodies(name: str) -> tuple[dict[str, Any], str]:
    """The request and the reply of a go-vcr file: quoted, or a block behind `body: |-`."""
    found = []
    lines = (FOLDER / f"{name}.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if match := re.match(r'( *)body: (\|-?|".*")$', line):
            if match[2][0] == '"':
                found.append(json.loads(match[2]))
                continue
            indent = len(match[1]) + 4
            block = []
            for later in lines[number + 1 :]:
                if later.strip() and not later.startswith(" " * indent):
                    break
                block.append(later[indent:])
            found.append("\n".join(block).rstrip("\n") + ("\n" if match[2] == "|" else ""))
    request, reply = found
    return json.loads(request), reply


@pytest.fixture
def relay(start_mock):
    mock = start_mock(None, "--cassettes", str(FOLDER))
    root = f"http://127.0.0.1:{mock.port}"
    nano = {"gpt-5-nano": {"price": {"in": 0.05, "out": 0.4, "cached": 0.005}}}
    small = {"text-embedding-3-small": {"price": {"in": 0.02, "out": 0}}}
    wrong = {"gpt-4.1-nano-wrong": {"price": {"in": 0.1, "out": 0.4}}}
    deployment = f"{root}/openai/deployments/gpt-5-nano"
    configuration = {
        "providers": {
            "openai": {"base_url": f"{root}/v1", "keys": ["k"], "models": nano | small | wrong},
            "azure": {"base_url": deployment, "dialect": "openai", "keys": ["k"], "models": nano},
        },
        "routes": {
            "gpt-5-nano": {"targets": ["openai/gpt-5-nano"]},
            "text-embedding-3-small": {"targets": ["openai/text-embedding-3-small"]},
            "gpt-4.1-nano-wrong": {"targets": ["openai/gpt-4.1-nano-wrong"]},
            "azure": {"targets": ["azure/gpt-5-nano"]},
        },
        "health_check": {"interval": 0},
    }
    with keel.Relay.from_dict(configuration) as relay:
        yield relay


@pytest.mark.parametrize(
    ("name", "route", "usage", "cost"),
    [
        # 8 in at 50 nano-USD each and 377 out at 400
        ("chat-basic", "gpt-5-nano", keel.Usage(8, 0, 0, 377, 320), "0.0001512"),
        ("chat-tools", "gpt-5-nano", keel.Usage(162, 0, 0, 287, 256), "0.0001229"),
        ("chat-json-mode", "gpt-5-nano", keel.Usage(21, 0, 0, 280, 256), "0.00011305"),
        ("azure-chat-basic", "azure", keel.Usage(8, 0, 0, 271, 192), "0.0001088"),
    ],
)
def test_a_recorded_chat(relay, name, route, usage, cost):
    request, recorded = bodies(name)
    reply = relay.chat(**{**request, "model": route})
    message = json.loads(recorded)["choices"][0]["message"]
    assert reply.raw.decode() == recorded
    assert reply.text == (message["content"] or "")
    assert reply.usage == usage
    assert reply.cost == Decimal(cost)
    assert reply.model == "gpt-5-nano"


def test_recorded_embeddings(relay):
    request, recorded = bodies("embeddings-basic")
    reply = relay.embeddings(**request)
    assert reply.vectors == [item["embedding"] for item in json.loads(recorded)["data"]]
    assert reply.usage == keel.Usage(7, 0, 0, 0, 0)
    assert reply.cost == Decimal("0.00000014")  # 7 at 20 nano-USD each


@pytest.mark.parametrize(
    ("name", "status"), [("chat-bad-request", 400), ("chat-unknown-model", 404)]
)
def test_a_recorded_error(relay, name, status):
    request, recorded = bodies(name)
    with pytest.raises(keel.UpstreamError) as caught:
        relay.chat(**request)
    assert caught.value.status == status
    assert caught.value.body.decode() == recorded
    assert json.loads(recorded)["error"]["message"] in str(caught.value)
    assert [a.cost for a in caught.value.trace.attempts] == [0] * len(caught.value.trace.attempts)
