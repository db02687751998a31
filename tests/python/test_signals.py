"""Signals during a call, and the end of the interpreter during a call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import keel
from conftest import ask, document, wait_until


def test_an_interrupt_ends_a_call_quickly(start_mock):
    mock = start_mock({"default": {"fault": "silence"}})
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        sent_at = []

        def interrupt():
            wait_until(lambda: mock.state()["requests"] == 1)
            sent_at.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            ask(relay)
        took = time.monotonic() - sent_at[0]
        thread.join()
        wait_until(lambda: mock.state()["in_flight"] == 0)  # cancelled upstream too
    assert took < 5  # wakes every 0.1 s; the rest is a busy machine


def test_a_handler_that_returns_does_not_end_a_call(start_mock):
    mock = start_mock({"default": {"latency_ms": 400}})
    handled = []
    before = signal.signal(signal.SIGALRM, lambda *_: handled.append(time.monotonic()))
    try:
        with keel.Relay.from_dict(document(mock, "m")) as relay:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert ask(relay).text
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(handled) == 1


def run(code: str, configuration: dict, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), json.dumps(configuration)],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def test_the_interpreter_ends_under_calls_of_daemon_threads(start_mock):
    mock = start_mock({"default": {"fault": "silence"}})
    code = """
        import json, sys, threading, time, keel
        relay = keel.Relay.from_dict(json.loads(sys.argv[1]))
        relay.on_event(print)
        def work():
            try:
                relay.chat(model="r", messages=[{"role": "user", "content": "?"}])
            except keel.KeelError as error:
                assert error.code == "cancelled", error
        for _ in range(8):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
        print("leaving")
    """
    done = run(code, document(mock, "m"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "leaving\n", "")


def test_the_interpreter_ends_without_close(mock):
    code = """
        import json, sys, keel
        relay = keel.Relay.from_dict(json.loads(sys.argv[1]))
        relay.on_event(print)
        print(relay.chat(model="r", messages=[{"role": "user", "content": "?"}]).provider)
        keel_kept_alive_by_a_cycle = [relay]
        keel_kept_alive_by_a_cycle.append(keel_kept_alive_by_a_cycle)
    """
    done = run(code, document(mock, "m"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "p\n", "")
