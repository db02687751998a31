"""From the records of a run to its numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .load import ANSWERED, CROSSED, Record
from .night import SCENES, Night


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(records: Sequence[Record], night: Night) -> dict[str, Any]:
    """One client's night."""
    answered = [r for r in records if r.outcome == ANSWERED]
    outcomes = Counter(r.outcome for r in records)
    asked_in = Counter(night.scene_at(r.at_s).id for r in records)
    answered_in = Counter(night.scene_at(r.at_s).id for r in answered)
    latencies = [r.latency_s for r in answered]
    sends = sum(r.sends for r in records)
    return {
        "requests": len(records),
        "answered": len(answered),
        "answered_percent": round(100 * len(answered) / len(records), 3) if records else None,
        "outcomes": dict(sorted(outcomes.items())),
        "crossed": outcomes[CROSSED],
        "latency_s": {
            name: percentile(latencies, share)
            for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))
        },
        "sends": sends,
        "sends_per_request": round(sends / len(records), 3) if records else None,
        "answered_by": dict(Counter("cache" if r.cached else r.provider for r in answered)),
        "cache_hits": sum(r.cached for r in records),
        "downgraded": sum(r.downgraded for r in records),
        "cost_nano_usd": sum(r.cost_nano_usd for r in records),
        "scenes": {
            s.id: {"title": s.title, "requests": asked_in[s.id], "answered": answered_in[s.id]}
            for s in SCENES
        },
        "lag_s": max((r.lag_s for r in records), default=0.0),
    }
