"""`keel simulate`: a night that has not happened yet, or one that has, configured otherwise."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import CommandError

if TYPE_CHECKING:
    from keel.sim import Run, Runs, Simulator, Traffic

USUAL = "kind: poisson, rate: 10, duration: 10m"
SEEDS_AGAINST = 10  # a difference without an interval says nothing
_BAR = 30


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    from keel import ConfigError

    try:
        return _run(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except ImportError as error:
        raise CommandError(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    except KeyboardInterrupt:
        print("\nkeel simulate: interrupted", file=sys.stderr)
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="keel simulate",
        description="Runs a configuration through the relay itself in virtual time, against "
        "providers that behave as they are told. Nothing is sent and no key is needed; the same "
        "seed gives the same numbers. Exits with 1 if a file has problems.",
    )
    parser.add_argument("config", metavar="CONFIG")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--workload",
        default=USUAL,
        metavar="WHAT",
        help=f"what is asked: '{USUAL}' (the default), a YAML file that says so, or a trace "
        "in Azure's format (FILE.csv)",
    )
    what.add_argument(
        "--replay", metavar="LOG", help="what a relay's request log (JSON lines) says was asked"
    )
    parser.add_argument(
        "--fault",
        default="",
        metavar="WHAT",
        help="what providers and clients do: a YAML file, or 'providers: {openai: {outages: "
        "[{from: 60s, to: 2m}]}}'; else all is well",
    )
    parser.add_argument(
        "--against", metavar="CONFIG", help="another configuration, on the same seeds: differences"
    )
    parser.add_argument(
        "--seeds",
        type=_count,
        metavar="N",
        help=f"so many runs (1; {SEEDS_AGAINST} with --against)",
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="of the first run (7)")
    parser.add_argument("--duration", metavar="TIME", help="of the traffic: 30m, 1h, 1d")
    parser.add_argument("--plot", metavar="FILE", help="draw the first run: .svg, .png or .pdf")
    parser.add_argument("--table", metavar="FILE", help="its requests, a row each: .csv")
    parser.add_argument("--json", action="store_true", help="print everything as JSON instead")
    parser.add_argument(
        "--invariants", action="store_true", help="check every rule of the relay as it goes"
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"wanted a number from 1 to 100000, found {text!r}")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from keel.sim import Simulator

    traffic, fault = _traffic(options), _fault(options.fault)
    configs = [options.config] + ([options.against] if options.against else [])
    # All of them are read before the first one runs.
    simulators = {c: Simulator(c, scenario=fault, seed=options.seed) for c in configs}
    runs = [_runs(config, one, traffic, options) for config, one in simulators.items()]
    names = _names(list(simulators))
    if options.table:
        _write_table(options.table, runs[0][0])
    if options.plot:
        from keel.sim import plot

        first = {name: of[0] for name, of in zip(names, runs, strict=True)}
        plot(first if len(first) > 1 else runs[0][0], options.plot)
    if options.json:
        print(json.dumps(_document(options, list(simulators), runs), indent=1))
    else:
        _say(options, names, runs)
    return 0


def _runs(config: str, simulator: Simulator, traffic: Traffic, options: argparse.Namespace) -> Runs:
    """One for each seed; the first may have tables."""
    from keel.sim import Runs

    usual = SEEDS_AGAINST if options.against and not options.replay else 1
    wanted = options.seeds or usual
    with _Bar(f"{os.path.basename(config)}, {wanted} seed{'s' * (wanted > 1)}") as bar:
        checks, watch = options.invariants, bar.progress
        if wanted == 1:
            tables = bool(options.table)
            return Runs([simulator.run(traffic, tables=tables, invariants=checks, progress=watch)])
        seeds = range(options.seed, options.seed + wanted)
        out = simulator.run_seeds(traffic, seeds, invariants=checks, progress=watch)
    if not options.table:
        return out
    return Runs([simulator.run(traffic, invariants=checks), *out[1:]])


# ---- what is asked -------------------------------------------------------------------------------


def _traffic(options: argparse.Namespace) -> Traffic:
    from keel.sim import Traffic

    if options.replay:
        return Traffic(_lasting("kind: request_log", options.duration), trace=options.replay)
    said = options.workload
    if said.endswith(".csv"):
        return Traffic(_lasting("kind: azure_trace", options.duration), trace=said)
    if _is_document(said):
        return Traffic(_lasting(_braced(said), options.duration), name="--workload")
    from keel.config import read_text

    return Traffic(_lasting(read_text(said), options.duration), name=said)


def _lasting(text: str, duration: str | None) -> str:
    """The workload with its duration, if any, replaced by what the command line says."""
    if duration is None:
        return text
    if text.lstrip().startswith("{"):
        rest = re.sub(r"\bduration\s*:[^,}]*,?", "", text.strip()[1:]).lstrip(" ,")
        return f"{{duration: {json.dumps(duration)}, {rest}"
    rest = re.sub(r"^duration\s*:.*$", "", text, flags=re.MULTILINE)
    return f"{rest.rstrip()}\nduration: {json.dumps(duration)}\n"


def _fault(said: str) -> str | None:
    """A file's name, or the document itself."""
    from keel.sim.document import Text

    if not said:
        return None
    return Text(_braced(said)) if _is_document(said) else said


def _is_document(said: str) -> bool:
    return ":" in said and not os.path.exists(said)


def _braced(text: str) -> str:
    return text if text.lstrip().startswith("{") else f"{{{text}}}"


# ---- what is said --------------------------------------------------------------------------------


def _say(options: argparse.Namespace, names: list[str], runs: list[Runs]) -> None:
    from keel.sim.comparison import comparison_text, seeds_text

    if options.replay:
        from keel.sim.logged import read_log

        print(f"{options.replay}: {read_log(options.replay)}\n")
    for name, of in zip(names, runs, strict=True):
        if len(of) == 1 or len(runs) == 1:
            print(f"{name}: {of[0].summary()}\n")
        if len(of) > 1 and len(runs) == 1:
            print(seeds_text(of))
    if len(runs) == 2:
        print(comparison_text(names[0], runs[0], names[1], runs[1]))


def _names(configs: list[str]) -> list[str]:
    """Short ones that differ."""
    short = [os.path.basename(config) for config in configs]
    return short if len(set(short)) == len(short) else configs


def _document(options: argparse.Namespace, configs: list[str], runs: list[Runs]) -> dict[str, Any]:
    """Money in `runs` is nano-USD, in estimates dollars; times are seconds."""
    out: dict[str, Any] = {"v": 1, "configs": [], "against": None}
    for config, of in zip(configs, runs, strict=True):
        out["configs"].append(
            {
                "config": config,
                "estimates": {name: of.estimate(name)._asdict() for name in of.measures()},
                "runs": [run.summary().document for run in of],
            }
        )
    if len(runs) == 2:
        out["against"] = {
            name: {**found.difference._asdict(), "known": found.known}
            for name, found in runs[0].against(runs[1]).items()
        }
    if options.replay:
        from keel.sim.logged import read_log

        logged = read_log(options.replay)
        out["log"] = {**logged._asdict(), "cost": str(logged.cost)}
    return out


def _write_table(where: str, run: Run) -> None:
    columns = run.columns()
    with Path(where).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow("" if cell is None or cell != cell else cell for cell in row)


class _Bar:
    """How far a run is, on standard error if that is a terminal."""

    def __init__(self, what: str, out: TextIO | None = None) -> None:
        self._what = what
        self._out = out or sys.stderr
        self._shown = self._out.isatty()
        self._began = self._drawn = time.monotonic()
        self._width = 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            self._out.write("\r" + " " * self._width + "\r")
            self._out.flush()

    def progress(self, seconds: float, asked: int, share: float | None) -> bool:
        now = time.monotonic()
        if self._shown and now - self._drawn > 0.1:
            self._drawn = now
            self._draw(seconds, asked, share, now - self._began)
        return True

    def _draw(self, seconds: float, asked: int, share: float | None, took: float) -> None:
        from keel.sim.words import duration

        done = 0.0 if share is None else min(max(share, 0.0), 1.0)
        bar = "#" * round(done * _BAR)
        left = f", {duration(took / done - took)} left" if done > 0.01 else ""
        line = f"{self._what} [{bar:{_BAR}}] {done:4.0%} {asked:,} requests{left}"
        self._out.write("\r" + line.ljust(self._width))
        self._out.flush()
        self._width = max(self._width, len(line))
