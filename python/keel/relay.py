"""The relay as Python's threads hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from keel import _core
from keel._calls import reply_of, request_of, streamed, whole
from keel._owner import Owner
from keel.reply import Embeddings, Reply
from keel.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

_R = TypeVar("_R", bound=Reply)


class Relay(Owner):
    """Calls models through the core: routing, retries, breakers, budgets and cache.

    Made by `from_file` or `from_dict`. Thread-safe; one relay serves a whole process. Nothing runs
    before the first call. Close it, or use it as a context manager.

    The structured log goes to the logger `keel` of Python's logging as JSON lines, from the
    configuration's `log_level` upwards.

    After fork() a child's first call builds the relay anew from its configuration; where a budget
    or a limit of requests is set it raises ForkedError, because every process would grant it again.
    """

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
        body = {"model": model, "messages": messages, **whole(params)}
        return self._call(
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
    ) -> Stream:
        """One chat completion as it comes; sent at once. Arguments as for `chat`.

            with relay.stream(model="support", messages=[...]) as stream:
                for chunk in stream:
                    print(chunk.text, end="")
            print(stream.reply.cost)

        timeout: seconds for the whole stream.

        Raises InvalidRequest, ForkedError; KeelError if the relay is closed. What goes wrong later
        comes out of the iteration.
        """
        body = {"model": model, "messages": messages, **streamed(params)}
        options = (timeout, tenant, no_cache, no_downgrade, request_id)
        request = request_of(_core.Request.chat, body, *options)
        return Stream(_core.Stream(self._ready(), request, None, 0))

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
        make = _core.Request.embeddings
        return self._call(
            make, body, Embeddings, timeout, tenant, no_cache, no_downgrade, request_id
        )

    def close(self) -> None:
        """Ends every open call (they raise KeelError), then the thread. Again: nothing."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, make: Any, body: dict[str, Any], kind: type[_R], *options: Any) -> _R:
        request = request_of(make, body, *options)
        return reply_of(self._ready().call(request), kind)
