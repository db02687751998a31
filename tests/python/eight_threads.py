"""Eight threads on one relay that call, read streams, time out and are cut off by close(), while
the main thread is interrupted in its own calls; then tasks in two event loops. `make tsan` runs
this under ThreadSanitizer.

usage: eight_threads.py KEELD [ROUNDS]
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import keel


class Interrupted(Exception):
    pass


def configuration(port: int) -> dict:
    models = ["m", "slow+mock-latency-40ms", "bad+mock-500", "mute+mock-silence"]
    models.append("hush+mock-silence")  # of one caller alone: no other opens its breaker
    return {
        "providers": {
            "p": {
                "base_url": f"http://127.0.0.1:{port}/v1",
                "keys": ["one", "two"],
                "models": {model: {"price": {"in": 1, "out": 2}} for model in models},
            }
        },
        "routes": {
            "good": {"targets": ["p/bad+mock-500", "p/m"], "routing": "ordered"},
            "slow": {"targets": ["p/slow+mock-latency-40ms"]},
            "mute": {"targets": ["p/mute+mock-silence"]},
            "hush": {"targets": ["p/hush+mock-silence"]},
        },
        "budgets": {"relay": {"usd": 100}},
        "health_check": {"interval": 1},
    }


def chat(relay: keel.Relay, route: str, text: str, timeout: float | None = None) -> str:
    messages = [{"role": "user", "content": text}]
    return relay.chat(model=route, messages=messages, max_tokens=20, timeout=timeout).text


def read(relay: keel.Relay, route: str, text: str, most: int, timeout: float | None) -> str:
    """A stream's text, or of its first chunks."""
    messages = [{"role": "user", "content": text}]
    with relay.stream(model=route, messages=messages, max_tokens=20, timeout=timeout) as stream:
        for number, _ in enumerate(stream):
            if number == most:
                break
        return stream.text


def worker(relay: keel.Relay, number: int, tally: list[str]) -> None:
    turn = 0
    while True:
        turn += 1
        nonce = f"[[nonce={number}-{turn}]]"
        route = ("good", "slow", "good", "mute")[turn % 4]
        try:
            timeout = 0.02 if route != "good" else None
            if turn % 3 == 0:
                text = read(relay, route, nonce, (5, 1000)[turn % 2], timeout)
            else:
                text = chat(relay, route, nonce, timeout)
            if nonce not in text:
                tally.append(f"crossed: wanted {nonce}, found {text}")
                return
            tally.append("answered")
        except keel.KeelError as error:
            if error.code in ("closed", "cancelled"):
                return
            tally.append(type(error).__name__)


def interrupt_myself(relay: keel.Relay) -> int:
    """Calls that a signal handler ends; how many."""

    def handler(_signal: int, _frame: object) -> None:
        raise Interrupted

    signal.signal(signal.SIGALRM, handler)
    ended = 0
    for _ in range(3):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            chat(relay, "hush", "?")
        except Interrupted:
            ended += 1
    return ended


def wait_for_both(tally: list[str], began: float) -> None:
    """Until some were answered and some timed out, however slow the machine; then close() comes."""
    while not {"answered", "DeadlineExceeded"} <= set(tally):
        assert not [what for what in tally if what.startswith("crossed")], tally
        assert time.monotonic() < began + 120, tally
        time.sleep(0.01)


def one_round(port: int) -> list[str]:
    tally: list[str] = []
    relay = keel.Relay.from_dict(configuration(port))
    relay.on_event(lambda event: relay.metrics())
    threads = [threading.Thread(target=worker, args=(relay, n, tally)) for n in range(8)]
    for thread in threads:
        thread.start()
    try:
        began = time.monotonic()
        assert interrupt_myself(relay) == 3
        relay.metrics()
        wait_for_both(tally, began)
    finally:
        relay.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a caller hangs"
    return tally


async def text_of(relay: keel.AsyncRelay, streamed: bool, ask: dict[str, Any]) -> str:
    if not streamed:
        return (await relay.chat(**ask)).text
    async with relay.stream(**ask) as stream:
        return "".join([chunk.text async for chunk in stream])


async def task(relay: keel.AsyncRelay, number: int) -> str:
    """A call or a stream that may be cancelled."""
    route = ("good", "slow", "mute")[number % 3]
    nonce = f"[[nonce=task-{number}]]"
    ask = {"model": route, "messages": [{"role": "user", "content": nonce}], "max_tokens": 20}
    try:
        text = await asyncio.wait_for(text_of(relay, number % 2 == 0, ask), 0.05)
    except (asyncio.TimeoutError, keel.KeelError) as error:
        return type(error).__name__
    return "answered" if nonce in text else f"crossed: wanted {nonce}, found {text}"


def one_round_of_tasks(port: int) -> list[str]:
    relay = keel.AsyncRelay.from_dict(configuration(port))
    tally: list[str] = []

    async def many() -> None:
        for start in range(0, 200, 40):
            tally.extend(await asyncio.gather(*(task(relay, start + n) for n in range(40))))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a loop hangs"
    asyncio.run(relay.close())
    return tally


def main() -> None:
    keeld, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [keeld, "mock", "--port", "0", "--port-file", str(port_file)]
        own = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        mock = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=own)
        try:
            while not port_file.exists():
                assert mock.poll() is None, "keeld did not start"
                time.sleep(0.01)
            port = int(port_file.read_text())
            tally = [what for _ in range(rounds) for what in one_round(port)]
            tally += [what for _ in range(rounds) for what in one_round_of_tasks(port)]
        finally:
            mock.terminate()
            mock.wait()
    assert not [what for what in tally if what.startswith("crossed")], tally
    print({what: tally.count(what) for what in sorted(set(tally))})


if __name__ == "__main__":
    main()
