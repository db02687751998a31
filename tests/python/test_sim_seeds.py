"""Several seeds: means, intervals, and paired differences."""

from __future__ import annotations

import pytest

from keel.sim import Provider, Simulator, traffic
from keel.sim.estimates import difference, estimate, t95
from test_sim import STEADY, config

FAILING = {"north": Provider(errors={"503": 0.3})}


def test_one_value_has_no_interval():
    assert estimate([3.0]) == (3.0, None, None, 1)
    assert estimate([3.0]).half_width is None
    with pytest.raises(ValueError, match="no value"):
        estimate([])


def test_an_interval_is_students():
    # Mean 3, variance 2.5, t(4) = 2.776: 2.776 * sqrt(2.5 / 5) = 1.963.
    got = estimate([1, 2, 3, 4, 5])
    assert got.mean == 3
    assert got.half_width == pytest.approx(1.963, abs=1e-3)


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980)]
)
def test_the_quantiles_are_those_of_the_tables(freedom, t):
    assert t95(freedom) == pytest.approx(t, abs=6e-4)


def test_a_difference_is_paired():
    wide = difference("x", [1, 100, 10_000], [2, 101, 10_001])
    assert wide.difference == (1, 1, 1, 3)
    assert wide.known
    assert not difference("x", [1, 2, 3], [3, 2, 1]).known
    assert not difference("x", [1], [2]).known, "one seed proves nothing"
    assert not difference("x", [1, 2], [1, 2]).known
    with pytest.raises(ValueError):
        difference("x", [1], [1, 2])


def test_seeds_run_together_are_the_same_as_one_by_one():
    night = Simulator(config(), defaults=STEADY, providers=FAILING)
    asked = traffic.poisson(5, requests=200)
    runs = night.run_seeds(asked, range(4), workers=3)
    assert len(runs) == 4
    for seed, run in enumerate(runs):
        assert run.summary().document == night.run(asked, seed=seed).summary().document
    assert runs[1].summary().seed == 1
    got = runs.estimate("sends_per_request")
    assert got.seeds == 4
    assert got.low < got.mean < got.high
    assert runs.estimate(lambda summary: summary.sends / summary.asked) == got


def test_configurations_are_compared_on_the_same_seeds():
    alone = config()
    alone["routes"] = {"support": {"targets": ["north/m"], "retry": {"max_attempts": 1}}}
    asked = traffic.poisson(5, requests=200)
    one, both = (
        Simulator(c, defaults=STEADY, providers=FAILING).run_seeds(asked, range(5))
        for c in (alone, config())
    )
    found = one.against(both)
    assert set(found) == set(one.measures())
    gained = found["availability"]
    assert gained.known
    assert gained.difference.mean > 0.2
    assert found["availability"].first == one.estimate("availability")
    with pytest.raises(ValueError, match="seeds"):
        one.against(Simulator(config()).run_seeds(asked, range(4)))
    with pytest.raises(ValueError, match="wanted one of availability"):
        one.estimate("availabilty")


def test_the_watch_is_over_all_of_them():
    seen = []
    night = Simulator(config())
    runs = night.run_seeds(
        traffic.poisson(100, duration=36_000),
        range(3),
        progress=lambda *now: seen.append(now) or len(seen) < 2,
    )
    assert not any(run.summary().complete for run in runs)
    assert len(seen) == 2
    with pytest.raises(ValueError, match="no seed"):
        night.run_seeds(traffic.poisson(1), [])
