"""`keel drill`: rehearses an outage and says whether Keel stood it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from . import CommandError
from .native import keeld


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    from keel.drill.night import DEADLINE_S, Night
    from keel.drill.words import table, verdict

    night = Night(options.seed, options.duration, options.rate)
    if options.show_config:
        _show_config(night)
        return 0
    # Standard output belongs to the JSON when it goes there.
    out = sys.stderr if options.json == "-" else sys.stdout
    program = keeld()
    _announce(night, out, DEADLINE_S)
    result = _rehearse(night, program, out)
    if result is None:
        print("\nkeel drill: interrupted", file=sys.stderr)
        return 130
    print(table(result), "", *result["sentences"], "", verdict(result), sep="\n", file=out)
    if options.json:
        _write_json(options.json, result)
    return 0 if result["passed"] else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="keel drill",
        description="Lives through the article's Black Friday in about a minute: a naive client "
        "and Keel, each on fake providers of its own, on the same seeded schedule. Exits with 1 if "
        "Keel answers under 99.9 %, spends more than it has by the providers' own bill, or mixes "
        "replies up, or if the naive client manages 90 %.",
    )
    parser.add_argument(
        "--seed", type=_whole, default=1, metavar="N", help="of arrivals, sizes and faults (1)"
    )
    parser.add_argument(
        "--duration",
        type=_positive,
        default=60.0,
        metavar="S",
        help="seconds the night takes (60); Keel's own times do not shrink with it",
    )
    parser.add_argument(
        "--rate",
        type=_positive,
        default=40.0,
        metavar="R",
        help="requests per second at the peak, 40 times the calm (40)",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write the whole result there; - is standard output"
    )
    parser.add_argument(
        "--show-config", action="store_true", help="print the configuration Keel runs with, and end"
    )
    return parser.parse_args(arguments)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"wanted a number from 0 to 2^63 - 1, found {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"wanted a number over 0, at most 10000, found {text!r}")
    return value


def _announce(night: Any, out: TextIO, deadline_s: float) -> None:
    print(
        f"keel drill: {night.duration_s:g} s, {night.rate / 40:g} to {night.rate:g} requests/s, "
        f"seed {night.seed}; answered = a correct 200 within {deadline_s:g} s",
        file=out,
    )
    out.flush()


def _rehearse(night: Any, program: str, out: TextIO) -> dict[str, Any] | None:
    from keel.drill import run
    from keel.drill.mocks import MockError
    from keel.drill.rival import RivalError

    try:
        return run(night, program, out)
    except KeyboardInterrupt:
        return None
    except (MockError, RivalError) as error:
        raise CommandError(str(error)) from error


def _show_config(night: Any) -> None:
    from keel.drill.night import PROVIDERS, keel_config
    from keel.drill.rehearsal import night_budget
    from keel.drill.schedule import schedule

    ports = {p.name: 9101 + i for i, p in enumerate(PROVIDERS)}
    config = keel_config(ports, night_budget(schedule(night), night))
    print("# The providers' ports are drawn anew by every drill.")
    print("\n".join(_yaml(config, 0)))


def _yaml(value: dict[str, Any], depth: int) -> list[str]:
    """Maps in block style, the rest as JSON, which is YAML too."""
    lines = []
    for key, item in value.items():
        nested = isinstance(item, dict) and any(isinstance(v, dict) for v in item.values())
        if nested or (isinstance(item, dict) and len(json.dumps(item)) > 60):
            lines += [f"{'  ' * depth}{key}:", *_yaml(item, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{key}: {json.dumps(item)}")
    return lines


def _write_json(where: str, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=1) + "\n"
    if where == "-":
        sys.stdout.write(text)
        return
    try:
        Path(where).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {os.fspath(where)}: {error.strerror}") from error
