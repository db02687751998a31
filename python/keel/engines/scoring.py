"""The health score of a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keel import _core
from keel.units import now_ns, to_ns

if TYPE_CHECKING:
    from keel.engines.breaking import BreakerState


class Health:
    """score = 0.5 * availability + 0.3 * (1 - error rate) + 0.2 * latency, each in [0, 1].

    Every statistic fades with the time constant `tau` seconds.
    """

    def __init__(self, *, tau: float = 60.0) -> None:
        self._core = _core.Health(tau_ns=to_ns(tau))

    def record_probe(self, good: bool, *, round_trip: float, now: float | None = None) -> None:
        """An active check; round_trip in seconds."""
        self._core.record_probe(good, to_ns(round_trip), now_ns(now))

    def record_result(self, failed: bool, *, now: float | None = None) -> None:
        self._core.record_result(failed, now_ns(now))

    def record_first_token(self, seconds: float, *, now: float | None = None) -> None:
        self._core.record_first_token(to_ns(seconds), now_ns(now))

    def record_per_output_token(self, seconds: float, *, now: float | None = None) -> None:
        self._core.record_per_output_token(to_ns(seconds), now_ns(now))

    def availability(self, *, breaker: BreakerState = "closed", now: float | None = None) -> float:
        """Share of good probes times {closed 1, half_open 0.5, open 0}; 1 with no history."""
        return self._core.availability(_core.BreakerState[breaker], now_ns(now))

    def error_rate(self, *, now: float | None = None) -> float:
        """failures / (results + 5)."""
        return self._core.error_rate(now_ns(now))

    def typical_latency(self, *, now: float | None = None) -> float | None:
        """Seconds to the first token, else per output token, else of a probe; None: unknown."""
        found = self._core.typical_latency_ns(now_ns(now))
        return None if found is None else found / 1e9

    def score(
        self,
        *,
        breaker: BreakerState = "closed",
        best_latency: float | None = None,
        now: float | None = None,
    ) -> float:
        """best_latency: the best candidate's typical latency, seconds; None: latency counts 1."""
        best_ns = None if best_latency is None else to_ns(best_latency)
        return self._core.score(_core.BreakerState[breaker], best_ns, now_ns(now))
