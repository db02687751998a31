"""Each engine alone, in virtual time, at its edges."""

from __future__ import annotations

import math
import time
from decimal import Decimal

import pytest

from keel import Usage
from keel.engines import (
    Backoff,
    Breaker,
    Budget,
    Candidate,
    Classifier,
    Health,
    KeyPool,
    RateLimiter,
    ResponseCache,
    RetryBudget,
    Router,
)
from keel.errors import InvalidRequest

# ---- limits --------------------------------------------------------------------------------------


def test_a_limiter_lets_its_burst_and_one_through_at_once():
    limiter = RateLimiter(rate=10, burst=20)
    assert sum(bool(limiter.try_take(1, now=0.0)) for _ in range(30)) == 21
    refused = limiter.try_take(1, now=0.0)
    assert not refused
    assert refused.retry_after == pytest.approx(0.1)
    assert limiter.try_take(1, now=0.1)
    assert not limiter.try_take(1, now=0.1)


def test_a_limiter_says_never():
    assert RateLimiter(rate=1, burst=2).try_take(4, now=0.0).retry_after is None


def test_a_limiter_peeks_settles_and_ignores_a_clock_that_steps_back():
    limiter = RateLimiter(rate=60, per=60, burst=0)
    assert limiter.share_left(now=0.0) == 1
    assert limiter.would_allow(now=0.0)
    assert limiter.would_allow(now=0.0)  # it took nothing
    assert limiter.try_take(now=0.0)
    assert not limiter.try_take(now=-100.0)
    limiter.settle(1, 0, now=0.0)
    assert limiter.try_take(now=0.0)
    limiter.settle(1, 3, now=0.0)  # debt
    assert not limiter.try_take(now=2.0)
    assert limiter.try_take(now=3.0)


def test_a_limiter_of_real_time():
    limiter = RateLimiter(rate=1, per=3600, burst=0)
    assert limiter.try_take()
    assert not limiter.try_take()


@pytest.mark.parametrize(("rate", "per", "burst"), [(0, 1, 0), (1, 0, 0), (1, 1, -1), (-5, 1, 1)])
def test_a_limiter_out_of_range(rate, per, burst):
    with pytest.raises(ValueError):
        RateLimiter(rate, per=per, burst=burst)


def test_nan_is_no_time():
    with pytest.raises(ValueError, match="NaN"):
        RateLimiter(1).try_take(now=math.nan)


def test_a_retry_budget():
    budget = RetryBudget(ratio=0.2, floor=2, window=10)
    assert [budget.try_grant(now=0.0) for _ in range(3)] == [True, True, False]
    for _ in range(10):
        budget.record_request(now=1.0)
    assert budget.would_grant(now=1.0)
    assert budget.balance(now=1.0) == 2
    assert [budget.try_grant(now=1.0) for _ in range(3)] == [True, True, False]
    assert budget.balance(now=30.0) == 2  # all forgotten
    with pytest.raises(ValueError):
        RetryBudget(ratio=-1)


def test_backoff():
    exact = Backoff(scale=0.5, cap=3, jitter=False)
    assert [exact.delay(n) for n in range(1, 6)] == [0.5, 1, 2, 3, 3]
    assert exact.delay(10_000) == 3
    one, other = Backoff(seed=7), Backoff(seed=7)
    assert [one.delay(n) for n in range(1, 20)] == [other.delay(n) for n in range(1, 20)]
    assert all(0 <= Backoff(seed=s).delay(3) < 0.2 for s in range(50))
    assert all(2 <= Backoff(seed=s).spread(2) <= 2.2 for s in range(50))
    with pytest.raises(ValueError, match="n: found 0"):
        exact.delay(0)


# ---- breaker and health --------------------------------------------------------------------------


def test_a_breaker_opens_recovers_and_closes():
    breaker = Breaker(consecutive=3, open=5, jitter=0, close_after=2)
    for _ in range(3):
        permit = breaker.admit(now=0.0)
        assert permit is not None
        permit.settle("failure", now=0.0)
    assert breaker.state(now=0.0) == "open"
    assert breaker.admit(now=4.9) is None
    assert breaker.open_for(now=1.0) == pytest.approx(4)
    assert breaker.state(now=5.0) == "half_open"
    trial = breaker.admit(now=5.0)
    assert trial is not None
    assert breaker.admit(now=5.0) is None  # one trial at a time
    assert breaker.trials_in_flight == 1
    trial.settle("success", now=5.1)
    trial.settle("failure", now=5.1)  # a second time: ignored
    again = breaker.admit(now=5.2)
    assert again is not None
    again.settle("success", now=5.3)
    assert breaker.state(now=5.3) == "closed"
    assert breaker.open_for(now=5.3) == 0


def test_a_late_result_changes_nothing():
    breaker = Breaker(consecutive=1, open=5, jitter=0)
    late, first = breaker.admit(now=0.0), breaker.admit(now=0.0)
    assert late is not None
    assert first is not None
    first.settle("failure", now=0.0)
    assert late.epoch < breaker.epoch
    assert breaker.state(now=5.0) == "half_open"
    for _ in range(5):
        late.settle("success", now=5.0)
    assert breaker.state(now=5.0) == "half_open"


def test_a_trial_that_never_comes_back_has_failed():
    breaker = Breaker(consecutive=1, open=5, jitter=0)
    breaker.admit(now=0.0).settle("failure", now=0.0)
    assert breaker.admit(lease=2.0, now=5.0) is not None
    assert breaker.state(now=6.9) == "half_open"
    assert breaker.state(now=7.0) == "open"


def test_a_permit_settles_itself():
    breaker = Breaker(consecutive=2)
    with breaker.admit():
        pass
    for _ in range(2):
        with pytest.raises(RuntimeError), breaker.admit():
            raise RuntimeError
    assert breaker.state() == "open"
    leaving = Breaker(consecutive=1)
    with pytest.raises(KeyboardInterrupt), leaving.admit():
        raise KeyboardInterrupt
    assert leaving.state() == "closed"


def test_a_breaker_by_hand():
    breaker = Breaker()
    breaker.force_open()
    assert breaker.state(now=1e6) == "forced_open"
    assert breaker.open_for(now=0.0) is None
    assert not breaker.would_admit(now=1e6)
    breaker.reset(now=1e6)
    assert breaker.state(now=1e6) == "closed"
    breaker.trip(now=1e6)
    assert breaker.state(now=1e6) == "open"
    breaker.disable()
    assert breaker.would_admit(now=1e6)
    with pytest.raises(ValueError, match="close_after"):
        Breaker(close_after=0)


def test_health():
    health = Health()
    assert health.score(now=0.0) == pytest.approx(1)
    assert health.typical_latency(now=0.0) is None
    for _ in range(20):
        health.record_result(True, now=0.0)
    assert health.error_rate(now=0.0) == pytest.approx(0.8)
    assert health.score(now=0.0) == pytest.approx(0.5 + 0.3 * 0.2 + 0.2)
    assert health.availability(breaker="half_open", now=0.0) == pytest.approx(0.5)
    assert health.availability(breaker="open", now=0.0) == 0
    assert health.error_rate(now=600.0) < 0.01  # it fades
    health.record_first_token(0.5, now=600.0)
    assert health.typical_latency(now=600.0) == pytest.approx(0.5)
    assert health.score(best_latency=0.25, now=600.0) == pytest.approx(0.9, abs=0.01)
    health.record_probe(False, round_trip=1.0, now=600.0)
    assert health.availability(now=600.0) < 1


# ---- choosing ------------------------------------------------------------------------------------


def test_the_router():
    router = Router()
    assert router.plan([]) == []
    candidates = [
        Candidate(weight=0.1),
        Candidate(tier=1),
        Candidate(weight=2, score=0.9),
        Candidate(eligible=False),
    ]
    assert router.plan(candidates) == [2, 0, 1]
    assert router.plan(candidates, order=[1, 3, 0, 0, 99]) == [1, 0]
    assert router.plan(candidates, order=[]) == []
    recovering = [*candidates, Candidate(recovering=True, tier=5)]
    assert router.plan(recovering, order=[0])[0] == 4


def test_the_classifier():
    judge = Classifier().classify
    assert judge(200, has_usage=True) == ("ok", "yes", "success", False)
    assert judge(429).name == "throttled_key"
    assert judge(429).effect == "neutral"
    assert judge(429, code="exhausted").name == "exhausted"
    assert judge(503, code="slow_down").name == "throttled_pool"
    assert judge(500) == ("transient", "no", "failure", False)
    assert judge(500, should_retry=False).stop_target
    assert judge(502).billed == "maybe"
    assert judge(ended="not_sent") == ("not_sent", "no", "failure", False)
    assert judge(ended="silent").billed == "maybe"
    assert judge(200, content_filtered=True, has_usage=True)[:2] == ("policy", "yes")
    assert Classifier(bills_errors=True).classify(400).billed == "maybe"
    with pytest.raises(ValueError, match="gone"):
        judge(ended="gone")


def test_the_key_pool():
    pool = KeyPool(["a", "b"])
    first, second = pool.take("m", now=0.0), pool.take("m", now=0.0)
    assert {first.key, second.key} == {"a", "b"}
    assert pool.in_flight("a", now=0.0) == 1
    first.give_back(now=0.0)
    first.give_back(now=0.0)  # once
    assert pool.in_flight(first.key, now=0.0) == 0
    second.give_back(now=0.0)
    assert pool.throttle("a", "m", now=0.0) == 1
    assert pool.throttle("a", "m", now=1.0) == 2
    assert pool.throttle("a", "m", delay=30, now=2.0) == 30
    assert [pool.take("m", now=3.0).key for _ in range(3)] == ["b"] * 3
    assert pool.take("other", now=3.0).key == "a"  # throttled for one model only
    pool.kill("b", now=3.0)
    assert pool.dead("b")
    assert pool.take("m", now=3.0) is None
    assert pool.availability("m", now=3.0) == ("cooling", pytest.approx(29))
    assert pool.availability("m", now=40.0) == ("none", 0.0)
    pool.revive("b")
    assert not pool.dead("b")
    assert pool.availability("m", excluded=["a", "b"], now=40.0)[0] == "excluded"
    pool.deny("b", "m", now=40.0)
    assert pool.availability("m", excluded=["a"], now=40.0)[0] in ("denied", "excluded")
    assert KeyPool([]).availability(now=0.0) == ("no_key", None)


def test_keys_of_one_account_run_out_together():
    pool = KeyPool(["a", "b", "c"], accounts=["x", "x", "y"])
    pool.bench("a", now=0.0)
    assert {pool.take(now=1.0).key for _ in range(4)} == {"c"}
    assert pool.uses("c") == 4


def test_the_limits_of_keys():
    pool = KeyPool(["a"], concurrency=1)
    lease = pool.take(now=0.0)
    assert pool.load("a", now=0.0) == 1
    assert pool.take(now=0.0) is None
    assert pool.availability(now=0.0)[0] == "limited"
    lease.give_back(sent=False, now=0.0)
    assert pool.uses("a") == 1
    assert pool.take(now=0.0) is not None


def test_a_lease_that_is_never_given_back_ends():
    pool = KeyPool(["a"], concurrency=1)
    lost = pool.take(lease=30, now=0.0)
    assert pool.take(now=29.9) is None
    assert pool.in_flight("a", now=30.0) == 0
    assert pool.take(now=30.0) is not None
    lost.give_back(now=31.0)  # late: the place is another's
    assert pool.in_flight("a", now=31.0) == 1
    assert pool.in_flight("a", now=30.0 + 660.0) == 0
    with pytest.raises(ValueError, match="lease"):
        pool.take(lease=0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"keys": ["a", "a"]},
        {"keys": ["a"], "accounts": []},
        {"keys": ["a"], "order": "random"},
    ],
)
def test_a_pool_that_makes_no_sense(arguments):
    with pytest.raises(ValueError, match="found"):
        KeyPool(**arguments)
    with pytest.raises(ValueError, match="'z'"):
        KeyPool(["a"]).kill("z")


# ---- keeping -------------------------------------------------------------------------------------

NOON = 1_795_780_800.0  # 2026-11-27 12:00 UTC


def test_a_budget_never_passes_its_limit():
    budget = Budget("1", window="day")
    first = budget.reserve("0.6", now=0.0, unix_time=NOON)
    assert first is not None
    assert budget.reserve("0.5", now=0.0, unix_time=NOON) is None
    assert budget.room(now=0.0, unix_time=NOON) == Decimal("0.4")
    assert first.settle("0.2")
    assert first.settle("0.2")  # again: the same
    assert not first.settle("0.3")
    assert not first.release()
    assert first.state == "posted"
    totals = budget.totals(now=0.0, unix_time=NOON)
    assert (totals.posted, totals.held) == (Decimal("0.2"), 0)
    assert budget.room(now=0.0, unix_time=NOON + 86_400) == 1  # a new day


def test_a_budget_keeps_tokens_beside_the_money():
    budget = Budget("1")
    hold = budget.reserve("0.5", now=0.0, unix_time=NOON)
    used = Usage(20, 5, 0, 10, 3)
    assert hold.settle("0.2", used)
    assert budget.totals(now=0.0, unix_time=NOON).used == used


def test_an_unresolved_hold_counts_as_spent():
    budget = Budget(1)
    hold = budget.reserve(1, lease=10, now=0.0, unix_time=NOON)
    assert budget.reserve("0.000000001", now=9.0, unix_time=NOON) is None
    assert budget.expire(now=10.0) == 1
    assert hold.state == "assumed"
    assert budget.totals(now=10.0, unix_time=NOON).assumed == 1
    assert hold.settle("0.25")  # late: adjusts down, once
    assert budget.room(now=10.0, unix_time=NOON) == Decimal("0.75")
    assert not hold.settle("0.1")


def test_all_accounts_or_none():
    budget = Budget()
    budget.add_account("company", 10, window="month")
    budget.add_account("team", 1, window="forever")
    assert budget.reserve(2, now=0.0, unix_time=NOON) is None
    assert budget.totals("company", now=0.0, unix_time=NOON).held == 0
    hold = budget.reserve(2, accounts=["company"], now=0.0, unix_time=NOON)
    assert hold.amount == 2
    assert hold.release()
    overrun = budget.reserve(1, now=0.0, unix_time=NOON)
    assert overrun.settle("1.5")
    assert budget.totals("team", now=0.0, unix_time=NOON).overrun == Decimal("0.5")
    assert budget.room(now=0.0, unix_time=NOON) == 0
    assert budget.reserve(0, now=0.0, unix_time=NOON).assume()


def test_money_is_exact():
    budget = Budget(9_000_000)
    hold = budget.reserve(Decimal("0.0000000001"), now=0.0, unix_time=NOON)  # rounded up
    assert hold.amount == Decimal("0.000000001")
    with pytest.raises(TypeError, match="float"):
        budget.reserve(0.1)
    for wrong in (-1, 9_000_001, 10**12):
        with pytest.raises(ValueError):
            Budget(wrong)
    with pytest.raises(ValueError, match="window"):
        Budget(1, window="week")
    with pytest.raises(ValueError, match="already"):
        budget.add_account("budget", 1)
    with pytest.raises(ValueError, match="stranger"):
        budget.reserve(1, accounts=["stranger"])


def test_a_budget_of_real_time():
    budget = Budget("1")
    assert budget.reserve("0.4") is not None
    assert budget.totals().held == Decimal("0.4")


REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}


def test_the_cache():
    cache = ResponseCache()
    assert cache.get(REQUEST, now=0.0) is None
    assert cache.put(REQUEST, b"reply", ttl=60, now=0.0)
    assert cache.get(dict(reversed(REQUEST.items())), now=30.0) == (b"reply", 30.0, False)
    assert cache.get({**REQUEST, "user": "somebody"}, now=30.0) is not None  # no effect on answers
    for other in ({"model": "n"}, {"temperature": 1}, {"seed": None}):
        assert cache.get({**REQUEST, **other}, now=30.0) is None
    assert cache.get(REQUEST, scope="tenant", now=30.0) is None
    assert cache.get(REQUEST, max_age=20, now=30.0) is None
    assert cache.get(REQUEST, now=60.0) is None
    assert not cache.put(REQUEST, b"reply", ttl=0, now=0.0)


def test_the_cache_keeps_stale_replies_for_those_who_take_them():
    cache = ResponseCache()
    assert cache.put(REQUEST, b"reply", ttl=60, stale=30, now=0.0)
    assert cache.get(REQUEST, now=60.0) is None
    assert cache.get(REQUEST, stale=10, now=69.0) == (b"reply", 69.0, True)
    assert cache.get(REQUEST, stale=10, now=70.0) is None
    assert cache.get(REQUEST, stale=600, now=90.0) is None


def test_the_cache_forgets_a_scope():
    cache = ResponseCache()
    for scope in ("a", "b"):
        cache.put(REQUEST, b"reply", ttl=60, scope=scope, now=0.0)
        cache.put({**REQUEST, "model": "n"}, b"reply", ttl=60, scope=scope, now=0.0)
    assert cache.purge("a") == 2
    assert cache.purge("a") == 0
    assert cache.get(REQUEST, scope="a", now=1.0) is None
    assert cache.get(REQUEST, scope="b", now=1.0) is not None


def test_the_cache_is_bounded():
    cache = ResponseCache(max_bytes=4000, max_entry_bytes=2000)
    assert not cache.put(REQUEST, b"x" * 3000, ttl=60, now=0.0)
    for n in range(20):
        assert cache.put({**REQUEST, "seed": n}, b"x" * 100, ttl=60, now=0.0)
    assert cache.bytes <= 4000
    assert cache.evictions > 0
    assert len(cache) == 20 - cache.evictions
    assert cache.get({**REQUEST, "seed": 19}, now=0.0) is not None
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_what_cannot_be_cached():
    deep: dict = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest):
        ResponseCache().put(deep, b"reply", ttl=60)


def test_now_is_the_monotonic_clock():
    limiter = RateLimiter(rate=1, per=3600, burst=0)
    assert limiter.try_take(now=time.monotonic())
    assert not limiter.try_take()
