"""Nights that have not happened yet: a configuration through the relay itself, in virtual time.

    from keel.sim import Provider, Simulator, traffic

    night = Simulator("keel.yaml", seed=7,
                      providers={"openai": Provider(ttft_p50=0.4, outages=[(60, 120)])})
    run = night.run(traffic.spike(rate=20, factor=40))
    print(run.summary())               # availability, latency, sends, money
    run.requests(), run.attempts()     # pandas DataFrames, a row each

Times are seconds since the start, money is `decimal.Decimal` US dollars. Nothing is sent, no key is
needed, no clock is read: the same seed, arguments and version give the same bytes. pandas and
matplotlib are imported where they are asked for (`keel-relay[sim]`, `keel-relay[plot]`).
"""

from keel.sim import traffic
from keel.sim.estimates import Difference, Estimate
from keel.sim.plots import plot
from keel.sim.runs import Run, Runs
from keel.sim.scenario import (
    Brownout,
    Capacity,
    Clients,
    ClockStep,
    Correlated,
    Outage,
    Provider,
    RandomOutages,
    Sizes,
    SlowDrain,
)
from keel.sim.simulator import Simulator
from keel.sim.summary import Quantiles, Series, Summary, Target, Told
from keel.sim.traffic import Traffic

__all__ = [
    "Brownout",
    "Capacity",
    "Clients",
    "ClockStep",
    "Correlated",
    "Difference",
    "Estimate",
    "Outage",
    "Provider",
    "Quantiles",
    "RandomOutages",
    "Run",
    "Runs",
    "Series",
    "Simulator",
    "Sizes",
    "SlowDrain",
    "Summary",
    "Target",
    "Told",
    "Traffic",
    "plot",
    "traffic",
]
