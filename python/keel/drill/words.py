"""The result of a night for a reader: one table, three sentences, the verdict."""

from __future__ import annotations

from typing import Any

_WIDTH = 46


def dollars(nano_usd: int) -> str:
    return f"${nano_usd / 1e9:,.4f}"


def table(result: dict[str, Any]) -> str:
    naive, keel, money = result["naive"], result["keel"], result["money"]
    rows = [("", "naive client", "Keel")]
    rows.append(("requests", f"{naive['requests']:,}", f"{keel['requests']:,}"))
    rows.append(("answered in time", _percent(naive), _percent(keel)))
    for scene_id, scene in keel["scenes"].items():
        rows.append((f"  {scene['title']}", _scene(naive["scenes"][scene_id]), _scene(scene)))
    for name in ("p50", "p95", "p99"):
        rows.append(
            (
                f"latency of the answered, {name}",
                _seconds(naive["latency_s"][name]),
                _seconds(keel["latency_s"][name]),
            )
        )
    rows.append(
        (
            "sends per request",
            _number(naive["sends_per_request"]),
            _number(keel["sends_per_request"]),
        )
    )
    for name in [*result["providers"], "cache"]:
        rows.append((f"answered by {name}", _share(naive, name), _share(keel, name)))
    rows.append(("replies with another's nonce", str(naive["crossed"]), str(keel["crossed"])))
    rows.append(("breaker transitions", "-", _transitions(keel["breaker_transitions"])))
    rows.append(("downgraded to a cheaper model", "-", f"{keel['downgraded']:,}"))
    rows.append(("budget", "-", dollars(money["budget_nano_usd"])))
    rows.append(("posted in Keel's ledger", "-", dollars(money["posted_nano_usd"])))
    rows.append(
        (
            "the providers' own bill",
            dollars(money["naive_billed_nano_usd"]),
            dollars(money["billed_nano_usd"]),
        )
    )
    return "\n".join(f"{label:<{_WIDTH}}{left:>16}  {right}" for label, left, right in rows)


def sentences(result: dict[str, Any]) -> list[str]:
    """What happened, in three sentences made of the numbers."""
    return [_of_the_naive(result), _of_keel(result), _of_the_money(result)]


def _of_the_naive(result: dict[str, Any]) -> str:
    naive = result["naive"]
    scenes = [s for s in naive["scenes"].values() if s["requests"]]
    worst = min(scenes, key=lambda s: s["answered"] / s["requests"])
    return (
        f"With one provider and {naive['sends_per_request']:.2f} sends per request, the naive "
        f"client answered {naive['answered']:,} of {naive['requests']:,} requests "
        f'({naive["answered_percent"]:.1f} %); at its worst, in "{worst["title"]}", '
        f"{worst['answered']:,} of {worst['requests']:,}."
    )


def _of_keel(result: dict[str, Any]) -> str:
    keel = result["keel"]
    by_others = {
        name: n
        for name, n in keel["answered_by"].items()
        if name not in ("cache", result["primary"])
    }
    others = (
        ", ".join(
            f"{name} {n:,}" for name, n in sorted(by_others.items(), key=lambda item: -item[1])
        )
        or "nobody else"
    )
    lost = keel["requests"] - keel["answered"]
    return (
        f"Keel answered {'every one' if not lost else f'all but {lost:,}'} of its "
        f"{keel['requests']:,} ({keel['answered_percent']:.2f} %) with "
        f"{keel['sends_per_request']:.2f} sends per request: {result['primary']} answered "
        f"{keel['answered_by'].get(result['primary'], 0):,}, {others}, the cache "
        f"{keel['cache_hits']:,}, and the breakers moved "
        f"{sum(keel['breaker_transitions'].values())} times."
    )


def _of_the_money(result: dict[str, Any]) -> str:
    keel, money = result["keel"], result["money"]
    alert = money["alert_at_s"]
    began = (
        f"{money['alert_percent']} % of the budget of {dollars(money['budget_nano_usd'])} was "
        f"spent after {alert:.0f} s"
        if alert is not None
        else f"the budget of {dollars(money['budget_nano_usd'])} never came to its alert"
    )
    room = money["budget_nano_usd"] - money["posted_nano_usd"]
    kept = f"{dollars(room)} were left" if room >= 0 else f"it was overspent by {dollars(-room)}"
    return (
        f"Of the money, {began}, {keel['downgraded']:,} requests went to a cheaper model, and "
        f"{kept}: {dollars(money['posted_nano_usd'])} posted against "
        f"{dollars(money['billed_nano_usd'])} that the providers bill."
    )


def verdict(result: dict[str, Any]) -> str:
    if result["passed"]:
        return "PASSED"
    return "FAILED\n" + "\n".join(f"  {line}" for line in result["failures"])


def _percent(side: dict[str, Any]) -> str:
    return "-" if side["answered_percent"] is None else f"{side['answered_percent']:.2f} %"


def _scene(scene: dict[str, Any]) -> str:
    if not scene["requests"]:
        return "-"
    return f"{100 * scene['answered'] / scene['requests']:.1f} %"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(side: dict[str, Any], name: str) -> str:
    count = side["answered_by"].get(name, 0)
    return f"{100 * count / side['answered']:.1f} %" if count else "-"


def _transitions(by_target: dict[str, int]) -> str:
    moved = [f"{target} {n}" for target, n in by_target.items() if n]
    return f"{sum(by_target.values())}" + (f" ({', '.join(moved)})" if moved else "")
