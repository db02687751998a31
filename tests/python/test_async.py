"""AsyncRelay: awaited calls, cancellation, several loops, loops that go away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import os
import threading
import time

import pytest

import keel
from conftest import document, gauge, is_quiet, wait_until
from watched import run

BUDGET = {"budgets": {"relay": {"usd": 1000}}}
MANY_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


async def ask(relay: keel.AsyncRelay, text: str = "Hello", **more) -> keel.Reply:
    return await relay.chat(model="r", messages=[{"role": "user", "content": text}], **more)


def test_replies_are_as_in_a_relay(mock):
    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m")) as relay:
            reply = await ask(relay, "Hi [[in=1000]] [[out=7]] [[nonce=abc]]", request_id="mine")
            assert reply.text.startswith("[[nonce=abc]]")
            assert reply.usage == keel.Usage(1000, 0, 0, 7, 0)
            assert (reply.provider, reply.model, reply.request_id) == ("p", "m", "mine")
            vectors = await relay.embeddings(model="r", input=["one", "two"])
            assert [len(vector) for vector in vectors.vectors] == [8, 8]
            assert 'outcome="ok"} 2' in relay.metrics()

    run(work)


def test_errors_are_as_in_a_relay(start_mock):
    mock = start_mock({"default": {"error": {"status": 400, "message": "no such thing"}}})

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m")) as relay:
            with pytest.raises(keel.UpstreamError, match="no such thing") as error:
                await ask(relay)
            assert error.value.status == 400
            assert error.value.trace.attempts[0].status == 400
            with pytest.raises(keel.InvalidRequest, match="JSON"):
                await ask(relay, user=object())
            with pytest.raises(keel.InvalidRequest, match="stream"):
                await ask(relay, stream=True)
            with pytest.raises(ValueError, match="timeout"):
                await ask(relay, timeout=0)
            with pytest.raises(keel.InvalidRequest, match="nobody"):
                await relay.chat(model="nobody", messages=[])
        with pytest.raises(keel.KeelError) as closed:
            await ask(relay)
        assert closed.value.code == "closed"
        await relay.close()  # again: nothing

    run(work)


def test_a_thousand_at_once_are_never_crossed(start_mock):
    mock = start_mock({"default": {"latency_ms": {"p50": 5, "p99": 50}}})

    async def one(relay, number):
        nonce = f"[[nonce={number}]]"
        assert nonce in (await ask(relay, nonce)).text

    async def work():
        before = threading.active_count()
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            await asyncio.gather(*(one(relay, number) for number in range(1000)))
            assert threading.active_count() <= before + 1  # keel-events
            assert is_quiet(relay)

    asyncio.run(work())  # in debug mode a thousand tasks would be slow
    assert mock.state()["requests"] == 1000


def test_cancelling_closes_and_settles(start_mock):
    mock = start_mock({"default": {"fault": "silence"}})

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            task = asyncio.create_task(ask(relay))
            while mock.state()["in_flight"] == 0:
                await asyncio.sleep(0.01)
            assert gauge(relay, "keel_budget_held_usd") > 0
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            wait_until(lambda: is_quiet(relay))
            wait_until(lambda: mock.state()["in_flight"] == 0)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ask(relay), 0.05)
            wait_until(lambda: is_quiet(relay))

    run(work)


def test_storms_of_cancellation(start_mock):
    mock = start_mock({"default": {"latency_ms": {"p50": 10, "p99": 60}}})
    done = {"answered": 0, "cancelled": 0}

    async def one(relay, number):
        task = asyncio.create_task(ask(relay, f"[[nonce={number}]]"))
        await asyncio.sleep(number % 83 / 1000)
        task.cancel()
        try:
            assert f"[[nonce={number}]]" in (await task).text
            done["answered"] += 1
        except asyncio.CancelledError:
            done["cancelled"] += 1

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            for _ in range(5):
                await asyncio.gather(*(one(relay, number) for number in range(200)))
            wait_until(lambda: is_quiet(relay))
            assert not relay._ports[id(asyncio.get_running_loop())].waiting

    asyncio.run(work())
    assert sum(done.values()) == 1000
    assert done["cancelled"] > 0


def test_two_loops_in_two_threads(mock):
    failures = []
    relay = keel.AsyncRelay.from_dict(document(mock, "m"))

    async def many(name):
        for turn in range(20):
            nonces = [f"[[nonce={name}-{turn}-{n}]]" for n in range(10)]
            replies = await asyncio.gather(*(ask(relay, nonce) for nonce in nonces))
            assert all(nonce in reply.text for nonce, reply in zip(nonces, replies, strict=True))

    def thread(name):
        try:
            asyncio.run(many(name), debug=True)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=thread, args=(name,)) for name in ("one", "two")]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert failures == []
    asyncio.run(relay.close())
    assert mock.state()["requests"] == 400


def test_close_answers_the_calls_of_every_loop(start_mock):
    mock = start_mock({"default": {"fault": "silence"}})
    relay = keel.AsyncRelay.from_dict(document(mock, "m"))
    codes = []

    async def call():
        with pytest.raises(keel.KeelError) as error:
            await ask(relay)
        codes.append(error.value.code)

    thread = threading.Thread(target=lambda: asyncio.run(call()))
    thread.start()

    async def work():
        here = asyncio.create_task(call())
        while mock.state()["in_flight"] < 2:
            await asyncio.sleep(0.01)
        await relay.close()
        await here

    run(work)
    thread.join(10)
    assert not thread.is_alive()
    assert codes == ["cancelled"] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_is_closed_under_its_calls(start_mock):
    mock = start_mock({"default": {"fault": "silence"}})
    relay = keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET))
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # "Task was destroyed but it is pending!"
    tasks = [loop.create_task(ask(relay)) for _ in range(5)]
    wait_until(lambda: loop.run_until_complete(asyncio.sleep(0.01)) or mock.state()["in_flight"])
    assert gauge(relay, "keel_in_flight") > 0
    loop.close()
    tasks.clear()
    gc.collect()
    wait_until(lambda: is_quiet(relay))

    async def work():
        mock.script({})
        assert (await ask(relay)).text  # the relay goes on in another loop
        await relay.close()

    run(work)


def test_a_call_ends_after_its_loop_is_closed(start_mock):
    mock = start_mock({"default": {"latency_ms": 200}})
    relay = keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET))
    loop = asyncio.new_event_loop()
    task = loop.create_task(ask(relay))
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    wait_until(lambda: 'outcome="ok"} 1' in relay.metrics())  # answered to nobody
    assert is_quiet(relay)
    asyncio.run(relay.close())
    task.get_coro().close()
    task._log_destroy_pending = False


def test_a_relay_that_is_dropped_ends_its_threads(mock):
    async def work():
        before = set(threading.enumerate())
        relay = keel.AsyncRelay.from_dict(document(mock, "m"))
        await ask(relay)
        assert len(set(threading.enumerate()) - before) == 1
        del relay
        wait_until(lambda: not set(threading.enumerate()) - before)

    run(work)


def _eventfds() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own
            count += os.readlink(f"/proc/self/fd/{name}") == "anon_inode:[eventfd]"
    return count


def test_descriptors_go_with_loop_and_relay(mock):
    before = _eventfds()
    relay = keel.AsyncRelay.from_dict(document(mock, "m"))
    for _ in range(3):
        asyncio.run(ask(relay))
    gc.collect()
    assert _eventfds() == before + 1  # the driver's own loop
    asyncio.run(relay.close())
    del relay
    assert _eventfds() == before


def test_events_reach_callbacks(mock):
    told: list[keel.Event] = []

    async def work():
        configuration = document(mock, "bad+mock-500", "m", breaker={"consecutive": 2})
        async with keel.AsyncRelay.from_dict(configuration) as relay:
            relay.on_event(told.append)
            for _ in range(3):
                await ask(relay)

    run(work)
    assert told[0].kind == "breaker"


def test_outside_of_a_loop(mock):
    relay = keel.AsyncRelay.from_dict(document(mock, "m"))
    coroutine = ask(relay)
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)
    del relay


@MANY_THREADS
def test_a_forked_child_awaits_too(mock):
    relay = keel.AsyncRelay.from_dict(document(mock, "m"))
    limited = keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET))

    async def both():
        assert (await ask(relay)).text
        assert (await ask(limited)).text

    asyncio.run(both())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert asyncio.run(ask(relay)).text
            with pytest.raises(keel.ForkedError, match=r"budgets\.relay"):
                asyncio.run(ask(limited))
            asyncio.run(relay.close())
            code = 0
        finally:
            os._exit(code)
    end = time.monotonic() + 30
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(child, 9)
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(done[1]) == 0
    asyncio.run(both())
    asyncio.run(relay.close())
    asyncio.run(limited.close())


@pytest.mark.skipif(not importlib.util.find_spec("uvloop"), reason="uvloop is not installed")
def test_on_uvloop(start_mock):
    import uvloop

    mock = start_mock({"rules": [{"probability": [1, 3], "latency_ms": 500}]})

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            tasks = [asyncio.create_task(ask(relay, f"[[nonce={n}]]")) for n in range(100)]
            await asyncio.wait(tasks, timeout=0.3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            answered = [n for n, task in enumerate(tasks) if not task.cancelled()]
            assert all(f"[[nonce={n}]]" in tasks[n].result().text for n in answered)
            assert 0 < len(answered) < 100
            wait_until(lambda: is_quiet(relay))

    uvloop.run(work())
