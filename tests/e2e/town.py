"""Fake providers as processes of their own, and relays over them: what these tests are made of."""

from __future__ import annotations

import json
import ssl
import subprocess
import sysconfig
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import keel

KEELD = Path(sysconfig.get_path("scripts")) / "keeld"
FREE_PORT = "0"


class Provider:
    """One `keeld mock`. It can be killed and started again on the same port."""

    def __init__(
        self, folder: Path, script: dict[str, Any] | None = None, *arguments: str, name: str = "p"
    ) -> None:
        self.folder = folder
        self.name = name
        self.arguments = arguments
        self.port = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(script or {}))
        self.start()

    def start(self) -> None:
        ready = self.folder / f"{self.name}.port"
        ready.unlink(missing_ok=True)
        script = self.folder / f"{self.name}.json"
        command = [KEELD, "mock", "--port", str(self.port), "--port-file", ready]
        self.process = subprocess.Popen(
            [*command, "--script", script, *self.arguments], stdout=subprocess.DEVNULL
        )
        while not ready.exists():
            assert self.process.poll() is None, "keeld mock did not start"
            time.sleep(0.005)
        self.port = int(ready.read_text())

    @property
    def origin(self) -> str:
        scheme = "https" if "--tls-self" in self.arguments else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def state(self) -> dict[str, Any]:
        return self._control("/mock/state?records=9999")  # type: ignore[no-any-return]

    def script(self, script: dict[str, Any]) -> None:
        self._control("/mock/script", json.dumps(script).encode())

    def _control(self, path: str, body: bytes | None = None) -> Any:
        whoever = ssl._create_unverified_context()  # the relay's own check is the one under test
        request = urllib.request.Request(self.origin + path, data=body)
        with urllib.request.urlopen(request, context=whoever) as got:
            return json.load(got)

    def kill(self) -> None:
        """As a machine that loses power would: nothing is finished, nothing is said."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Provider:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()


def provider(url: str, *models: str) -> dict[str, Any]:
    """Priced models at this URL; a model may say how it behaves: `m+mock-503`."""
    known = {"price": {"in": 1, "out": 2}, "context": 100_000, "output": 4096}
    return {
        "base_url": url,
        "dialect": "openai",
        "keys": ["sk-test"],
        "models": dict.fromkeys(models or ("m",), known),
    }


def route_over(*urls: str, **sections: Any) -> dict[str, Any]:
    """A route `r` over the model `m` of every URL, in this order; a budget, so that sends are
    posted."""
    names = [f"p{i}" for i in range(len(urls))]
    route = {"targets": [f"{name}/m" for name in names], "routing": "ordered"}
    return {
        "version": "1.0",
        "providers": {name: provider(url) for name, url in zip(names, urls, strict=True)},
        "routes": {"r": {**route, **sections.pop("route", {})}},
        "budgets": {"relay": {"usd": 1000}},
        **sections,
    }


def ask(relay: keel.Relay, text: str = "Hello", **more: Any) -> keel.Reply:
    return relay.chat(
        model="r", messages=[{"role": "user", "content": text}], max_tokens=50, **more
    )


def metric(relay: keel.Relay, name: str) -> float:
    """One sample, `name` with its labels as they stand in the text."""
    for line in relay.metrics().splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no {name} in the metrics")


def wait_until(is_so: Callable[[], Any], seconds: float, what: str) -> float:
    """Says how many seconds it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() < began + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


class Traffic:
    """Steady requests on threads of their own, each at its time whether or not others are back."""

    def __init__(self, relay: keel.Relay, rate: float, timeout: float) -> None:
        self._relay = relay
        self._rate = rate
        self._timeout = timeout
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._asked: list[threading.Thread] = []
        self.replies: list[keel.Reply] = []
        self.errors: list[BaseException] = []
        self._pacer = threading.Thread(target=self._pace)

    def __enter__(self) -> Traffic:
        self._pacer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._pacer.join()
        for thread in self._asked:
            thread.join()

    def _pace(self) -> None:
        began = time.monotonic()
        while not self._over.wait(max(0, began + len(self._asked) / self._rate - time.monotonic())):
            thread = threading.Thread(target=self._ask, args=(len(self._asked),))
            self._asked.append(thread)
            thread.start()

    def _ask(self, number: int) -> None:
        nonce = f"[[nonce={number}]]"
        try:
            reply = ask(self._relay, nonce, timeout=self._timeout)
            assert nonce in reply.text
            with self._lock:
                self.replies.append(reply)
        except BaseException as error:
            with self._lock:
                self.errors.append(error)
