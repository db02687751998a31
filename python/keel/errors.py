"""What can go wrong. `KeelError` is the base of all; what an error knows of, it carries.

Here too is the one table from the core's answers and refusals to these classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keel import _core
    from keel.trace import Trace


class KeelError(Exception):
    """The base of every error of keel.

    code: a stable word, ours ("budget_exceeded") or the provider's.
    status: the HTTP status a gateway would answer with, None where no request was made.
    retry_after: seconds after which it is worth trying again, None if nobody knows.
    trace: why each decision was made, None where no request was made.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        trace: Trace | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:  # errors cross process pools
        return _revive, (type(self), self.args, self.__dict__)


def _revive(kind: type[KeelError], args: tuple[Any, ...], state: dict[str, Any]) -> KeelError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class Problem(NamedTuple):
    """One thing that is wrong with a configuration."""

    line: int | None
    """1 is the first; None: the file as a whole, or no file."""
    path: str
    """Where in the configuration: `routes.support.targets[1]`; may be empty."""
    message: str
    """What was found and what was wanted."""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return where + (f"{self.path}: " if self.path else "") + self.message


class ConfigError(KeelError):
    """The configuration cannot be used. `problems` lists everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem], file: str | None = None) -> None:
        self.problems = tuple(problems)
        self.file = file
        super().__init__(str(self), code="invalid_config")

    def __str__(self) -> str:
        name = self.file or "configuration"
        if len(self.problems) == 1:
            return f"{name}: {self.problems[0]}"
        lines = [f"{name}: {len(self.problems)} problems", *(f"  {p}" for p in self.problems)]
        return "\n".join(lines)


class InvalidRequest(KeelError):
    """The request cannot be sent as it is: malformed, too large, or for nobody we know."""


class BudgetExceeded(KeelError):
    """The money left does not cover this request. `retry_after`: until the next window."""


class RateLimited(KeelError):
    """Too much was asked: of the relay's or the tenant's own limit, or of every provider there is.

    `retry_after`: when to ask again, where a provider or a limit has said so.

    verdict, body: as of UpstreamError where a provider said so; empty where a limit of ours did.
    """

    verdict: str = ""
    body: bytes = b""


class NoTarget(KeelError):
    """No target of the route can take the request now."""


class DeadlineExceeded(KeelError, TimeoutError):
    """The request's deadline passed before an answer came."""


class UpstreamError(KeelError):
    """Every send was used up; this is the last provider's error.

    verdict: what the last failure meant ("transient", "throttled_key", "fatal", ...).
    body: the provider's own bytes, empty where there were none.
    """

    verdict: str = ""
    body: bytes = b""


class StreamInterrupted(UpstreamError):
    """A stream broke after its first content, and no target could go on with it.

    An UpstreamError, because it is a provider's failure and `verdict` says which; what came before
    is real and may be used.

    text: the first choice's text so far.
    """

    text: str = ""


class PolicyError(KeelError):
    """A policy refused the request; the message is the policy's own.

    policy: the id of the policy that did.
    """

    policy: str = ""


class ForkedError(KeelError):
    """A limit of this relay cannot be kept in a forked child; make the `Relay` after the fork."""


_CLASS_OF_KIND: dict[str, type[KeelError]] = {
    "invalid_request": InvalidRequest,
    "unknown_model": InvalidRequest,
    "unknown_tenant": InvalidRequest,
    "account_frozen": InvalidRequest,
    "request_too_large": InvalidRequest,
    "rate_limited": RateLimited,
    "budget_exceeded": BudgetExceeded,
    "policy_refused": PolicyError,
    "no_target": NoTarget,
    "deadline_exceeded": DeadlineExceeded,
    "upstream_error": UpstreamError,
    "stream_interrupted": StreamInterrupted,
    "cancelled": KeelError,
}


def error_of_answer(answer: _core.Answer) -> KeelError:
    """The exception for an answer that is not ok."""
    from keel.trace import trace_of

    seconds = None if answer.retry_after_ns is None else answer.retry_after_ns / 1e9
    message = answer.message or answer.code or answer.kind
    if answer.kind == "cancelled":
        message = "the relay was closed before the answer came"
    kind = RateLimited if _throttled(answer) else _CLASS_OF_KIND[answer.kind]
    error = kind(
        message,
        code=answer.code or answer.kind,
        status=answer.status,
        retry_after=seconds,
        trace=trace_of(answer.trace),
    )
    if isinstance(error, PolicyError):
        error.policy = answer.refused_by
    said_upstream = answer.kind in ("upstream_error", "stream_interrupted")
    if isinstance(error, (UpstreamError, RateLimited)) and said_upstream:
        error.verdict = answer.verdict
        error.body = answer.body
    return error


def _throttled(answer: _core.Answer) -> bool:
    """The providers' 429s mean the same to a caller as ours, unless waiting does not help."""
    if answer.kind == "upstream_error":
        return answer.status == 429 and answer.verdict.startswith("throttled")
    return answer.kind == "no_target" and answer.code == "rate_limited"


def problems_of(triples: Iterable[tuple[int, str, str]]) -> list[Problem]:
    return [Problem(line or None, path, message) for line, path, message in triples]


def error_of_refusal(
    code: str, where: str, message: str, problems: list[tuple[int, str, str]]
) -> KeelError:
    """The exception for what the core refuses before a request exists. The core calls this."""
    text = f"{where}: {message}" if where else message
    if code in ("invalid_request", "uncacheable"):
        return InvalidRequest(text, code="invalid_request", status=400)
    if code == "closed":
        return KeelError(text, code=code)
    if code == "forked":
        return ForkedError(text, code=code)
    return ConfigError(problems_of(problems or [(0, where, message)]))
