"""What a call through the relay costs beside the same call made directly: `make bench`.

Both ask one `keeld mock` over kept-alive connections, one call at a time, in interleaved slices, so
that the machine's noise meets both alike. What is reported is a ratio and the difference, never an
absolute promise. What the gateway's hop costs beside nginx and haproxy is in `hop.py`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keel

SLICES = 20
PROMPT = "Where is my order? " * 50  # about 1 KB, as in the field's comparisons


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def slice_of(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Median wall time and mean CPU time of one call, in microseconds."""
    times = []
    cpu = cpu_seconds()
    for _ in range(calls):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6, (cpu_seconds() - cpu) / calls * 1e6


def direct_caller(port: int) -> Callable[[], object]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]})
    headers = {"Content-Type": "application/json"}

    def call() -> object:
        connection.request("POST", "/v1/chat/completions", body, headers)
        return json.loads(connection.getresponse().read())

    return call


def relay_for(port: int) -> keel.Relay:
    return keel.Relay.from_dict(
        {
            "version": "1.0",
            "providers": {
                "local": {
                    "base_url": f"http://127.0.0.1:{port}/v1",
                    "keys": [],
                    "models": {"m": {"price": {"in": 1, "out": 1}, "output": 4096}},
                }
            },
            "routes": {"m": {"targets": ["local/m"]}},
            "budgets": {"relay": {"usd": 1000, "window": "day"}},
            "observability": {"log_level": "off"},
        }
    )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=200, help="calls per slice")
    calls = arguments.parse_args().calls
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
            direct = direct_caller(port)
            with relay_for(port) as relay:
                messages = [{"role": "user", "content": PROMPT}]

                def through() -> object:
                    return relay.chat(model="m", messages=messages).json()

                lanes = {"direct": direct, "relay": through}
                for call in lanes.values():
                    slice_of(call, calls)
                found: dict[str, list[tuple[float, float]]] = {name: [] for name in lanes}
                for _ in range(SLICES):
                    for name, call in lanes.items():
                        found[name].append(slice_of(call, calls))
        finally:
            mock.terminate()
            mock.wait()
    return report(found)


def report(found: dict[str, list[tuple[float, float]]]) -> int:
    print(f"{'lane':8} {'wall, us (quartiles)':>26} {'CPU, us (quartiles)':>26}")
    medians = {}
    for name, slices in found.items():
        cells = []
        for which in (0, 1):
            low, middle, high = statistics.quantiles([s[which] for s in slices], n=4)
            medians[name, which] = middle
            cells.append(f"{middle:8.0f} ({low:.0f} - {high:.0f})")
        print(f"{name:8} {cells[0]:>26} {cells[1]:>26}")
    for which, what in ((0, "wall time"), (1, "CPU time")):
        ratio = medians["relay", which] / medians["direct", which]
        print(f"{what}: {ratio:.2f} times a direct http.client call")
    return 0


if __name__ == "__main__":
    sys.exit(main())
