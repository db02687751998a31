"""What a relay's request log says happened: beside it a replay means something."""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

from keel.errors import ConfigError, Problem
from keel.sim.words import dollars, duration, share
from keel.units import to_usd


class Logged(NamedTuple):
    """A request log's own totals, in seconds and US dollars."""

    asked: int
    answered: int
    availability: float | None
    p50: float
    """Of the answered."""
    p99: float
    cost: Decimal
    attempts: int
    answers: dict[str, int]
    """By who gave them, `provider/model`; `cache` for what was stored."""

    def __str__(self) -> str:
        lines = [
            f"{self.asked:,} requests, as the log has them",
            f"  answered        {share(self.availability)}",
            f"  answer took     p50 {duration(self.p50)}, p99 {duration(self.p99)}",
            f"  attempts        {self.attempts:,}",
            f"  cost            {dollars(self.cost)}",
        ]
        width = max(map(len, self.answers), default=0)
        for name, count in self.answers.items():
            lines.append(f"  {name:{width}}  {share(count / self.answered)} of the answers")
        return "\n".join(lines)


def read_log(path: str | os.PathLike[str]) -> Logged:
    """Sums a request log up; lines that are none are told by the replay itself.

    ConfigError if there is no such file.
    """
    asked = answered = tried = nano = 0
    took: list[float] = []
    answers: Counter[str] = Counter()
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for text in file:
                line = _object(text)
                if line is None:
                    continue
                attempts = [a for a in line.get("attempts") or [] if isinstance(a, dict)]
                asked += 1
                tried += len(attempts)
                nano += line.get("cost_nano_usd") or 0
                if line.get("outcome") not in ("ok", "cached"):
                    continue
                answered += 1
                took.append((line.get("total_ms") or 0) / 1e3)
                answers[_who(attempts)] += 1
    except OSError as error:
        raise ConfigError([Problem(None, "", error.strerror or str(error))], str(path)) from error
    took.sort()
    return Logged(
        asked,
        answered,
        answered / asked if asked else None,
        _quantile(took, 0.5),
        _quantile(took, 0.99),
        to_usd(nano),
        tried,
        dict(answers.most_common()),
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _who(attempts: list[dict[str, Any]]) -> str:
    for attempt in reversed(attempts):
        if attempt.get("class") == "ok":
            return f"{attempt.get('provider')}/{attempt.get('model')}"
    return "cache"


def _quantile(ordered: list[float], q: float) -> float:
    return ordered[int(q * (len(ordered) - 1))] if ordered else 0.0
