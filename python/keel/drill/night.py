"""The night that is rehearsed: its providers, its traffic, its scenes, and Keel's configuration.

Everything is a function of a `Night`, so that two clients can live through the same one. Times are
seconds since the night began, money is nano-USD, prices are USD per million tokens (the article's).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

DEADLINE_S = 20.0
"""A request is answered by then, or it is not answered."""

PEAK_FACTOR = 40
"""The article: "traffic was spiking 40x normal volume"."""

REPEATS = 0.15
"""Share of requests that ask one of a few popular questions again."""

POPULAR = 12
MAX_TOKENS = 1024


@dataclass(frozen=True)
class Provider:
    """A company's API as the drill fakes it. Latencies are before the first token."""

    name: str
    model: str
    price_in: float
    price_out: float
    keys: tuple[str, ...]
    context: int
    latency_ms: tuple[float, float]  # median and 99th percentile
    tokens_per_second: float
    weight: float
    """In the route: a healthy primary goes first, an ailing one does not."""

    @property
    def target(self) -> str:
        return f"{self.name}/{self.model}"


_A = ("drill-openai-a", "drill-openai-b")
_B = ("drill-anthropic-a", "drill-anthropic-b")
_C = ("drill-google-a",)
_D = ("drill-deepseek-a",)

# fmt: off
PROVIDERS = (
    Provider("openai", "gpt-4.1", 8.0, 8.0, _A, 1_047_576, (180, 420), 800, 1.0),
    Provider("anthropic", "claude-sonnet-4.5", 15.0, 15.0, _B, 200_000, (240, 520), 650, 0.85),
    Provider("google", "gemini-2.5-flash", 2.5, 10.0, _C, 1_048_576, (260, 560), 600, 0.7),
    Provider("deepseek", "deepseek-v3.2", 0.42, 1.68, _D, 128_000, (320, 700), 450, 0.5),
)
# fmt: on
PRIMARY = PROVIDERS[0]
CHEAPEST = PROVIDERS[3]

DYING_KEY = PROVIDERS[1].keys[0]
"""Of the second provider, which carries the load while the primary is slow. The naive client does
not use it."""


@dataclass(frozen=True)
class Scene:
    """A part of the night; `begins` and `ends` are shares of its length."""

    id: str
    title: str
    begins: float
    ends: float


SCENES = (
    Scene("calm", "calm", 0.0, 5 / 60),
    Scene("rush", "the rush begins", 5 / 60, 12 / 60),
    Scene("throttled", "the primary throttles (429)", 12 / 60, 20 / 60),
    Scene("refused", "the primary refuses connections", 20 / 60, 24 / 60),
    Scene("failing", "the primary fails (5xx, resets)", 24 / 60, 28.5 / 60),
    Scene("back", "the primary is back, for a while", 28.5 / 60, 37 / 60),
    Scene("slow", "the primary is slow", 37 / 60, 43 / 60),
    Scene("key", "a key of the second provider dies (401)", 43 / 60, 50 / 60),
    Scene("recovery", "recovery", 50 / 60, 1.0),
)

# Share of the night, share of the peak rate; straight lines on a logarithmic scale between them.
_TRAFFIC = (
    (0.0, 1 / PEAK_FACTOR),
    (5 / 60, 1 / PEAK_FACTOR),
    (12 / 60, 1.0),
    (50 / 60, 1.0),
    (1.0, 0.25),
)

# What the budget is made for: this share of the night at list prices, two fifths more than the
# primary's own because dearer providers stand in for it. From there on money is short.
_BUDGET_LASTS = 0.8
_BUDGET_UPLIFT = 1.4


@dataclass(frozen=True)
class Night:
    """`rate` is the peak, in requests per second."""

    seed: int = 1
    duration_s: float = 60.0
    rate: float = 40.0

    def scene_at(self, t_s: float) -> Scene:
        share = t_s / self.duration_s
        return next((s for s in SCENES if share < s.ends), SCENES[-1])

    def rate_at(self, t_s: float) -> float:
        share = min(max(t_s / self.duration_s, 0.0), 1.0)
        for (x0, y0), (x1, y1) in itertools.pairwise(_TRAFFIC):
            if share <= x1:
                way = (share - x0) / (x1 - x0)
                return self.rate * math.exp(math.log(y0) + way * (math.log(y1) - math.log(y0)))
        return self.rate * _TRAFFIC[-1][1]

    def window(self, scene_id: str) -> tuple[float, float]:
        """When a scene begins and how long it lasts."""
        scene = next(s for s in SCENES if s.id == scene_id)
        return scene.begins * self.duration_s, (scene.ends - scene.begins) * self.duration_s


def mock_script(provider: Provider, night: Night) -> dict[str, Any]:
    """What `keeld mock` is told to do for a provider. Its clock starts when it is told so."""
    p50, p99 = provider.latency_ms
    script: dict[str, Any] = {
        "seed": night.seed,
        "start": "manual",
        "records": 0,
        "models": [provider.model],
        "prices": {provider.model: {"in": provider.price_in, "out": provider.price_out}},
        "default": {
            "latency_ms": {"p50": p50, "p99": p99},
            "tokens_per_second": provider.tokens_per_second,
        },
        "rules": [],
    }
    if provider is PRIMARY:
        script["rules"] = _outage_of_the_primary(night)
    if DYING_KEY in provider.keys:
        at, _ = night.window("key")
        script["rules"] = [{"at": at, "match": {"key": DYING_KEY}, "error": 401}]
    return script


def _outage_of_the_primary(night: Night) -> list[dict[str, Any]]:
    throttled, throttled_for = night.window("throttled")
    refused, refused_for = night.window("refused")
    failing, failing_for = night.window("failing")
    slow, slow_for = night.window("slow")
    a_quarter = max(1, round(night.rate / 4))
    return [
        # One key gets a quarter of the peak: less than it is asked for.
        {
            "at": throttled,
            "for": throttled_for,
            "capacity": {"rpm": a_quarter, "window_s": 1, "per_key": True},
        },
        {"at": refused, "for": refused_for, "outage": "refuse"},
        {"at": failing, "for": failing_for, "error": 503},
        {"at": failing, "for": failing_for, "probability": [1, 3], "error": 500},
        {
            "at": failing,
            "for": failing_for,
            "probability": [1, 4],
            "match": {"on": "chat"},
            "error": None,
            "fault": "reset",
        },
        {
            "at": slow,
            "for": slow_for,
            "match": {"on": "chat"},
            "latency_ms": {"p50": 67 * night.duration_s, "p99": 200 * night.duration_s},
        },
    ]


def keel_config(ports: dict[str, int], budget_nano_usd: int) -> dict[str, Any]:
    """Keel's configuration for the night, in its own form. What is not here is its default."""
    providers = {
        p.name: {
            "base_url": f"http://127.0.0.1:{ports[p.name]}/v1",
            "keys": list(p.keys),
            "models": {
                p.model: {
                    "price": {"in": p.price_in, "out": p.price_out},
                    "context": p.context,
                    "output": 32_768,
                }
            },
        }
        for p in PROVIDERS
    }
    return {
        "version": "1.0",
        "providers": providers,
        "routes": {
            "support": {
                "targets": [{"target": p.target, "weight": p.weight} for p in PROVIDERS],
                "routing": "weighted_health",
                "timeout": f"{DEADLINE_S:g}s",
                "cache": {"ttl": "60s", "when": "deterministic"},
            }
        },
        "budgets": {
            "relay": {
                "usd": f"{budget_nano_usd // 10**9}.{budget_nano_usd % 10**9:09d}",
                "window": "forever",
                "alert_percent": 80,
                "downgrade": {p.model: CHEAPEST.target for p in PROVIDERS if p is not CHEAPEST},
            }
        },
        "observability": {"log_level": "off"},
    }


def budget_for(costs: list[tuple[float, int]], night: Night) -> int:
    """The night's budget in nano-USD, from (time, what the primary would charge) of every prompt
    that is new: enough for most of the night, short at its end."""
    until = _BUDGET_LASTS * night.duration_s
    planned = sum(cost for at, cost in costs if at < until)
    return max(10**6, int(planned * _BUDGET_UPLIFT / 0.8))
