"""Asks the night's questions at the night's times, whatever becomes of the earlier ones.

The load is open: a client that is slow gets no mercy from the next arrival, and latency counts from
the moment a question was due, so a generator that lags counts against the client, not for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from .night import DEADLINE_S
from .schedule import Arrival, nonces_in

ANSWERED = "answered"
LATE = "late"
CROSSED = "crossed"
WRONG = "wrong"

_STACK_BYTES = 1 << 20  # hundreds of questions may be open at once


@dataclass
class Said:
    """What a client has to say about one question. `text` is None unless it was a 200."""

    text: str | None
    problem: str = ""  # "429", "connection", "budget_exceeded", ...
    sends: int = 0
    provider: str = ""
    cost_nano_usd: int = 0
    cached: bool = False
    downgraded: bool = False


@dataclass
class Record:
    """One question and what became of it."""

    number: int
    at_s: float
    lag_s: float
    latency_s: float
    outcome: str  # ANSWERED, LATE, CROSSED, WRONG, or the client's problem
    sends: int
    provider: str
    cost_nano_usd: int
    cached: bool
    downgraded: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Ask = Callable[[Arrival, float], Said]
"""Asks one question; the float is its deadline on the monotonic clock."""


def outcome_of(arrival: Arrival, said: Said, latency_s: float) -> str:
    """Answered = a 200 with this question's own nonce, in time."""
    if said.text is None:
        return said.problem or WRONG
    nonces = nonces_in(said.text)
    if any(nonce != arrival.prompt.nonce for nonce in nonces):
        return CROSSED
    if not nonces:
        return WRONG
    return ANSWERED if latency_s <= DEADLINE_S else LATE


class Load:
    """Runs a schedule against one client. `begun` and `done` may be read while it runs."""

    def __init__(
        self, arrivals: Iterable[Arrival], ask: Ask, on_record: Callable[[Record], None]
    ) -> None:
        self._arrivals = list(arrivals)
        self._ask = ask
        self._on_record = on_record
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.begun = 0
        self.done = 0

    def stop(self) -> None:
        """Asks nothing more; open questions come to their end."""
        self._stop.set()

    def run(self, t0: float) -> None:
        """Returns when every question has its outcome. `t0` is on the monotonic clock."""
        threads: list[threading.Thread] = []
        before = threading.stack_size(_STACK_BYTES)
        try:
            for arrival in self._arrivals:
                if self._stop.wait(max(0.0, t0 + arrival.at_s - time.monotonic())):
                    break
                thread = threading.Thread(target=self._one, args=(arrival, t0), daemon=True)
                self.begun += 1
                thread.start()
                threads.append(thread)
        finally:
            threading.stack_size(before)
        for thread in threads:
            thread.join()

    def _one(self, arrival: Arrival, t0: float) -> None:
        due = t0 + arrival.at_s
        lag = time.monotonic() - due
        try:
            said = self._ask(arrival, due + DEADLINE_S)
        except Exception as error:  # a client that breaks has not answered
            said = Said(None, type(error).__name__)
        latency = time.monotonic() - due
        record = Record(
            arrival.number,
            arrival.at_s,
            lag,
            latency,
            outcome_of(arrival, said, latency),
            said.sends,
            said.provider,
            said.cost_nano_usd,
            said.cached,
            said.downgraded,
        )
        with self._lock:
            self.done += 1
            self._on_record(record)
