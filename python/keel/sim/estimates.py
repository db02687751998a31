"""Several seeds: a mean, and how far it may be off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom (any table of it).
# fmt: off
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)
# fmt: on
_Z = 1.959964


class Estimate(NamedTuple):
    """A mean over seeds and its 95 % interval (Student's t; None from one seed)."""

    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def half_width(self) -> float | None:
        """What stands behind the plus-minus sign."""
        return None if self.high is None else self.high - self.mean


class Difference(NamedTuple):
    """How far one configuration is from another in one measure, paired by seed."""

    measure: str
    first: Estimate
    second: Estimate
    difference: Estimate
    """Second less first, seed by seed: what both share is not in its interval."""

    @property
    def known(self) -> bool:
        """Whether there is a difference at all, at 95 %: the interval leaves 0 out."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


def t95(freedom: int) -> float:
    """The quantile for a two-sided 95 % interval. Past the table by Cornish and Fisher's
    expansion, right to 0.001."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    return _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)


def estimate(values: Sequence[float]) -> Estimate:
    """ValueError if there are none."""
    if not values:
        raise ValueError("found no value, wanted at least one")
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean, None, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = t95(count - 1) * math.sqrt(variance / count)
    return Estimate(mean, mean - half, mean + half, count)


def difference(measure: str, first: Sequence[float], second: Sequence[float]) -> Difference:
    """ValueError unless there are as many of both."""
    pairs = list(zip(first, second, strict=True))
    paired = estimate([b - a for a, b in pairs])
    return Difference(measure, estimate(first), estimate(second), paired)
