"""The two-phase ledger of money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from keel import _core
from keel.reply import Usage
from keel.units import now_ns, to_nano_usd, to_ns, to_usd, unix_ns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

Window = Literal["minute", "hour", "day", "month", "forever"]
HoldState = Literal["held", "posted", "voided", "assumed", "unknown"]


_NO_TOKENS = Usage(0, 0, 0, 0, 0)


class Totals(NamedTuple):
    """One account in its current window, US dollars."""

    posted: Decimal
    """Spent: settled and assumed, without overruns."""
    held: Decimal
    overrun: Decimal
    """Settled beyond the hold."""
    assumed: Decimal
    """The part of posted that was never settled."""
    used: Usage
    """Tokens: of what was settled with a count of them."""


class Reservation:
    """A hold on money. Resolve it once; repeating the same resolution is true and changes nothing,
    another one is false."""

    def __init__(self, budget: Budget, hold: int, amount: Decimal) -> None:
        self._budget = budget
        self._hold = hold
        self.amount = amount

    @property
    def state(self) -> HoldState:
        return cast("HoldState", self._budget._core.state(self._hold).name)

    def settle(self, actual: Decimal | int | str, used: Usage | None = None) -> bool:
        """It cost this much, for so many tokens. After the lease has passed it adjusts down to it,
        once."""
        return self._budget._core.settle(self._hold, to_nano_usd(actual), used or _NO_TOKENS)

    def release(self) -> bool:
        """Nothing was sent: the money is free again."""
        return self._budget._core.release(self._hold)

    def assume(self) -> bool:
        """Nobody knows what it cost: all of it counts as spent."""
        return self._budget._core.assume(self._hold)


class Budget:
    """Accounts with limits in US dollars per calendar window (UTC); what is held and spent never
    passes a limit.

    Budget("5", window="day") has one account, "budget"; `add_account` adds more.
    """

    def __init__(
        self, limit: Decimal | int | str | None = None, *, window: Window = "month"
    ) -> None:
        self._core = _core.Budget()
        self._index: dict[str, int] = {}
        if limit is not None:
            self.add_account("budget", limit, window=window)

    def add_account(
        self, name: str, limit: Decimal | int | str, *, window: Window = "month"
    ) -> None:
        """Raises ValueError for a limit below 0 or above 9,000,000 USD, or a name twice."""
        if name in self._index:
            raise ValueError(f"there is an account {name!r} already")
        if window not in _core.BudgetWindow.__members__:
            raise ValueError(
                f"window: found {window!r}, wanted minute, hour, day, month or forever"
            )
        self._index[name] = self._core.add_account(
            name, to_nano_usd(limit), _core.BudgetWindow[window]
        )

    def reserve(
        self,
        amount: Decimal | int | str,
        *,
        accounts: Sequence[str] | None = None,
        lease: float = 660.0,
        now: float | None = None,
        unix_time: float | None = None,
    ) -> Reservation | None:
        """Holds the amount in all the accounts (every one, unless named), or in none: None.

        lease: seconds until an unresolved hold counts as spent.
        unix_time: the wall clock, which picks the window; the real one if left out.
        """
        instant = now_ns(now)
        self._core.expire(instant)
        nano = to_nano_usd(amount)
        until = min(instant + to_ns(lease), 2**63 - 1)
        hold, _, _ = self._core.reserve(self._accounts(accounts), nano, until, unix_ns(unix_time))
        return None if hold is None else Reservation(self, hold, to_usd(nano))

    def room(
        self,
        *,
        accounts: Sequence[str] | None = None,
        now: float | None = None,
        unix_time: float | None = None,
    ) -> Decimal:
        """The most that fits into all the accounts now, US dollars."""
        self._core.expire(now_ns(now))
        return to_usd(self._core.room(self._accounts(accounts), unix_ns(unix_time)))

    def totals(
        self,
        account: str = "budget",
        *,
        now: float | None = None,
        unix_time: float | None = None,
    ) -> Totals:
        self._core.expire(now_ns(now))
        at, unix = self._at(account), unix_ns(unix_time)
        posted, held, overrun, assumed = map(to_usd, self._core.totals(at, unix))
        return Totals(posted, held, overrun, assumed, Usage(*self._core.used(at, unix)))

    def expire(self, *, now: float | None = None) -> int:
        """Counts every hold whose lease has passed as spent; how many these were."""
        return self._core.expire(now_ns(now))

    def _accounts(self, names: Sequence[str] | None) -> list[int]:
        return list(self._index.values()) if names is None else [self._at(n) for n in names]

    def _at(self, name: str) -> int:
        try:
            return self._index[name]
        except KeyError:
            raise ValueError(f"found account {name!r}, wanted one of {list(self._index)}") from None
