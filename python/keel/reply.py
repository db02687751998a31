"""What a call gives back: the provider's bytes, read only as far as somebody asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from keel.units import to_usd

if TYPE_CHECKING:
    from decimal import Decimal

    from keel import _core
    from keel.trace import Trace


class Usage(NamedTuple):
    """Tokens as the provider counted them."""

    input_tokens: int
    cached_tokens: int
    """Part of input_tokens."""
    cache_write_tokens: int
    """Part of input_tokens."""
    output_tokens: int
    reasoning_tokens: int
    """Part of output_tokens."""


class _Answered:
    """What is known of a request that was answered. Immutable; worked out on demand."""

    __slots__ = ("_answer", "_trace")

    def __init__(self, answer: _core.Answer) -> None:
        self._answer = answer
        self._trace: Trace | None = None

    @property
    def provider(self) -> str:
        """Who answered, by the configuration's name."""
        return self._answer.provider

    @property
    def model(self) -> str:
        """The model that answered, which a fallback or a downgrade may have chosen."""
        return self._answer.model

    @property
    def cost(self) -> Decimal:
        """US dollars of all attempts at this request, exact to the nano-dollar; 0 from cache,
        but for what was tried before a stale answer had to do."""
        return to_usd(self._answer.cost_nano_usd)

    @property
    def usage(self) -> Usage:
        """Tokens of the attempt that answered."""
        return Usage(*self._answer.usage)

    @property
    def attempts(self) -> int:
        """Requests that were sent to providers for this one; 0 from cache, as `cost`."""
        return self._answer.sends

    @property
    def cached(self) -> bool:
        """The answer is a stored one, or one that an equal request was given at the same time."""
        return self._answer.cached

    @property
    def stale(self) -> bool:
        """The stored answer was past its lifetime: given because the route's `stale_if_error` or
        `stale_while_revalidate` allows it."""
        return self._answer.stale

    @property
    def age(self) -> float:
        """Seconds since a cached answer was stored; 0 for a fresh one."""
        return self._answer.age_ns / 1e9

    @property
    def downgraded(self) -> str | None:
        """`from->to (reason)` where a cheaper model was put in, else None."""
        return self._answer.downgraded or None

    @property
    def clamped(self) -> int | None:
        """The output limit in tokens that the budget left room for, None if not lowered."""
        return self._answer.clamped

    @property
    def request_id(self) -> str:
        return self._answer.trace.id if self._answer.trace else ""

    @property
    def trace(self) -> Trace:
        """Why each decision was made: `.explain()`, `.attempts`, `.lines`."""
        if self._trace is None:
            from keel.trace import trace_of

            self._trace = trace_of(self._answer.trace)
            assert self._trace is not None  # every answer of a request has one
        return self._trace

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.request_id} from {self.provider}/{self.model}, "
            f"{self.cost} USD, {'cached' if self.cached else f'{self.attempts} sent'}>"
        )


class Reply(_Answered):
    """A complete answer. Immutable; everything but the bytes is worked out on demand."""

    __slots__ = ("_raw",)

    def __init__(self, answer: _core.Answer) -> None:
        super().__init__(answer)
        self._raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The provider's reply, byte for byte."""
        if self._raw is None:
            self._raw = self._answer.body
        return self._raw

    def json(self) -> Any:
        """The provider's reply as a document, parsed anew at every call."""
        return json.loads(self.raw)

    @property
    def text(self) -> str:
        """The first choice's text; empty where there is none (tool calls only)."""
        return self._answer.text


class StreamReply(_Answered):
    """What came of a stream, once it has ended."""

    __slots__ = ("_finish_reason", "_text")

    def __init__(self, answer: _core.Answer, text: str, finish_reason: str | None) -> None:
        super().__init__(answer)
        self._text = text
        self._finish_reason = finish_reason

    @property
    def text(self) -> str:
        """The first choice's text, joined; of a stream that was closed early what had come."""
        return self._text

    @property
    def finish_reason(self) -> str | None:
        """The provider's word for why the first choice ended; None where it was closed before."""
        return self._finish_reason


class Embeddings(Reply):
    """An answer that holds vectors."""

    __slots__ = ("_vectors",)

    def __init__(self, answer: _core.Answer) -> None:
        super().__init__(answer)
        self._vectors: list[list[float]] | None = None

    @property
    def vectors(self) -> list[list[float]]:
        """One vector per input, in the order of the inputs."""
        if self._vectors is None:
            data = sorted(self.json()["data"], key=lambda item: int(item.get("index", 0)))
            self._vectors = [_vector(item["embedding"]) for item in data]
        return self._vectors


def _vector(embedding: list[float] | str) -> list[float]:
    if not isinstance(embedding, str):
        return embedding
    from array import array
    from base64 import b64decode

    floats = array("f")  # encoding_format="base64": little-endian 32-bit floats
    floats.frombytes(b64decode(embedding))
    return floats.tolist()
