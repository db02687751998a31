"""Streamed answers: chunks as they come, and what came of them in the end."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from keel.errors import ForkedError, KeelError, StreamInterrupted, error_of_answer
from keel.reply import StreamReply

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from keel import _core
    from keel.aio import _Port


class Chunk:
    """One event of a stream. Immutable; the document is worked out on demand."""

    __slots__ = ("_bytes", "_data", "_text")

    def __init__(self, bytes: bytes, text: str) -> None:
        self._bytes = bytes
        self._text = text
        self._data: Any = None

    @property
    def text(self) -> str:
        """What it adds to the first choice's text; empty where it adds none."""
        return self._text

    @property
    def bytes(self) -> bytes:
        """The event as it came, with its blank line."""
        return self._bytes

    @property
    def data(self) -> Any:
        """The event's document: tool calls, other choices, logprobs, ..."""
        if self._data is None:
            self._data = json.loads(_payload(self._bytes))
        return self._data

    def __repr__(self) -> str:
        return f"<Chunk {self._text!r}>" if self._text else f"<Chunk {_payload(self._bytes)!r}>"


def _payload(event: bytes) -> bytes:
    """The data of a server-sent event. Its lines end in LF, CRLF or CR."""
    found = []
    for line in event.splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            found.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(found)


class _Reading:
    """What is the same whether a thread or a task reads."""

    def __init__(self, stream: _core.Stream) -> None:
        self._stream = stream
        self._waiting: deque[tuple[bytes, str, bool]] = deque()
        self._texts: list[str] = []
        self._finish_reason: str | None = None
        self._answer: _core.Answer | None = None
        self._closed = False  # by the caller
        self._over = False

    @property
    def text(self) -> str:
        """The first choice's text as far as it has been read."""
        return "".join(self._texts)

    @property
    def reply(self) -> StreamReply:
        """Model, cost, usage, attempts, trace, the whole text: once the stream has ended.

        KeelError before; the stream's own error if it failed.
        """
        if self._answer is None or self._waiting:
            raise KeelError("the stream has not been read to its end", code="stream_open")
        if error := self._error():
            raise error
        return StreamReply(self._answer, self.text, self._finish_reason)

    def _take_in(self, taken: tuple[list[tuple[bytes, str, bool]], _core.Answer | None]) -> None:
        self._waiting.extend(taken[0])
        if taken[1] is not None:
            self._answer = taken[1]

    def _next(self) -> Chunk | None:
        """None: nothing has been taken in."""
        try:
            event, text, finish = self._waiting.popleft()
        except IndexError:
            return None
        chunk = Chunk(event, text)
        if text:
            self._texts.append(text)
        if finish:
            self._finish_reason = _finish_reason(chunk.data) or self._finish_reason
        return chunk

    def _end(self) -> None:
        """Raises the error that ended the stream, the first time."""
        if not self._over:
            self._over = True
            if error := self._error():
                raise error

    def _error(self) -> KeelError | None:
        answer = self._answer
        if answer is None or answer.kind == "ok":
            return None
        if self._closed and answer.kind == "cancelled":
            return None
        error = error_of_answer(answer)
        if isinstance(error, StreamInterrupted):
            error.text = self.text
        return error

    def _cancel(self) -> None:
        self._closed = True
        self._stream.cancel()

    def __del__(self) -> None:
        if getattr(self, "_answer", self) is None:
            self._stream.cancel()

    def __repr__(self) -> str:
        state = "open" if self._answer is None else self._answer.kind
        return f"<{type(self).__name__} {state}, {len(self.text)} characters read>"


def _finish_reason(document: Any) -> str | None:
    for choice in document.get("choices") or ():
        if choice.get("index", 0) == 0 and (reason := choice.get("finish_reason")):
            return str(reason)
    return None


class Stream(_Reading):
    """An answer as it comes: an iterator of chunks, and a context manager. Threads may share it.

    Leaving it, closing it or dropping it closes the stream at the provider and settles it. Errors
    come out of the iteration, once: before the first chunk those of `Relay.chat`, afterwards
    StreamInterrupted where no target could go on with what had begun. A provider is read no faster
    than the chunks are: 256 KiB wait at most.
    """

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        while (chunk := self._next()) is None:
            if self._answer is not None:
                self._end()
                raise StopIteration
            try:
                self._take_in(self._stream.take())
            except BaseException:  # what a signal's handler raised
                self._cancel()
                raise
        return chunk

    def close(self) -> None:
        """Ends the stream and waits until it is settled; `reply` then has what it cost."""
        if self._answer is None:
            self._cancel()
            with suppress(ForkedError):  # it is the parent's to settle
                while self._answer is None:
                    self._take_in(self._stream.take())
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncStream(_Reading):
    """As `Stream`, for asyncio: `async for chunk in stream`, `async with stream`.

    One task reads at a time. Cancelling it while it waits ends the stream.
    """

    def __init__(self, stream: _core.Stream, port: _Port, token: int) -> None:
        super().__init__(stream)
        self._port = port
        self._token = token

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        while (chunk := self._next()) is None:
            if self._answer is not None:
                self._end()
                raise StopAsyncIteration
            await self._more()
        return chunk

    async def _more(self) -> None:
        self._take_in(self._stream.take_now())
        if self._waiting or self._answer is not None:
            return
        letter = self._port.expect(self._token)
        try:
            await letter
        except BaseException:  # cancelled; or the loop is gone, and nobody will resume this
            self._port.forget(self._token)
            self._cancel()
            raise

    async def close(self) -> None:
        """Ends the stream and waits until it is settled; `reply` then has what it cost."""
        if self._answer is None:
            self._cancel()
            with suppress(ForkedError):  # it is the parent's to settle
                while self._answer is None:
                    await self._more()
        self._waiting.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
