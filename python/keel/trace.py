"""Why each decision about a request was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from keel.reply import Usage
from keel.units import to_usd

if TYPE_CHECKING:
    from decimal import Decimal

    from keel import _core


class TraceLine(NamedTuple):
    """What one stage decided."""

    at: float
    """Seconds since the request began."""
    stage: str
    """begin, admit, look_up, choose, attempt, classify, settle, retry or respond."""
    text: str


class Attempt(NamedTuple):
    """One try at one target."""

    provider: str
    model: str
    key: str
    """The key's label, never the key."""
    sent: bool
    """False: nothing left this machine, so it was a try and not a send."""
    verdict: str
    """What the outcome meant: ok, transient, throttled_key, silent, ..."""
    status: int | None
    """None: no complete reply came."""
    billed: str
    """May the provider have billed it: no, yes or maybe."""
    usage: Usage | None
    cost: Decimal
    """US dollars posted."""
    held: Decimal
    """US dollars that were held while it ran."""
    estimated: bool
    """Posted without the provider's usage: the whole hold."""
    reused_connection: bool
    started: float
    """Seconds since the request began."""
    ended: float


class Trace(NamedTuple):
    """A request's life, stage by stage."""

    id: str
    route: str
    tenant: str
    model_asked: str
    seconds: float
    """From the request's arrival to its answer."""
    lines: tuple[TraceLine, ...]
    attempts: tuple[Attempt, ...]
    text: str
    json: str

    def explain(self) -> str:
        """One screen of text: every decision with its time since the request began, and below each
        choice every candidate with what spoke for it or removed it."""
        return self.text

    def to_json(self) -> str:
        """The same for programs: an object with `lines`, `choices` and `attempts`, times in
        milliseconds, money in nano-USD."""
        return self.json


def trace_of(core: _core.Trace | None) -> Trace | None:
    """The core's trace as plain values."""
    if core is None:
        return None
    return Trace(
        id=core.id,
        route=core.route,
        tenant=core.tenant,
        model_asked=core.model_asked,
        seconds=(core.ended_ns - core.began_ns) / 1e9,
        lines=tuple(TraceLine(ns / 1e9, stage, text) for ns, stage, text in core.lines),
        attempts=tuple(_attempt_of(attempt, core.began_ns) for attempt in core.attempts),
        text=core.explain(),
        json=core.to_json(),
    )


def _attempt_of(core: _core.Attempt, began_ns: int) -> Attempt:
    return Attempt(
        provider=core.provider,
        model=core.model,
        key=core.key,
        sent=core.sent,
        verdict=core.verdict,
        status=core.status or None,
        billed=core.billed,
        usage=None if core.usage is None else Usage(*core.usage),
        cost=to_usd(core.posted_nano_usd),
        held=to_usd(core.held_nano_usd),
        estimated=core.estimated,
        reused_connection=core.reused_connection,
        started=(core.started_ns - began_ns) / 1e9,
        ended=(core.ended_ns - began_ns) / 1e9,
    )
