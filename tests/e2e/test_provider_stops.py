"""One of three providers is killed under steady load, and comes back."""

from __future__ import annotations

from town import Provider, Traffic, metric, route_over, wait_until

import keel

FAILED = {"not_sent", "broken", "silent", "transient"}


def test_nobody_notices_that_a_provider_stopped(tmp_path):
    slow = {"default": {"latency_ms": 300}}
    breaker = 'keel_breaker_state{provider="p0",model="m"}'
    with (
        Provider(tmp_path, slow, name="a") as first,
        Provider(tmp_path, slow, name="b") as second,
        Provider(tmp_path, slow, name="c") as third,
        keel.Relay.from_dict(route_over(first.url, second.url, third.url)) as relay,
        Traffic(relay, rate=20, timeout=20) as traffic,
    ):
        wait_until(lambda: len(traffic.replies) >= 20, 20, "steady traffic")
        first.kill()
        opened = wait_until(lambda: metric(relay, breaker) == 2, 20, "breaker open")
        wait_until(lambda: len(traffic.replies) >= 160, 60, "traffic without it")
        first.start()
        closed = wait_until(lambda: metric(relay, breaker) == 0, 20, "breaker closed")
        before = first.state()["requests"]
        wait_until(lambda: first.state()["requests"] > before, 20, "traffic with it")

    assert not traffic.errors
    sends = sum(reply.attempts for reply in traffic.replies)
    assert sends / len(traffic.replies) < 1.3
    attempts = [a for reply in traffic.replies for a in reply.trace.attempts]
    failures = [a for a in attempts if a.verdict in FAILED]
    assert {a.provider for a in failures} == {"p0"}
    print(
        f"{len(traffic.replies)} requests, {sends} sends, {len(failures)} failures; "
        f"open after {opened:.2f} s, closed {closed:.2f} s after its return"
    )
