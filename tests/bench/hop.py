"""What the hop through a gateway costs: nginx, haproxy and Keel before the same provider.

Slices are interleaved, so that the machine's noise meets all alike, and what is reported is a ratio
to nginx in the same round; nginx stands in each round twice, so its ratio to itself shows the
noise. `make bench` runs this; `BENCH_QUICK=1` makes it a short look.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import counted
from gateways import (
    Server,
    Start,
    Tree,
    haproxy,
    held_streams,
    keel,
    load,
    nginx,
    provider,
    queued_kib,
    request,
)

EVENTS = 100  # of a stream
GAP_US = 1000  # between them
STREAM_RATE = 100  # streams begun in a second


class Effort(NamedTuple):
    rounds: int
    seconds: float  # of a slice
    rate: float  # of the open loop
    idle_streams: int
    slow_streams: int
    instructions: tuple[int, int]
    syscalls: tuple[int, int]


FULL = Effort(11, 1.5, 400, 2000, 2000, (2000, 6000), (1000, 5000))
QUICK = Effort(3, 0.5, 400, 200, 40, (500, 1500), (200, 1200))


class Lane(NamedTuple):
    name: str
    model: str
    prompt_bytes: int
    everything: bool  # of Keel: tenants' keys, limits, budgets, the request log


LANES = [
    Lane("name as asked, 1 KB", "m", 900, False),
    Lane("name spliced, 1 KB", "support", 900, False),
    Lane("everything on, 1 KB", "support", 900, True),
    Lane("everything on, 4 KB", "support", 4000, True),
    Lane("everything on, 64 KB", "support", 64_000, True),
]


class Bench:
    """Gateways that run, and slices of load on them."""

    def __init__(self, tree: Tree, effort: Effort, stack: ExitStack) -> None:
        self.tree = tree
        self.effort = effort
        # The gateway under load has the last CPU to itself, if there are two.
        cpus = sorted(os.sched_getaffinity(0))
        self.gateway_cpu = cpus[-1] if len(cpus) > 1 else None
        self.other_cpu = cpus[0] if len(cpus) > 1 else None
        self.provider = self.keep(stack, provider(tree, EVENTS, GAP_US, cpu=self.other_cpu))
        start = Start(tree, self.provider.port, cpu=self.gateway_cpu)
        self.nginx = self.keep(stack, nginx(start))
        self.nginx_unbuffered = self.keep(stack, nginx(start, buffering=False))
        self.haproxy = self.keep(stack, haproxy(start))
        self.keel = self.keep(stack, keel(start, everything=False))
        self.keel_everything = self.keep(stack, keel(start, everything=True))

    @staticmethod
    def keep(stack: ExitStack, server: Server) -> Server:
        stack.callback(server.stop)
        return server

    def asked(self, name: str, content: bytes) -> Path:
        path = self.tree.work / f"{name}.http"
        path.write_bytes(content)
        return path

    def slice_of(
        self, server: Server, asked: Path, connections: int, *options: str
    ) -> dict[str, Any]:
        seconds = ("--seconds", str(self.effort.seconds))
        before = server.cpu_ns()
        found = load(
            self.tree, server.port, asked, connections, *seconds, *options, cpu=self.other_cpu
        )
        found["cpu_us"] = (server.cpu_ns() - before) / 1000 / found["requests"]
        found["per_second"] = found["requests"] / found["seconds"]
        return found

    def rounds(
        self, servers: dict[str, Server], measure: Callable[[Server], dict[str, Any]]
    ) -> list[dict[str, dict[str, Any]]]:
        """Each server once a round, in an order that turns."""
        for server in servers.values():
            measure(server)  # connections are made, memory is touched
        out = []
        names = list(servers)
        for n in range(self.effort.rounds):
            turned = names[n % len(names) :] + names[: n % len(names)]
            out.append({name: measure(servers[name]) for name in turned})
        return out


# ---- lanes ---------------------------------------------------------------------------------------


def quartiles(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"q1": low, "median": middle, "q3": high, "best": min(values)}


def against_nginx(
    rounds: list[dict[str, dict[str, Any]]], value: Callable[[dict[str, Any]], float]
) -> dict[str, Any]:
    """Each gateway's values, and its ratios to nginx of the same round."""
    out = {}
    for name in rounds[0]:
        out[name] = {
            "value": quartiles([value(found[name]) for found in rounds]),
            "ratio": quartiles([value(found[name]) / value(found["nginx"]) for found in rounds]),
        }
    return out


def run_lane(bench: Bench, lane: Lane) -> dict[str, Any]:
    asked = bench.asked("lane", request(lane.model, lane.prompt_bytes))
    ours = bench.keel_everything if lane.everything else bench.keel
    servers = {"nginx": bench.nginx, "haproxy": bench.haproxy, "keel": ours}
    servers["nginx again"] = bench.nginx
    rounds = bench.rounds(servers, lambda server: bench.slice_of(server, asked, 64))
    return {
        "lane": lane.name,
        "cpu_us": against_nginx(rounds, lambda found: found["cpu_us"]),
        "per_second": against_nginx(rounds, lambda found: found["per_second"]),
        "rounds": rounds,
    }


def run_latency(bench: Bench) -> dict[str, Any]:
    """Open loop: what a gateway adds to the same schedule asked of the provider itself."""
    asked = bench.asked("latency", request("support", 900))
    servers = {
        "direct": bench.provider,
        "nginx": bench.nginx,
        "haproxy": bench.haproxy,
        "keel": bench.keel_everything,
        "nginx again": bench.nginx,
    }
    rate = ("--rate", str(bench.effort.rate))
    rounds = bench.rounds(servers, lambda server: bench.slice_of(server, asked, 32, *rate))
    out: dict[str, Any] = {"rate": bench.effort.rate, "rounds": rounds}
    for q in ("p50", "p99"):
        added = {
            name: quartiles(
                [r[name]["latency_us"][q] - r["direct"]["latency_us"][q] for r in rounds]
            )
            for name in servers
            if name != "direct"
        }
        out[f"direct_{q}_us"] = statistics.median(r["direct"]["latency_us"][q] for r in rounds)
        out[f"added_{q}_us"] = added
    return out


def run_streams(bench: Bench) -> dict[str, Any]:
    asked = bench.asked("stream", request("support", 900, stream=True))
    servers = {
        "direct": bench.provider,
        "nginx": bench.nginx_unbuffered,
        "haproxy": bench.haproxy,
        "keel": bench.keel_everything,
        "nginx again": bench.nginx_unbuffered,
    }
    # In an open loop: streams of a closed one end together and begin together. What comes before
    # the first word says nothing.
    how = ("--rate", str(STREAM_RATE), "--first", "word")
    rounds = bench.rounds(servers, lambda server: bench.slice_of(server, asked, 128, *how))
    hashes = {name: {found[name]["hash"] for found in rounds} for name in servers}
    same = all(found == hashes["direct"] for found in hashes.values())
    gateways = [{n: found for n, found in r.items() if n != "direct"} for r in rounds]
    return {
        "events": EVENTS,
        "gap_us": GAP_US,
        "bytes_are_the_providers": same,
        "cpu_us_per_event": against_nginx(gateways, lambda found: found["cpu_us"] / EVENTS),
        "added_first_us": {
            name: quartiles(
                [r[name]["first_us"]["p50"] - r["direct"]["first_us"]["p50"] for r in rounds]
            )
            for name in gateways[0]
        },
        "rounds": rounds,
    }


def run_held(
    bench: Bench, streams: int, seconds: int, events: int, gap_us: int, size: int
) -> dict[str, Any]:
    """Memory of streams that are not read beyond their first token: the most in a while. Private,
    and what the kernel holds in the gateway's sockets."""
    asked = bench.asked("held", request("support", 900, stream=True))
    starters: dict[str, counted.Starter] = {
        "nginx": partial(nginx, buffering=False),
        "haproxy": haproxy,
        "keel": partial(keel, everything=True),
    }
    out: dict[str, Any] = {"streams": streams, "queued": {}}
    with ExitStack() as stack:
        source = bench.keep(stack, provider(bench.tree, events, gap_us, size))
        for name, starter in starters.items():
            gateway = bench.keep(stack, starter(Start(bench.tree, source.port)))
            with held_streams(bench.tree, gateway.port, asked, 10):
                before = gateway.private_kib()
            with held_streams(bench.tree, gateway.port, asked, streams):
                most = queued = 0
                for _ in range(4 * seconds):
                    most = max(most, gateway.private_kib())
                    queued = max(queued, queued_kib(gateway.port, source.port))
                    time.sleep(0.25)
                out[name] = (most - before) / streams
                out["queued"][name] = queued / streams
    return out


def say_held(title: str, found: dict[str, Any]) -> None:
    names = [name for name in found if name not in ("streams", "queued")]
    for what, kib in (("of private memory", found), ("in the kernel's queues", found["queued"])):
        each = ", ".join(f"{name} {kib[name]:.1f}" for name in names)
        print(f"{title}, KiB {what} for each of {found['streams']}: {each}")


def run_counted(bench: Bench) -> dict[str, Any]:
    asked = bench.asked("counted", request("support", 900))
    starters: dict[str, counted.Starter] = {
        "nginx": nginx,
        "haproxy": haproxy,
        "keel, everything on": partial(keel, everything=True),
    }
    tree, port, effort = bench.tree, bench.provider.port, bench.effort
    out: dict[str, Any] = {}
    for name, starter in starters.items():
        out[name] = {
            "instructions": counted.instructions(tree, port, starter, asked, *effort.instructions),
            "syscalls": counted.syscalls(tree, port, starter, asked, *effort.syscalls),
        }
    return out


# ---- report --------------------------------------------------------------------------------------


def version_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def surroundings() -> dict[str, str]:
    cpu = Path("/proc/cpuinfo").read_text().split("model name")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": version_of("git", "describe", "--always", "--dirty"),
        "cpu": cpu[1].split(":")[1].splitlines()[0].strip() if len(cpu) > 1 else "unknown",
        "cpus": str(os.cpu_count()),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "nginx": version_of("nginx", "-v"),
        "haproxy": version_of("haproxy", "-v"),
        "valgrind": version_of("valgrind", "--version"),
        "strace": version_of("strace", "--version"),
    }


def row(name: str, *cells: str) -> str:
    return f"  {name:<22}" + "".join(f"{cell:>17}" for cell in cells)


def say_ratios(title: str, unit: str, found: dict[str, Any]) -> None:
    print(f"\n{title}\n{row('', unit, 'x nginx', 'quartiles')}")
    for name, numbers in found.items():
        ratio = numbers["ratio"]
        between = f"{ratio['q1']:.2f} .. {ratio['q3']:.2f}"
        value = f"{numbers['value']['median']:,.1f}"
        print(row(name, value, f"{ratio['median']:.2f}", between))


def say_added(title: str, found: dict[str, Any]) -> None:
    print(f"\n{title}\n{row('', 'us', 'x nginx', 'quartiles, us')}")
    for name, numbers in found.items():
        ratio = numbers["median"] / found["nginx"]["median"] if found["nginx"]["median"] else 0
        between = f"{numbers['q1']:.0f} .. {numbers['q3']:.0f}"
        print(row(name, f"{numbers['median']:.0f}", f"{ratio:.2f}", between))


def say_counted(found: dict[str, Any]) -> None:
    print(f"\nCounted, per request\n{row('', 'instructions', 'x nginx', 'system calls')}")
    base = found["nginx"]["instructions"]["per_request"]
    for name, numbers in found.items():
        count = numbers["instructions"]["per_request"]
        calls = sum(numbers["syscalls"].values())
        print(row(name, f"{count:,.0f}", f"{count / base:.2f}", f"{calls:.2f}"))
    for name, numbers in found.items():
        calls = numbers["syscalls"].items()
        print(f"  {name}: " + ", ".join(f"{call} {count:.2f}" for call, count in calls))
    ours = found["keel, everything on"]["instructions"]
    print("\nKeel's instructions per request, by object")
    for place, count in list(ours["by_object"].items())[:8]:
        print(f"  {count:>10,.0f}  {place}")
    print("Keel's instructions per request, by function")
    for name, count in ours["top"].items():
        print(f"  {count:>10,.0f}  {name}")
    print("Keel's instructions per request, by its own functions with all they call")
    for name, count in ours["with_callees"].items():
        print(f"  {count:>10,.0f}  {name}")


def say_streams(found: dict[str, Any]) -> None:
    title = f"Streams of {EVENTS} events, {STREAM_RATE}/s, everything on: CPU per event"
    say_ratios(title, "us", found["cpu_us_per_event"])
    say_added("Streams: first token later than the provider's, median", found["added_first_us"])
    same = "are the provider's" if found["bytes_are_the_providers"] else "DIFFER"
    print(f"  the bytes of every stream {same}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=Path("build/release"))
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--no-counting", action="store_true", help="neither callgrind nor strace")
    parser.add_argument("--rounds", type=int, help="instead of 11, or of 3 if quick")
    arguments = parser.parse_args()
    quick = os.environ.get("BENCH_QUICK", "") not in ("", "0")
    effort = QUICK if quick else FULL
    if arguments.rounds:
        effort = effort._replace(rounds=arguments.rounds)
    work = (arguments.out / "work").resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    tree = Tree(arguments.tree.resolve(), work)
    results: dict[str, Any] = {"where": surroundings(), "effort": effort._asdict()}
    print("The hop: " + ", ".join(f"{k} {v}" for k, v in results["where"].items()))
    with ExitStack() as stack:
        bench = Bench(tree, effort, stack)
        results["lanes"] = []
        for lane in LANES:
            found = run_lane(bench, lane)
            results["lanes"].append(found)
            say_ratios(f"{lane.name}: CPU per request, 64 connections", "us", found["cpu_us"])
            say_ratios(f"{lane.name}: requests per second", "a second", found["per_second"])
        latency = results["latency"] = run_latency(bench)
        for q in ("p50", "p99"):
            direct = f"provider alone {latency[f'direct_{q}_us']:.0f} us"
            title = f"Added latency, {q}, open loop at {latency['rate']:.0f}/s ({direct})"
            say_added(title, latency[f"added_{q}_us"])
        results["streams"] = run_streams(bench)
        say_streams(results["streams"])
        results["idle"] = run_held(bench, effort.idle_streams, 2, EVENTS, 60_000_000, 180)
        say_held("Streams that are idle", results["idle"])
        results["slow"] = run_held(bench, effort.slow_streams, 15, 4000, 2000, 8000)
        say_held("Streams of 32 MB whose readers stopped", results["slow"])
        peaks = {n: s.peak_kib() for n, s in vars(bench).items() if isinstance(s, Server)}
        results["peak_kib"] = peaks
        print("\nPeak memory, MiB: " + ", ".join(f"{n} {k / 1024:.0f}" for n, k in peaks.items()))
        if not arguments.no_counting:
            results["counted"] = run_counted(bench)
            say_counted(results["counted"])
    path = arguments.out / f"hop-{results['where']['date'].replace(':', '')[:17]}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nraw numbers: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
