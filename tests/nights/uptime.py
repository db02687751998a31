#!/usr/bin/env python3
"""The article's uptime table, and its month, from simulated outages: `make uptime`.

    uptime.py            what one, two and three providers of a given uptime come to, with outages
                         of their own and with shared ones
    uptime.py --month    the article's two billion requests a month, extrapolated from runs whose
                         size and error bars are printed

Availability here is the share of requests that were answered, not of time. Outages come at random:
half an hour on average, as often as the provider's uptime says; half of them are silence to whoever
is asking, half a plain 503.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from keel.sim import Clients, Provider, RandomOutages, Runs, Simulator, traffic

OUTAGE_S = 1800.0
MONTH_S = 30 * 86_400.0
MONTHLY = 2_000_000_000  # the article's headline
NAMES = ("one", "two", "three")
PRICE = {"in": 2.5, "out": 10}  # USD per million tokens


def configuration(providers: int) -> dict[str, Any]:
    names = NAMES[:providers]
    return {
        "version": "1.0",
        "providers": {
            name: {
                "base_url": f"https://{name}.example/v1",
                "keys": ["not-a-key"],
                "models": {"m": {"price": PRICE, "context": 128_000, "output": 4096}},
            }
            for name in names
        },
        "routes": {"chat": {"targets": [f"{name}/m" for name in names], "timeout": "60s"}},
    }


def simulator(providers: int, uptime: float, correlated: float, kind: str) -> Simulator:
    names = NAMES[:providers]
    outages = RandomOutages(
        mean_between=OUTAGE_S / (1 - uptime),
        mean_length=OUTAGE_S,
        correlated=correlated if providers > 1 else 0.0,
        kind=kind,
        providers=names,
    )
    return Simulator(
        configuration(providers),
        providers={name: Provider(ttft_p50=0.4, tokens_per_second=80) for name in names},
        random_outages=outages,
        clients=Clients(max_retries=2),
    )


def half_of_each_kind(
    providers: int, uptime: float, correlated: float, asked: Any, seeds: int
) -> Runs:
    runs = []
    for number, kind in enumerate(("silence", "503")):
        first = 1 + number * seeds
        night = simulator(providers, uptime, correlated, kind)
        runs += list(night.run_seeds(asked, seeds=range(first, first + (seeds + 1) // 2)))
    return Runs(runs)


def answered(runs: Runs) -> str:
    """The share with its interval; where none failed there is none to show, only how many."""
    asked = sum(run.summary().asked for run in runs)
    if not any(run.summary().failed for run in runs):
        return f"all of {asked:,}"
    got = runs.estimate()
    spread = "" if got.half_width is None else f" ± {100 * got.half_width:.4f}"
    return f"{100 * got.mean:.4f} %{spread}"


def table(seeds: int, rate: float) -> None:
    asked = traffic.poisson(rate=rate, duration=MONTH_S, tokens_out=200)
    print(f"answered of all, {seeds} months each at {rate} requests/s; mean and 95 % interval")
    print(
        "| each provider's uptime | alone | two, independent | two, a third of the outages shared |"
        " three, independent |"
    )
    print("|---|---|---|---|---|")
    for uptime in (0.99, 0.999, 0.9995, 0.9999):
        cells = []
        for providers, correlated in ((1, 0.0), (2, 0.0), (2, 1 / 3), (3, 0.0)):
            cells.append(answered(half_of_each_kind(providers, uptime, correlated, asked, seeds)))
        print(f"| {100 * uptime:g} % | " + " | ".join(cells) + " |", flush=True)


def month(seeds: int, rate: float) -> None:
    asked = traffic.diurnal(rate=rate, duration=MONTH_S, tokens_out=200)
    began = time.perf_counter()
    runs = half_of_each_kind(3, 0.999, 1 / 3, asked, seeds)
    took = time.perf_counter() - began
    count = sum(run.summary().asked for run in runs)
    print(
        f"{count:,} requests in {len(runs)} simulated months, {took:.0f} s; three providers of "
        "99.9 %, a third of the outages shared"
    )
    share = runs.estimate()
    cost = runs.estimate(lambda s: float(s.cost) / s.asked)
    print(f"answered          {answered(runs)}")
    if share.mean < 1 and share.half_width is not None:
        lost, spread = (1 - share.mean) * MONTHLY, share.half_width * MONTHLY
        print(f"of two billion    {lost:,.0f} ± {spread:,.0f} requests not answered")
    else:
        print("of two billion    too few runs to say how many are not answered: none was here")
    print(
        f"cost              {cost.mean * MONTHLY / 1e6:.3f} ± "
        f"{(cost.half_width or 0) * MONTHLY / 1e6:.3f} million USD at {PRICE} a million tokens"
    )
    print("what grows with the load itself (a provider's limits) is not in it: none was set")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--month", action="store_true")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0.02, help="requests a second")
    args = parser.parse_args()
    (month if args.month else table)(args.seeds, args.rate)


if __name__ == "__main__":
    main()
