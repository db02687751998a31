"""A fake provider (`keeld mock`) for every test that talks to one; nothing leaves this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import keel

KEELD = Path(sysconfig.get_path("scripts")) / "keeld"


class Mock:
    """One fake provider in its own process, on a port of its own choosing."""

    def __init__(self, folder: Path, script: dict[str, Any] | None, arguments: tuple[str, ...]):
        folder.mkdir()
        command = [str(KEELD), "mock", "--port", "0", "--port-file", str(folder / "port")]
        if script is not None:
            (folder / "script.json").write_text(json.dumps(script))
            command += ["--script", str(folder / "script.json")]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not (folder / "port").exists():
            if self.process.poll() is not None:
                raise RuntimeError(self.process.communicate()[1])
            time.sleep(0.005)
        self.port = int((folder / "port").read_text())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/mock/state?records=5000") as got:
            return json.load(got)  # type: ignore[no-any-return]

    def script(self, script: dict[str, Any]) -> None:
        body = json.dumps(script).encode()
        urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}/mock/script", data=body)
        ).close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def start_mock(tmp_path: Path) -> Iterator[Callable[..., Mock]]:
    started: list[Mock] = []

    def start(script: dict[str, Any] | None = None, *arguments: str) -> Mock:
        mock = Mock(tmp_path / f"mock{len(started)}", script, arguments)
        started.append(mock)
        return mock

    yield start
    for mock in started:
        mock.stop()


@pytest.fixture
def mock(start_mock: Callable[..., Mock]) -> Mock:
    return start_mock()


PRICE = {"in": 1, "out": 2}  # USD per million tokens


def provider(mock: Any, *models: str, **more: Any) -> dict[str, Any]:
    """A provider on this mock; `slow+mock-latency-500ms` is a model that behaves as it says."""
    known = {"price": PRICE, "context": 100_000, "output": 4096}
    document = {"base_url": mock.url, "dialect": "openai", "keys": ["sk-test"]}
    return {**document, "models": dict.fromkeys(models, known), **more}


def document(mock: Any, *models: str, **sections: Any) -> dict[str, Any]:
    """A configuration with one provider `p` and one route `r` over its models, in order."""
    route = {"targets": [f"p/{model}" for model in models], "routing": "ordered"}
    return {
        "version": "1.0",
        "providers": {"p": provider(mock, *models)},
        "routes": {"r": {**route, **sections.pop("route", {})}},
        "health_check": {"interval": 0},
        **sections,
    }


def ask(relay: keel.Relay, text: str = "Hello", **more: Any) -> keel.Reply:
    return relay.chat(model="r", messages=[{"role": "user", "content": text}], **more)


def gauge(relay: keel.Relay | keel.AsyncRelay, name: str) -> float:
    """The sum of a gauge's series."""
    found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", relay.metrics(), re.M)
    assert found, name
    return sum(map(float, found))


def is_quiet(relay: keel.Relay | keel.AsyncRelay) -> bool:
    """Nothing under way and no money held. Wants a budget in the configuration."""
    return gauge(relay, "keel_in_flight") == 0 and gauge(relay, "keel_budget_held_usd") == 0


def wait_until(is_so: Callable[[], Any], seconds: float = 10) -> None:
    """For what happens soon, elsewhere. A machine that is slow is no failure."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
