"""Several seeds, and two configurations on the same seeds, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from keel.sim.words import dollars, duration, share

if TYPE_CHECKING:
    from keel.sim.estimates import Difference, Estimate
    from keel.sim.runs import Runs


def _points(value: float) -> str:
    return f"{value * 100:.3f} points"


def _count(value: float) -> str:
    return f"{value:,.1f}"


def _sends(value: float) -> str:
    return f"{value:.3f}"


def _thousand(value: float) -> str:
    return dollars(1000 * value)


def _seconds(value: float) -> str:
    return f"{value:.3f} s"


# What is shown of a measure: its words, how it reads, and how a difference of it reads.
_SHOWN: dict[str, tuple[str, Callable[[float], str], Callable[[float], str]]] = {
    "availability": ("answered", share, _points),
    "latency_p50": ("answer, p50", duration, _seconds),
    "latency_p99": ("answer, p99", duration, _seconds),
    "first_token_p50": ("first token, p50", duration, _seconds),
    "sends_per_request": ("sends per request", _sends, _sends),
    "failovers": ("failovers", _count, _count),
    "client_retries": ("clients' retries", _count, _count),
    "hit_rate": ("from the cache", share, _points),
    "downgraded": ("downgraded", _count, _count),
    "cost": ("cost", dollars, dollars),
    "cost_per_answer": ("per 1,000 answers", _thousand, _thousand),
}
_ALWAYS = {"availability", "latency_p50", "latency_p99", "sends_per_request", "cost"}
SAME = "the same in every seed"
NOT_SHOWN = "may be none"


def seeds_text(runs: Runs) -> str:
    """Each measure's mean, and the interval that holds the true mean in 95 % of such runs."""
    rows = [["", "mean", "95 % interval"]]
    for name, (words, read, _) in _SHOWN.items():
        got = runs.estimate(name)
        if name in _ALWAYS or got.mean:
            rows.append([words, read(got.mean), _interval(got, read)])
    return f"{_seeds(runs)}:\n{_table(rows)}"


def comparison_text(first: str, one: Runs, second: str, other: Runs) -> str:
    """Both, and how far the second is from the first, seed by seed."""
    rows = [["", first, second, "difference", "95 % interval", ""]]
    for name, found in one.against(other, list(_SHOWN)).items():
        words, read, read_difference = _SHOWN[name]
        if name in _ALWAYS or found.first.mean or found.second.mean:
            gap = found.difference
            means = [read(found.first.mean), read(found.second.mean)]
            signed = partial(_signed, read=read_difference)
            bare = partial(_bare, read=signed)
            said = [signed(gap.mean), _interval(gap, bare), _verdict(found)]
            rows.append([words, *means, *said])
    head = f"{_seeds(one)}, both configurations on each; difference: the second less the first"
    return f"{head}:\n{_table(rows)}"


def _verdict(found: Difference) -> str:
    gap = found.difference
    if gap.low is None:
        return "one seed: how sure that is, nobody knows"
    if gap.low == gap.high == 0:
        return SAME
    if not found.known:
        return NOT_SHOWN
    return "more" if gap.mean > 0 else "less"


def _seeds(runs: Runs) -> str:
    first, last = runs[0].summary(), runs[-1].summary()
    asked = sum(run.summary().asked for run in runs)
    which = f"seed {first.seed}" if len(runs) == 1 else f"seeds {first.seed} to {last.seed}"
    return f"{asked:,} requests, {which}"


def _interval(got: Estimate, read: Callable[[float], str]) -> str:
    if got.low is None or got.high is None:
        return "-"
    return f"{read(got.low)} to {read(got.high)}"


def _bare(value: float, read: Callable[[float], str]) -> str:
    """Without the unit: it stands at the difference."""
    return read(value).partition(" ")[0]


def _signed(value: float, read: Callable[[float], str]) -> str:
    text = read(value)
    return text if value < 0 or not any(c in "123456789" for c in text) else f"+{text}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [f"{row[0]:{widths[0]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        if len(row) > 4:  # the verdict reads from the left
            cells[-1] = row[-1]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)
