"""A route with one target: it is asked again and waited for, because there is nobody else."""

from __future__ import annotations

import time

import pytest
from town import Provider, ask, route_over, wait_until

import keel


def test_one_503_is_asked_again(tmp_path):
    # With this seed the first answer is a 503 and the second is not.
    half = {"seed": 5, "rules": [{"probability": [1, 2], "error": 503}]}
    with (
        Provider(tmp_path, half) as mock,
        keel.Relay.from_dict(route_over(mock.url)) as relay,
    ):
        reply = ask(relay)
    assert [a.status for a in reply.trace.attempts] == [503, 200]
    assert [a.verdict for a in reply.trace.attempts] == ["transient", "ok"]
    assert reply.attempts == 2


def test_a_429_is_waited_out(tmp_path):
    with (
        Provider(tmp_path) as mock,
        keel.Relay.from_dict(route_over(mock.url)) as relay,
    ):
        ask(relay)
        throttled = {"status": 429, "retry_after": 1}
        mock.script({"start": "first_request", "rules": [{"for": 0.9, "error": throttled}]})
        reply = ask(relay)
    first, second = reply.trace.attempts
    assert (first.verdict, first.status, second.verdict) == ("throttled_key", 429, "ok")
    assert first.cost == 0
    assert second.started - first.ended >= 1


def test_a_429_that_stays_reaches_the_caller(tmp_path):
    throttled = {"default": {"error": {"status": 429, "retry_after": 7}}}
    with (
        Provider(tmp_path, throttled) as mock,
        keel.Relay.from_dict(route_over(mock.url)) as relay,
    ):
        began = time.monotonic()
        with pytest.raises(keel.RateLimited) as first:
            ask(relay)
        with pytest.raises(keel.RateLimited) as second:
            ask(relay)
        seen = mock.state()["requests"]
    assert first.value.status == second.value.status == 429
    assert first.value.retry_after == pytest.approx(7, abs=0.001)
    waited = time.monotonic() - began
    assert second.value.retry_after is not None
    assert 7 - waited <= second.value.retry_after <= 7
    assert seen == 1  # 7 s is more than the route's patience, and nobody asks a key that cools


def test_it_is_back_soon_after_its_provider(tmp_path):
    with (
        Provider(tmp_path) as mock,
        keel.Relay.from_dict(route_over(mock.url)) as relay,
    ):
        ask(relay)
        mock.kill()
        end = time.monotonic() + 6
        while time.monotonic() < end:
            with pytest.raises(keel.KeelError):
                ask(relay, timeout=2)
        mock.start()

        def answered():
            try:
                return ask(relay, timeout=2)
            except keel.KeelError:
                return None

        took = wait_until(answered, 8, "an answer")
    print(f"answered {took:.2f} s after its provider's return")
