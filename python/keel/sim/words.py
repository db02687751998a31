"""A summary as one tired person reads it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keel.sim.summary import Quantiles, Summary

BREAKER_LINES = 12


def share(value: float | None) -> str:
    """`99.87 %`; never 100 % of what was not all."""
    if value is None:
        return "-"
    text = f"{value:.2%}" if value < 0.9999 or value == 1 else f"{value:.5%}"
    return text.replace("%", " %")


def dollars(amount: Decimal | float) -> str:
    """`$12.3456`."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.4f}"


def duration(seconds: float) -> str:
    """`0.42 s`, `3 min 20 s`, `25 h 0 min`."""
    if seconds < 120:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def summary_text(summary: Summary) -> str:
    s = summary
    stopped = "" if s.complete else "; stopped before its end"
    lines = [
        f"{s.asked:,} requests in {duration(s.seconds)}, seed {s.seed}{stopped}",
        f"  answered        {share(s.availability)}"
        + (f" ({s.failed:,} failed{_why(s)})" if s.failed else " (none failed)"),
    ]
    if s.left:
        lines.append(f"  lost patience   {s.left:,} users")
    lines += [f"  answer took     {_quantiles(s.latency)}"]
    if s.first_token.counted and s.first_token != s.latency:
        lines.append(f"  first token     {_quantiles(s.first_token)}")
    lines += [
        f"  sends           {s.sends:,}: {s.sends_per_request:.3f} per request; "
        f"{s.retries:,} retries, {s.failovers:,} failovers",
        f"  cost            {dollars(s.cost)}; the providers charge {dollars(s.true_bill)}",
    ]
    if s.client_retries:
        lines.append(f"  clients' own    {s.client_retries:,} retries beside these")
    if s.looked_up:
        lines.append(
            f"  cache           {share(s.hit_rate)} of {s.looked_up:,} looked up: "
            f"{s.hits:,} stored, {s.joined:,} joined"
            + (f", {s.stale:,} stale; {s.refreshes:,} refreshed" if s.stale else "")
        )
    if s.downgraded or s.clamped:
        lines.append(f"  money was short {s.downgraded:,} downgraded, {s.clamped:,} clamped")
    if s.overspend:
        lines.append(f"  OVERSPENT by    {dollars(s.overspend)}")
    lines += _who(s) + _breakers(s)
    if s.checks is not None:
        said = "; ".join(s.violations) or "none violated"
        lines.append(f"  invariants      checked {s.checks:,} times: {said}")
    lines += [f"  not known: {what}" for what in s.unknown]
    return "\n".join(lines)


def _why(s: Summary) -> str:
    """The failed by what their callers were told, most first."""
    bad = {k: v for k, v in s.outcomes.items() if v and k not in ("ok", "cached", "left")}
    return "".join(f", {v:,} {k}" for k, v in sorted(bad.items(), key=lambda item: -item[1]))


def _quantiles(q: Quantiles) -> str:
    if not q.counted:
        return "-"
    return f"p50 {duration(q.p50)}, p95 {duration(q.p95)}, p99 {duration(q.p99)}"


def _who(s: Summary) -> list[str]:
    out = []
    width = max((len(target.name) for target in s.targets), default=0)
    for target in s.targets:
        said = f"{share(target.share)} of the answers, {target.sends:,} sends"
        bad = target.attempts - target.verdicts.get("ok", 0)
        if bad:
            said += f" ({bad:,} came to nothing)"
        out.append(f"  {target.name:{width}}  {said}, {dollars(target.cost)}")
    return out


def _breakers(s: Summary) -> list[str]:
    moves = s.breaker_timeline()
    out = [f"  {m.at:9.2f} s  {m.subject}: {m.text}" for m in moves[:BREAKER_LINES]]
    more = s.told_counts.get("breaker", 0) - len(out)
    if more > 0:
        out.append(f"             and {more:,} more times a breaker moved")
    return out
