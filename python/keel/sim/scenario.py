"""What providers and clients do in a simulation, beside what they do by default.

What is left out (None) is the simulator's default. Times are seconds since the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from keel.sim.document import plain

T = TypeVar("T")


@dataclass(frozen=True)
class Outage:
    """Nothing is answered within [begin, end), and what is under way breaks.

    kind: how: `503` (the default), `429`, `refused` (nothing can be sent), `silence`, `reset`, ...
    """

    begin: float
    end: float
    kind: str | None = None


@dataclass(frozen=True)
class Brownout:
    """Within [begin, end) everything takes `slowness` times as long.

    errors: shares of sends that go wrong meanwhile, instead of the provider's usual ones.
    """

    begin: float
    end: float
    slowness: float | None = None
    errors: Mapping[str, float] | None = None


@dataclass(frozen=True)
class SlowDrain:
    """Within [begin, end) replies begin in time, and then trickle."""

    begin: float
    end: float
    tokens_per_second: float | None = None


@dataclass(frozen=True)
class Capacity:
    """Beyond it a provider answers 429 and says honestly when there is room. 0: no limit."""

    concurrent: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True)
class Sizes:
    """A log-normal number of tokens: its median, the sigma of its logarithm, the most there are."""

    p50: float
    spread: float | None = None
    most: int | None = None


@dataclass(frozen=True)
class Provider:
    """How a provider behaves, or one target where the name is `provider/model`.

    connect: seconds a new connection takes. ttft_p50: seconds to the first token, the median;
    ttft_spread: the sigma of its logarithm (0: always the median). tokens_per_second: of a reply.
    output_tokens: length of replies, where the traffic does not say; a number is always it.
    errors: shares of sends that go wrong, by status or kind: {"503": 0.02, "reset": 0.01,
    "cut": 0.01}. error_latency: seconds until an error is said.
    outages: Outage, or (begin, end) or (begin, end, kind).
    """

    connect: float | None = None
    ttft_p50: float | None = None
    ttft_spread: float | None = None
    tokens_per_second: float | None = None
    output_tokens: int | Sizes | None = None
    error_latency: float | None = None
    errors: Mapping[str, float] | None = None
    capacity: Capacity | None = None
    outages: Sequence[Outage | tuple[float, float] | tuple[float, float, str]] = ()
    brownouts: Sequence[Brownout] = ()
    slow_drain: Sequence[SlowDrain] = ()


@dataclass(frozen=True)
class Correlated:
    """An outage of several providers at once."""

    providers: Sequence[str]
    begin: float
    end: float
    kind: str | None = None


@dataclass(frozen=True)
class RandomOutages:
    """Outages nobody planned: gaps and lengths are exponential, in seconds, and of every provider
    the same whatever `correlated` is: the share of them that takes all providers at once.

    providers: which; None: all.
    """

    mean_between: float | None = None
    mean_length: float | None = None
    correlated: float | None = None
    kind: str | None = None
    providers: Sequence[str] | None = None


@dataclass(frozen=True)
class ClockStep:
    """The wall clock, by which budgets count their windows, is set `by` seconds on (or back)."""

    at: float
    by: float


@dataclass(frozen=True)
class Clients:
    """Who asks, and asks again: 408, 409, 429, 5xx and broken connections are repeated as OpenAI's
    SDK does it, `max_retries` times (2, as there; without Clients nobody repeats anything).

    timeout: seconds of one try. abandon_share: of users who lose patience after an exponential time
    of mean `abandon_after` seconds.
    """

    max_retries: int | None = None
    timeout: float | None = None
    abandon_share: float | None = None
    abandon_after: float | None = None


def scenario_document(
    defaults: Provider | None,
    providers: Mapping[str, Provider] | None,
    clients: Clients | None,
    correlated: Sequence[Correlated],
    random_outages: RandomOutages | None,
    clock_steps: Sequence[ClockStep | tuple[float, float]],
) -> dict[str, Any]:
    """As a fault file has it."""
    out: dict[str, Any] = {}
    if defaults is not None:
        out["defaults"] = _behaviour(defaults)
    if providers:
        out["providers"] = {name: _behaviour(one) for name, one in providers.items()}
    if correlated:
        out["correlated"] = [_window(one) for one in correlated]
    if random_outages is not None:
        out["random_outages"] = plain(random_outages)
    if clock_steps:
        out["clock_steps"] = [plain(_made(ClockStep, step)) for step in clock_steps]
    if clients is not None:
        out["clients"] = _clients(clients)
    return out


def _behaviour(provider: Provider) -> dict[str, Any]:
    out: dict[str, Any] = plain(provider)
    out["outages"] = [_window(_made(Outage, one)) for one in provider.outages]
    out["brownouts"] = [_window(one) for one in provider.brownouts]
    out["slow_drain"] = [_window(one) for one in provider.slow_drain]
    return {name: value for name, value in out.items() if value != []}


def _made(kind: type[T], value: Any) -> T:
    return kind(*value) if isinstance(value, tuple) else value


def _window(what: object) -> dict[str, Any]:
    given = plain(what)
    begin, end = given.pop("begin"), given.pop("end")
    return plain({"from": begin, "to": end, **given})  # type: ignore[no-any-return]


def _clients(clients: Clients) -> dict[str, Any]:
    out: dict[str, Any] = plain(clients)
    abandon = {"share": out.pop("abandon_share", None), "after": clients.abandon_after}
    out.pop("abandon_after", None)
    if plain(abandon):
        out["abandon"] = plain(abandon)
    return out
