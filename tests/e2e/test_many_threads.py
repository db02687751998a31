"""Eight threads on one relay: calling, running out of time, and closed in the middle of it all."""

from __future__ import annotations

import collections
import random
import threading

from town import Provider, ask, route_over

import keel

THREADS = 8
CALLS = 60


def test_eight_threads_call_and_time_out_until_the_relay_closes(tmp_path):
    uneven = {
        "records": 9999,
        "default": {"latency_ms": {"p50": 4, "p99": 60}},
        "rules": [
            {"probability": [1, 10], "error": 503},
            {"probability": [1, 15], "fault": "silence"},
            {"probability": [1, 20], "fault": "reset"},
            {"probability": [1, 10], "error": {"status": 429, "retry_after_ms": 20}},
        ],
    }
    outcomes: collections.Counter[str] = collections.Counter()
    failures: list[BaseException] = []
    with (
        Provider(tmp_path, uneven, name="a") as first,
        Provider(tmp_path, uneven, name="b") as second,
    ):
        relay = keel.Relay.from_dict(route_over(first.url, second.url))
        half_way = threading.Barrier(THREADS + 1)

        def work(number: int) -> None:
            chance = random.Random(number)
            try:
                for i in range(CALLS):
                    if i == CALLS // 2:
                        half_way.wait(60)
                    outcomes[one(number * CALLS + i, chance)] += 1
            except BaseException as error:
                failures.append(error)
                half_way.abort()

        def one(number: int, chance: random.Random) -> str:
            nonce = f"[[nonce={number}]]"
            timeout = chance.choice([0.001, 0.02, 0.1, 0.3, 2])
            if number % 9 == 0:
                assert "keel_requests_total" in relay.metrics()
            try:
                reply = ask(relay, nonce, timeout=timeout)
            except keel.KeelError as error:
                return error.code if type(error) is keel.KeelError else type(error).__name__
            assert nonce in reply.text
            return "ok"

        threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        half_way.wait(60)
        threading.Timer(0.1, relay.close).start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]
    assert sum(outcomes.values()) == THREADS * CALLS
    assert outcomes["ok"] > 0
    assert outcomes["DeadlineExceeded"] > 0
    assert outcomes["closed"] > 0
    errors = {"NoTarget", "UpstreamError", "RateLimited", "DeadlineExceeded"}
    assert set(outcomes) <= {"ok", "closed", "cancelled", *errors}
    print(dict(outcomes))
