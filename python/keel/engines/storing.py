"""The exact cache of replies."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from keel import _core
from keel.units import now_ns, to_ns

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoredReply(NamedTuple):
    body: bytes
    age: float
    """Seconds since it was stored."""
    stale: bool
    """Past its lifetime."""


class ResponseCache:
    """Byte-bounded; the least recently used goes first.

    A request is the same as another if their JSON means the same: the order of keys and white space
    do not matter, `user`, `metadata`, `safety_identifier` and `prompt_cache_key` are left out.
    `scope` keeps what must not be shared apart: the tenant, the provider.
    """

    def __init__(
        self, *, max_bytes: int = 64 * 1024 * 1024, max_entry_bytes: int = 1024 * 1024
    ) -> None:
        self._core = _core.ResponseCache(max_bytes=max_bytes, max_entry_bytes=max_entry_bytes)

    def get(
        self,
        request: Mapping[str, Any],
        *,
        scope: str = "",
        max_age: float = math.inf,
        stale: float = 0.0,
        now: float | None = None,
    ) -> StoredReply | None:
        """The reply stored for exactly this request, no older than max_age seconds and no more than
        `stale` seconds past its lifetime."""
        found = self._core.find(
            _text(request), _scope(request, scope), to_ns(max_age), to_ns(stale), now_ns(now)
        )
        return None if found is None else StoredReply(found[0], found[1] / 1e9, found[2])

    def put(
        self,
        request: Mapping[str, Any],
        reply: bytes,
        *,
        ttl: float,
        scope: str = "",
        stale: float = 0.0,
        now: float | None = None,
    ) -> bool:
        """Stores for ttl seconds, and keeps it `stale` seconds longer for those who take a stale
        one. False: too large, or ttl not above 0. Raises InvalidRequest for a request that has no
        canonical form."""
        where = _scope(request, scope)
        return self._core.put(
            _text(request), reply, where, scope, to_ns(ttl), to_ns(stale), now_ns(now)
        )

    def purge(self, scope: str) -> int:
        """Forgets every reply of this scope, and says how many they were."""
        return self._core.purge(scope)

    def clear(self) -> None:
        self._core.clear()

    @property
    def bytes(self) -> int:
        """What is stored, with each entry's own overhead."""
        return self._core.bytes

    @property
    def evictions(self) -> int:
        return self._core.evictions

    def __len__(self) -> int:
        return self._core.entries


def _text(request: Mapping[str, Any]) -> bytes:
    return json.dumps(request, ensure_ascii=False, allow_nan=False).encode()


def _scope(request: Mapping[str, Any], scope: str) -> str:
    """The core leaves the model to the target's name, which there is none of here."""
    return json.dumps([scope, request.get("model")])
