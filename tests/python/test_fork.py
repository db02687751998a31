"""fork(): a child builds its relay anew, or says which limit it cannot keep. It never hangs."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable

import pytest

import keel
from conftest import ask, document, provider, wait_until


def in_child(work: Callable[[], None]) -> int:
    """The child's exit code: 0 if `work` went through."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    end = time.monotonic() + 30
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_calls_and_so_does_its_parent(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        relay.on_event(lambda event: None)
        assert ask(relay).text

        def work():
            for _ in range(3):
                assert ask(relay).text
            assert 'outcome="ok"} 3' in relay.metrics()
            relay.close()

        assert in_child(work) == 0
        assert ask(relay).text
    assert mock.state()["requests"] == 5


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forking_while_threads_call(start_mock):
    mock = start_mock({"default": {"latency_ms": 5}})
    stop = threading.Event()
    with keel.Relay.from_dict(document(mock, "m")) as relay:

        def busy():
            while not stop.is_set():
                assert ask(relay).text

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: mock.state()["requests"] > 10)

        def work():
            assert ask(relay).text
            relay.close()

        codes = [in_child(work) for _ in range(5)]
        stop.set()
        for thread in threads:
            thread.join(10)
    assert codes == [0] * 5


@pytest.mark.parametrize(
    ("sections", "setting"),
    [
        ({"budgets": {"relay": {"usd": 5}}}, "budgets.relay"),
        ({"limits": {"requests_per_minute": 600}}, "limits"),
        ({"tenants": {"shop": {"budget": {"usd": 5}}}}, "tenants.shop.budget"),
        ({"tenants": {"shop": {"limits": {"concurrency": 5}}}}, "tenants.shop.limits"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_limit_is_not_granted_twice(mock, sections, setting):
    # Used before the fork or not: each process would have the whole limit.
    with keel.Relay.from_dict(document(mock, "m", **sections)) as relay:

        def work():
            for _ in range(2):
                with pytest.raises(keel.ForkedError, match=setting):
                    ask(relay)

        assert in_child(work) == 0
        assert ask(relay).text
        assert in_child(work) == 0


@pytest.mark.parametrize(
    ("more", "setting"),
    [
        ({"limits": {"requests_per_minute": 600}}, r"providers\.p\.limits"),
        (
            {"keys": [{"key": "sk-test", "limits": {"tokens_per_minute": 90_000}}]},
            r"providers\.p\.keys\[0\]\.limits",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_nor_is_a_providers_or_a_keys(mock, more, setting):
    known = provider(mock, "m", **more)
    with keel.Relay.from_dict(document(mock, "m", providers={"p": known})) as relay:

        def work():
            with pytest.raises(keel.ForkedError, match=setting):
                ask(relay)

        assert in_child(work) == 0
        assert ask(relay).text


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_that_only_leaves(mock):
    relay = keel.Relay.from_dict(document(mock, "m"))
    ask(relay)
    held = [relay]

    def work():
        held.clear()
        nonlocal relay
        del relay

    assert in_child(work) == 0
    assert ask(held[0]).text
    held[0].close()


def test_a_closed_relay_stays_closed_in_a_child(mock):
    relay = keel.Relay.from_dict(document(mock, "m"))
    relay.close()

    def work():
        with pytest.raises(keel.KeelError) as error:
            ask(relay)
        assert error.value.code == "closed"

    assert in_child(work) == 0
