"""What a relay tells: events to callbacks, JSON lines to the logger `keel`, the request log.

One daemon thread per relay waits for news inside the core without holding the GIL, so no thread of
the core ever wants it. It starts with the first call that could cause news and ends with close().
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from keel import _core

# As in logging, which is imported by the thread that logs: importing keel should be quick.
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 51}
_HOUR_NS = 3_600_000_000_000
_STOP_LIMIT = 5.0  # seconds a callback may hold up close()


class Event(NamedTuple):
    """Something worth knowing; each once per window."""

    kind: str
    """budget_alert, budget_exhausted, breaker, key_dead, key_back, key_benched, downgrade_began,
    downgrade_ended, cache_only_began, policy_failed or overrun."""
    subject: str
    """An account, a target or a key's label."""
    text: str
    """One sentence."""
    level: str
    """info, warning or error."""
    time: float
    """Seconds since 1970 UTC."""


class Telling:
    """The dispatcher of one relay."""

    def __init__(self, log_level: str, callbacks: list[Callable[[Event], object]]) -> None:
        self._level = _LEVELS[log_level]
        self.callbacks = callbacks
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self, core: _core.Relay) -> None:
        """Starts the thread. Again: nothing."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(
                    target=_dispatch,
                    args=(core, self.callbacks, self._level),
                    name="keel-events",
                    daemon=True,
                )
                thread.start()
                self._thread = thread

    def join(self) -> None:
        """Waits until everything has been told. From a callback: nothing."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_STOP_LIMIT)


def _dispatch(core: _core.Relay, callbacks: list[Callable[[Event], object]], level: int) -> None:
    import logging

    logger = logging.getLogger("keel")
    closed = False
    while not closed:
        notices, complaints, closed = core.news(_HOUR_NS)
        for complaint in complaints:
            logger.error("%s", complaint)
        for kind, subject, text, unix_ns, level_name, line in notices:
            if _LEVELS[level_name] >= level:
                logger.log(_LEVELS[level_name], "%s", line)
            event = Event(kind, subject, text, level_name, unix_ns / 1e9)
            for callback in tuple(callbacks):
                try:
                    callback(event)
                except Exception:
                    logger.exception("an on_event callback failed on %r", event)
