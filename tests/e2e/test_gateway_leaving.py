"""A client that leaves: its provider is told at once, and what was held for it is settled."""

from __future__ import annotations

import json
import socket
import struct
import time

import pytest
from gateway_house import Gateway
from town import route_over, wait_until

from scripted import NO_HEAD, Head, scripted, text

HELD = 'keel_budget_held_usd{account="relay"}'
SPENT = 'keel_budget_spent_usd{account="relay"}'
LEFT = 'keel_requests_total{route="r",outcome="cancelled"}'


@pytest.fixture
def provider():
    with scripted({"m": [*text("one ", "two "), None]}) as running:
        yield running


@pytest.fixture
def gateway(tmp_path, provider):
    with Gateway(tmp_path / "g", route_over(provider.url, health_check={"interval": 0})) as running:
        yield running


def ask(gateway, **more):
    """A connection whose request is on its way."""
    body = {"model": "r", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
    sent = json.dumps({**body, **more}).encode()
    connection = socket.create_connection(("127.0.0.1", gateway.port), 20)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
    connection.sendall(head % len(sent) + sent)
    return connection


def read_until(connection, mark):
    got = b""
    while mark not in got:
        got += connection.recv(65536)
    return got


def leave(connection, how):
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_stream_that_is_left(gateway, provider, how):
    took, spent = [], []
    for turn in range(1, 6):
        connection = ask(gateway, stream=True)
        read_until(connection, b"two ")
        assert gateway.metric(HELD) > 0
        began = time.monotonic()
        leave(connection, how)
        wait_until(lambda turn=turn: len(provider.closed) == turn, 5, "upstream is closed")
        took.append(provider.closed[-1] - began)
        wait_until(lambda: gateway.metric(HELD) == 0, 10, "nothing is held")
        assert gateway.metric(LEFT) == turn
        spent.append(gateway.metric(SPENT) / turn)
    print(f"upstream closed after {', '.join(f'{1000 * t:.1f}' for t in took)} ms")
    assert gateway.metric('keel_in_flight{provider="p0",model="m"}') == 0
    # Nobody knows what the provider bills: all that was held.
    assert spent[0] > 50 * 2e-6
    assert spent == pytest.approx([spent[0]] * 5)


@pytest.mark.parametrize("sent", ["nothing", "head", "blanks"])
@pytest.mark.parametrize("stream", [False, True])
def test_before_the_first_word(gateway, provider, stream, sent):
    head = Head(200, {"content-type": "text/event-stream" if stream else "application/json"})
    steps = {"nothing": [NO_HEAD, None], "head": [head, None], "blanks": [head, b"\n", None]}
    provider.steps = {"m": steps[sent]}
    connection = ask(gateway, stream=stream)
    wait_until(lambda: provider.waiting == 1, 10, "the provider has said what it says")
    began = time.monotonic()
    connection.close()
    wait_until(lambda: len(provider.closed) == 1, 5, "upstream is closed")
    print(f"upstream closed after {1000 * (provider.closed[0] - began):.1f} ms")
    wait_until(lambda: gateway.metric(HELD) == 0, 10, "nothing is held")
    assert gateway.metric(LEFT) == 1
    assert len(provider.asked) == 1


def test_many_that_leave_at_once(gateway, provider):
    connections = [ask(gateway, stream=True) for _ in range(100)]
    for connection in connections:
        read_until(connection, b"two ")
    assert gateway.metric('keel_in_flight{provider="p0",model="m"}') == 100
    began = time.monotonic()
    for connection in connections:
        connection.close()
    wait_until(lambda: provider.open == 0, 10, "all of upstream is closed")
    took = max(provider.closed) - began
    print(f"a hundred streams: upstream closed within {1000 * took:.0f} ms")
    wait_until(lambda: gateway.metric(HELD) == 0, 10, "nothing is held")
    assert gateway.metric(LEFT) == 100
    assert gateway.metric('keel_in_flight{provider="p0",model="m"}') == 0
    assert gateway.chat(headers={"x-keel-timeout": "0.3"}).status >= 500  # and it goes on
