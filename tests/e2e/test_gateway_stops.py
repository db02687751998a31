"""SIGTERM under load: what was taken in is answered, streams end as they should or say that they
do not, and nothing stays held."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
from collections import Counter

import pytest
from gateway_house import Gateway
from town import Provider, route_over, wait_until

THREADS = 24
PRICES = {"*": {"in": 1, "out": 2}}  # those of the configuration
HELD = 'keel_budget_held_usd{account="relay"}'
SPENT = 'keel_budget_spent_usd{account="relay"}'
IN_FLIGHT = 'keel_in_flight{provider="p0",model="m"}'


class Client(threading.Thread):
    """Asks one request after the other, over one connection as long as it may, until nobody takes
    it in any more."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__()
        self.port = port
        self.number = number
        self.stream = number % 2 == 1
        self.came_to: dict[str, str] = {}  # by request id
        self.problem: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            connection = None
            for turn in range(100_000):
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                    connection.connect()
                name = f"{self.number}-{turn}"
                self.came_to[name] = "dropped"
                reply, self.came_to[name] = self.ask(connection, name)
                if reply.getheader("connection") == "close":
                    connection.close()
                    connection = None
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            pass  # before a word of an answer: `ask` reads it whole or fails
        except BaseException as error:
            self.problem = error

    def ask(self, connection, name):
        text = f"[[nonce={name}]] [[in=10]] [[out={5 + self.number}]]"
        body = {"model": "r", "messages": [{"role": "user", "content": text}], "max_tokens": 60}
        fields = {"content-type": "application/json", "x-request-id": name}
        asked = json.dumps({**body, "stream": self.stream})
        connection.request("POST", "/v1/chat/completions", asked, fields)
        reply = connection.getresponse()  # raises a ConnectionResetError where there is none
        assert reply.getheader("x-request-id") == name
        try:
            got = reply.read()  # raises if it is not whole
        except OSError as error:
            raise AssertionError(f"{name} was cut") from error
        if reply.status != 200:
            return reply, json.loads(got)["error"]["code"]
        if not self.stream:
            assert name in json.loads(got)["choices"][0]["message"]["content"]
            return reply, "answered"
        return reply, self.how_it_ended(got, name)

    def how_it_ended(self, got, name):
        events = got.decode().split("\n\n")
        assert events.pop() == ""
        if events[-1] != "data: [DONE]":
            assert not any('"finish_reason":"' in event for event in events)
            return json.loads(events[-1].removeprefix("data: "))["error"]["code"]
        chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
        assert name in "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        return "answered"


class Witness:
    """A connection in the middle of a request for the metrics: a drain waits for it, so it can be
    finished when everybody else has left."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.sendall(b"GET /metrics HTTP/1.1\r\nhost: a\r\n")

    def reads(self) -> dict[str, float]:
        with self.socket:
            self.socket.sendall(b"\r\n")
            reply = http.client.HTTPResponse(self.socket)
            reply.begin()
            lines = reply.read().decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}


def under_load(gateway, mock):
    clients = [Client(gateway.port, number) for number in range(THREADS)]
    wait_until(lambda: mock.state()["requests"] > 4 * THREADS, 30, "a load")
    return clients


def outcomes(clients):
    for client in clients:
        client.join(60)
        assert not client.is_alive()
        if client.problem:
            raise client.problem
    return {name: end for client in clients for name, end in client.came_to.items()}


def logged(path):
    return {line["id"]: line for line in map(json.loads, path.read_text().splitlines())}


def test_a_drain_under_load_loses_nothing(tmp_path):
    behaviour = {"latency_ms": {"p50": 30, "p99": 200}, "tokens_per_second": 200}
    script = {"models": ["m"], "prices": PRICES, "default": behaviour}
    log = tmp_path / "requests.jsonl"
    with Provider(tmp_path / "p", script) as mock:
        config = route_over(mock.url, request_log={"path": str(log)})
        with Gateway(tmp_path / "g", config) as gateway:
            witness = Witness(gateway.port)
            clients = under_load(gateway, mock)
            gateway.signal(signal.SIGTERM)
            ends = outcomes(clients)
            seen = witness.reads()
            assert gateway.ends() == 0
        bill = mock.state()["bill"]["total_nano_usd"]
        asked = mock.state()["requests"]
    assert Counter(ends.values()) == {"answered": len(ends)}
    lines = logged(log)
    assert lines.keys() == ends.keys()
    assert len(ends) == asked
    assert {line["outcome"] for line in lines.values()} == {"ok"}
    assert (seen[HELD], seen[IN_FLIGHT]) == (0, 0)
    assert seen[SPENT] == pytest.approx(bill / 1e9)
    assert sum(line["cost_nano_usd"] for line in lines.values()) == bill
    assert gateway.events("draining")[0]["requests"] > 0


def test_streams_are_resumed_while_draining(tmp_path):
    """Their provider dies when the drain has begun; another goes on."""
    words = " ".join(f"word{n}" for n in range(40))
    slow = {"models": ["m"], "default": {"content": words, "tokens_per_second": 10}}
    quick = {"models": ["m"], "default": {"content": words}}
    body = {"model": "r", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    with Provider(tmp_path / "p0", slow) as first, Provider(tmp_path / "p1", quick) as second:
        with Gateway(tmp_path / "g", route_over(first.url, second.url)) as gateway:
            connections, replies = [], []
            for _ in range(8):  # as many more sends as a route may have without a history
                connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
                connections.append(connection)
                fields = {"content-type": "application/json"}
                connection.request("POST", "/v1/chat/completions", json.dumps(body), fields)
                replies.append(connection.getresponse())
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: gateway.events("draining"), 10, "the drain has begun")
            first.kill()
            for reply in replies:
                *events, done, end = reply.read().decode().split("\n\n")
                assert (done, end) == ("data: [DONE]", "")
                chunks = [json.loads(event.removeprefix("data: ")) for event in events]
                deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
                assert "".join(delta.get("content") or "" for delta in deltas) == words
                assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
            for connection in connections:
                connection.close()
            assert second.state()["requests"] == 8
            assert gateway.ends() == 0


def test_a_drain_that_is_too_short_is_honest(tmp_path):
    """All that is under way takes longer than the gateway is given."""
    quick = {"latency_ms": 20, "tokens_per_second": 400}
    script = {"models": ["m"], "prices": PRICES, "default": quick}
    log = tmp_path / "requests.jsonl"
    with Provider(tmp_path / "p", script) as mock:
        config = route_over(mock.url, request_log={"path": str(log)}, server={"drain": "300ms"})
        with Gateway(tmp_path / "g", config) as gateway:
            clients = under_load(gateway, mock)
            before = mock.state()["requests"]
            mock.script({**script, "default": {**quick, "tokens_per_second": 2}})
            wait_until(lambda: mock.state()["requests"] >= before + THREADS, 10, "slow answers")
            gateway.signal(signal.SIGTERM)
            ends = outcomes(clients)
            assert gateway.ends() == 0
        bill = mock.state()["bill"]["total_nano_usd"]
    counted = Counter(ends.values())
    assert counted.keys() - {"dropped"} == {"answered", "stream_interrupted", "no_target_available"}
    lines = logged(log)
    for name, end in ends.items():
        # Taken in: answered, or cut and told so. Else: refused, or not heard at all.
        if name in lines:
            assert end != "dropped"
            assert (end == "answered") == (lines[name]["outcome"] == "ok"), lines[name]
        else:
            assert end in {"no_target_available", "dropped"}
    # What was cut is settled at its hold, so the provider's bill is never more than what is posted.
    posted = sum(a["cost_nano_usd"] for line in lines.values() for a in line["attempts"])
    assert 0 < bill <= posted
    print(f"{dict(counted)}; billed {bill}, posted {posted} nano-USD")
