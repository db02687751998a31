"""A first provider that fails in some way: who answers, and what the failure cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from town import Provider, ask, route_over

import keel

# The fault, what the relay makes of it, and whether it may have been billed.
FAULTS = [
    ("error_inside", "transient", "maybe"),
    ("empty", "broken", "maybe"),
    ("no_choices", "broken", "yes"),
    ("unparsable", "broken", "maybe"),
    ("head_then_silence", "silent", "maybe"),
    ("silence", "silent", "maybe"),
    ("reset_after_head", "broken", "maybe"),
    ("reset_mid_body", "broken", "maybe"),
    ("truncated", "broken", "maybe"),
    ("reset", "broken", "maybe"),
    ("close", "broken", "maybe"),
]


@pytest.mark.parametrize(("fault", "verdict", "billed"), FAULTS, ids=[f[0] for f in FAULTS])
def test_the_next_target_answers(tmp_path, fault, verdict, billed):
    with (
        Provider(tmp_path, {"default": {"fault": fault}}, name="bad") as bad,
        Provider(tmp_path, name="good") as good,
        keel.Relay.from_dict(
            route_over(bad.url, good.url, route={"attempt_timeout": 0.3})
        ) as relay,
    ):
        reply = ask(relay, f"[[nonce={fault}]]", timeout=20)
        seen = bad.state(), good.state()
    assert f"[[nonce={fault}]]" in reply.text
    assert reply.provider == "p1"
    failed = [a for a in reply.trace.attempts if a.provider == "p0"]
    assert {(a.verdict, a.billed, a.sent) for a in failed} == {(verdict, billed, True)}
    assert len(failed) == (1 if verdict == "silent" else 2)
    assert seen[0]["requests"] == len(failed)
    assert seen[1]["requests"] == 1
    assert reply.attempts == len(failed) + 1
    posted = sum((a.cost for a in failed), Decimal(0))
    assert seen[0]["bill"]["total_nano_usd"] <= posted * 10**9
    assert all(a.estimated == (billed == "maybe") for a in failed)


@pytest.fixture
def start_silent(tmp_path):
    started = []

    def start(count):
        silent = {"default": {"fault": "silence"}}
        started.extend(Provider(tmp_path, silent, name=f"silent{i}") for i in range(count))
        return route_over(*(mock.url for mock in started))

    yield start
    for mock in started:
        mock.kill()


@pytest.mark.parametrize("providers", [1, 2])
def test_the_deadline_holds_when_everybody_is_silent(start_silent, providers):
    with (
        keel.Relay.from_dict(start_silent(providers)) as relay,
        pytest.raises(keel.DeadlineExceeded) as caught,
    ):
        ask(relay, timeout=2.5)
    trace = caught.value.trace
    assert trace is not None
    assert caught.value.status == 504
    assert 2.5 <= trace.seconds < 10  # 2.6 is promised; a slow machine is no failure
    assert [a.verdict for a in trace.attempts] == ["silent"] * providers
    assert all(a.billed == "maybe" and a.estimated and a.cost == a.held for a in trace.attempts)
    print(f"{providers} silent providers: answered after {trace.seconds:.3f} of 2.5 s")


def test_no_attempt_begins_that_has_no_useful_time(start_silent):
    """One of several may take half of what is left; where half is of no use, it takes all."""
    with (
        keel.Relay.from_dict(start_silent(4)) as relay,
        pytest.raises(keel.DeadlineExceeded) as caught,
    ):
        ask(relay, timeout=2.5)
    trace = caught.value.trace
    assert trace is not None
    assert caught.value.status == 504
    assert len(trace.attempts) == 2
    assert 2.5 <= trace.seconds < 10
