"""What an awaited call costs the event loop's thread: `python tests/bench/awaits.py`.

CPU time of the loop's own thread per call, with N calls always under way, beside the same loop
doing nothing but pass the same futures through one eventfd (what asyncio itself costs). What
happens on other threads, and what a provider takes, is not in it. Slices of both are interleaved,
so that the machine's noise meets both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import keel

SLICES = 15
SHORT = [{"role": "user", "content": "Where is my order?"}]
LONG = [{"role": "user", "content": "Where is my order? " * 210}]  # about 4 KB


def configuration(port: int) -> dict[str, Any]:
    return {
        "version": "1.0",
        "providers": {
            "local": {
                "base_url": f"http://127.0.0.1:{port}/v1",
                "keys": ["sk-a", "sk-b"],
                "models": {"m": {"price": {"in": 1, "out": 1}, "output": 4096}},
            }
        },
        "routes": {"m": {"targets": ["local/m"]}},
        "budgets": {"relay": {"usd": 100_000, "window": "day"}},
        "observability": {"log_level": "off"},
    }


async def slice_of(call: Callable[[], Awaitable[object]], concurrency: int, calls: int) -> float:
    """Microseconds of this thread's CPU time per call."""

    async def worker() -> None:
        for _ in range(calls // concurrency):
            await call()

    workers = [asyncio.ensure_future(worker()) for _ in range(concurrency)]
    began = time.thread_time_ns()
    await asyncio.gather(*workers)
    return (time.thread_time_ns() - began) / (calls // concurrency * concurrency) / 1e3


class Bare:
    """Completions without Keel: futures resolved by a descriptor of the loop."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []

    async def call(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        if len(self.waiting) == 1:
            asyncio.get_running_loop().call_soon(self.drain)
        await future

    def drain(self) -> None:
        for future in self.waiting:
            future.set_result(None)
        self.waiting.clear()


async def measure(port: int, concurrency: int, calls: int) -> dict[str, list[float]]:
    async with keel.AsyncRelay.from_dict(configuration(port)) as relay:
        bare = Bare()
        lanes: dict[str, Callable[[], Awaitable[object]]] = {
            "asyncio alone": bare.call,
            "relay, 0.1 KB": lambda: relay.chat(model="m", messages=SHORT),
            "relay, 4 KB": lambda: relay.chat(model="m", messages=LONG),
        }
        for call in lanes.values():
            await slice_of(call, concurrency, calls)
        found: dict[str, list[float]] = {name: [] for name in lanes}
        for _ in range(SLICES):
            for name, call in lanes.items():
                gc.collect()
                found[name].append(await slice_of(call, concurrency, calls))
    return found


def report(loop: str, concurrency: int, found: dict[str, list[float]]) -> None:
    for name, slices in found.items():
        low, middle, high = statistics.quantiles(slices, n=4)
        cells = f"{middle:8.1f} ({low:.1f} - {high:.1f}), best {min(slices):.1f}"
        print(f"{loop:8} {concurrency:11} {name:14} {cells}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=1024, help="calls per slice")
    calls = arguments.parse_args().calls
    runners: dict[str, Callable[[Any], Any]] = {"asyncio": asyncio.run}
    if importlib.util.find_spec("uvloop"):
        import uvloop

        runners["uvloop"] = uvloop.run
    keeld = Path(sys.executable).with_name("keeld")
    with tempfile.TemporaryDirectory() as scratch:
        port_file = Path(scratch) / "port"
        mock = subprocess.Popen(
            [keeld, "mock", "--port", "0", "--port-file", port_file], stdout=subprocess.DEVNULL
        )
        try:
            while not (port_file.exists() and port_file.read_text().strip()):
                time.sleep(0.01)
            port = int(port_file.read_text())
            print(
                "loop     concurrent  lane           us of the loop's thread per call (quartiles)"
            )
            for loop, run in runners.items():
                for concurrency in (16, 256):
                    report(loop, concurrency, run(measure(port, concurrency, calls)))
        finally:
            mock.terminate()
            mock.wait()


if __name__ == "__main__":
    main()
