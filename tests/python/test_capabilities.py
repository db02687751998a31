"""What a request needs steers it: tools, a schema, images, context; through the built package."""

from __future__ import annotations

import pytest

import keel
from conftest import PRICE, document

NEEDS = {
    "tools": {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}},
        }
    },
}
IMAGE = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": "https://a.example/cat.png"}},
]


def two(mock, plain, able):
    """A route that would ask `plain` first."""
    config = document(mock, "plain", "able")
    config["providers"]["p"]["models"] = {
        "plain": {"price": PRICE, "context": 100_000, "output": 1000, **plain},
        "able": {"price": PRICE, "context": 100_000, "output": 1000, **able},
    }
    return config


def asked(relay, content="Hello", **more):
    return relay.chat(model="r", messages=[{"role": "user", "content": content}], **more)


@pytest.mark.parametrize("need", NEEDS)
def test_a_need_leads_to_who_has_it(mock, need):
    with keel.Relay.from_dict(two(mock, {"lacks": [need]}, {})) as relay:
        assert asked(relay).model == "plain"
        assert asked(relay, **NEEDS[need]).model == "able"


def test_an_image_leads_to_who_can_see(mock):
    with keel.Relay.from_dict(two(mock, {"lacks": ["images"]}, {})) as relay:
        assert asked(relay, IMAGE).model == "able"


def test_a_long_question_leads_to_the_longer_context(mock):
    with keel.Relay.from_dict(two(mock, {"context": 1000}, {})) as relay:
        assert asked(relay).model == "plain"
        assert asked(relay, "x" * 40_000).model == "able"


def test_nobody_who_can_is_said_at_once(mock):
    lacking = {"lacks": ["images"]}
    with keel.Relay.from_dict(two(mock, lacking, lacking)) as relay:
        with pytest.raises(keel.NoTarget, match="p/able: cannot do what is asked"):
            asked(relay, IMAGE)
    assert mock.state()["requests"] == 0
