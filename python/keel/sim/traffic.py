"""What is asked, and when. Times are seconds, rates are requests per second.

Every kind ends after `duration` seconds or `requests` requests, whichever is first. What arrivals
are like beside that is said by these arguments of all of them:

model, or models: a route's name, or names with weights; the first route where neither is given.
tenants: names, asked for equally often. tokens_in, tokens_out: a number, or Sizes; tokens_out is
the provider's where it is not given. max_tokens: as asked. stream_share: of the requests.
repeat_share: of requests that ask one of `repeat_pool` popular questions. deterministic_share: of
the questions; those a cache may keep. timeout: of a request, seconds; its route's where not given.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from keel.errors import ConfigError, Problem
from keel.sim.document import plain, text_of
from keel.sim.scenario import Sizes

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "Asking",
    "agents",
    "azure",
    "closed_loop",
    "diurnal",
    "from_text",
    "poisson",
    "request_log",
    "spike",
]

TEN_MINUTES = 600.0
DAY = 86_400.0


class Asking(TypedDict, total=False):
    """What every kind of traffic takes: the page's head says what it means."""

    model: str
    models: Mapping[str, float]
    tenants: Sequence[str]
    tokens_in: int | Sizes
    tokens_out: int | Sizes
    max_tokens: int
    stream_share: float
    repeat_share: float
    repeat_pool: int
    deterministic_share: float
    timeout: float


class Traffic:
    """A workload: a document the core reads, with the trace it is about, if any. Made by the
    functions of `keel.sim.traffic`."""

    def __init__(
        self, text: str, *, name: str = "<traffic>", trace: str | os.PathLike[str] | bytes = b""
    ) -> None:
        self.text = text
        self.name = name
        self.trace = trace

    def __repr__(self) -> str:
        return f"Traffic({self.text!r})"

    @property
    def trace_name(self) -> str:
        return "<trace>" if isinstance(self.trace, bytes) else os.fspath(self.trace)

    def trace_bytes(self) -> bytes | mmap.mmap:
        """The trace; a file is mapped, not read. ConfigError if there is no such file."""
        if isinstance(self.trace, bytes):
            return self.trace
        try:
            with open(self.trace, "rb") as file:
                if os.fstat(file.fileno()).st_size == 0:
                    return b""
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            problem = Problem(None, "", error.strerror or str(error))
            raise ConfigError([problem], self.trace_name) from error


def from_text(text: str, *, trace: str | os.PathLike[str] | bytes = b"") -> Traffic:
    """A workload as its YAML or JSON document: `{kind: poisson, rate: 20, duration: 10m}`."""
    return Traffic(text, name="<workload>", trace=trace)


def poisson(
    rate: float = 10.0,
    *,
    duration: float | None = TEN_MINUTES,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """Independent arrivals at one rate."""
    return _made("poisson", asking, rate=rate, duration=duration, requests=requests)


def diurnal(
    rate: float = 10.0,
    *,
    swing: float = 0.8,
    period: float = DAY,
    peak_at: float = 50_400.0,
    duration: float | None = DAY,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """A day's wave: rate * (1 + swing * cos(2 pi (t - peak_at) / period))."""
    times = {"period": period, "peak_at": peak_at, "duration": duration}
    return _made("diurnal", asking, rate=rate, swing=swing, requests=requests, **times)


def spike(
    rate: float = 10.0,
    factor: float = 10.0,
    *,
    begin: float = 60.0,
    end: float = 120.0,
    duration: float | None = 300.0,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """`rate`, and `factor` times as much within [begin, end)."""
    times = {"from": begin, "to": end, "duration": duration}
    return _made("spike", asking, rate=rate, factor=factor, requests=requests, **times)


def closed_loop(
    clients: int = 10,
    *,
    think: float = 1.0,
    duration: float | None = TEN_MINUTES,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """So many clients, each of which asks again after an answer and a pause of mean `think`."""
    times = {"think": think, "duration": duration}
    return _made("closed_loop", asking, clients=clients, requests=requests, **times)


def agents(
    rate: float = 1.0,
    *,
    steps: int = 8,
    think: float = 1.0,
    growth: float = 1.3,
    duration: float | None = TEN_MINUTES,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """`rate` agents begin per second; each asks `steps` times, its context `growth` times as long
    every time, with a pause of mean `think` seconds between an answer and the next question."""
    times = {"think": think, "duration": duration}
    counts = {"rate": rate, "steps": steps, "growth": growth, "requests": requests}
    return _made("agents", asking, **counts, **times)


def azure(
    trace: str | os.PathLike[str] | bytes,
    *,
    speed: float = 1.0,
    duration: float | None = None,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """A trace in the format of Azure's: TIMESTAMP,ContextTokens,GeneratedTokens. A file's path, or
    its bytes. speed: 2 is twice as fast."""
    made = _made("azure_trace", asking, speed=speed, duration=duration, requests=requests)
    return Traffic(made.text, trace=trace)


def request_log(
    log: str | os.PathLike[str] | bytes,
    *,
    speed: float = 1.0,
    duration: float | None = None,
    requests: int | None = None,
    **asking: Unpack[Asking],
) -> Traffic:
    """What a relay's own request log says was asked: a file's path, or its bytes."""
    made = _made("request_log", asking, speed=speed, duration=duration, requests=requests)
    return Traffic(made.text, trace=log)


def _made(kind: str, asking: Asking, **settings: Any) -> Traffic:
    return Traffic(text_of(plain({"kind": kind, **settings, **asking})))
