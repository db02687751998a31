"""How much and how soon: rate limits, retry budgets, backoff."""

from __future__ import annotations

from typing import NamedTuple

from keel import _core
from keel.units import now_ns, to_ns


class Allowance(NamedTuple):
    """A limiter's answer; true if allowed."""

    allowed: bool
    retry_after: float | None
    """Seconds to wait; 0 if allowed, None if so much can never pass."""

    def __bool__(self) -> bool:
        return self.allowed


def _allowance(answer: tuple[bool, int | None]) -> Allowance:
    allowed, wait_ns = answer
    return Allowance(allowed, None if wait_ns is None else wait_ns / 1e9)


class RateLimiter:
    """GCRA in exact integers: `rate` units per `per` seconds, `burst` more at once.

    From rest, `burst + 1` units pass in an instant. burst: ten seconds' worth of the rate unless
    given, at least one. Raises ValueError for rate < 1, per <= 0 or burst < 0.
    """

    def __init__(self, rate: int, *, per: float = 1.0, burst: int | None = None) -> None:
        if burst is None:
            burst = max(1, int(rate * 10 / per)) if per > 0 else 1
        self._core = _core.RateLimiter(limit=rate, period_ns=to_ns(per), burst=burst)

    def try_take(self, quantity: int = 1, *, now: float | None = None) -> Allowance:
        """Takes `quantity` if it may pass now; a refusal changes nothing."""
        return _allowance(self._core.try_take(quantity, now_ns(now)))

    def would_allow(self, quantity: int = 1, *, now: float | None = None) -> Allowance:
        """What try_take would answer; takes nothing."""
        return _allowance(self._core.would_allow(quantity, now_ns(now)))

    def settle(self, taken: int, actual: int, *, now: float | None = None) -> None:
        """Replaces an earlier take by what it really was: a refund, or debt the next one bears."""
        self._core.settle(taken, actual, now_ns(now))

    def share_left(self, *, now: float | None = None) -> float:
        """Share of what can be held that is free now, in [0, 1]."""
        return self._core.share_left(now_ns(now))


class RetryBudget:
    """How much extra load failure may cause: extras + 1 <= ratio * requests + floor in any window.

    window: seconds. Raises ValueError for a negative ratio or floor.
    """

    def __init__(self, *, ratio: float = 0.2, floor: int = 10, window: float = 10.0) -> None:
        self._core = _core.RetryBudget(ratio=ratio, floor=floor, window_ns=to_ns(window))

    def record_request(self, *, now: float | None = None) -> None:
        """A first send: it earns `ratio` of an extra one."""
        self._core.record_request(now_ns(now))

    def try_grant(self, *, now: float | None = None) -> bool:
        """Grants and counts one extra send, or refuses and counts nothing."""
        return self._core.try_grant(now_ns(now))

    def would_grant(self, *, now: float | None = None) -> bool:
        return self._core.would_grant(now_ns(now))

    def balance(self, *, now: float | None = None) -> int:
        """How many extra sends would be granted now."""
        return self._core.balance(now_ns(now))


class Backoff:
    """Full jitter: before the n-th retry U(0, 1) * min(cap, scale * 2^(n-1)) seconds.

    jitter=False gives the upper end itself. The same seed gives the same delays.
    """

    def __init__(
        self, *, scale: float = 0.05, cap: float = 20.0, jitter: bool = True, seed: int = 1
    ) -> None:
        self._core = _core.Backoff(
            scale_ns=to_ns(scale), cap_ns=to_ns(cap), jitter=jitter, seed=seed
        )

    def delay(self, n: int) -> float:
        """Seconds before the n-th retry, n >= 1 (ValueError below)."""
        if n < 1:
            raise ValueError(f"n: found {n}, wanted 1 or more")
        return self._core.delay_ns(n) / 1e9

    def spread(self, server_delay: float) -> float:
        """A server's delay with the courtesy spread r + U(0, 0.1 r), seconds."""
        return self._core.spread_ns(to_ns(server_delay)) / 1e9
