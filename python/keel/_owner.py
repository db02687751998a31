"""What `Relay` and `AsyncRelay` have in common: the core they own, from configuration to end."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from keel import _core, config
from keel.errors import ConfigError, ForkedError, KeelError
from keel.telling import Event, Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Self

_LEAVING_LIMIT = 1.0  # seconds that callers get to leave the core when the interpreter ends


class Owner:
    """Makes the core, starts what tells, ends it, and starts afresh in a forked child."""

    def __init__(
        self, source: config.Source, *, ca_file: str, resolve: tuple[str, ...], seed: int | None
    ) -> None:
        self._source = source
        self._ca_file = ca_file
        self._resolve = resolve
        self._seed = seed
        self._lock = threading.Lock()
        self._closed = False
        self._core = self._build()
        self._logs = source.config.log_level != "off" or bool(source.config.request_log)
        self._telling = Telling(source.config.log_level, [])
        _live.add(self)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        ca_file: str | os.PathLike[str] | None = None,
        resolve: Iterable[str] = (),
        seed: int | None = None,
    ) -> Self:
        """Reads and validates everything and loads the policies; starts nothing.

        ca_file: certificates (PEM) to trust in place of the system's.
        resolve: `HOST:PORT:ADDR:PORT`, where connections for a host really go.
        seed: of all chance in routing, jitter and lifetimes; the configuration's or a drawn one.

        Raises ConfigError with all problems.
        """
        return cls._made(config.read_file(path), ca_file, resolve, seed)

    @classmethod
    def from_dict(
        cls,
        document: Mapping[str, Any],
        *,
        ca_file: str | os.PathLike[str] | None = None,
        resolve: Iterable[str] = (),
        seed: int | None = None,
    ) -> Self:
        """As `from_file`, from a mapping in the form of the file."""
        return cls._made(config.read_dict(document), ca_file, resolve, seed)

    @classmethod
    def _made(
        cls,
        source: config.Source,
        ca_file: str | os.PathLike[str] | None,
        resolve: Iterable[str],
        seed: int | None,
    ) -> Self:
        source.raise_problems()
        if isinstance(resolve, str):
            raise TypeError(f"resolve: found the text {resolve!r}, wanted a list of such texts")
        trusted = "" if ca_file is None else os.fspath(ca_file)
        return cls(source, ca_file=trusted, resolve=tuple(resolve), seed=seed)

    def metrics(self) -> str:
        """What the relay has counted, as Prometheus text."""
        if self._core.forked:
            self._ready()
        return self._core.metrics()

    def on_event(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Calls back with every event from now on, one at a time, on a thread of its own.

        A callback may call this relay. What it raises is logged. Returns a function that ends it.
        """
        callbacks = self._telling.callbacks
        callbacks.append(callback)
        if self._core.started and not self._core.forked and not self._closed:
            self._telling.start(self._core)

        def end() -> None:
            if callback in callbacks:
                callbacks.remove(callback)

        return end

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and hasattr(self, "_telling"):
            self._end()

    def __repr__(self) -> str:
        closed = ", closed" if self._closed else ""
        return f"<{type(self).__name__} {self._source.name}{closed}>"

    def _end(self) -> None:
        """Ends every open call, then the thread. Again: nothing."""
        with self._lock:
            self._closed = True
            core = self._core
        core.close()
        if not core.forked:
            self._telling.join()

    def _ready(self) -> _core.Relay:
        if self._core.forked:
            self._revive()
        if self._logs or self._telling.callbacks:
            self._telling.start(self._core)
        return self._core

    def _build(self) -> _core.Relay:
        try:
            return _core.Relay(
                self._source.config,
                ca_file=self._ca_file,
                resolve=list(self._resolve),
                plugin_directories=config.plugin_directories(),
                seed=0 if self._seed is None else self._seed,
            )
        except ConfigError as error:
            raise ConfigError(error.problems, self._source.name) from None

    def _revive(self) -> None:
        """In a child of fork(): nothing inherited is used."""
        with self._lock:
            if self._closed:
                raise KeelError("this relay has been closed", code="closed")
            if not self._core.forked:
                return
            if setting := self._source.config.one_process_setting:
                raise ForkedError(
                    f"`{setting}` is kept by one process, and this is a forked child: it would "
                    "grant the same limit once more. Make the Relay after the fork.",
                    code="forked",
                )
            self._core = self._build()
            self._telling = Telling(self._source.config.log_level, self._telling.callbacks)

    def _end_with_interpreter(self) -> None:
        self._end()
        end = time.monotonic() + _LEAVING_LIMIT
        while self._core.callers_outside and time.monotonic() < end:
            time.sleep(0.002)


_live: weakref.WeakSet[Owner] = weakref.WeakSet()


def _end_all() -> None:
    for owner in list(_live):
        owner._end_with_interpreter()


def _unlock_in_child() -> None:
    for owner in list(_live):  # a lock may have been held by a thread that the child has not got
        owner._lock = threading.Lock()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_unlock_in_child)
