"""A gateway as a process of its own, before fake providers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from town import KEELD, wait_until

from keel.config import plugin_directories


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Gateway:
    """One `keeld serve`."""

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        *arguments: str,
        env: dict[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "keel.json"
        self.log = folder / "gateway.log"
        self.write(config)
        ready = folder / "gateway.port"
        ready.unlink(missing_ok=True)
        plugins = [word for place in plugin_directories() for word in ("--plugins", place)]
        listen = [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [KEELD, "serve", self.config, *listen, *plugins, "--port-file", ready, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        wait_until(
            lambda: ready.exists() or self.process.poll() is not None, 30, "the gateway listens"
        )
        assert self.process.poll() is None, self.log.read_text()
        self.port = int(ready.read_text())

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def write(self, config: dict[str, Any]) -> None:
        self.config.write_text(json.dumps(config))

    def call(
        self,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """A GET, or with a body a POST."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        known = {"content-type": "application/json"} if data is not None else {}
        request = urllib.request.Request(
            self.origin + path, data=data, headers={**known, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as got:
                return Answer(got.status, got.headers, got.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def chat(
        self, text: str = "Hello", headers: dict[str, str] | None = None, **more: Any
    ) -> Answer:
        body = {"model": "r", "messages": [{"role": "user", "content": text}], "max_tokens": 50}
        return self.call("/v1/chat/completions", {**body, **more}, headers)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("event") == name]

    def metric(self, name: str) -> float:
        for line in self.call("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no {name} in the metrics")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def reload(self) -> None:
        seen = len(self.events("reloaded")) + len(self.events("reload_refused"))
        self.signal(signal.SIGHUP)
        wait_until(
            lambda: len(self.events("reloaded")) + len(self.events("reload_refused")) > seen,
            10,
            "the gateway has read its configuration again",
        )

    def ends(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def memory(self) -> int:
        """Resident bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        time.sleep(0)
