"""Which target, and what an outcome means."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from keel import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keel.engines.breaking import Effect


class Candidate(NamedTuple):
    """How one target stands when a request asks for it."""

    eligible: bool = True
    recovering: bool = False
    """Half-open and due a trial: the best placed such candidate goes first."""
    tier: int = 0
    """Lower first."""
    weight: float = 1.0
    score: float = 1.0
    """Health, in [0, 1]."""


class Router:
    """From candidates and a policy's order to a plan."""

    def plan(
        self, candidates: Sequence[Candidate], order: Sequence[int] | None = None
    ) -> list[int]:
        """The candidates' indices in the order they are to be tried.

        order: a policy's answer; what it left out stays out, what is not eligible is skipped. None:
        by tier, then weight * score, then position. One recovering candidate is moved to the front.
        """
        return _core.plan(list(candidates), None if order is None else list(order))


class Verdict(NamedTuple):
    """What an outcome means."""

    name: str
    """ok, not_sent, broken, transient, throttled_key, throttled_pool, exhausted, key_dead,
    key_model_denied, fatal, context, policy, provider_overload, silent, unsupported, cancelled."""
    billed: str
    """May the provider have billed it: no, yes or maybe."""
    effect: Effect
    """What it says of the target's health."""
    stop_target: bool
    """x-should-retry: false, so this target is over for this request."""


class Classifier:
    """Outcome to verdict: a code named in the table overrides the status, others do not.

    bills_errors: this provider bills error replies too.
    """

    def __init__(self, *, bills_errors: bool = False) -> None:
        self._bills_errors = bills_errors

    def classify(
        self,
        status: int = 0,
        *,
        code: str = "none",
        ended: str = "replied",
        content_filtered: bool = False,
        should_retry: bool | None = None,
        has_usage: bool = False,
    ) -> Verdict:
        """Judges one outcome.

        status: of a complete reply, else 0.
        code: rate_limited, slow_down, exhausted, context_length, content_policy, overloaded,
            timeout, server_error, authentication, permission, not_found, invalid_request or none.
        ended: replied, unusable (a 2xx that is no answer), not_sent, broken, silent or cancelled.

        Raises ValueError for another code or ended.
        """
        try:
            how, word = _core.Ended[ended], _core.ErrorCode[code]
        except KeyError as error:
            raise ValueError(f"unknown word {error}; see Classifier.classify") from None
        name, billed, effect, stop = _core.classify(
            ended=how,
            status=status,
            code=word,
            content_filtered=content_filtered,
            should_retry=should_retry,
            has_usage=has_usage,
            bills_errors=self._bills_errors,
        )
        return Verdict(name, billed, cast("Effect", effect.name), stop)
