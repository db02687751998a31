"""Runs that are over: their summary, their tables, and several of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from keel.sim.estimates import Difference, Estimate, difference, estimate
from keel.sim.summary import Summary, read_summary
from keel.sim.tables import columns_of, frame_of

if TYPE_CHECKING:
    import pandas

    from keel import _core

TableName = Literal["requests", "attempts"]

MEASURES: dict[str, Callable[[Summary], float]] = {
    "availability": lambda s: 1.0 if s.availability is None else s.availability,
    "goodput": lambda s: s.goodput,
    "latency_p50": lambda s: s.latency.p50,
    "latency_p99": lambda s: s.latency.p99,
    "first_token_p50": lambda s: s.first_token.p50,
    "first_token_p99": lambda s: s.first_token.p99,
    "sends_per_request": lambda s: s.sends_per_request,
    "retries": lambda s: s.retries,
    "failovers": lambda s: s.failovers,
    "client_retries": lambda s: s.client_retries,
    "cost": lambda s: float(s.cost),
    "cost_per_answer": lambda s: float(s.cost) / s.answered if s.answered else 0.0,
    "true_bill": lambda s: float(s.true_bill),
    "hit_rate": lambda s: s.hit_rate,
    "downgraded": lambda s: s.downgraded,
}


class Run:
    """One run that is over."""

    def __init__(self, core: _core.Simulation | None, summary: str) -> None:
        self._core = core
        self._summary = read_summary(summary)

    def __repr__(self) -> str:
        return f"<keel.sim.Run: {self._summary.asked} requests, seed {self._summary.seed}>"

    def summary(self) -> Summary:
        """What it came to; printed, one screen of it."""
        return self._summary

    def requests(self) -> pandas.DataFrame:
        """A row for everything the relay was asked: seconds, dollars as floats, names as
        categories. A user's request and its client's retries share `request`.

        ImportError without pandas (`keel-relay[sim]`); ValueError if the run kept no tables.
        """
        return frame_of(self._table("requests"), self._named().names())

    def attempts(self) -> pandas.DataFrame:
        """A row for every attempt, sent or not; `call` says of which row of `requests()`.

        ImportError without pandas (`keel-relay[sim]`); ValueError if the run kept no tables.
        """
        return frame_of(self._table("attempts"), self._named().names())

    def columns(self, table: TableName = "requests") -> dict[str, Any]:
        """The same without pandas: numbers as memoryviews that nobody copies (seconds, nano-USD,
        nan and -1 where there is nothing), names as lists with None where there is none.

        ValueError if the run kept no tables.
        """
        return columns_of(self._table(table), self._named().names())

    def _named(self) -> _core.Simulation:
        if self._core is None:
            raise ValueError("this run kept no tables, wanted run(..., tables=True)")
        return self._core

    def _table(self, name: TableName) -> dict[str, _core.Column]:
        core = self._named()
        return core.requests() if name == "requests" else core.attempts()


class Runs(Sequence[Run]):
    """The same configuration, scenario and traffic under several seeds."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = tuple(runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def __repr__(self) -> str:
        return f"<keel.sim.Runs: {len(self)} seeds>"

    def estimate(self, measure: str | Callable[[Summary], float] = "availability") -> Estimate:
        """The mean of a measure and its 95 % interval over seeds.

        measure: one of `Runs.measures()`, or a function of a Summary.
        """
        return estimate(self._values(measure))

    def against(self, other: Runs, measures: Sequence[str] | None = None) -> dict[str, Difference]:
        """How `other` differs from this, each measure paired by seed.

        ValueError unless both have the same seeds in the same order.
        """
        mine, its = ([run.summary().seed for run in runs] for runs in (self, other))
        if mine != its:
            raise ValueError(f"found the seeds {mine} and {its}, wanted the same for both")
        chosen = self.measures() if measures is None else measures
        return {name: difference(name, self._values(name), other._values(name)) for name in chosen}

    @staticmethod
    def measures() -> tuple[str, ...]:
        """The names of what can be estimated: shares, seconds, dollars, counts."""
        return tuple(MEASURES)

    def _values(self, measure: str | Callable[[Summary], float]) -> list[float]:
        if isinstance(measure, str):
            if measure not in MEASURES:
                known = ", ".join(MEASURES)
                raise ValueError(f"found the measure {measure!r}, wanted one of {known}")
            measure = MEASURES[measure]
        return [measure(run.summary()) for run in self._runs]
