"""Python's seconds and Decimal dollars against the core's integers."""

from __future__ import annotations

import time
from decimal import ROUND_CEILING, Decimal

_MAX = 2**63 - 1


def to_ns(seconds: float) -> int:
    """Nanoseconds; infinity is the longest there is. ValueError for NaN."""
    if seconds != seconds:
        raise ValueError("found NaN, wanted seconds")
    if abs(seconds) >= 9.2e9:
        return _MAX if seconds > 0 else -_MAX
    return round(seconds * 1_000_000_000)


def now_ns(now: float | None) -> int:
    """The instant given, or the monotonic clock's."""
    return time.monotonic_ns() if now is None else to_ns(now)


def unix_ns(unix_time: float | None) -> int:
    """The wall-clock time given, or the real one."""
    return time.time_ns() if unix_time is None else to_ns(unix_time)


def to_nano_usd(usd: Decimal | int | str) -> int:
    """Nano-USD, rounded up. Floats are refused: 0.1 is not ten cents."""
    if isinstance(usd, float):
        raise TypeError(f"found the float {usd!r}, wanted Decimal, int or str dollars")
    nano = int((Decimal(usd).scaleb(9)).to_integral_value(ROUND_CEILING))
    if abs(nano) > _MAX:
        raise ValueError(f"{usd} USD is more than can be counted in nano-USD")
    return nano


def to_usd(nano_usd: int) -> Decimal:
    """Exact dollars."""
    return Decimal(nano_usd).scaleb(-9)


def plain(amount: Decimal) -> str:
    """`0.15`, not `1.5E-1` or `0.150`."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
