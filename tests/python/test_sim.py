"""keel.sim: what is said becomes a scenario and traffic; results are in seconds and dollars."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal

import pandas
import pytest

from keel import ConfigError
from keel.sim import (
    Brownout,
    Capacity,
    Clients,
    ClockStep,
    Correlated,
    Outage,
    Provider,
    RandomOutages,
    Simulator,
    Sizes,
    SlowDrain,
    Traffic,
    traffic,
)

PRICE = {"in": 1, "out": 2}


def config(**sections):
    def provider(name):
        models = {"m": {"price": PRICE, "context": 100_000, "output": 4096}}
        url = f"https://{name}.example/v1"
        return {"base_url": url, "keys": ["${NOBODY_HAS}"], "models": models}

    return {
        "version": "1.0",
        "providers": {"north": provider("north"), "south": provider("south")},
        "routes": {"support": {"targets": ["north/m", "south/m"], "routing": "ordered"}},
        **sections,
    }


STEADY = Provider(connect=0.01, ttft_p50=0.3, ttft_spread=0, tokens_per_second=100)
SHORT = {"tokens_in": 100, "tokens_out": 50}


def test_a_calm_day_takes_what_the_providers_take_and_costs_their_prices():
    run = Simulator(config(), defaults=STEADY).run(traffic.poisson(20, requests=1000, **SHORT))
    got = run.summary()
    assert (got.asked, got.answered, got.failed, got.availability) == (1000, 1000, 0, 1.0)
    assert got.latency.p50 == pytest.approx(0.81, abs=0.01)
    assert got.cost == got.true_bill == Decimal("0.2")  # 100 in at 1, 50 out at 2 a million
    assert got.overspend == got.unposted == 0
    assert got.cost_by_provider() == {"north": Decimal("0.2"), "south": 0}
    assert got.cost_by_model() == {"m": Decimal("0.2")}
    assert got.shares() == {"north/m": 1.0, "south/m": 0.0}
    assert got.breaker_timeline() == ()
    assert got.complete
    assert sum(got.series.asked) == 1000
    assert sum(got.series.cost) == pytest.approx(0.2)
    assert got.series.at[1] == got.series.bucket


def test_an_outage_is_survived_and_told():
    night = Simulator(config(), defaults=STEADY, providers={"north": Provider(outages=[(60, 120)])})
    got = night.run(traffic.spike(rate=2, factor=5, **SHORT), invariants=True).summary()
    assert got.availability == 1.0
    assert got.failovers > 0
    assert got.breaker_timeline()[0].subject == "north/m"
    assert 60 < got.breaker_timeline()[0].at < 70
    assert got.targets[0].verdicts["transient"] > 0
    assert got.checks
    assert got.violations == ()
    page = str(got)
    assert "answered        100.00 % (none failed)" in page
    assert "north/m: closed -> open" in page


def test_the_same_seed_is_the_same_run_and_another_is_not():
    night = Simulator(config(), seed=3, defaults=Provider(errors={"503": 0.1, "reset": 0.02}))
    asked = traffic.poisson(5, requests=300)
    first = night.run(asked).summary().document
    assert night.run(asked).summary().document == first
    assert night.run(asked, tables=False, seed=3).summary().document == first
    assert night.run(asked, seed=4).summary().document != first


def test_everything_that_can_be_said_of_a_night_is_understood():
    everything = Provider(
        connect=0.02,
        ttft_p50=0.4,
        ttft_spread=0.5,
        tokens_per_second=80,
        output_tokens=Sizes(200, spread=0.8, most=4000),
        error_latency=0.05,
        errors={"503": 0.01, "cut": 0.01},
        capacity=Capacity(concurrent=50, requests_per_minute=6000, tokens_per_minute=10_000_000),
        outages=[(1, 2), (3, 4, "refused"), Outage(5, 6, "silence")],
        brownouts=[Brownout(7, 8, slowness=4, errors={"503": 0.5})],
        slow_drain=[SlowDrain(9, 10, tokens_per_second=2)],
    )
    night = Simulator(
        config(),
        defaults=STEADY,
        providers={"north": everything, "south/m": Provider(output_tokens=30)},
        clients=Clients(max_retries=1, timeout=30, abandon_share=0.1, abandon_after=8.5),
        correlated=[Correlated(["north", "south"], 11, 12, "429")],
        random_outages=RandomOutages(600, 20, correlated=0.5, kind="503", providers=["north"]),
        clock_steps=[(20, -2.5), ClockStep(30, 1)],
    )
    asking = {
        "models": {"support": 1},
        "tokens_in": Sizes(300),
        "tokens_out": 40,
        "max_tokens": 100,
        "stream_share": 0.5,
        "repeat_share": 0.3,
        "repeat_pool": 5,
        "deterministic_share": 0.5,
        "timeout": 20.0,
    }
    for asked in (
        traffic.poisson(5, duration=20, **asking),
        traffic.diurnal(5, swing=0.5, period=60, peak_at=10, duration=20, **asking),
        traffic.spike(2, 10, begin=5, end=10, duration=20, **asking),
        traffic.closed_loop(5, think=0.5, duration=20, **asking),
        traffic.agents(1, steps=3, think=0.5, growth=1.5, duration=20, **asking),
    ):
        assert night.run(asked, invariants=True).summary().violations == ()


def test_a_fault_file_says_the_same_as_arguments(tmp_path):
    file = tmp_path / "outage.yaml"
    file.write_text("providers:\n  north: {ttft_p50: 1s, outages: [{from: 1s, to: 5s}]}\n")
    asked = traffic.poisson(5, duration=10)
    said = Simulator(config(), providers={"north": Provider(ttft_p50=1, outages=[(1, 5)])}).run(
        asked
    )
    read = Simulator(config(), scenario=file).run(asked)
    assert said.summary().document == read.summary().document


def test_every_problem_is_said_at_once_with_its_place(tmp_path):
    file = tmp_path / "outage.yaml"
    file.write_text("providers:\n  nort: {}\n  south: {ttft_p50: soon}\n")
    with pytest.raises(ConfigError) as caught:
        Simulator(config(), scenario=file)
    assert [p.line for p in caught.value.problems] == [2, 3]
    assert "outage.yaml: 2 problems" in str(caught.value)
    assert '"north"' in str(caught.value)
    with pytest.raises(ConfigError, match=r"providers\.north\.ttft_p50") as caught:
        Simulator(config(), providers={"north": Provider(ttft_p50=-1)})
    assert caught.value.problems[0].line is None
    with pytest.raises(ConfigError) as caught:
        Simulator(config()).run(traffic.poisson(-5, stream_share=2))
    assert {p.path for p in caught.value.problems} == {"rate", "stream_share"}
    with pytest.raises(ConfigError, match="wanted one or the other"):
        Simulator(config(), scenario=file, clients=Clients())
    with pytest.raises(ConfigError, match="No such file"):
        Simulator(config(), scenario=tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="routes"):
        Simulator({"version": "1.0"})


def test_a_trace_is_read_from_bytes_and_from_a_file(tmp_path):
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.5,100,50\n"
    text += "2023-11-16 18:15:47.5,200,20\n"
    file = tmp_path / "trace.csv"
    file.write_text(text)
    night = Simulator(config(), defaults=STEADY)
    from_bytes = night.run(traffic.azure(text.encode(), speed=0.5)).summary()
    assert from_bytes.document == night.run(traffic.azure(file, speed=0.5)).summary().document
    assert from_bytes.cost == Decimal("0.00044")
    assert len(from_bytes.unknown) == 3
    with pytest.raises(ConfigError, match=r"trace.csv: line 3: TIMESTAMP"):
        file.write_text(text.replace("18:15:47", "nine"))
        night.run(traffic.azure(file))
    with pytest.raises(ConfigError, match="No such file"):
        night.run(traffic.azure(tmp_path / "none.csv"))
    with pytest.raises(ConfigError, match="the head"):
        (tmp_path / "empty.csv").write_text("")
        night.run(traffic.azure(tmp_path / "empty.csv"))


def test_tables_are_columns_and_frames():
    night = Simulator(config(), defaults=STEADY, providers={"north": Provider(errors={"503": 0.5})})
    run = night.run(traffic.poisson(5, requests=100, stream_share=0.5, **SHORT))
    columns = run.columns()
    assert len(columns["cost_nano_usd"]) == 100
    assert sum(columns["cost_nano_usd"]) == run.summary().cost * 10**9
    assert set(columns["outcome"]) == {"ok"}
    assert set(columns["tenant"]) == {None}
    assert all(a < b for a, b in zip(columns["arrived"], columns["ended"], strict=True))
    assert any(math.isnan(first) for first in columns["first_token"])
    frame = run.requests()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["cost_usd"].sum() == pytest.approx(float(run.summary().cost))
    assert set(frame["outcome"]) == {"ok"}
    assert frame["tenant"].isna().all()
    assert frame["stream"].dtype == bool
    attempts = run.attempts()
    assert len(attempts) == len(run.columns("attempts")["verdict"]) > 100
    assert set(attempts["call"]) == set(frame["call"])
    assert set(attempts["target"]) == {"north/m", "south/m"}


def test_tables_of_nothing():
    run = Simulator(config()).run(traffic.poisson(0.001, duration=0.001))
    assert run.summary().availability is None
    assert len(run.requests()) == len(run.attempts()) == 0
    assert "0 requests" in str(run.summary())


def test_without_tables_there_are_none():
    run = Simulator(config()).run(traffic.poisson(5, requests=3), tables=False)
    for look in (run.requests, run.attempts, run.columns):
        with pytest.raises(ValueError, match="tables=True"):
            look()


def test_a_run_is_watched_and_stopped():
    seen = []

    def progress(seconds, asked, share):
        seen.append((seconds, asked, share))
        return len(seen) < 2

    run = Simulator(config()).run(traffic.poisson(100, duration=36_000), progress=progress)
    assert not run.summary().complete
    assert "stopped before its end" in str(run.summary())
    assert len(seen) == 2


def test_a_watcher_that_fails_ends_the_run():
    def progress(seconds, asked, share):
        raise RuntimeError("enough")

    night = Simulator(config())
    with pytest.raises(RuntimeError, match="enough"):
        night.run(traffic.poisson(100, duration=36_000), progress=progress)
    with pytest.raises(RuntimeError, match="enough"):
        night.run_seeds(traffic.poisson(100, duration=36_000), range(3), progress=progress)


def test_what_is_no_traffic_is_said():
    with pytest.raises(TypeError, match="wanted traffic"):
        Simulator(config()).run("spike")
    assert "poisson" in repr(traffic.poisson(1))
    assert isinstance(traffic.from_text("kind: poisson"), Traffic)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="seed"):
        Simulator(config(), seed=seed)


def test_nothing_else_is_imported_until_it_is_asked_for():
    code = "import sys, keel.sim; print('pandas' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
