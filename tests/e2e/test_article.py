"""The article's own configuration file, unchanged, against a provider that is led to by arguments
only: `resolve` and `ca_file`."""

from __future__ import annotations

from pathlib import Path

import pytest
from town import Provider, wait_until

import keel

FILE = Path(__file__).parents[1] / "data" / "config" / "holy-sheep-config.yaml"
HOST = "api.holysheep.ai"
MESSAGES = [{"role": "user", "content": "Is it in stock? [[nonce=friday]]"}]


@pytest.fixture
def start_tls(tmp_path, monkeypatch):
    """Starts a provider with a certificate for the article's host; gives what leads there too."""
    monkeypatch.setenv("HOLYSHEEP_API_KEY", "sk-article")
    started = []

    def start(leaf, script=None):
        folder = tmp_path / "ca"
        arguments = ("--tls-self", HOST, "--tls-dir", str(folder), "--tls-leaf", leaf)
        started.append(Provider(tmp_path, script, *arguments, name=leaf))
        led = {
            "resolve": [f"{HOST}:443:127.0.0.1:{started[-1].port}"],
            "ca_file": folder / "ca.pem",
        }
        return started[-1], led

    yield start
    for mock in started:
        mock.kill()


def test_it_starts_unchanged_and_answers(start_tls):
    mock, led = start_tls("good")
    with keel.Relay.from_file(FILE, **led) as relay:
        replies = [relay.chat(model="auto", messages=MESSAGES, no_cache=True)]
        replies += [relay.chat(model="claude-sonnet-4.5", messages=MESSAGES, no_cache=True)]
        cached = relay.chat(model="auto", messages=MESSAGES)
    assert all("[[nonce=friday]]" in reply.text for reply in replies)
    assert all(reply.attempts == 1 and reply.cost > 0 for reply in replies)
    assert cached.cached
    state = mock.state()
    assert state["requests"] == 2
    assert all(record["status"] == "200" for record in state["records"])


def test_health_is_asked_of_the_same_provider(start_tls, tmp_path):
    on_health = {"match": {"on": "health"}, "latency_ms": 1}
    mock, led = start_tls("good", {"rules": [on_health]})
    faster = tmp_path / "faster.yaml"
    text = FILE.read_text().replace("check_interval_seconds: 30", "check_interval_seconds: 1")
    assert text != FILE.read_text()
    faster.write_text(text)
    with keel.Relay.from_file(faster, **led) as relay:
        relay.chat(model="auto", messages=MESSAGES)
        wait_until(lambda: mock.state()["by_rule"], 20, "GET /health")
    state = mock.state()
    assert state["by_rule"] == [state["probes"]]
    assert state["requests"] == 1


@pytest.mark.parametrize(
    ("leaf", "words"),
    [("wrong-host", "certificate is for another host"), ("expired", "certificate has expired")],
)
def test_a_certificate_that_is_wrong_is_refused(start_tls, leaf, words):
    mock, led = start_tls(leaf)
    with (
        keel.Relay.from_file(FILE, **led) as relay,
        pytest.raises(keel.UpstreamError) as caught,
    ):
        relay.chat(model="auto", messages=MESSAGES, timeout=4)
    error = caught.value
    assert error.verdict == "not_sent"
    assert words in str(error)
    assert HOST in str(error)
    assert error.trace is not None
    assert all(not a.sent and a.billed == "no" and a.cost == 0 for a in error.trace.attempts)
    state = mock.state()
    assert (state["requests"], state["bill"]["total_nano_usd"]) == (0, 0)


def test_without_the_test_ca_nothing_is_trusted(start_tls):
    mock, led = start_tls("good")
    with (
        keel.Relay.from_file(FILE, resolve=led["resolve"]) as relay,
        pytest.raises(keel.UpstreamError) as caught,
    ):
        relay.chat(model="auto", messages=MESSAGES, timeout=4)
    assert caught.value.verdict == "not_sent"
    assert mock.state()["requests"] == 0
