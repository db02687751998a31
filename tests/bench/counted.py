"""What one request costs a gateway in instructions and system calls, by counting, not by timing.

Both are slopes: what a run with more requests took beyond one with fewer, so that start and end do
not count. Instructions are callgrind's, of user space; system calls are strace's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateways import Server, Start, Tree, load

CONNECTIONS = 16

Starter = Callable[[Start], Server]


def _run(start: Start, starter: Starter, asked: Path, requests: int) -> None:
    gateway = starter(start)
    try:
        load(start.tree, gateway.port, asked, CONNECTIONS, "--requests", str(requests))
    finally:
        gateway.stop()


def _slope(fewer: dict[str, int], more: dict[str, int], requests: int) -> dict[str, float]:
    """Per request, the largest first; what only comes at times of its own is left out."""
    slopes = {name: (more[name] - fewer.get(name, 0)) / requests for name in more}
    ordered = sorted(slopes.items(), key=lambda item: -item[1])
    return {name: round(slope, 3) for name, slope in ordered if slope >= 0.005}


# ---- instructions --------------------------------------------------------------------------------

LINE = re.compile(r"^ *([\d,]+) \([ \d.]+%\)  (.+)$")


def _short(where: str) -> str:
    """`file:function [object]` as `function [object]`, without paths and template arguments."""
    name, _, place = where.partition(" [")
    name = name.split(":", 1)[1] if ":" in name else name
    name = re.sub(r"'\d+$", "", name).replace("(anonymous namespace)::", "")
    while "<" in name and (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    return f"{name.split('(')[0]} [{Path(place.rstrip(']')).name}]"


def _profile(out: Path, inclusive: bool = False) -> dict[str, int]:
    how = f"--inclusive={'yes' if inclusive else 'no'}"
    text = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--show=Ir", how, out],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[str, int] = {}
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        where = match[2].strip()
        name = "total" if where == "PROGRAM TOTALS" else _short(where)
        found[name] = found.get(name, 0) + int(match[1].replace(",", ""))
    return found


def _ours(slopes: dict[str, float]) -> Iterator[tuple[str, float]]:
    """What Keel's own functions cost with all they call."""
    for name, count in slopes.items():
        whole = name.startswith(("keel::keeld::", "keel::server::Gateway::run"))
        if name.startswith("keel::") and "::_" not in name and not whole:
            yield name.partition(" [")[0], count


def instructions(
    tree: Tree, port: int, starter: Starter, asked: Path, fewer: int, more: int
) -> dict[str, Any]:
    profiles, inclusive = [], []
    for requests in (fewer, more):
        out = tree.work / f"callgrind.{requests}"
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        _run(Start(tree, port, tool), starter, asked, requests)
        profiles.append(_profile(out))
        inclusive.append(_profile(out, inclusive=True))
    slopes = _slope(profiles[0], profiles[1], more - fewer)
    total = slopes.pop("total")
    objects: dict[str, float] = {}
    for name, count in slopes.items():
        place = name.rsplit(" [", 1)[1].rstrip("]") or "(elsewhere)"
        objects[place] = objects.get(place, 0) + count
    return {
        "per_request": total,
        "by_object": dict(sorted(objects.items(), key=lambda item: -item[1])),
        "top": dict(list(slopes.items())[:15]),
        "with_callees": dict(list(_ours(_slope(inclusive[0], inclusive[1], more - fewer)))[:30]),
    }


# ---- system calls --------------------------------------------------------------------------------


def _calls(table: Path) -> dict[str, int]:
    found = {}
    for line in table.read_text().splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            found[words[-1]] = int(words[3])
    return found


def syscalls(
    tree: Tree, port: int, starter: Starter, asked: Path, fewer: int, more: int
) -> dict[str, float]:
    tables = []
    for requests in (fewer, more):
        out = tree.work / f"strace.{requests}"
        _run(Start(tree, port, ["strace", "-f", "-c", "-o", str(out)]), starter, asked, requests)
        tables.append(_calls(out))
    return _slope(tables[0], tables[1], more - fewer)
