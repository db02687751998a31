"""The naive client's process, as the drill sees it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable

from .load import Record
from .mocks import die_with_parent
from .night import Night


class RivalError(RuntimeError):
    """The naive client's process did not start or broke off."""


class Rival:
    """Use it as a context manager; `on_record` is called from a thread of its own."""

    def __init__(self, night: Night, port: int, on_record: Callable[[Record], None]) -> None:
        self._on_record = on_record
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keel.drill.naive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._tell(
            json.dumps(
                {
                    "seed": night.seed,
                    "duration_s": night.duration_s,
                    "rate": night.rate,
                    "port": port,
                }
            )
        )

    def __enter__(self) -> Rival:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        if self._reader.ident is not None:
            self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def wait_ready(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RivalError("the naive client's process ended before it began")

    def begin(self, t0: float) -> None:
        self._tell(repr(t0))
        self._reader.start()

    def wait(self, limit_s: float) -> bool:
        """Waits for its end up to a limit. True: it has told everything."""
        self._reader.join(limit_s)
        return not self._reader.is_alive()

    def join(self) -> None:
        """Waits for its end. RivalError if it broke off."""
        self._reader.join()
        if self._process.wait() != 0:
            raise RivalError(f"the naive client's process ended with {self._process.returncode}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise RivalError(f"the naive client's process is gone: {error}") from error

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._on_record(Record(**json.loads(line)))
