"""Keel in the drill: one relay, asked as a service would ask it, and what it tells of itself."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import keel

from .load import Said
from .night import MAX_TOKENS, Night
from .schedule import Arrival
from .series import Series

ROUTE = "support"
_TRACES_KEPT = 20


def nano_usd(dollars: Decimal) -> int:
    return int((dollars * 10**9).to_integral_value())


class Subject:
    """Use it as a context manager."""

    def __init__(self, config: dict[str, Any], night: Night) -> None:
        self._relay = keel.Relay.from_dict(config, seed=night.seed)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self.events: list[dict[str, Any]] = []
        self.lost: list[dict[str, Any]] = []  # questions that were not answered, with their traces
        self._relay.on_event(self._on_event)

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self._relay.close()

    def begin(self, t0: float) -> None:
        self._began = t0

    def ask(self, arrival: Arrival, deadline: float) -> Said:
        try:
            reply = self._relay.chat(
                model=ROUTE,
                messages=arrival.prompt.messages(),
                temperature=0,
                max_tokens=MAX_TOKENS,
                timeout=max(0.001, deadline - time.monotonic()),
            )
        except keel.KeelError as error:
            return self._refused(arrival, error)
        return Said(
            reply.text,
            "",
            reply.attempts,
            reply.provider or "",
            nano_usd(reply.cost),
            reply.cached,
            bool(reply.downgraded),
        )

    def _refused(self, arrival: Arrival, error: keel.KeelError) -> Said:
        trace = error.trace
        attempts = trace.attempts if trace is not None else []
        with self._lock:
            if len(self.lost) < _TRACES_KEPT:
                self.lost.append(
                    {
                        "number": arrival.number,
                        "at_s": arrival.at_s,
                        "error": str(error),
                        "trace": trace.explain() if trace is not None else "",
                    }
                )
        return Said(
            None,
            error.code or type(error).__name__,
            sum(a.sent for a in attempts),
            "",
            sum(nano_usd(a.cost) for a in attempts),
        )

    def _on_event(self, event: keel.Event) -> None:
        with self._lock:
            self.events.append(
                {
                    "at_s": time.monotonic() - self._began,
                    "kind": event.kind,
                    "subject": event.subject,
                    "text": event.text,
                }
            )

    def shown(self, budget_nano_usd: int) -> dict[str, Any]:
        """For the view."""
        series = Series(self._relay.metrics())
        spent = nano_usd(series.sum("keel_budget_spent_usd", account="relay"))
        with self._lock:
            last = self.events[-1] if self.events else None
        return {
            "breakers": {
                labels["provider"]: int(value) for labels, value in series.all("keel_breaker_state")
            },
            "spent_share": spent / budget_nano_usd,
            "news": f"{last['at_s']:.0f} s: {last['subject']}: {last['text']}" if last else "",
        }

    def account(self) -> dict[str, Any]:
        """The ledger and the counters, once everything is settled."""
        series = Series(self._relay.metrics())
        return {
            "posted_nano_usd": nano_usd(series.sum("keel_budget_spent_usd", account="relay")),
            "held_nano_usd": nano_usd(series.sum("keel_budget_held_usd", account="relay")),
            "breaker_transitions": {
                f"{labels['provider']}/{labels['model']}": int(value)
                for labels, value in series.all("keel_breaker_transitions_total")
            },
        }
