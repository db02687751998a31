"""Many threads on one relay; closing and cancelling while they call."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import keel
from conftest import KEELD, ask, document, wait_until


def run_threads(count, work):
    failures: list[BaseException] = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]


def test_answers_are_never_crossed(start_mock):
    mock = start_mock({"default": {"latency_ms": {"p50": 2, "p99": 30}}})
    with keel.Relay.from_dict(document(mock, "m")) as relay:

        def work(number):
            for i in range(100):
                nonce = f"{number}-{i}"
                assert f"[[nonce={nonce}]]" in ask(relay, f"[[nonce={nonce}]]").text

        run_threads(8, work)
    assert mock.state()["requests"] == 800


def test_one_thread_waits_while_others_call(start_mock):
    mock = start_mock()
    configuration = document(mock, "m")
    configuration["providers"]["p"]["models"]["slow+mock-silence"] = {}
    configuration["routes"]["s"] = {"targets": ["p/slow+mock-silence"]}
    with keel.Relay.from_dict(configuration) as relay:
        waiting = threading.Thread(target=lambda: _slow(relay))
        waiting.start()
        wait_until(lambda: mock.state()["requests"] == 1)
        assert ask(relay).text
        assert waiting.is_alive()
        relay.close()
        waiting.join(10)
        assert not waiting.is_alive()


def _slow(relay):
    with pytest.raises(keel.KeelError):
        relay.chat(model="s", messages=[{"role": "user", "content": "?"}])


def test_threads_that_time_out_beside_threads_that_do_not(start_mock):
    mock = start_mock({"rules": [{"probability": [1, 3], "fault": "silence"}]})
    with keel.Relay.from_dict(document(mock, "m", "n")) as relay:
        outcomes: list[str] = []

        def work(number):
            for i in range(10):
                try:
                    nonce = f"{number}-{i}"
                    assert (
                        f"[[nonce={nonce}]]" in ask(relay, f"[[nonce={nonce}]]", timeout=0.3).text
                    )
                    outcomes.append("ok")
                except keel.KeelError as error:
                    outcomes.append(type(error).__name__)

        run_threads(8, work)
    assert len(outcomes) == 80
    assert "ok" in outcomes
    assert "DeadlineExceeded" in outcomes


def test_close_answers_everybody(start_mock):
    mock = start_mock({"default": {"fault": "silence"}})
    relay = keel.Relay.from_dict(document(mock, "m"))
    caught: list[keel.KeelError] = []

    def work(_number):
        with pytest.raises(keel.KeelError) as error:
            ask(relay)
        caught.append(error.value)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: mock.state()["requests"] == 8)
    relay.close()
    for thread in threads:
        thread.join(10)
    assert [error.code for error in caught] == ["cancelled"] * 8
    relay.close()  # again: nothing
    with pytest.raises(keel.KeelError) as error:
        ask(relay)
    assert error.value.code == "closed"
    assert "keel_build_info" in relay.metrics()


def test_closing_while_calls_begin(mock):
    for _ in range(10):
        relay = keel.Relay.from_dict(document(mock, "m"))

        def work(_number, relay=relay):
            try:
                for _ in range(1000):
                    ask(relay)
            except keel.KeelError as error:
                assert error.code in ("closed", "cancelled")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        relay.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


def test_a_relay_that_is_dropped_ends_its_threads(mock):
    before = threading.active_count()
    relay = keel.Relay.from_dict(document(mock, "m"))
    ask(relay)
    assert threading.active_count() == before + 1
    del relay
    wait_until(lambda: threading.active_count() == before)


def test_callbacks_may_call_the_relay(mock):
    heard: list[str] = []
    configuration = document(mock, "bad+mock-500", "m", breaker={"consecutive": 1})
    with keel.Relay.from_dict(configuration) as relay:

        def on_event(event):
            heard.append(ask(relay).text)
            raise RuntimeError("callbacks may fail")

        end = relay.on_event(on_event)
        ask(relay)
        wait_until(lambda: heard)
        end()
        end()
    assert heard[0]


def test_closing_from_a_callback(mock):
    closed = threading.Event()
    configuration = document(mock, "bad+mock-500", "m", breaker={"consecutive": 1})
    relay = keel.Relay.from_dict(configuration)

    def on_event(_event):
        relay.close()
        closed.set()

    relay.on_event(on_event)
    try:
        ask(relay)
    except keel.KeelError as error:  # the event comes before the answer
        assert error.code == "cancelled"
    assert closed.wait(10)


def test_eight_threads_that_call_time_out_and_are_cut_off():
    script = Path(__file__).parent / "eight_threads.py"
    done = subprocess.run(
        [sys.executable, str(script), str(KEELD), "2"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
