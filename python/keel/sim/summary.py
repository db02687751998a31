"""What a run came to, in seconds and dollars."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

from keel.sim.words import summary_text
from keel.units import to_usd


class Quantiles(NamedTuple):
    """Of a time, in seconds; all 0 where nothing was counted. Right to 1.6 %."""

    counted: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


class Target(NamedTuple):
    """What one target did."""

    name: str
    provider: str
    model: str
    attempts: int
    """Sent or not."""
    sends: int
    answers: int
    share: float
    """Of all answers that targets gave."""
    verdicts: dict[str, int]
    """What the attempts meant: `ok`, `transient`, `throttled_key`, ..."""
    took: Quantiles
    """Of its answers, from the start of the attempt."""
    tokens_in: int
    tokens_out: int
    cost: Decimal
    """Posted in the ledger, US dollars."""
    true_bill: Decimal
    """What the provider charges, US dollars."""


class Told(NamedTuple):
    """Something the relay told as an event: a breaker that moved, a budget's alert, ..."""

    at: float
    kind: str
    subject: str
    text: str


class Series(NamedTuple):
    """The run over time: element i is of the `bucket` seconds from `at[i]` on."""

    bucket: float
    at: list[float]
    asked: list[int]
    """By users; the calls of their clients' retries are in `calls`."""
    answered: list[int]
    failed: list[int]
    left: list[int]
    """Users who lost patience."""
    calls: list[int]
    sends: list[int]
    client_retries: list[int]
    cached: list[int]
    cost: list[float]
    """Posted in the bucket, US dollars as floats: for plots. Exact sums are in the summary."""
    true_bill: list[float]
    latency_mean: list[float]
    latency_p50: list[float]
    latency_p99: list[float]


class Summary(NamedTuple):
    """What a run came to. A request is a user's: its client's retries are calls of it."""

    seed: int
    seconds: float
    """Of virtual time, until the last answer."""
    complete: bool
    """False: it was stopped before the traffic's end."""
    asked: int
    answered: int
    failed: int
    left: int
    """Users who lost patience; availability does not count them."""
    availability: float | None
    """Share of requests that were answered well in the end; None if nothing was asked."""
    goodput: float
    """Requests answered well, per second."""
    outcomes: dict[str, int]
    """How users' requests ended."""
    calls: int
    """What the relay was asked: requests and their clients' retries."""
    client_retries: int
    call_outcomes: dict[str, int]
    sends: int
    sends_per_request: float
    sends_per_call: float
    retries: int
    """Sends to the target before, again."""
    failovers: int
    """Sends to another one than before."""
    latency: Quantiles
    """Of the answered, from a user's question to its answer's end, clients' retries included."""
    first_token: Quantiles
    cost: Decimal
    """Posted in the ledger, US dollars."""
    true_bill: Decimal
    """What the providers charge in the end: never more than `cost`."""
    overspend: Decimal
    """The most that was ever posted beyond a budget: 0."""
    unposted: Decimal
    """Charged by providers and in no posting: 0."""
    looked_up: int
    """Calls that could be answered from the cache."""
    hits: int
    joined: int
    """Given the answer of an equal request that was open."""
    stale: int
    """Given an answer past its time, as the route allows."""
    refreshes: int
    """Requests of the relay's own for what it gave out stale: in sends and cost, in no call."""
    hit_rate: float
    """Hits, joined and stale, of those looked up."""
    downgraded: int
    """Answered by a cheaper model because money was short."""
    clamped: int
    """Asked for fewer tokens because money was short."""
    targets: tuple[Target, ...]
    series: Series
    told: tuple[Told, ...]
    """The first 5,000 things the relay told; how many there were is in `told_counts`."""
    told_counts: dict[str, int]
    unknown: tuple[str, ...]
    """What the traffic's source cannot know, and nobody guessed."""
    checks: int | None
    """How often the invariants were checked; None: they were not."""
    violations: tuple[str, ...]
    document: dict[str, Any]
    """All of it as the core said it: plain numbers for JSON, times in seconds, money in nano-USD.
    """

    def __str__(self) -> str:
        return summary_text(self)

    def __repr__(self) -> str:
        return f"<keel.sim.Summary: {self.asked} requests, seed {self.seed}; print it>"

    def cost_by_provider(self) -> dict[str, Decimal]:
        """Posted in the ledger, US dollars."""
        return self._sums("provider")

    def cost_by_model(self) -> dict[str, Decimal]:
        """Posted in the ledger, US dollars; models of one name together."""
        return self._sums("model")

    def shares(self) -> dict[str, float]:
        """Who answered: every target's share of the answers that targets gave."""
        return {target.name: target.share for target in self.targets}

    def breaker_timeline(self) -> tuple[Told, ...]:
        """When which breaker moved, and where to."""
        return tuple(one for one in self.told if one.kind == "breaker")

    def _sums(self, by: str) -> dict[str, Decimal]:
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for target in self.targets:
            sums[getattr(target, by)] += target.cost
        return dict(sums)


def read_summary(text: str) -> Summary:
    d = json.loads(text)
    requests, calls, sends = d["requests"], d["calls"], d["sends"]
    cache, money, checked = d["cache"], d["money"], d["invariants"]
    return Summary(
        seed=d["seed"],
        seconds=d["virtual_s"],
        complete=d["complete"],
        asked=requests["asked"],
        answered=requests["answered"],
        failed=requests["failed"],
        left=requests["left"],
        availability=requests["availability"],
        goodput=requests["goodput_per_s"],
        outcomes=requests["outcomes"],
        calls=calls["count"],
        client_retries=calls["client_retries"],
        call_outcomes=calls["outcomes"],
        sends=sends["count"],
        sends_per_request=sends["per_request"],
        sends_per_call=sends["per_call"],
        retries=sends["retries"],
        failovers=sends["failovers"],
        latency=_quantiles(d["latency_s"]),
        first_token=_quantiles(d["first_token_s"]),
        cost=to_usd(money["posted_nano_usd"]),
        true_bill=to_usd(money["true_bill_nano_usd"]),
        overspend=to_usd(money["overspend_nano_usd"]),
        unposted=to_usd(money["unposted_nano_usd"]),
        looked_up=cache["looked_up"],
        hits=cache["hits"],
        joined=cache["joined"],
        stale=cache["stale"],
        refreshes=cache["refreshes"],
        hit_rate=cache["hit_rate"],
        downgraded=d["downgraded"],
        clamped=d["clamped"],
        targets=tuple(map(_target, d["targets"])),
        series=_series(d["series"]),
        told=tuple(Told(t["at_s"], t["kind"], t["subject"], t["text"]) for t in d["told"]),
        told_counts=d["told_counts"],
        unknown=tuple(d["unknown"]),
        checks=None if checked is None else checked["checks"],
        violations=() if checked is None else tuple(checked["violations"]),
        document=d,
    )


def _quantiles(d: dict[str, Any]) -> Quantiles:
    return Quantiles(d["count"], *(d[name] for name in Quantiles._fields[1:]))


def _target(d: dict[str, Any]) -> Target:
    return Target(
        name=d["target"],
        provider=d["provider"],
        model=d["model"],
        attempts=d["attempts"],
        sends=d["sends"],
        answers=d["answers"],
        share=d["share"],
        verdicts=d["verdicts"],
        took=_quantiles(d["took_s"]),
        tokens_in=d["tokens_in"],
        tokens_out=d["tokens_out"],
        cost=to_usd(d["posted_nano_usd"]),
        true_bill=to_usd(d["true_bill_nano_usd"]),
    )


def _series(d: dict[str, Any]) -> Series:
    bucket = d["bucket_s"]
    counts = ("asked", "answered", "failed", "left", "calls", "sends", "client_retries", "cached")
    return Series(
        bucket=bucket,
        at=[number * bucket for number in range(len(d["asked"]))],
        **{name: d[name] for name in counts},
        cost=[nano / 1e9 for nano in d["posted_nano_usd"]],
        true_bill=[nano / 1e9 for nano in d["true_bill_nano_usd"]],
        latency_mean=d["latency_mean_s"],
        latency_p50=d["latency_p50_s"],
        latency_p99=d["latency_p99_s"],
    )
