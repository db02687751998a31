"""`keel simulate`, as a user's shell sees it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys

import pytest

from keel.cli.simulate import _Bar, _lasting
from test_sim import config

CONFIG = json.dumps(config())
ALONE = CONFIG.replace('["north/m", "south/m"]', '["north/m"]')
FAULT = "providers:\n  north: {outages: [{from: 10s, to: 40s}]}\n"
STEADY = "kind: poisson, rate: 5, duration: 60s, tokens_out: 50"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "both.yaml").write_text(CONFIG)
    (tmp_path / "alone.yaml").write_text(ALONE)
    (tmp_path / "outage.yaml").write_text(FAULT)
    return tmp_path


def simulate(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "keel.cli", "simulate", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        check=False,
    )


def test_one_run_is_one_screen(folder):
    done = simulate(folder, "both.yaml", "--fault", "outage.yaml", "--workload", STEADY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("both.yaml: ")
    assert "answered        100.00 % (none failed)" in done.stdout
    assert "north/m: closed -> open" in done.stdout
    assert len(done.stdout.splitlines()) < 24
    again = simulate(folder, "both.yaml", "--fault", "outage.yaml", "--workload", STEADY)
    assert again.stdout == done.stdout


def test_seeds_have_intervals(folder):
    done = simulate(folder, "both.yaml", "--workload", STEADY, "--seeds", "3")
    assert "seeds 7 to 9" in done.stdout
    assert "95 % interval" in done.stdout


def test_against_says_what_differs_and_what_does_not(folder):
    what = ("--fault", "outage.yaml", "--workload", STEADY, "--seeds", "5")
    done = simulate(folder, "alone.yaml", "--against", "both.yaml", *what)
    assert done.returncode == 0
    lines = {line.split("  ")[1].strip(): line for line in done.stdout.splitlines()[1:]}
    assert lines["answered"].endswith("more")
    assert lines["cost"].endswith(("more", "less"))
    same = simulate(folder, "both.yaml", "--against", "./both.yaml", *what).stdout
    assert "the same in every seed" in same
    assert " more" not in same


def test_against_with_one_seed_claims_nothing(folder):
    what = ("--fault", "outage.yaml", "--workload", STEADY, "--seeds", "1")
    done = simulate(folder, "alone.yaml", "--against", "both.yaml", *what)
    assert "one seed: how sure that is, nobody knows" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.endswith(("more", "less"))]


def test_everything_as_json(folder):
    done = simulate(
        folder,
        "alone.yaml",
        "--against",
        "both.yaml",
        "--json",
        "--seeds",
        "2",
        "--workload",
        STEADY,
    )
    got = json.loads(done.stdout)
    assert [one["config"] for one in got["configs"]] == ["alone.yaml", "both.yaml"]
    assert [run["seed"] for run in got["configs"][0]["runs"]] == [7, 8]
    assert got["against"]["availability"]["known"] is False
    assert got["against"]["availability"]["mean"] == 0


def test_a_table_and_a_plot(folder):
    done = simulate(
        folder, "both.yaml", "--table", "t.csv", "--plot", "p.svg", "--workload", STEADY
    )
    assert done.returncode == 0, done.stderr
    with (folder / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["outcome"] for row in rows} == {"ok"}
    assert f"both.yaml: {len(rows)} requests" in done.stdout
    picture = (folder / "p.svg").read_text()
    assert "<svg" in picture
    simulate(folder, "both.yaml", "--plot", "q.svg", "--workload", STEADY)
    assert (folder / "q.svg").read_text() == picture


def test_a_log_is_replayed_and_what_it_cannot_tell_is_said(folder):
    line = {
        "v": 1,
        "id": "a",
        "time": 1_700_000_000_000_000_000,
        "model_asked": "support",
        "tokens_in_est": 10,
        "deadline_ms": 20_000,
        "outcome": "ok",
        "total_ms": 700,
        "cost_nano_usd": 5_000,
        "identity": "ab" * 16,
        "attempts": [
            {
                "provider": "west",
                "model": "m",
                "class": "ok",
                "tokens": {"in": 1000, "out": 500},
            }
        ],
    }
    other = {**line, "time": line["time"] + 10**9, "outcome": "upstream_error", "attempts": []}
    (folder / "log.jsonl").write_text(json.dumps(line) + "\n" + json.dumps(other) + "\n")
    done = simulate(folder, "both.yaml", "--replay", "log.jsonl", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, "")
    logged, simulated = done.stdout.split("both.yaml:")
    assert "2 requests, as the log has them" in logged
    assert "answered        50.00 %" in logged
    assert "west/m  100.00 % of the answers" in logged
    assert "answered        100.00 %" in simulated
    assert "not known: the texts" in simulated
    assert "not known: 1 of 2 requests have no counted answer" in simulated
    document = json.loads(simulate(folder, "both.yaml", "--replay", "log.jsonl", "--json").stdout)
    assert document["log"]["cost"] == "0.000010000"


def test_a_broken_log_is_said_with_its_line(folder):
    (folder / "log.jsonl").write_text("{}\n")
    done = simulate(folder, "both.yaml", "--replay", "log.jsonl")
    assert done.returncode == 1
    assert done.stderr.startswith("log.jsonl: line 1: v: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["both.yaml", "--workload", "kind: spik, rate: fast"], 1, "--workload: "),
        (["both.yaml", "--workload", "none.yaml"], 1, "none.yaml: No such file"),
        (["both.yaml", "--fault", "providers: {nort: {}}"], 1, 'the nearest is "north"'),
        (["none.yaml"], 1, "none.yaml: No such file"),
        (["both.yaml", "--against", "none.yaml"], 1, "none.yaml: No such file"),
        (["both.yaml", "--seeds", "0"], 2, "wanted a number from 1"),
        (["both.yaml", "--replay", "a", "--workload", "b"], 2, "not allowed with"),
        (["both.yaml", "--plot", "no/where.svg", "--workload", STEADY], 2, "no/where.svg"),
        ([], 2, "usage"),
    ],
)
def test_what_is_wrong_is_said(folder, arguments, code, said):
    done = simulate(folder, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plot_without_matplotlib_names_the_extra(folder):
    (folder / "matplotlib.py").write_text("raise ImportError('not here')\n")
    done = simulate(folder, "both.yaml", "--plot", "p.svg", "--workload", STEADY)
    assert done.returncode == 2
    assert "pip install 'keel-relay[plot]'" in done.stderr


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kind: poisson\nduration: 5m\n", 'kind: poisson\nduration: "1h"\n'),
        ("kind: poisson\nrate: 3", 'kind: poisson\nrate: 3\nduration: "1h"\n'),
        ("{kind: poisson, duration: 5m, rate: 3}", '{duration: "1h", kind: poisson,  rate: 3}'),
        ("{duration: 5m, kind: poisson}", '{duration: "1h", kind: poisson}'),
        ("{kind: poisson, duration: 5m}", '{duration: "1h", kind: poisson, }'),
    ],
)
def test_the_command_lines_duration_wins(text, wanted):
    assert _lasting(text, "1h") == wanted
    assert _lasting(text, None) == text


def test_a_bar_is_drawn_on_a_terminal_only():
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal, _Bar("both.yaml", terminal) as bar:
        bar._drawn -= 1
        bar.progress(10.0, 1234, 0.5)
    said = ""
    while said.count("\r") < 3:
        said += os.read(master, 10_000).decode()
    os.close(master)
    assert "both.yaml [###############               ]  50% 1,234 requests" in said
    assert said.endswith("\r")
    with _Bar("both.yaml", io.StringIO()) as bar:
        bar._drawn -= 1
        bar.progress(10.0, 1234, 0.5)
        assert bar._out.getvalue() == ""
