"""Resilient calls to AI providers, in process.

    import keel

    with keel.Relay.from_file("keel.yaml") as relay:
        reply = relay.chat(model="support", messages=[{"role": "user", "content": "Hello"}])
        print(reply.text, reply.cost, reply.model)

and in asyncio:

    async with keel.AsyncRelay.from_file("keel.yaml") as relay:
        reply = await relay.chat(model="support", messages=[...])
        async for chunk in relay.stream(model="support", messages=[...]):
            print(chunk.text, end="")

Seconds are floats and money is `decimal.Decimal` US dollars. Importing this starts no thread and
opens no socket; nor does making a `Relay`: the first call does.
"""

from typing import TYPE_CHECKING, Any

from keel.errors import (
    BudgetExceeded,
    ConfigError,
    DeadlineExceeded,
    ForkedError,
    InvalidRequest,
    KeelError,
    NoTarget,
    PolicyError,
    RateLimited,
    StreamInterrupted,
    UpstreamError,
)

try:
    from keel import _core
except ImportError as error:
    from keel._diagnosis import explain_import_error

    raise ImportError(explain_import_error(error)) from error

from keel.relay import Relay
from keel.reply import Embeddings, Reply, StreamReply, Usage
from keel.stream import AsyncStream, Chunk, Stream
from keel.telling import Event
from keel.trace import Attempt, Trace, TraceLine

if TYPE_CHECKING:
    from keel.aio import AsyncRelay


def __getattr__(name: str) -> Any:
    """AsyncRelay is imported when it is asked for: asyncio costs more than all the rest here."""
    if name != "AsyncRelay":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keel.aio import AsyncRelay

    globals()[name] = AsyncRelay
    return AsyncRelay


__version__: str = _core.__version__

__all__ = [
    "AsyncRelay",
    "AsyncStream",
    "Attempt",
    "BudgetExceeded",
    "Chunk",
    "ConfigError",
    "DeadlineExceeded",
    "Embeddings",
    "Event",
    "ForkedError",
    "InvalidRequest",
    "KeelError",
    "NoTarget",
    "PolicyError",
    "RateLimited",
    "Relay",
    "Reply",
    "Stream",
    "StreamInterrupted",
    "StreamReply",
    "Trace",
    "TraceLine",
    "UpstreamError",
    "Usage",
    "__version__",
]
