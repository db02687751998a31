"""How long a provider asks to be left alone, read by a parser that shares no code with ours.

tests/data/retry_hints/replies.json is what this parser says of seeded replies, sane ones and
nonsense; cpp/wire is held to it by tests/cpp/wire/hints_oracle_test.cpp. Here it is checked that
the file is what the parser says. To write it anew: python tests/python/test_hint_oracle.py
"""

from __future__ import annotations

import json
import random
import re
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "retry_hints" / "replies.json"
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MOST = 2**63 - 1
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


# ---- the parser: SEMANTICS A2, "Delay parsing order" ----


def whole(ns: Decimal) -> int | None:
    """Nonsense and what no clock can count to is not said."""
    ns = ns.to_integral_value(ROUND_HALF_UP)
    return int(ns) if 0 <= ns <= MOST else None


def unix_ns(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1) * 1_000


def number(text: str, unit_ns: int) -> int | None:
    if not re.fullmatch(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return None
    return whole(Decimal(text) * unit_ns)


def until(ns: int) -> int | None:
    return ns - unix_ns(NOW) if unix_ns(NOW) <= ns <= MOST else None


def http_date(text: str) -> int | None:
    name = "[^, ]{3,}"  # whatever day it is called, the date says which it is
    month, clock = "(?P<m>" + "|".join(MONTHS) + ")", r"(?P<t>\d\d:\d\d:\d\d)"
    for form in (
        rf"{name}, (?P<d>\d\d) {month} (?P<y>\d{{4}}) {clock} GMT",
        rf"{name}, (?P<d>\d\d)-{month}-(?P<y>\d\d) {clock} GMT",
        rf"{name} {month}  ?(?P<d>\d\d?) {clock} (?P<y>\d{{4}})",
    ):
        if found := re.fullmatch(form, text, re.ASCII):
            year = int(found["y"])
            if year < 100:  # RFC 9110 5.6.7: not more than 50 years ahead
                year += 2000
                year -= 100 if year > NOW.year + 50 else 0
            hour, minute, second = map(int, found["t"].split(":"))
            try:
                when = datetime(year, MONTHS.index(found["m"]) + 1, int(found["d"]), hour, minute,
                                second, tzinfo=timezone.utc)  # fmt: skip
            except ValueError:
                return None
            return until(unix_ns(when))
    return None


def go_duration(text: str) -> int | None:
    units = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9,
             "m": 60 * 10**9, "h": 3_600 * 10**9}  # fmt: skip
    if text == "0":
        return 0
    part = r"(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)"
    if not re.fullmatch(f"(?:{part})+", text, re.ASCII):
        return None
    return whole(sum(Decimal(n) * units[u] for n, u in re.findall(part, text)))


def rfc3339(text: str) -> int | None:
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:[0-5]\d)", text, re.ASCII
    )
    if not found:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        when = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        return None
    return until(unix_ns(when) + int(Decimal(fraction or 0) * 10**9))


def delay(headers: dict[str, str], body_ns: int | None) -> int | None:
    values = {name: value.strip() for name, value in headers.items()}
    for name, unit_ns in (("retry-after-ms", 10**6), ("x-ms-retry-after-ms", 10**6),
                          ("retry-after", 10**9)):  # fmt: skip
        if (said := number(values.get(name, ""), unit_ns)) is not None:
            return said
    if (said := http_date(values.get("retry-after", ""))) is not None:
        return said
    if body_ns is not None and body_ns >= 0:
        return body_ns
    resets = []
    for name, value in values.items():
        if found := re.fullmatch("x-ratelimit-reset-(.+)", name):
            remaining, said = f"x-ratelimit-remaining-{found[1]}", go_duration(value)
        elif found := re.fullmatch("(anthropic-ratelimit-.+)-reset", name):
            remaining, said = f"{found[1]}-remaining", rfc3339(value)
        else:
            continue
        if said is not None and values.get(remaining) == "0":
            resets.append(said)
    return max(resets, default=None)


# ---- replies ----


NONSENSE = ["", "nan", "NaN", "inf", "-inf", "Infinity", "-1", "-0", "-0.0", "1e400", "1e30",
            "soon", "5x", "5 5", "0x10", "+5", "1_000", "9223372036854775808", "1,5", "--1", ".",
            "e5", "1e", "1.2.3", "\u0665"]  # fmt: skip
NUMBERS = ["0", "1", "0.5", ".25", "3.", "12.000", "1e3", "2.5E-1", "600", "0.000000001", "86400",
           "1e-12", "00012", "9.0e9"]  # fmt: skip
DURATIONS = ["6m0s", "120ms", "1h2m3.5s", "45.837906927s", "7us", "7\u00b5s", "7\u03bcs", "0s", "0",
             "1s1s", "1.5h", ".5s", "2.s", "100000h", "1ns"]  # fmt: skip
NOT_DURATIONS = ["", "5", "s", "1d", "1 s", "1s ", "-1s", "1e3s", "nan", "infs", "1s2", "1..5s",
                 "99999999h", "1M"]  # fmt: skip


def a_number(chance: random.Random) -> str:
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(NONSENSE)
    if kind == 1:
        return chance.choice(NUMBERS)
    return f"{chance.randrange(1_000)}.{chance.randrange(10**6)}" if kind == 2 else str(
        chance.randrange(10**6))  # fmt: skip


def a_time(chance: random.Random) -> datetime:
    return NOW + timedelta(seconds=chance.randrange(-90_000, 9 * 10**6))


def damaged(chance: random.Random, text: str) -> str:
    if chance.random() < 0.7:
        return text
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(["", "x", " ", "9", "-"]) + text[at + 1 :]


def a_date(chance: random.Random) -> str:
    when = a_time(chance)
    day, month = DAYS[when.weekday()], MONTHS[when.month - 1]
    clock = f"{when:%H:%M:%S}"
    return damaged(chance, chance.choice([
        f"{day[:3]}, {when.day:02} {month} {when.year} {clock} GMT",
        f"{day}, {when.day:02}-{month}-{when.year % 100:02} {clock} GMT",
        f"{day[:3]} {month} {when.day:2} {clock} {when.year}",
        f"{day[:3]}, {when.day:02} {month} {when.year} {clock} CET",
    ]))  # fmt: skip


def a_duration(chance: random.Random) -> str:
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(NOT_DURATIONS)
    if kind == 1:
        return chance.choice(DURATIONS)
    parts = [
        f"{chance.randrange(500)}{unit}" for unit in ("h", "m", "s", "ms") if chance.random() < 0.6
    ]
    return "".join(parts)


def a_stamp(chance: random.Random) -> str:
    when, fraction = a_time(chance), chance.choice(["", "", ".5", ".123456789", ".000001"])
    zone = chance.choice(["Z", "z", "+00:00", "+02:00", "-07:30"])
    return damaged(chance, f"{when:%Y-%m-%d}{chance.choice('Tt')}{when:%H:%M:%S}{fraction}{zone}")


def a_reply(chance: random.Random) -> dict:
    headers = {}
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if chance.random() < 0.15:
            headers[name] = a_number(chance)
    if chance.random() < 0.5:
        headers["retry-after"] = a_number(chance) if chance.random() < 0.4 else a_date(chance)
    for what in ("requests", "tokens", "input-tokens"):
        for reset, remaining, value in (
            (f"x-ratelimit-reset-{what}", f"x-ratelimit-remaining-{what}", a_duration),
            (f"anthropic-ratelimit-{what}-reset", f"anthropic-ratelimit-{what}-remaining", a_stamp),
        ):
            if chance.random() < 0.25:
                headers[reset] = value(chance)
                if chance.random() < 0.85:
                    headers[remaining] = chance.choice(["0", "0", "0", "1", "", "x", "100"])
    if chance.random() < 0.1:
        headers["x-request-id"] = "r"
    body_ns = chance.randrange(-(10**9), 10**11) if chance.random() < 0.1 else None
    return {"headers": headers, "body_ns": body_ns, "after_ns": delay(headers, body_ns)}


def page() -> str:
    chance = random.Random(20261123)
    replies = [a_reply(chance) for _ in range(1_000)]
    lines = ",\n".join(json.dumps(reply, separators=(",", ":")) for reply in replies)
    return f'{{"now_ns":{unix_ns(NOW)},"replies":[\n{lines}\n]}}\n'


def test_the_file_is_what_the_parser_says():
    assert FILE.read_text() == page()


def test_the_replies_are_worth_asking():
    said = [reply["after_ns"] for reply in json.loads(FILE.read_text())["replies"]]
    assert sum(ns is None for ns in said) > 200
    assert len({ns for ns in said if ns is not None}) > 350


if __name__ == "__main__":
    FILE.write_text(page())
