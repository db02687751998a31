"""The same night lived and simulated: fake providers with real sockets, and virtual time.

`make compare` prints what both came to. What was asked live is simulated from the request log that
the live relay wrote, with the same configuration and the same behaviour of the providers.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keel
from keel.cli.native import keeld
from keel.drill.mocks import Mocks
from keel.sim import Brownout, Provider, Runs, Simulator, traffic

MAX_TOKENS = 1000
PRICES = {"north": (2, 8), "south": (1.6, 6.4), "west": (3, 15)}  # USD per million tokens
OFF = {"consecutive": 0, "failure_rate": "off", "slow_rate": "off"}
WIDE = {"ratio": 100, "floor": 10_000}  # no budget of extra sends in the way
_P99 = 2.3263  # of the standard normal


class Faked(NamedTuple):
    """One provider, as a mock and as the simulator have it. Latencies in milliseconds."""

    latency: tuple[float, float]  # median, 99th percentile
    tokens_per_second: float
    failing: tuple[tuple[float, float, float, int], ...] = ()  # from, to (s), share, status
    error_latency: float = 50

    def script(self, seed: int) -> dict[str, Any]:
        p50, p99 = self.latency
        rules = [
            {
                "at": begin,
                "for": end - begin,
                "probability": [round(share * 1000), 1000],
                # The simulator's 503 names a second, too.
                "error": {"status": status, **({"retry_after": 1} if status == 503 else {})},
                "latency_ms": self.error_latency,
            }
            for begin, end, share, status in self.failing
        ]
        usual = {
            "latency_ms": {"p50": p50, "p99": p99},
            "tokens_per_second": self.tokens_per_second,
        }
        prices = {name: {"in": a, "out": b} for name, (a, b) in PRICES.items()}
        head = {"seed": seed, "start": "manual", "records": 0, "prices": prices}
        return {**head, "default": usual, "rules": rules}

    def provider(self) -> Provider:
        p50, p99 = self.latency
        return Provider(
            connect=0,
            ttft_p50=p50 / 1e3,
            ttft_spread=math.log(p99 / p50) / _P99,
            tokens_per_second=self.tokens_per_second,
            error_latency=self.error_latency / 1e3,
            brownouts=[
                Brownout(begin, end, slowness=1, errors={str(status): share})
                for begin, end, share, status in self.failing
            ],
        )


class Question(NamedTuple):
    at: float
    number: int
    tokens_in: int
    tokens_out: int


class Case(NamedTuple):
    providers: dict[str, Faked]
    questions: list[Question]
    sections: dict[str, Any]  # of the configuration
    one_by_one: bool = False

    def config(self, ports: dict[str, int], log: Path) -> dict[str, Any]:
        def provider(name: str) -> dict[str, Any]:
            price = dict(zip(("in", "out"), PRICES[name], strict=True))
            known = {"price": price, "context": 128_000, "output": 4096}
            url = f"http://127.0.0.1:{ports[name]}/v1"
            return {"base_url": url, "keys": [f"sk-{name}"], "models": {name: known}}

        sections = dict(self.sections)
        targets = [f"{name}/{name}" for name in self.providers]
        route = {"targets": targets, "routing": "ordered", **sections.pop("route", {})}
        return {
            "version": "1.0",
            "providers": {name: provider(name) for name in self.providers},
            "routes": {"r": route},
            "health_check": {"interval": 0},
            "request_log": {"path": str(log)},
            "observability": {"log_level": "off"},
            **sections,
        }


class Came(NamedTuple):
    """What a night came to; money in nano-USD, times in seconds."""

    asked: int
    answered: int
    sends: float
    posted: float
    billed: float
    p50: float
    p99: float
    cached: float

    @property
    def availability(self) -> float:
        return self.answered / self.asked


def questions(count: int, rate: float, seed: int, kinds: int | None = None) -> list[Question]:
    """Independent arrivals; `kinds`: so many different questions, all equally often."""
    draw = random.Random(seed)
    sizes = [
        (draw.randint(50, 800), draw.randint(20, 300))
        for _ in range(count if kinds is None else kinds)
    ]
    out, at = [], 0.0
    for number in range(count):
        which = number % len(sizes)
        out.append(Question(at, which, *sizes[which]))
        at += draw.expovariate(rate)
    return out


def compare(case: Case, seeds: range, seed: int = 7) -> tuple[Came, Came, Runs]:
    """Lived first, simulated then."""
    scripts = {name: one.script(seed) for name, one in case.providers.items()}
    with tempfile.TemporaryDirectory() as folder, Mocks(keeld(), scripts) as mocks:
        log = Path(folder) / "requests.jsonl"
        document = case.config({name: mocks[name].port for name in scripts}, log)
        asyncio.run(_live(document, case, mocks))
        states = mocks.states()
        lived = _lived(log, states)
        behaviours = {name: one.provider() for name, one in case.providers.items()}
        simulator = Simulator(document, providers=behaviours)
        runs = simulator.run_seeds(traffic.request_log(log), seeds, invariants=True)
    return lived, _simulated(runs), runs


async def _live(document: dict[str, Any], case: Case, mocks: Mocks) -> None:
    async with keel.AsyncRelay.from_dict(document, seed=1) as relay:

        async def ask(question: Question) -> None:
            steering = f"[[in={question.tokens_in}]] [[out={question.tokens_out}]]"
            content = f"{steering} question {question.number}"
            try:
                await relay.chat(
                    model="r",
                    messages=[{"role": "user", "content": content}],
                    temperature=0,
                    max_tokens=MAX_TOKENS,
                )
            except keel.KeelError:
                return  # the log has it

        mocks.start_clocks()
        if case.one_by_one:
            for question in case.questions:
                await ask(question)
            return
        loop = asyncio.get_running_loop()
        began, open_ones = loop.time(), []
        for question in case.questions:
            await asyncio.sleep(max(0.0, began + question.at - loop.time()))
            open_ones.append(asyncio.create_task(ask(question)))
        await asyncio.gather(*open_ones)


def _lived(log: Path, states: dict[str, dict[str, Any]]) -> Came:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    good = [line for line in lines if line["outcome"] in ("ok", "cached")]
    took = sorted(line["total_ms"] / 1e3 for line in good)
    return Came(
        asked=len(lines),
        answered=len(good),
        sends=sum(state["requests"] for state in states.values()),
        posted=sum(line["cost_nano_usd"] for line in lines),
        billed=sum(state["bill"]["total_nano_usd"] for state in states.values()),
        p50=took[len(took) // 2] if took else 0,
        p99=took[int(len(took) * 0.99)] if took else 0,
        cached=sum(line["outcome"] == "cached" for line in lines),
    )


def _simulated(runs: Runs) -> Came:
    def mean(of: Any) -> float:
        return runs.estimate(of).mean

    return Came(
        asked=runs[0].summary().asked,
        answered=mean(lambda s: s.answered),  # type: ignore[arg-type]
        sends=mean(lambda s: s.sends),
        posted=mean(lambda s: float(s.cost)) * 1e9,
        billed=mean(lambda s: float(s.true_bill)) * 1e9,
        p50=mean("latency_p50"),
        p99=mean("latency_p99"),
        cached=mean(lambda s: s.outcomes["cached"]),
    )


def night() -> Case:
    """A minute and a half: the first fails altogether for a while, the second now and then, the
    third is dear and well. (Errors now and then at the first would make single nights too
    different to compare one with the mean: which trial of a breaker fails decides for seconds.)"""
    providers = {
        "north": Faked((300, 700), 400, ((30, 50, 1, 503),)),
        "south": Faked((400, 900), 300, ((0, 200, 0.02, 500),)),
        "west": Faked((250, 500), 500),
    }
    return Case(providers, questions(1200, 14, 11), {"route": {"timeout": "20s"}})


def rows(lived: Came, simulated: Came) -> Iterator[tuple[str, str, str, str, bool]]:
    """Measure, live, simulated, how far apart, and whether that is near enough."""

    def near(name: str, a: float, b: float, scale: float, limit: float) -> Any:
        apart = abs(b / a - 1) if a else float(b != 0)
        return name, f"{a * scale:.4f}", f"{b * scale:.4f}", f"{b / a:.4f}", apart <= limit

    points = 100 * abs(simulated.availability - lived.availability)
    yield (
        "answered, %",
        f"{100 * lived.availability:.3f}",
        f"{100 * simulated.availability:.3f}",
        f"{points:.3f} points",
        points <= 0.1,
    )
    yield near("posted, US dollars", lived.posted, simulated.posted, 1e-9, 0.02)
    yield near("billed, US dollars", lived.billed, simulated.billed, 1e-9, 0.02)
    yield near("sends", lived.sends, simulated.sends, 1, 0.02)
    yield near("p50, s", lived.p50, simulated.p50, 1, 0.15)
    yield near("p99, s", lived.p99, simulated.p99, 1, 0.15)


def main() -> int:
    lived, simulated, runs = compare(night(), range(1, 21))
    print(f"{lived.asked} requests lived through; simulated under {len(runs)} seeds (means)")
    print(f"{'':20}{'live':>12}{'simulated':>12}{'ratio':>14}")
    missed = 0
    for name, live, virtual, ratio, near in rows(lived, simulated):
        print(f"{name:20}{live:>12}{virtual:>12}{ratio:>14}{'' if near else '  too far apart'}")
        missed += not near
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
