"""The relay as asyncio's tasks hold it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from keel import _core
from keel._calls import reply_of, request_of, streamed, whole
from keel._owner import Owner
from keel.reply import Embeddings, Reply
from keel.stream import AsyncStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from keel import config

_R = TypeVar("_R", bound=Reply)


class AsyncRelay(Owner):
    """As `Relay`, for asyncio: `await relay.chat(...)`.

    One serves a whole process: any number of tasks, in the event loops of any number of threads. A
    call costs no thread. What becomes ready reaches a loop through one descriptor, many answers at
    a time.

    A task that is cancelled while it waits closes its call at the provider and settles it; what was
    sent may be billed, as always. Close the relay, or use it with `async with`; the loop that calls
    `close` keeps running while the calls of all loops end.

    Log, events and fork() are as for `Relay`.
    """

    def __init__(
        self, source: config.Source, *, ca_file: str, resolve: tuple[str, ...], seed: int | None
    ) -> None:
        self._ports: weakref.WeakValueDictionary[int, _Port] = weakref.WeakValueDictionary()
        super().__init__(source, ca_file=ca_file, resolve=resolve, seed=seed)

    async def chat(
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
        """One chat completion, whole. Arguments and errors as for `Relay.chat`."""
        body = {"model": model, "messages": messages, **whole(params)}
        return await self._call(
            _core.Request.chat, body, Reply, timeout, tenant, no_cache, no_downgrade, request_id
        )

    def stream(
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
    ) -> AsyncStream:
        """One chat completion as it comes; sent at once, from within a running event loop.

            async with relay.stream(model="support", messages=[...]) as stream:
                async for chunk in stream:
                    print(chunk.text, end="")
            print(stream.reply.cost)

        Arguments and errors as for `Relay.stream`.
        """
        body = {"model": model, "messages": messages, **streamed(params)}
        options = (timeout, tenant, no_cache, no_downgrade, request_id)
        request = request_of(_core.Request.chat, body, *options)
        core = self._ready()
        port = self._port()
        token = port.new_token()
        return AsyncStream(_core.Stream(core, request, port.mailbox, token), port, token)

    async def embeddings(
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
        """Vectors for one or many inputs. Arguments and errors as for `Relay.chat`."""
        body = {"model": model, "input": input, **params}
        make = _core.Request.embeddings
        return await self._call(
            make, body, Embeddings, timeout, tenant, no_cache, no_downgrade, request_id
        )

    async def close(self) -> None:
        """Ends every open call (they raise KeelError), then the thread. Again: nothing."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._end)
        if (port := self._ports.get(id(loop))) is not None and port.loop is loop:
            port.leave()  # its calls are answered before this returns

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, make: Any, body: dict[str, Any], kind: type[_R], *options: Any) -> _R:
        request = request_of(make, body, *options)
        core = self._ready()
        port = self._port()
        token = port.new_token()
        call = core.submit(request, port.mailbox, token)
        try:
            answer = await port.expect(token)
        except BaseException:  # cancelled; or the loop is gone, and nobody will resume this
            port.forget(token)
            core.cancel(call)
            raise
        return reply_of(answer, kind)

    def _port(self) -> _Port:
        loop = asyncio.get_running_loop()
        port = self._ports.get(id(loop))
        if port is None or port.loop is not loop:
            self._ports[id(loop)] = port = _Port(loop)
        return port

    def _revive(self) -> None:
        super()._revive()
        self._ports = weakref.WeakValueDictionary()

    def _end(self) -> None:
        super()._end()
        if not self._core.forked:
            for port in list(self._ports.values()):
                port.leave_soon()


class _Port:
    """Where one event loop's answers come in.

    Only the loop holds it, by listening: when the loop is closed its port goes, and so do the calls
    of tasks that will never be resumed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.mailbox = _core.Mailbox()
        self.new_token = itertools.count().__next__
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        loop.add_reader(self.mailbox.fd, self.drain)

    def expect(self, token: int) -> asyncio.Future[Any]:
        """Done when a letter with this token has come: with its answer, or None for a stream."""
        if token in self.waiting:
            raise RuntimeError("another task is waiting for this already")
        self.waiting[token] = waiter = self.loop.create_future()
        return waiter

    def forget(self, token: int) -> None:
        self.waiting.pop(token, None)

    def drain(self) -> None:
        for token, answer in self.mailbox.take():
            waiter = self.waiting.pop(token, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(answer)

    def leave(self) -> None:
        """On the loop's thread."""
        self.drain()
        self.loop.remove_reader(self.mailbox.fd)

    def leave_soon(self) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and listens no more
            self.loop.call_soon_threadsafe(self.leave)
