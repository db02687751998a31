"""The relay as Python holds it."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from keel import _core, config
from keel.errors import ConfigError, ForkedError, InvalidRequest, KeelError, error_of_answer
from keel.reply import Embeddings, Reply
from keel.telling import Event, Telling
from keel.units import to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

_R = TypeVar("_R", bound=Reply)
_LEAVING_LIMIT = 1.0  # seconds that callers get to leave the core when the interpreter ends


class Relay:
    """Calls models through the core: routing, retries, breakers, budgets and cache.

    Made by `from_file` or `from_dict`. Thread-safe; one relay serves a whole process. Nothing runs
    before the first call. Close it, or use it as a context manager.

    The structured log goes to the logger `keel` of Python's logging as JSON lines, from the
    configuration's `log_level` upwards.

    After fork() a child's first call builds the relay anew from its configuration; where a budget
    or a limit of requests is set it raises ForkedError, because every process would grant it again.
    """

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

    def chat(
        self,
        *,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        timeout: float | None = None,
        tenant: str | None = None,
        no_cache: bool = False,
        no_downgrade: bool = False,
        request_id: str | None = None,
        **params: Any,
    ) -> Reply:
        """One chat completion; waits for the whole answer. Signals get through.

        model: a route, or a model or `provider/model` on a route.
        timeout: seconds for everything, retries included; at most the route's own limit.
        tenant: whose limits and budget apply; the relay's own without one.
        no_cache: does not look for a stored answer (still stores this one).
        no_downgrade: no cheaper model may be put in for the sake of the budget.
        request_id: appears in trace and logs; made up if absent.
        params: the rest of the request as the provider knows it (`temperature`, `max_tokens`, ...).

        Raises InvalidRequest, RateLimited, BudgetExceeded, PolicyError, NoTarget,
        DeadlineExceeded, UpstreamError, ForkedError; KeelError if the relay is closed.
        """
        body = {"model": model, "messages": messages, **params}
        return self._call(
            _core.Operation.chat, body, Reply, timeout, tenant, no_cache, no_downgrade, request_id
        )

    def embeddings(
        self,
        *,
        model: str,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
        timeout: float | None = None,
        tenant: str | None = None,
        no_cache: bool = False,
        no_downgrade: bool = False,
        request_id: str | None = None,
        **params: Any,
    ) -> Embeddings:
        """Vectors for one or many inputs. Arguments and errors as for `chat`."""
        body = {"model": model, "input": input, **params}
        operation = _core.Operation.embeddings
        return self._call(
            operation, body, Embeddings, timeout, tenant, no_cache, no_downgrade, request_id
        )

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

    def close(self) -> None:
        """Ends every open call (they raise KeelError), then the thread. Again: nothing."""
        with self._lock:
            self._closed = True
            core = self._core
        core.close()
        if not core.forked:
            self._telling.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and hasattr(self, "_telling"):
            self.close()

    def __repr__(self) -> str:
        return f"<Relay {self._source.name}{', closed' if self._closed else ''}>"

    def _call(
        self,
        operation: _core.Operation,
        body: dict[str, Any],
        kind: type[_R],
        timeout: float | None,
        tenant: str | None,
        no_cache: bool,
        no_downgrade: bool,
        request_id: str | None,
    ) -> _R:
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout: found {timeout!r}, wanted seconds above 0")
        core = self._ready()
        answer = core.call(
            operation,
            _encoded(body),
            request_id=os.urandom(16).hex() if request_id is None else request_id,
            tenant=tenant or "",
            timeout_ns=None if timeout is None else to_ns(timeout),
            no_cache=no_cache,
            no_downgrade=no_downgrade,
        )
        if answer.kind != "ok":
            raise error_of_answer(answer)
        return kind(answer)

    def _ready(self) -> _core.Relay:
        if self._core.forked:
            self._revive()
        if self._tells():
            self._telling.start(self._core)
        return self._core

    def _tells(self) -> bool:
        told = self._source.config
        return bool(self._telling.callbacks) or told.log_level != "off" or bool(told.request_log)

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
        self.close()
        end = time.monotonic() + _LEAVING_LIMIT
        while self._core.callers_outside and time.monotonic() < end:
            time.sleep(0.002)


def _encoded(body: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise InvalidRequest(
            f"the request cannot be written as JSON: {error}", code="invalid_request", status=400
        ) from error


_live: weakref.WeakSet[Relay] = weakref.WeakSet()


def _end_all() -> None:
    for relay in list(_live):
        relay._end_with_interpreter()


def _unlock_in_child() -> None:
    for relay in list(_live):  # a lock may have been held by a thread that the child has not got
        relay._lock = threading.Lock()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_unlock_in_child)
