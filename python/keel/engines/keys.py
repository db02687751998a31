"""The keys of one provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from keel import _core
from keel.units import now_ns, to_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class KeyLease:
    """One use of a key; give it back once."""

    def __init__(self, pool: KeyPool, core: _core.KeyLease, key: str) -> None:
        self._pool = pool
        self._core = core
        self.key = key

    def give_back(
        self, *, tokens: int | None = None, sent: bool = True, now: float | None = None
    ) -> None:
        """tokens: what was really used, in place of what was taken. sent=False returns it all."""
        actual = self._core.tokens if tokens is None else tokens
        self._pool._core.give_back(self._core, actual, sent, now_ns(now))


class KeyPool:
    """Which key to use next, and what each may no longer do.

    keys: names of your choosing, unlike each other. The limits are each key's own, 0: unknown.
    accounts: billing scopes, one per key; keys of one scope run out of money together.
    order: `least_loaded` (fullest limit first, then fewest in flight, then least recently used) or
    `least_used_random` (least used this minute, ties at random from the seed).
    """

    def __init__(
        self,
        keys: Sequence[str],
        *,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        concurrency: int = 0,
        accounts: Sequence[str] | None = None,
        order: Literal["least_loaded", "least_used_random"] = "least_loaded",
        seed: int = 1,
    ) -> None:
        scopes = [""] * len(keys) if accounts is None else list(accounts)
        if len(set(keys)) != len(keys):
            raise ValueError("keys: found the same name twice")
        if len(scopes) != len(keys):
            raise ValueError(
                f"accounts: found {len(scopes)}, wanted one for each of {len(keys)} keys"
            )
        if order not in ("least_loaded", "least_used_random"):
            raise ValueError(f"order: found {order!r}, wanted least_loaded or least_used_random")
        self._names = list(keys)
        self._index = {name: index for index, name in enumerate(keys)}
        self._models: dict[str, int] = {}
        self._core = _core.KeyPool(
            [(requests_per_minute, tokens_per_minute, concurrency, scope) for scope in scopes],
            least_used_random=order == "least_used_random",
            seed=seed,
        )

    def take(
        self,
        model: str = "",
        *,
        tokens: int = 0,
        excluded: Iterable[str] = (),
        lease: float = 660.0,
        now: float | None = None,
    ) -> KeyLease | None:
        """The best usable key and its limits, or None. After `lease` seconds its place among those
        in flight is free again, whether or not it was given back."""
        lease_ns = to_ns(lease)
        if lease_ns <= 0:
            raise ValueError(f"lease: found {lease}, wanted more than 0 seconds")
        taken = self._core.take(
            self._model(model), tokens, self._keys(excluded), lease_ns, now_ns(now)
        )
        return None if taken is None else KeyLease(self, taken, self._names[taken.key])

    def availability(
        self,
        model: str = "",
        *,
        tokens: int = 0,
        excluded: Iterable[str] = (),
        now: float | None = None,
    ) -> tuple[str, float | None]:
        """("none", 0.0) if a key can be had; else why not (no_key, dead, cooling, denied,
        exhausted, limited, excluded) and for how many seconds, None: nobody knows."""
        instant = now_ns(now)
        reason, until = self._core.availability(
            self._model(model), tokens, self._keys(excluded), instant
        )
        if reason == "none":
            return reason, 0.0
        return reason, None if until is None else max(0, until - instant) / 1e9

    def throttle(
        self, key: str, model: str = "", *, delay: float | None = None, now: float | None = None
    ) -> float:
        """A 429: the pair rests for the server's delay (at most 10 min), else 1 s doubling to 60 s.
        Returns the seconds."""
        delay_ns = None if delay is None else to_ns(delay)
        return self._core.throttle(self._at(key), self._model(model), delay_ns, now_ns(now)) / 1e9

    def succeed(self, key: str, model: str = "") -> None:
        """Ends the pair's run of 429s, and the trial of a benched account."""
        self._core.succeed(self._at(key), self._model(model))

    def kill(self, key: str, *, now: float | None = None) -> None:
        """A 401: unusable until revive()."""
        self._core.kill(self._at(key), now_ns(now))

    def revive(self, key: str) -> None:
        self._core.revive(self._at(key))

    def deny(self, key: str, model: str, *, now: float | None = None) -> None:
        """403 or 404 for a model: the pair is barred for 10 minutes."""
        self._core.deny(self._at(key), self._model(model), now_ns(now))

    def bench(
        self, key: str, *, until_reset: float | None = None, now: float | None = None
    ) -> None:
        """Out of money: every key of its account rests, 15 min unless the reset is known."""
        reset_ns = None if until_reset is None else to_ns(until_reset)
        self._core.bench(self._at(key), reset_ns, now_ns(now))

    def dead(self, key: str) -> bool:
        return self._core.dead(self._at(key))

    def uses(self, key: str) -> int:
        return self._core.uses(self._at(key))

    def in_flight(self, key: str, *, now: float | None = None) -> int:
        return self._core.in_flight(self._at(key), now_ns(now))

    def load(self, key: str, *, now: float | None = None) -> float:
        """The fullest of its limits, in [0, 1]."""
        return self._core.load(self._at(key), now_ns(now))

    def _at(self, key: str) -> int:
        try:
            return self._index[key]
        except KeyError:
            raise ValueError(f"found key {key!r}, wanted one of {self._names}") from None

    def _keys(self, names: Iterable[str]) -> list[int]:
        return [self._at(name) for name in names]

    def _model(self, name: str) -> int:
        return self._models.setdefault(name, len(self._models))
