"""A gateway's life: it drains without losing a request, and reads its configuration again."""

from __future__ import annotations

import signal
import socket
import threading
import time

import pytest
from gateway_house import Answer, Gateway
from town import Provider, route_over, wait_until


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path / "p", {"models": ["m"]}) as provider:
        yield provider


class Asking(threading.Thread):
    """One chat on a thread of its own."""

    def __init__(self, gateway: Gateway, text: str = "Hello") -> None:
        super().__init__()
        self.gateway = gateway
        self.text = text
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        self.answer = self.gateway.chat(self.text)


def in_flight(mock, count):
    wait_until(lambda: mock.state()["in_flight"] == count, 10, f"{count} requests in flight")


def test_a_drain_finishes_what_is_under_way(tmp_path, mock):
    mock.script({"default": {"latency_ms": 700}})
    with Gateway(tmp_path / "g", route_over(mock.url)) as gateway:
        asking = [Asking(gateway, f"[[nonce={n}]]") for n in range(5)]
        in_flight(mock, 5)
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.events("draining"), 10, "the drain has begun")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gateway.port), 5)
        assert gateway.ends() == 0
        for one in asking:
            one.join()
            assert one.answer is not None
            assert one.answer.status == 200
            assert one.answer.headers["connection"] == "close"
            assert one.text in one.answer.body.decode()


def test_a_drain_ends_when_its_time_is_up(tmp_path, mock):
    mock.script({"default": {"fault": "silence"}})
    config = route_over(mock.url, server={"drain": "300ms"})
    with Gateway(tmp_path / "g", config) as gateway:
        asking = Asking(gateway)
        in_flight(mock, 1)
        gateway.signal(signal.SIGTERM)
        assert gateway.ends() == 0
        asking.join()
        assert asking.answer is not None
        assert (asking.answer.status, asking.answer.code) == (503, "no_target_available")
        assert "shutting down" in asking.answer.json["error"]["message"]


def test_a_second_signal_ends_it_at_once(tmp_path, mock):
    mock.script({"default": {"fault": "silence"}})
    with Gateway(tmp_path / "g", route_over(mock.url)) as gateway:
        connection = socket.create_connection(("127.0.0.1", gateway.port))
        body = b'{"model":"r","messages":[{"role":"user","content":"x"}]}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        in_flight(mock, 1)
        gateway.signal(signal.SIGINT)
        wait_until(lambda: gateway.events("draining"), 10, "the drain has begun")
        began = time.monotonic()
        gateway.signal(signal.SIGINT)
        assert gateway.ends() == 1
        assert time.monotonic() - began < 10  # not the 30 s of a drain
        connection.close()


def test_a_client_that_leaves_takes_its_call_with_it(tmp_path, mock):
    mock.script({"default": {"fault": "silence"}})
    with Gateway(tmp_path / "g", route_over(mock.url)) as gateway:
        connection = socket.create_connection(("127.0.0.1", gateway.port))
        body = b'{"model":"r","messages":[{"role":"user","content":"x"}]}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        in_flight(mock, 1)
        connection.close()
        in_flight(mock, 0)
        assert gateway.metric('keel_requests_total{route="r",outcome="cancelled"}') == 1
        assert gateway.metric('keel_in_flight{provider="p0",model="m"}') == 0


def test_a_reload_takes_over_without_dropping_a_request(tmp_path, mock):
    mock.script({"default": {"latency_ms": 500}})
    config = route_over(mock.url)
    with Gateway(tmp_path / "g", config) as gateway:
        before = Asking(gateway, "[[nonce=before]]")
        in_flight(mock, 1)
        config["routes"]["again"] = config["routes"]["r"]
        gateway.write(config)
        gateway.reload()
        assert gateway.chat("[[nonce=after]]", model="again").status == 200
        before.join()
        assert before.answer is not None
        assert before.answer.status == 200
        assert gateway.metric('keel_requests_total{route="r",outcome="ok"}') == 1
        assert [event["routes"] for event in gateway.events("reloaded")] == [["r", "again"]]


def test_a_bad_file_changes_nothing_and_says_everything(tmp_path, mock):
    config = route_over(mock.url)
    with Gateway(tmp_path / "g", config) as gateway:
        gateway.write({**config, "nonsense": 1, "budgets": {"relay": {"usd": -1}}})
        gateway.reload()
        refused = [event["text"] for event in gateway.events("reload_refused")]
        assert len(refused) == 2
        assert any("nonsense" in text for text in refused)
        assert not gateway.events("reloaded")
        assert gateway.chat().status == 200


def test_a_reload_reads_secrets_again(tmp_path, mock):
    secret = tmp_path / "key"
    secret.write_text("sk-old")
    config = route_over(mock.url)
    config["providers"]["p0"]["keys"] = [f"file://{secret}"]
    mock.script({"rules": [{"match": {"key": "sk-old"}, "error": 401}]})
    with Gateway(tmp_path / "g", config) as gateway:
        assert gateway.chat().status == 502
        secret.write_text("sk-new")
        gateway.reload()
        assert gateway.chat().status == 200


def test_an_idle_connection_does_not_hold_a_drain_up(tmp_path, mock):
    with Gateway(tmp_path / "g", route_over(mock.url)) as gateway:
        idle = socket.create_connection(("127.0.0.1", gateway.port))
        idle.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"200 OK" in idle.recv(4096)
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.events("draining"), 10, "the drain has begun")
        # A request that was on its way is answered, and told that it was the last.
        idle.sendall(b"GET /health/readiness HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = idle.recv(4096)
        assert b"503 Service Unavailable" in answer
        assert b"draining" in answer
        assert b"connection: close" in answer
        assert gateway.ends() == 0
        idle.close()


def test_the_request_log(tmp_path, mock):
    log = tmp_path / "requests.jsonl"
    with Gateway(tmp_path / "g", route_over(mock.url, request_log={"path": str(log)})) as gateway:
        gateway.chat(headers={"x-request-id": "logged-1"})
        wait_until(lambda: '"id":"logged-1"' in log.read_text(), 10, "its line")
        assert "Hello" not in log.read_text()
