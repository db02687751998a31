"""What a relay tells: the logger `keel`, the request log, callbacks that fail."""

from __future__ import annotations

import json
import logging
import resource

import pytest

import keel
from conftest import ask, document, wait_until

FAILING = ("bad+mock-500", "m")


def failing(mock, **sections):
    return document(mock, *FAILING, breaker={"consecutive": 1}, **sections)


def test_the_structured_log_is_json_in_pythons_logging(mock, caplog):
    caplog.set_level(logging.DEBUG, logger="keel")
    with keel.Relay.from_dict(failing(mock)) as relay:
        ask(relay)
    lines = [json.loads(record.message) for record in caplog.records]
    assert lines[0]["event"] == "breaker"
    assert lines[0]["level"] == "warning"
    assert "bad" in lines[0]["subject"]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize("level", ["error", "off"])
def test_log_level_says_how_much(mock, caplog, level):
    caplog.set_level(logging.DEBUG, logger="keel")
    with keel.Relay.from_dict(failing(mock, observability={"log_level": level})) as relay:
        heard = []
        relay.on_event(heard.append)
        ask(relay)
        wait_until(lambda: heard)
    assert not caplog.records


def test_a_failing_callback_harms_nobody(mock, caplog):
    heard = []
    with keel.Relay.from_dict(failing(mock)) as relay:
        relay.on_event(lambda event: 1 / 0)
        relay.on_event(heard.append)
        ask(relay)
        wait_until(lambda: heard)
    assert any("callback failed" in record.message for record in caplog.records)


def test_a_callback_can_be_ended(mock):
    heard = []
    with keel.Relay.from_dict(failing(mock)) as relay:
        end = relay.on_event(heard.append)
        end()
        ask(relay)
    assert heard == []


def test_the_request_log(mock, tmp_path):
    path = tmp_path / "requests.jsonl"
    configuration = document(mock, *FAILING, request_log={"path": str(path)})
    with keel.Relay.from_dict(configuration) as relay:
        reply = ask(relay, "a secret word [[in=10]] [[out=5]]")
        with pytest.raises(keel.InvalidRequest):
            relay.chat(model="unknown", messages=[])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["outcome"] == "ok"
    assert len(lines) == 2
    assert lines[0]["v"] == 1
    assert lines[0]["id"] == reply.request_id
    assert lines[0]["cost_nano_usd"] == int(reply.cost.scaleb(9))
    assert [a["status"] for a in lines[0]["attempts"]] == [a.status for a in reply.trace.attempts]
    assert lines[0]["attempts"][-1]["tokens"]["out"] == 5
    assert "secret" not in path.read_text()
    assert "sk-test" not in path.read_text()


def test_a_request_log_that_cannot_be_written_is_a_configuration_error(mock, tmp_path):
    configuration = document(mock, "m", request_log={"path": str(tmp_path / "no" / "such.jsonl")})
    with pytest.raises(keel.ConfigError) as caught:
        keel.Relay.from_dict(configuration)
    assert [problem.path for problem in caught.value.problems] == ["request_log.path"]


def test_a_full_disk_stops_the_log_and_not_the_relay(mock, tmp_path, caplog):
    path = tmp_path / "requests.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    configuration = document(mock, "m", request_log={"path": str(path)})
    with keel.Relay.from_dict(configuration) as relay:
        ask(relay)
        wait_until(lambda: path.stat().st_size > 0)
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        try:
            assert all(ask(relay).text for _ in range(3))
            wait_until(lambda: any("stopped" in record.message for record in caplog.records))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.stat().st_size == size  # no half line stays
        ask(relay)
    assert any("goes on" in record.message for record in caplog.records)
    stopped = [record for record in caplog.records if "stopped" in record.message]
    assert len(stopped) == 1  # said once
    for line in path.read_text().splitlines():
        json.loads(line)
