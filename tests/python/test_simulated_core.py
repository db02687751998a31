"""Simulated runs as the core gives them: columns without copies, a run that can be watched."""

from __future__ import annotations

import gc
import json
import mmap
import threading

import pytest

from keel import _core
from keel.config import plugin_directories
from keel.errors import ConfigError

CONFIG = """
providers:
  north: {base_url: "https://north.example/v1", keys: [n], models: {m: {price: {in: 1, out: 2}}}}
  south: {base_url: "https://south.example/v1", keys: [s], models: {m: {price: {in: 1, out: 2}}}}
routes:
  chat: {targets: [north/m, {target: south/m, tier: 1}], timeout: 120s}
"""
ENDLESS = "{kind: poisson, rate: 50, requests: 1000000000}"


def simulation(scenario="", workload=ENDLESS, trace=None, seed=1, tables=False):
    config = _core.read_config(CONFIG, "keel.yaml")
    assert config.problems == []
    return _core.Simulation(
        config,
        scenario=scenario,
        workload=workload,
        trace=trace,
        plugin_directories=plugin_directories(),
        seed=seed,
        tables=tables,
        invariants=True,
    )


def test_the_same_seed_gives_the_same_bytes():
    workload = "{kind: poisson, rate: 20, requests: 500, stream_share: 0.3}"
    one, same, other = (simulation(workload=workload, seed=seed) for seed in (3, 3, 4))
    assert all(run.run(None) for run in (one, same, other))
    assert one.summary == same.summary != other.summary
    assert json.loads(one.summary)["invariants"]["violations"] == []


def test_columns_are_seen_where_they_are_and_outlive_their_run():
    run = simulation(workload="{kind: poisson, rate: 20, requests: 300}", tables=True)
    assert run.requests() == {}, "nothing has run"
    run.run(None)
    requests, attempts, names = run.requests(), run.attempts(), run.names()
    ended, outcome = requests["ended"].view(), memoryview(requests["outcome"])
    assert list(requests)[:3] == ["call", "request", "client_try"]
    assert (ended.format, ended.readonly, len(ended)) == ("d", True, 300)
    assert {len(column) for column in requests.values()} == {300}
    assert len({len(column) for column in attempts.values()}) == 1
    del run, requests, attempts
    gc.collect()
    assert sorted(ended) == list(ended)
    assert {names["outcome"][code] for code in outcome} == {"ok"}
    assert names["target"] == ["north/m", "south/m"]


def test_a_run_is_watched_and_stopped():
    seen = []

    def watch(virtual_s, asked, share):
        seen.append((virtual_s, asked, share))
        return len(seen) < 3

    run = simulation()
    assert run.run(watch) is False
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert json.loads(run.summary)["complete"] is False


def test_what_the_watch_raises_ends_the_run():
    def watch(*_):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        simulation().run(watch)


def test_other_threads_go_on_while_it_runs():
    stop = threading.Event()
    run = simulation()
    thread = threading.Thread(target=lambda: run.run(lambda *_: not stop.is_set()))
    thread.start()
    stop.set()  # is reached only if the run has given the GIL up
    thread.join(60)
    assert not thread.is_alive()


def test_a_trace_is_read_from_a_mapped_file(tmp_path):
    file = tmp_path / "trace.csv"
    rows = "".join(f"2023-11-16 18:15:{n:02},100,50\n" for n in range(60))
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows)
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    run = simulation(workload="{kind: azure_trace}", trace=mapped)
    assert run.run(None)
    assert run.problem is None
    summary = json.loads(run.summary)
    assert summary["requests"]["asked"] == 60
    assert summary["money"]["true_bill_nano_usd"] == 60 * 200_000
    wrong = simulation(workload="{kind: azure_trace}", trace=b"time,in,out\n")
    wrong.run(None)
    assert wrong.problem == (
        1,
        "",
        'found "time,in,out", wanted the head TIMESTAMP,ContextTokens,GeneratedTokens',
    )


def test_what_is_wrong_is_said_with_its_document():
    with pytest.raises(ConfigError, match=r'scenario\.providers\.nort: unknown provider "nort"'):
        simulation(scenario="providers: {nort: {}}")
    with pytest.raises(ConfigError, match=r"line 2: workload\.rate: found \"fast\""):
        simulation(workload="kind: poisson\nrate: fast\nrequests: 1\n")
    config = _core.read_config(CONFIG, "keel.yaml")
    assert _core.scenario_problems("providers: {nort: {}}", config) == [
        (1, "providers.nort", 'unknown provider "nort"; the nearest is "north"')
    ]
    assert _core.workload_problems("{kind: poisson, requests: 1}", config) == []
