"""The naive client retries as an official SDK does, no better and no worse."""

import http.client
import http.server
import json
import threading
import time

import pytest

from keel.drill.naive import NaiveClient, delay_before_retry, should_retry
from keel.drill.schedule import Arrival, Prompt

ARRIVAL = Arrival(0, 0.0, Prompt("mine", 1, 1), False)


def headers(**fields):
    message = http.client.HTTPMessage()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (408, True),
        (409, True),
        (429, True),
        (500, True),
        (529, True),
        (400, False),
        (401, False),
        (404, False),
    ],
)
def test_what_is_retried(status, again):
    assert should_retry(status, headers()) is again
    assert should_retry(status, headers(x_should_retry="true")) is True
    assert should_retry(status, headers(x_should_retry="false")) is False


def test_delays_double_up_to_a_limit_less_a_quarter():
    assert [delay_before_retry(n, None, 0.0) for n in range(6)] == [0.5, 1, 2, 4, 8, 8]
    assert delay_before_retry(1, headers(), 1.0) == 0.75


def test_the_servers_delay_counts_up_to_a_minute():
    assert delay_before_retry(0, headers(retry_after="3"), 0.0) == 3
    assert delay_before_retry(0, headers(retry_after_ms="250", retry_after="3"), 0.0) == 0.25
    assert delay_before_retry(0, headers(retry_after="61"), 0.0) == 0.5
    assert delay_before_retry(0, headers(retry_after="soon"), 0.0) == 0.5


class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert asked["messages"][0]["content"].startswith("[[nonce=mine]]")
        status = self.server.statuses.pop(0)
        body = json.dumps({"choices": [{"message": {"content": "[[nonce=mine]] hi"}}]}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def provider():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(provider, statuses, limit_s=20.0):
    provider.statuses = list(statuses)
    client = NaiveClient(provider.server_address[1], seed=1)
    return client.ask(ARRIVAL, time.monotonic() + limit_s)


def test_a_200_after_two_retries(provider):
    said = ask(provider, [429, 503, 200])
    assert (said.text, said.sends) == ("[[nonce=mine]] hi", 3)


def test_three_sends_and_no_more(provider):
    said = ask(provider, [500, 500, 500, 200])
    assert (said.text, said.problem, said.sends) == (None, "500", 3)


def test_a_401_is_final(provider):
    assert ask(provider, [401, 200]).sends == 1


def test_nothing_is_sent_after_the_deadline(provider):
    said = ask(provider, [200], limit_s=-1.0)
    assert (said.problem, said.sends) == ("deadline", 0)


def test_a_refused_connection_is_a_send_and_is_retried():
    client = NaiveClient(1, seed=1)  # nobody listens there
    said = client.ask(ARRIVAL, time.monotonic() + 20)
    assert (said.problem, said.sends) == ("connection", 3)
