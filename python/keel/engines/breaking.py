"""The circuit breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from keel import _core
from keel.units import now_ns, to_ns

if TYPE_CHECKING:
    from types import TracebackType

BreakerState = Literal["closed", "half_open", "open", "forced_open", "disabled"]
Effect = Literal["success", "failure", "neutral"]


class Permit:
    """Leave to send once. Settle it once; as a context manager it settles itself: a success, or a
    failure if the block raises an Exception (any other BaseException is neutral)."""

    def __init__(self, breaker: Breaker, core: _core.Permit) -> None:
        self._breaker = breaker
        self._core = core

    @property
    def epoch(self) -> int:
        """A result from an older epoch than the breaker's never changes its state."""
        return self._core.epoch

    def settle(self, effect: Effect, *, slow: bool = False, now: float | None = None) -> None:
        """What came of it. slow: a success over the slow limit. A second time: ignored."""
        self._breaker._core.settle(self._core, _core.Effect[effect], slow, now_ns(now))

    def __enter__(self) -> Permit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.settle("success")
        else:
            self.settle("failure" if isinstance(error, Exception) else "neutral")


class Breaker:
    """closed -> open -> half_open -> closed, one per target.

    Opens at `consecutive` failures in a row (0: off), or in the last `window` seconds at a share of
    `failure_rate` failures or `slow_rate` slow successes among at least `min_requests` results
    (above 1: off). Open, it waits min(open * 2^k, open_max) seconds * U(1 - jitter, 1 + jitter),
    then lets `half_open_in_flight` trials through at a time; `close_after` successes close it, one
    failure opens it again. Raises ValueError on a setting out of range.
    """

    def __init__(
        self,
        *,
        consecutive: int = 5,
        failure_rate: float = 0.5,
        slow_rate: float = 0.8,
        min_requests: int = 10,
        window: float = 30.0,
        open: float = 5.0,
        open_max: float = 15.0,
        jitter: float = 0.1,
        close_after: int = 3,
        half_open_in_flight: int = 1,
        seed: int = 1,
    ) -> None:
        self._core = _core.Breaker(
            consecutive=consecutive,
            failure_rate=failure_rate,
            slow_rate=slow_rate,
            min_requests=min_requests,
            window_ns=to_ns(window),
            open_ns=to_ns(open),
            open_max_ns=to_ns(open_max),
            jitter=jitter,
            close_after=close_after,
            half_open_in_flight=half_open_in_flight,
            seed=seed,
        )

    def state(self, *, now: float | None = None) -> BreakerState:
        """Where it stands, after what time alone has done."""
        self._core.expire(now_ns(now))
        return cast("BreakerState", self._core.state.name)

    def would_admit(self, *, now: float | None = None) -> bool:
        return self._core.would_admit(now_ns(now))

    def admit(self, *, lease: float = 61.0, now: float | None = None) -> Permit | None:
        """A permit, or None. A half-open trial not settled within `lease` seconds has failed."""
        permit = self._core.admit(to_ns(lease), now_ns(now))
        return None if permit is None else Permit(self, permit)

    def open_for(self, *, now: float | None = None) -> float | None:
        """Seconds until an open breaker may let a trial through; 0 unless open, None: forced."""
        instant = now_ns(now)
        self._core.expire(instant)
        if self._core.state not in (_core.BreakerState.open, _core.BreakerState.forced_open):
            return 0.0
        until = self._core.open_until_ns
        return None if until is None else max(0, until - instant) / 1e9

    def trip(self, *, now: float | None = None) -> None:
        """Opens for a reason outside the results."""
        self._core.trip(now_ns(now))

    def force_open(self) -> None:
        """Admits nothing until reset."""
        self._core.force_open()

    def disable(self) -> None:
        """Admits everything and counts nothing until reset."""
        self._core.disable()

    def reset(self, *, now: float | None = None) -> None:
        self._core.reset(now_ns(now))

    @property
    def trials_in_flight(self) -> int:
        return self._core.trials_in_flight

    @property
    def epoch(self) -> int:
        return self._core.epoch
