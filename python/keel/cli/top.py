"""`keel top [URL]`: a running gateway at a glance, from its /metrics, every second."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

from . import CommandError

_TIMEOUT = 3.0  # seconds a gateway has to answer
_PAGE_MAX = 64 << 20  # bytes
_BREAKER = {0: "closed", 1: "half-open", 2: "open"}
_NO_FAILURE = {"ok", "cached", "cancelled", "rejected"}  # outcomes that are nobody's failure
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}

Labels = tuple[tuple[str, str], ...]


class Page:
    """One reading of /metrics."""

    def __init__(self, text: str, at: float) -> None:
        self.at = at
        self._values: dict[str, dict[Labels, float]] = {}
        for line in text.splitlines():
            found = None if line.startswith("#") else _SAMPLE.fullmatch(line)
            if not found:
                continue
            pairs = _LABEL.findall(found[2] or "")
            labels = tuple(sorted((name, _unescaped(value)) for name, value in pairs))
            self._values.setdefault(found[1], {})[labels] = float(found[3])

    def all(self, name: str, **wanted: str) -> Iterator[tuple[dict[str, str], float]]:
        for labels, value in self._values.get(name, {}).items():
            known = dict(labels)
            if wanted.items() <= known.items():
                yield known, value

    def sum(self, name: str, **wanted: str) -> float:
        return sum(value for _, value in self.all(name, **wanted))

    def get(self, name: str, **wanted: str) -> float | None:
        return next((value for _, value in self.all(name, **wanted)), None)

    def each(self, name: str, label: str) -> list[str]:
        """The values of a label, each once, in the page's order."""
        return list(dict.fromkeys(labels[label] for labels, _ in self.all(name)))

    def buckets(self, name: str, **wanted: str) -> dict[float, float]:
        out: dict[float, float] = {}
        for labels, value in self.all(f"{name}_bucket", **wanted):
            edge = float(labels["le"])
            out[edge] = out.get(edge, 0.0) + value
        return out


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), text)


def quantile(share: float, buckets: dict[float, float]) -> float | None:
    """Interpolated as Prometheus' histogram_quantile does; None without a sample."""
    edges = sorted(buckets)
    if not edges or buckets[edges[-1]] <= 0:
        return None
    rank = share * buckets[edges[-1]]
    below, edge_below = 0.0, 0.0
    for edge in edges:
        count = buckets[edge]
        if count >= rank and count > below:
            if edge == float("inf"):
                return edge_below
            return edge_below + (edge - edge_below) * (rank - below) / (count - below)
        below, edge_below = count, edge
    return edge_below


class Change(NamedTuple):
    """Two readings of one gateway; rates are between them, quantiles too where enough happened."""

    before: Page
    now: Page

    def rate(self, name: str, **wanted: str) -> float:
        seconds = max(self.now.at - self.before.at, 1e-3)
        # Less than before: it was started anew.
        return max(self.now.sum(name, **wanted) - self.before.sum(name, **wanted), 0.0) / seconds

    def quantile(self, share: float, name: str, **wanted: str) -> float | None:
        after, first = self.now.buckets(name, **wanted), self.before.buckets(name, **wanted)
        lately = {edge: max(n - first.get(edge, 0.0), 0.0) for edge, n in after.items()}
        return quantile(share, lately if max(lately.values(), default=0.0) > 0 else after)


def view_of(url: str, change: Change) -> dict[str, Any]:
    """Everything shown, as plain values: seconds, US dollars, events per second."""
    now = change.now
    version = next((labels.get("version", "") for labels, _ in now.all("keel_build_info")), "")
    return {
        "url": url,
        "version": version,
        "requests_per_second": change.rate("keel_requests_total"),
        "errors_per_second": _errors(change),
        "in_flight": now.sum("keel_in_flight"),
        "cost_usd": now.get("keel_cost_usd_total") or 0.0,
        "cost_usd_per_second": change.rate("keel_cost_usd_total"),
        "cache_hit_rate": _hit_rate(now),
        "overhead_p95": change.quantile(0.95, "keel_overhead_seconds"),
        "providers": [
            {"provider": labels["provider"], "up": value == 1}
            for labels, value in now.all("keel_provider_up")
        ],
        "targets": _targets(change),
        "routes": _routes(change),
        "accounts": _accounts(now),
        "keys_down": [
            f"{labels['provider']} {labels['key']}"
            for labels, value in now.all("keel_key_up")
            if value == 0
        ],
    }


def _errors(change: Change, **wanted: str) -> float:
    outcomes = change.now.each("keel_requests_total", "outcome")
    failed = [outcome for outcome in outcomes if outcome not in _NO_FAILURE]
    return sum(change.rate("keel_requests_total", outcome=one, **wanted) for one in failed)


def _hit_rate(page: Page) -> float | None:
    hits = sum(
        page.sum("keel_cache_requests_total", result=one) for one in ("hit", "joined", "stale")
    )
    looked = hits + page.sum("keel_cache_requests_total", result="miss")
    return hits / looked if looked else None


def _targets(change: Change) -> list[dict[str, Any]]:
    out = []
    for target, score in change.now.all("keel_provider_health_score"):
        every = change.rate("keel_attempts_total", **target)
        good = change.rate("keel_attempts_total", verdict="ok", **target)
        state = int(change.now.get("keel_breaker_state", **target) or 0)
        out.append(
            {
                **target,
                "score": score,
                "breaker": _BREAKER.get(state, str(state)),
                "in_flight": change.now.sum("keel_in_flight", **target),
                "attempts_per_second": every,
                "errors_per_second": max(every - good, 0.0),
                "p50": change.quantile(0.5, "keel_attempt_duration_seconds", **target),
                "p95": change.quantile(0.95, "keel_attempt_duration_seconds", **target),
            }
        )
    return out


def _routes(change: Change) -> list[dict[str, Any]]:
    out = []
    for route in change.now.each("keel_requests_total", "route"):
        took = "keel_request_duration_seconds"
        out.append(
            {
                "route": route,
                "requests": change.now.sum("keel_requests_total", route=route),
                "requests_per_second": change.rate("keel_requests_total", route=route),
                "errors_per_second": _errors(change, route=route),
                "p50": change.quantile(0.5, took, route=route),
                "p95": change.quantile(0.95, took, route=route),
                "first_token_p95": change.quantile(
                    0.95, "keel_time_to_first_token_seconds", route=route
                ),
            }
        )
    return sorted(out, key=lambda r: (-r["requests_per_second"], -r["requests"], r["route"]))


def _accounts(page: Page) -> list[dict[str, Any]]:
    return [
        {
            "account": labels["account"],
            "spent_usd": spent,
            "held_usd": page.get("keel_budget_held_usd", **labels) or 0.0,
            "limit_usd": page.get("keel_budget_limit_usd", **labels),
        }
        for labels, spent in page.all("keel_budget_spent_usd")
    ]


def lines_of(view: dict[str, Any]) -> list[str]:
    """The view as text, a line each, without colours and without end."""
    hits = view["cache_hit_rate"]
    out = [
        f"keel {view['version']} at {view['url']}",
        f"requests {view['requests_per_second']:.1f}/s   errors {view['errors_per_second']:.1f}/s"
        f"   in flight {view['in_flight']:.0f}   cache hits {_percent(hits)}"
        f"   own p95 {_time(view['overhead_p95'])}   spent {view['cost_usd']:.4f} USD",
        "",
    ]
    down = [entry["provider"] for entry in view["providers"] if not entry["up"]]
    if down:
        out.append("down: " + ", ".join(down))
    if view["keys_down"]:
        out.append("keys not usable: " + ", ".join(view["keys_down"]))
    out += _table(
        ("TARGET", "HEALTH", "BREAKER", "IN FLIGHT", "TRIES/S", "ERRORS/S", "P50", "P95"),
        [
            (
                f"{t['provider']}/{t['model']}",
                f"{t['score']:.2f}",
                t["breaker"],
                f"{t['in_flight']:.0f}",
                f"{t['attempts_per_second']:.1f}",
                f"{t['errors_per_second']:.1f}",
                _time(t["p50"]),
                _time(t["p95"]),
            )
            for t in view["targets"]
        ],
    )
    out += _table(
        ("ROUTE", "REQUESTS", "PER S", "ERRORS/S", "P50", "P95", "FIRST TOKEN P95"),
        [
            (
                r["route"] or "(none)",
                f"{r['requests']:.0f}",
                f"{r['requests_per_second']:.1f}",
                f"{r['errors_per_second']:.1f}",
                _time(r["p50"]),
                _time(r["p95"]),
                _time(r["first_token_p95"]),
            )
            for r in view["routes"]
        ],
    )
    out += _table(
        ("ACCOUNT", "SPENT USD", "HELD", "LIMIT", "USED"),
        [
            (
                a["account"],
                f"{a['spent_usd']:.4f}",
                f"{a['held_usd']:.4f}",
                "-" if a["limit_usd"] is None else f"{a['limit_usd']:.2f}",
                _percent(
                    (a["spent_usd"] + a["held_usd"]) / a["limit_usd"] if a["limit_usd"] else None
                ),
            )
            for a in view["accounts"]
        ],
    )
    return ["".join(c if c.isprintable() else "?" for c in line) for line in out]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    return [*lines, ""]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.0f} %"


class Gateway:
    """Reads a gateway's /metrics; no proxy of the environment stands between."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url.rstrip("/").removesuffix("/metrics")
        if not self.url.startswith(("http://", "https://")):
            raise CommandError(f"found {url!r}, wanted a URL such as http://127.0.0.1:3000")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._request = urllib.request.Request(self.url + "/metrics", headers=headers)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read(self) -> Page:
        try:
            with self._opener.open(self._request, timeout=_TIMEOUT) as reply:
                text = reply.read(_PAGE_MAX).decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            wants = "; it wants a tenant's key: --key" if error.code in (401, 403) else ""
            raise CommandError(f"{self.url}/metrics answered {error.code}{wants}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise CommandError(f"no answer from {self.url}: {reason}") from None
        page = Page(text, time.monotonic())
        if page.get("keel_build_info") is None:
            raise CommandError(f"{self.url}/metrics is not a keel gateway's")
        return page


def _show_once(gateway: Gateway, every: float, as_json: bool) -> None:
    before = gateway.read()
    time.sleep(every)
    view = view_of(gateway.url, Change(before, gateway.read()))
    print(json.dumps(view) if as_json else "\n".join(lines_of(view)).rstrip())


def _show_on(gateway: Gateway, every: float, as_json: bool) -> NoReturn:
    before = gateway.read()
    while True:
        time.sleep(every)
        try:
            now = gateway.read()
            view = view_of(gateway.url, Change(before, now))
            before = now
            lines = lines_of(view)
        except CommandError as error:  # it may come back
            view, lines = {"url": gateway.url, "error": str(error)}, [str(error)]
        if as_json:
            print(json.dumps(view), flush=True)
        else:
            _draw(lines)


def _draw(lines: list[str]) -> None:
    columns, rows = shutil.get_terminal_size()
    shown = [line[: columns - 1] + "\x1b[K" for line in lines[: rows - 1]]
    sys.stdout.write("\x1b[H" + "\r\n".join(shown) + "\x1b[J")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="keel top",
        description="Shows a running gateway: targets, routes and money, from its /metrics. "
        "Without a terminal it prints once.",
    )
    parser.add_argument("url", nargs="?", metavar="URL", default="http://127.0.0.1:3000")
    parser.add_argument("--once", action="store_true", help="print once and end")
    parser.add_argument("--json", action="store_true", help="print JSON, an object a line")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="default 1")
    parser.add_argument(
        "--key", help="a tenant's key, where the gateway wants one (default: $KEEL_KEY)"
    )
    options = parser.parse_args(arguments)
    if not 0.05 <= options.every <= 3600:
        raise CommandError(f"--every: found {options.every}, wanted seconds from 0.05 to 3600")
    gateway = Gateway(options.url, options.key or os.environ.get("KEEL_KEY"))
    if options.once or not (options.json or sys.stdout.isatty()):
        _show_once(gateway, options.every, options.json)
        return 0
    screen = not options.json
    try:
        if screen:
            sys.stdout.write("\x1b[?1049h\x1b[?25l")  # a screen of its own, no cursor
        _show_on(gateway, options.every, options.json)
    except KeyboardInterrupt:
        return 0
    finally:
        if screen:
            sys.stdout.write("\x1b[?25h\x1b[?1049l")
            sys.stdout.flush()
