"""Exchanges recorded with OpenAI and Azure, through the gateway: what the provider is asked and
what the client is answered are the recorded bytes, but for what is spliced in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from gateway_house import Gateway
from town import provider, route_over

from scripted import reply, scripted

ROOT = Path(__file__).parents[2]
OURS = ROOT / "tests/data/openai_cassettes"
ALL = ROOT.parent / "shared/data/openai_cassettes"  # where it is there; ours stand alone

ASKED_FOR_USAGE = b'"stream_options":{"include_usage":true}'
PATHS = {"embeddings-basic": "/v1/embeddings"}


class Exchange(NamedTuple):
    name: str
    path: str
    model: bytes
    request: bytes
    status: int
    content_type: str
    reply: bytes

    @property
    def is_stream(self) -> bool:
        return self.content_type.startswith("text/event-stream")


def recorded(file: Path) -> Exchange:
    (one,) = yaml.safe_load(file.read_text())["interactions"]
    request, response = one["request"]["body"], one["response"]
    model = yaml.safe_load(request)["model"]
    return Exchange(
        file.stem,
        PATHS.get(file.stem, "/v1/chat/completions"),
        f'"{model}"'.encode(),
        request.encode(),
        response["code"],
        response["headers"]["Content-Type"][0],
        response["body"].encode(),
    )


FILES = {file.stem: file for folder in (ALL, OURS) for file in sorted(folder.glob("*.yaml"))}
EXCHANGES = [recorded(file) for file in FILES.values()]


@pytest.fixture
def house(tmp_path):
    """Two providers, `m` at each: one that fails before it has said anything, one that has the
    recorded bytes."""
    with scripted({}) as first, scripted({}) as second:
        config = route_over(first.url, second.url, health_check={"interval": 0})
        del config["budgets"]  # a limit would tell the provider the most that can be spent
        config["providers"]["p0"] = provider(first.url, "another-name")
        config["routes"]["r"]["targets"][0] = "p0/another-name"
        with Gateway(tmp_path / "g", config) as gateway:
            yield gateway, first, second


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[exchange.name for exchange in EXCHANGES])
def test_bytes_of_a_recorded_exchange(house, exchange):
    gateway, first, second = house
    answers = reply(exchange.reply, exchange.status, content_type=exchange.content_type)
    first.steps = {"": reply(b'{"error":{"message":"later"}}', 503)}
    second.steps = {"": answers}
    if exchange.status == 404:  # sends the relay on, and back to the first in the end
        first.steps = {"": answers}
    mine = exchange.request.replace(exchange.model, b'"r"')
    assert mine != exchange.request
    answer = gateway.call(exchange.path, mine)

    assert answer.status == exchange.status
    assert answer.body == exchange.reply
    assert answer.headers["content-type"].split(";")[0] == exchange.content_type.split(";")[0]
    sent = [(asked, b'"another-name"') for asked in first.bodies]
    sent += [(asked, b'"m"') for asked in second.bodies]
    assert len(sent) == (2 if exchange.status == 404 else 3)  # a 503 is asked again
    for asked, name in sent:
        wanted = exchange.request.replace(exchange.model, name)
        if exchange.is_stream and b"include_usage" not in wanted:
            assert asked.count(ASKED_FOR_USAGE) == 1
            begin, _, end = asked.partition(ASKED_FOR_USAGE)
            asked = begin.removesuffix(b",") + end.removeprefix(b",")
        assert asked == wanted


def test_some_are_at_hand_everywhere():
    found = [exchange for exchange in EXCHANGES if FILES[exchange.name].parent == OURS]
    assert len(found) >= 8
    assert any(exchange.is_stream for exchange in found)
