"""Streams: chunks, what came of them, how they end, and that they leave nothing behind."""

from __future__ import annotations

import gc
import signal
import threading
import time
from decimal import Decimal

import pytest

import keel
from conftest import document, gauge, is_quiet, wait_until
from scripted import DONE, USAGE, event, scripted, text

BUDGET = {"budgets": {"relay": {"usd": 1000}}}
HELLO = [{"role": "user", "content": "Hello"}]


def stream(relay: keel.Relay, content: str = "Hello", **more) -> keel.Stream:
    return relay.stream(model="r", messages=[{"role": "user", "content": content}], **more)


# ---- what comes ----------------------------------------------------------------------------------


def test_text_comes_in_chunks(mock):
    with keel.Relay.from_dict(document(mock, "m", **BUDGET)) as relay:
        whole = relay.chat(model="r", messages=[{"role": "user", "content": "[[out=40]]"}])
        with stream(relay, "[[out=40]]", request_id="mine") as found:
            chunks = list(found)
        assert "".join(chunk.text for chunk in chunks) == whole.text == found.text
        reply = found.reply
        assert (reply.text, reply.finish_reason) == (whole.text, "stop")
        assert (reply.provider, reply.model, reply.attempts) == ("p", "m", 1)
        assert (reply.usage, reply.cost) == (whole.usage, whole.cost)
        assert (reply.cached, reply.downgraded, reply.clamped) == (False, None, None)
        assert reply.request_id == "mine" == reply.trace.id
        assert len(chunks) > 40
        assert is_quiet(relay)
        assert list(found) == []  # once


def test_a_chunk_is_one_event(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        for chunk in stream(relay):
            assert chunk.bytes.startswith(b"data: {")
            assert chunk.bytes.endswith(b"\n\n")
            assert chunk.data["object"] == "chat.completion.chunk"
            assert chunk.data is chunk.data
            delta = chunk.data["choices"][0]["delta"]
            assert chunk.text == (delta.get("content") or "")
            assert "Chunk" in repr(chunk)


def test_usage_is_shown_to_who_asked_and_known_anyway(mock):
    with keel.Relay.from_dict(document(mock, "m", **BUDGET)) as relay:
        for asked in (False, True):
            options = {"stream_options": {"include_usage": True}} if asked else {}
            found = stream(relay, "[[in=1000]] [[out=7]]", **options)
            counts = [c.data["usage"] for c in found if c.data.get("usage")]
            assert [c["completion_tokens"] for c in counts] == ([7] if asked else [])
            assert found.reply.usage == keel.Usage(1000, 0, 0, 7, 0)
            assert found.reply.cost == Decimal("0.001014")
            assert not found.reply.trace.attempts[-1].estimated


def test_tool_calls_are_in_the_document():
    call = {"index": 0, "id": "call_1", "type": "function"}
    steps = [
        event({"role": "assistant", "content": None}),
        event({"tool_calls": [{**call, "function": {"name": "find", "arguments": ""}}]}),
        *(
            event({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
            for part in ('{"or', 'der": ', '"Ü7"}')
        ),
        event(finish="tool_calls", usage=USAGE),
        DONE,
    ]
    with scripted({"m": steps}) as provider:
        with keel.Relay.from_dict(document(provider, "m")) as relay:
            found = stream(relay)
            arguments = ""
            for chunk in found:
                assert chunk.text == ""
                for part in chunk.data["choices"][0]["delta"].get("tool_calls", ()):
                    arguments += part["function"]["arguments"]
            assert arguments == '{"order": "Ü7"}'
            assert (found.reply.text, found.reply.finish_reason) == ("", "tool_calls")


def test_what_says_nothing_is_no_chunk():
    hello = event({"content": "Hel"}).replace(b"\n", b"\r\n")
    steps = [
        b": keep-alive\n\n",
        *text(),
        hello[:9],
        0.02,
        hello[9:],
        b": ping\r\n\r\n",
        event({"content": "lo ☃"}),
        event(finish="stop", usage=USAGE),
        DONE,
    ]
    with scripted({"m": steps}) as provider:
        with keel.Relay.from_dict(document(provider, "m")) as relay:
            found = stream(relay)
            chunks = [chunk for chunk in found if chunk.text]
            assert [chunk.text for chunk in chunks] == ["Hel", "lo ☃"]
            assert chunks[0].data["choices"][0]["delta"] == {"content": "Hel"}
            assert found.reply.text == "Hello ☃"


def test_the_first_of_several_choices_is_the_text(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        one = "".join(chunk.text for chunk in stream(relay, n=1))
        found = stream(relay, n=2)
        indices = {choice["index"] for c in found for choice in c.data["choices"]}
        assert indices == {0, 1}
        assert found.reply.text == one


def test_a_length_limit_is_the_finish_reason(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        found = stream(relay, "[[out=50]]", max_tokens=5)
        assert len([chunk for chunk in found if chunk.text]) == 5
        assert found.reply.finish_reason == "length"


def test_a_stored_answer_is_a_stream_too(mock):
    cache = {"cache": {"when": "always", "ttl": 60}}
    with keel.Relay.from_dict(document(mock, "m", route=cache)) as relay:
        first = stream(relay)
        whole = "".join(chunk.text for chunk in first)
        second = stream(relay)
        assert "".join(chunk.text for chunk in second) == whole == second.reply.text
        assert (first.reply.cached, second.reply.cached) == (False, True)
        assert (second.reply.cost, second.reply.attempts) == (0, 0)


# ---- how it may end ------------------------------------------------------------------------------


def test_errors_before_the_first_chunk_are_those_of_chat(start_mock):
    mock = start_mock({"default": {"error": {"status": 400, "message": "no such thing"}}})
    with keel.Relay.from_dict(document(mock, "m", **BUDGET)) as relay:
        found = stream(relay)
        with pytest.raises(keel.UpstreamError, match="no such thing") as error:
            next(found)
        assert not isinstance(error.value, keel.StreamInterrupted)
        assert error.value.trace.attempts[0].status == 400
        assert list(found) == []  # the error is told once
        with pytest.raises(keel.UpstreamError, match="no such thing"):
            _ = found.reply  # ... but there is no reply either
        with pytest.raises(keel.InvalidRequest, match="nobody"):
            next(relay.stream(model="nobody", messages=HELLO))
        with pytest.raises(keel.InvalidRequest, match="chat"):
            stream(relay, stream=False)
        with pytest.raises(keel.InvalidRequest, match="JSON"):
            stream(relay, user=object())
        assert is_quiet(relay)
    with pytest.raises(keel.KeelError) as closed:
        stream(relay)
    assert closed.value.code == "closed"


def test_a_target_that_fails_before_content_is_not_noticed(mock):
    for fault in ("empty", "no-choices", "error-inside", "unparsable", "close", "503"):
        bad = f"bad+mock-{fault}"
        with keel.Relay.from_dict(document(mock, bad, "m")) as relay:
            found = stream(relay)
            assert "".join(chunk.text for chunk in found) == found.reply.text != ""
            assert found.reply.model == "m"
            assert {a.model for a in found.reply.trace.attempts} == {bad, "m"}


def test_a_cut_in_the_middle_goes_on_at_another_target():
    words = ["one ", "two ", "three ", "four"]
    end = [event(finish="stop", usage=USAGE), DONE]
    steps = {"cut": text(*words[:2]), "m": [*text(*words), *end]}
    with scripted(steps) as provider:
        with keel.Relay.from_dict(document(provider, "cut", "m", **BUDGET)) as relay:
            found = stream(relay)
            assert [chunk.text for chunk in found if chunk.text] == words
            assert found.reply.text == "one two three four"
            assert found.reply.attempts == len(found.reply.trace.attempts) > 1
            assert found.reply.model == "m"
            assert is_quiet(relay)


def test_targets_that_all_break_interrupt_the_stream():
    steps = {"a": text("one ", "two "), "b": text("one ", "two ", "three ")}
    with scripted(steps) as provider:
        with keel.Relay.from_dict(document(provider, "a", "b", **BUDGET)) as relay:
            found = stream(relay)
            read = []
            with pytest.raises(keel.StreamInterrupted) as error:
                for chunk in found:
                    read.append(chunk.text)
            assert "".join(read) == error.value.text == found.text != ""
            assert isinstance(error.value, keel.UpstreamError)
            assert error.value.verdict == "broken"
            assert "respond" in error.value.trace.explain()
            assert error.value.code == "stream_interrupted"
            with pytest.raises(keel.StreamInterrupted):
                _ = found.reply
            assert is_quiet(relay)


def test_a_target_that_says_something_else_does_not_go_on():
    end = [event(finish="stop"), DONE]
    steps = {"a": text("one ", "two "), "b": [*text("one ", "other"), *end]}
    with scripted(steps) as provider:
        with keel.Relay.from_dict(document(provider, "a", "b", **BUDGET)) as relay:
            found = stream(relay)
            with pytest.raises(keel.StreamInterrupted) as error:
                list(found)
            assert error.value.text == "one two "


def test_the_deadline_ends_a_stream():
    with scripted({"m": [*text("one "), None]}) as provider:
        with keel.Relay.from_dict(document(provider, "m", **BUDGET)) as relay:
            found = stream(relay, timeout=0.3)
            with pytest.raises(keel.KeelError) as error:
                list(found)
            assert isinstance(error.value, (keel.DeadlineExceeded, keel.StreamInterrupted))
            assert found.text == "one "
            assert is_quiet(relay)
            wait_until(lambda: provider.open == 0)


def test_the_reply_is_not_there_before_the_end(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        found = stream(relay)
        next(found)
        with pytest.raises(keel.KeelError) as error:
            _ = found.reply
        assert error.value.code == "stream_open"
        assert "open" in repr(found) or "ok" in repr(found)
        list(found)
        assert found.reply.finish_reason == "stop"


# ---- leaving early -------------------------------------------------------------------------------


def test_closing_early_closes_upstream_and_settles():
    with scripted({"m": [*text("one ", "two "), None]}) as provider:
        with keel.Relay.from_dict(document(provider, "m", **BUDGET)) as relay:
            with stream(relay) as found:
                for chunk in found:
                    if chunk.text:
                        break
                assert gauge(relay, "keel_budget_held_usd") > 0
            assert is_quiet(relay)
            wait_until(lambda: provider.open == 0)
            reply = found.reply
            assert (reply.text, reply.finish_reason) == ("one ", None)
            assert reply.cost > 0  # nobody knows: the whole hold
            assert reply.trace.attempts[0].estimated
            assert list(found) == []
            found.close()  # again: nothing


def test_dropping_closes_too():
    with scripted({"m": [*text("one "), None]}) as provider:
        with keel.Relay.from_dict(document(provider, "m", **BUDGET)) as relay:
            for chunk in stream(relay):
                if chunk.text:
                    break
            gc.collect()
            wait_until(lambda: is_quiet(relay))
            wait_until(lambda: provider.open == 0)
            stream(relay)  # not read at all
            wait_until(lambda: is_quiet(relay))


def test_closing_the_relay_ends_a_stream():
    with scripted({"m": [*text("one "), None]}) as provider:
        relay = keel.Relay.from_dict(document(provider, "m"))
        found = stream(relay)
        next(found)
        threading.Timer(0.1, relay.close).start()
        with pytest.raises(keel.KeelError) as error:
            list(found)
        assert error.value.code == "cancelled"


def test_a_signal_ends_a_wait_for_a_chunk():
    class Rung(Exception):
        pass

    def ring(*_):
        raise Rung

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with scripted({"m": [*text("one "), None]}) as provider:
            with keel.Relay.from_dict(document(provider, "m", **BUDGET)) as relay:
                found = stream(relay)
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                began = time.monotonic()
                with pytest.raises(Rung):
                    list(found)
                assert time.monotonic() - began < 5
                wait_until(lambda: is_quiet(relay))
                wait_until(lambda: provider.open == 0)
                assert list(found) == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- many and much -------------------------------------------------------------------------------


def test_streams_of_many_threads_are_never_crossed(start_mock):
    mock = start_mock({"default": {"tokens_per_second": 2000}})
    failures = []
    with keel.Relay.from_dict(document(mock, "m", **BUDGET)) as relay:

        def work(number):
            try:
                for turn in range(10):
                    nonce = f"[[nonce={number}-{turn}]]"
                    found = stream(relay, f"{nonce} [[out=20]]")
                    if turn % 3 == 2:
                        next(found)
                        found.close()
                        continue
                    assert "".join(c.text for c in found).startswith(nonce)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert is_quiet(relay)


def test_a_slow_reader_makes_the_provider_wait():
    words = ["x" * 1000] * 20_000  # 20 MB
    with scripted({"m": [*text(*words), event(finish="stop"), DONE]}) as provider:
        with keel.Relay.from_dict(document(provider, "m")) as relay:
            found = stream(relay)
            next(found)
            sent = -1
            while sent != provider.sent:  # until it is stuck
                sent = provider.sent
                time.sleep(0.2)
            assert sent < 16_000_000  # what the kernel keeps is most of it
            assert sum(len(chunk.text) for chunk in found) == 20_000_000
            assert found.reply.finish_reason == "stop"


def test_one_stream_read_by_several_threads(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        found = stream(relay, "[[out=2000]]")
        read: list[str] = []
        threads = [threading.Thread(target=lambda: read.extend(c.text for c in found))] * 1
        threads += [threading.Thread(target=lambda: read.extend(c.text for c in found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert sorted("".join(read)) == sorted(found.reply.text)
