"""Streams read by tasks: what comes, cancellation, many at once, loops that end."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

import keel
from conftest import document, gauge, is_quiet, wait_until
from scripted import DONE, event, scripted, text
from watched import run

BUDGET = {"budgets": {"relay": {"usd": 1000}}}


def stream(relay: keel.AsyncRelay, content: str = "Hello", **more) -> keel.AsyncStream:
    return relay.stream(model="r", messages=[{"role": "user", "content": content}], **more)


def test_chunks_and_reply_are_as_in_a_relay(mock):
    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            whole = await relay.chat(
                model="r", messages=[{"role": "user", "content": "[[out=30]]"}]
            )
            async with stream(relay, "[[out=30]]") as found:
                chunks = [chunk async for chunk in found]
            assert "".join(chunk.text for chunk in chunks) == whole.text
            assert all(c.data["object"] == "chat.completion.chunk" for c in chunks)
            assert (found.reply.text, found.reply.finish_reason) == (whole.text, "stop")
            assert (found.reply.usage, found.reply.cost) == (whole.usage, whole.cost)
            assert [chunk async for chunk in found] == []
            assert is_quiet(relay)

    run(work)


def test_errors_come_out_of_the_iteration(start_mock):
    mock = start_mock({"default": {"error": {"status": 400, "message": "no such thing"}}})

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m")) as relay:
            found = stream(relay)
            with pytest.raises(keel.UpstreamError, match="no such thing"):
                await anext(found)
            assert [chunk async for chunk in found] == []
            with pytest.raises(keel.InvalidRequest, match="chat"):
                stream(relay, stream=False)

    run(work)


def test_an_interrupted_stream_says_what_came():
    async def work():
        async with keel.AsyncRelay.from_dict(document(provider, "a", "b", **BUDGET)) as relay:
            found = stream(relay)
            with pytest.raises(keel.StreamInterrupted) as error:
                async for _ in found:
                    pass
            assert error.value.text == found.text == "one two "
            assert is_quiet(relay)

    with scripted({"a": text("one ", "two "), "b": text("one ")}) as provider:
        run(work)


def test_cancelling_the_reader_ends_the_stream():
    async def read(relay, started):
        async for chunk in stream(relay):
            if chunk.text:
                started.set_result(None)

    async def work():
        async with keel.AsyncRelay.from_dict(document(provider, "m", **BUDGET)) as relay:
            started = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(read(relay, started))
            await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
            assert gauge(relay, "keel_budget_held_usd") > 0
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            wait_until(lambda: is_quiet(relay))
            wait_until(lambda: provider.open == 0)

    with scripted({"m": [*text("one "), None]}) as provider:
        run(work)


def test_closing_and_dropping():
    async def work():
        async with keel.AsyncRelay.from_dict(document(provider, "m", **BUDGET)) as relay:
            async with stream(relay) as found:
                async for chunk in found:
                    if chunk.text:
                        break
            assert is_quiet(relay)
            assert (found.reply.text, found.reply.finish_reason) == ("one ", None)
            assert found.reply.cost > 0
            await found.close()  # again: nothing
            async for chunk in stream(relay):
                if chunk.text:
                    break
            gc.collect()
            wait_until(lambda: is_quiet(relay))
            wait_until(lambda: provider.open == 0)

    with scripted({"m": [*text("one "), None]}) as provider:
        run(work)


def test_one_task_reads_at_a_time():
    async def work():
        async with keel.AsyncRelay.from_dict(document(provider, "m")) as relay:
            async with stream(relay) as found:
                while (await anext(found)).text != "one ":
                    pass
                first = asyncio.create_task(anext(found))
                await asyncio.sleep(0.01)
                with pytest.raises(RuntimeError, match="another task"):
                    await anext(found)
                assert not first.done()
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first
                assert [chunk async for chunk in found] == []

    with scripted({"m": [*text("one "), None]}) as provider:
        run(work)


def test_many_streams_are_never_crossed(start_mock):
    mock = start_mock({"default": {"tokens_per_second": 2000}})

    async def one(relay, number):
        nonce = f"[[nonce={number}]]"
        found = stream(relay, f"{nonce} [[out={number % 40 + 1}]]")
        if number % 5 == 4:
            async for _ in found:
                break
            await found.close()
        else:
            assert "".join([c.text async for c in found]).startswith(nonce)
            assert found.reply.usage.output_tokens == number % 40 + 1

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            await asyncio.gather(*(one(relay, number) for number in range(300)))
            assert is_quiet(relay)
            assert not relay._ports[id(asyncio.get_running_loop())].waiting

    asyncio.run(work())


def test_storms_of_cancelled_streams(start_mock):
    mock = start_mock({"default": {"tokens_per_second": 500, "ttft_ms": 5}})

    async def read(relay, number):
        found = stream(relay, f"[[nonce={number}]] [[out=30]]")
        return "".join([chunk.text async for chunk in found])

    async def one(relay, number):
        task = asyncio.create_task(read(relay, number))
        await asyncio.sleep(number % 97 / 1000)
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(result, asyncio.CancelledError) or f"[[nonce={number}]]" in result

    async def work():
        async with keel.AsyncRelay.from_dict(document(mock, "m", **BUDGET)) as relay:
            await asyncio.gather(*(one(relay, number) for number in range(400)))
            wait_until(lambda: is_quiet(relay))

    asyncio.run(work())


def test_a_slow_reader_makes_the_provider_wait():
    words = ["x" * 1000] * 20_000  # 20 MB

    async def work():
        async with keel.AsyncRelay.from_dict(document(provider, "m")) as relay:
            found = stream(relay)
            await anext(found)
            sent = -1
            while sent != provider.sent:
                sent = provider.sent
                await asyncio.sleep(0.2)
            assert sent < 16_000_000
            assert sum([len(chunk.text) async for chunk in found]) == 20_000_000

    with scripted({"m": [*text(*words), event(finish="stop"), DONE]}) as provider:
        asyncio.run(work())


def test_closing_the_relay_ends_streams():
    async def work():
        relay = keel.AsyncRelay.from_dict(document(provider, "m"))
        found = stream(relay)
        await anext(found)
        closing = asyncio.create_task(relay.close())
        with pytest.raises(keel.KeelError) as error:
            async for _ in found:
                pass
        assert error.value.code == "cancelled"
        await closing
        await found.close()

    with scripted({"m": [*text("one "), None]}) as provider:
        run(work)


def test_a_loop_that_is_closed_under_its_stream():
    with scripted({"m": [*text("one "), None]}) as provider:
        relay = keel.AsyncRelay.from_dict(document(provider, "m", **BUDGET))

        async def begin():
            found = stream(relay)
            await anext(found)
            return found

        found = asyncio.run(begin())
        assert gauge(relay, "keel_in_flight") == 1
        del found
        wait_until(lambda: is_quiet(relay))
        asyncio.run(relay.close())


# ---- the interpreter's end, and fork ------------------------------------------------------------


def leave(code: str, configuration: dict) -> subprocess.CompletedProcess[str]:
    head = """
        import asyncio, json, os, sys, threading, time, keel
        configuration = json.loads(sys.argv[1])
        ask = dict(model="r", messages=[{"role": "user", "content": "?"}])
    """
    return subprocess.run(
        [
            *(sys.executable, "-W", "error", "-c"),
            "\n".join([textwrap.dedent(head), textwrap.dedent(code), "print('leaving')"]),
            json.dumps(configuration),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


LEAVING = {
    "a loop in a daemon thread, with calls and streams": """
        relay = keel.AsyncRelay.from_dict(configuration)
        async def work():
            async for _ in relay.stream(**ask):
                pass
        async def everything():
            await asyncio.gather(work(), relay.chat(**ask), work(), relay.chat(**ask),
                                 return_exceptions=True)
        threading.Thread(target=lambda: asyncio.run(everything()), daemon=True).start()
        time.sleep(0.3)
    """,
    "a loop left standing, with a stream and a call": """
        relay = keel.AsyncRelay.from_dict(configuration)
        loop = asyncio.new_event_loop()
        async def begin():
            stream = relay.stream(**ask)
            await anext(stream)
            return stream
        kept = loop.run_until_complete(begin())
        loop.close()
    """,
    "threads in streams": """
        relay = keel.Relay.from_dict(configuration)
        def work():
            try:
                for _ in relay.stream(**ask):
                    pass
            except keel.KeelError as error:
                assert error.code == "cancelled", error
        for _ in range(8):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
    """,
    "a stream in a cycle": """
        relay = keel.Relay.from_dict(configuration)
        stream = relay.stream(**ask)
        next(stream)
        kept = [stream]
        kept.append(kept)
    """,
}


@pytest.mark.parametrize("how", LEAVING)
def test_the_interpreter_ends(how):
    with scripted({"m": [*text("one "), None]}) as provider:
        done = leave(LEAVING[how], document(provider, "m"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "leaving\n", "")
        wait_until(lambda: provider.open == 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_touch_its_parents_stream():
    with scripted({"m": [*text("one "), 0.5, event(finish="stop"), DONE]}) as provider:
        with keel.Relay.from_dict(document(provider, "m")) as relay:
            found = relay.stream(model="r", messages=[{"role": "user", "content": "?"}])
            next(found)
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    found._waiting.clear()
                    with pytest.raises(keel.ForkedError):
                        next(found)
                    found.close()
                    del found
                    code = 0
                finally:
                    os._exit(code)
            assert "".join(chunk.text for chunk in found) in ("one ", "")
            assert found.reply.text == "one "
            end = time.monotonic() + 30
            while not (done := os.waitpid(child, os.WNOHANG))[0]:
                if time.monotonic() > end:
                    os.kill(child, 9)
                time.sleep(0.01)
            assert os.waitstatus_to_exitcode(done[1]) == 0
