"""The fake providers: one `keeld mock` process each, started together, gone with the drill."""

from __future__ import annotations

import ctypes
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

START_LIMIT_S = 20.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class MockError(RuntimeError):
    """A fake provider did not start, or does not answer."""


def die_with_parent() -> None:
    """For `preexec_fn`: the child is terminated when the drill is gone, however it went."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Mock:
    """One running fake provider."""

    def __init__(self, keeld: str, name: str, script: dict[str, Any], folder: Path) -> None:
        self.name = name
        self.port = 0
        self._port_file = folder / f"{name}.port"
        self._errors = folder / f"{name}.stderr"
        script_file = folder / f"{name}.json"
        script_file.write_text(json.dumps(script), encoding="utf-8")
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [
                    keeld,
                    "mock",
                    "--port",
                    "0",
                    "--port-file",
                    str(self._port_file),
                    "--script",
                    str(script_file),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                preexec_fn=die_with_parent,
                start_new_session=True,
            )

    def wait_ready(self, until: float) -> None:
        """Returns when it listens; `until` is on the monotonic clock."""
        while True:
            if self._port_file.exists():
                self.port = int(self._port_file.read_text("ascii"))
                return
            if self._process.poll() is not None or time.monotonic() > until:
                said = self._errors.read_text("utf-8", "replace").strip() or "nothing"
                raise MockError(f"the fake provider {self.name} did not start; it said: {said}")
            time.sleep(0.01)

    def start_clock(self) -> None:
        self._control("POST", "/mock/start")

    def state(self) -> dict[str, Any]:
        """What it saw and what it bills (`keeld mock`, GET /mock/state)."""
        state: dict[str, Any] = json.loads(self._control("GET", "/mock/state?records=0"))
        return state

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()

    def join(self, limit_s: float = 5.0) -> None:
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _control(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body=b"" if method == "POST" else None)
            reply = connection.getresponse()
            body = reply.read()
        except OSError as error:
            raise MockError(f"the fake provider {self.name}: {method} {path}: {error}") from error
        finally:
            connection.close()
        if reply.status != 200:
            raise MockError(f"the fake provider {self.name}: {method} {path}: {reply.status}")
        return body


class Mocks:
    """Several fake providers; use it as a context manager."""

    def __init__(self, keeld: str, scripts: Mapping[str, dict[str, Any]]) -> None:
        self._keeld = keeld
        self._scripts = scripts
        self._folder = tempfile.TemporaryDirectory(prefix="keel-drill-")
        self._mocks: dict[str, Mock] = {}

    def __enter__(self) -> Mocks:
        try:
            folder = Path(self._folder.name)
            for name, script in self._scripts.items():
                self._mocks[name] = Mock(self._keeld, name, script, folder)
            until = time.monotonic() + START_LIMIT_S
            for mock in self._mocks.values():
                mock.wait_ready(until)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __getitem__(self, name: str) -> Mock:
        return self._mocks[name]

    def start_clocks(self) -> None:
        for mock in self._mocks.values():
            mock.start_clock()

    def states(self) -> dict[str, dict[str, Any]]:
        return {name: mock.state() for name, mock in self._mocks.items()}

    def _stop(self) -> None:
        for mock in self._mocks.values():
            mock.stop()
        for mock in self._mocks.values():
            mock.join()
        self._folder.cleanup()
