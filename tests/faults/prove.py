#!/usr/bin/env python3
"""Proof that the proof works: plants every fault of this folder, one at a time, and hunts it.

Each `*.patch` here begins with a few lines of `Word: text`:

    Fault: what a colleague might do on a bad day, and who did
    Invariant: R1 R2       (one of these has to be what stops it; SEMANTICS B)
    Night: hostile         (the kind of `nights` that hunts it; further words are its options)

A copy of the sources is made, the patch is applied there, `nights` is built and runs seed after
seed until an invariant is violated. A fault that survives --seeds nights is a hole in the checker.
Then the tree without any fault runs every kind of night for as many seeds as the longest hunt took,
and must be clean: what finds faults everywhere finds nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCES = ("CMakeLists.txt", "cpp", "plugins", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Fault:
    name: str
    patch: Path
    about: str
    invariants: tuple[str, ...]
    night: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    seed: int
    requests: int
    invariant: str
    seconds: float


def faults() -> list[Fault]:
    return [read_fault(path) for path in sorted(HERE.glob("*.patch"))]


def read_fault(path: Path) -> Fault:
    head = path.read_text(encoding="utf-8").split("\n--- ", 1)[0]
    words = dict(re.findall(r"^(Fault|Invariant|Night): (.+)$", head, re.MULTILINE))
    missing = {"Fault", "Invariant"} - words.keys()
    if missing:
        raise SystemExit(f"{path.name}: found no line {', '.join(sorted(missing))}, wanted both")
    night = tuple(words.get("Night", "hostile").split())
    return Fault(path.stem, path, words["Fault"], tuple(words["Invariant"].split()), night)


class Workshop:
    """A copy of the sources laid out as the tree is, so that the compiler's cache knows it."""

    def __init__(self, at: Path) -> None:
        self.source = at
        self.tree = at / "build" / "release"
        self.environment = {
            **os.environ,
            "CCACHE_BASEDIR": str(self.source),
            "CCACHE_NOHASHDIR": "1",
        }

    def prepare(self) -> None:
        self.source.mkdir(parents=True, exist_ok=True)
        for name in SOURCES:
            here, there = ROOT / name, self.source / name
            if here.is_dir():
                copy_what_changed(here, there)
            elif not there.exists() or there.read_bytes() != here.read_bytes():
                shutil.copy2(here, there)
        self._run(
            *("cmake", "-S", ".", "-B", str(self.tree), "-G", "Ninja"),
            *("-DCMAKE_BUILD_TYPE=Release", "-DKEEL_TESTS=ON", "-DKEEL_BINDING=OFF"),
            *compilers_of(ROOT / "build" / "release"),
        )

    def build(self) -> None:
        self._run("cmake", "--build", str(self.tree), "--target", "nights")

    def plant(self, fault: Fault) -> None:
        self._run("patch", "--strip=1", "--forward", "--silent", "--input", str(fault.patch))

    def dig_up(self, fault: Fault) -> None:
        self._run("patch", "--strip=1", "--reverse", "--silent", "--input", str(fault.patch))

    def nights(self, night: tuple[str, ...], seeds: int) -> tuple[int, str]:
        kind, *options = night
        done = subprocess.run(
            [str(self.tree / "tests/nights/nights"), kind, "--nights", str(seeds), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.source,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout[-4000:]}")


def compilers_of(tree: Path) -> list[str]:
    """Those the tree itself was built with: the cache tells compilers apart by their names."""
    cache = tree / "CMakeCache.txt"
    text = cache.read_text(encoding="utf-8") if cache.exists() else ""
    found = re.findall(r"^(CMAKE_(?:C|CXX)_COMPILER):\w+=(.+)$", text, re.MULTILINE)
    return [f"-D{name}={path}" for name, path in found if Path(path).exists()]


def copy_what_changed(here: Path, there: Path) -> None:
    """Files that are the same keep their times: what was built of them stays built."""
    wanted = {path.relative_to(here) for path in here.rglob("*") if path.is_file()}
    if there.exists():
        for path in [p for p in there.rglob("*") if p.is_file()]:
            if path.relative_to(there) not in wanted:
                path.unlink()
    for name in wanted:
        source, target = here / name, there / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def hunt(workshop: Workshop, fault: Fault, seeds: int) -> Found | None:
    workshop.plant(fault)
    try:
        workshop.build()
        began = time.monotonic()
        code, out = workshop.nights(fault.night, seeds)
        took = time.monotonic() - began
    finally:
        workshop.dig_up(fault)
    where = re.search(r"^seed (\d+) after (\d+) requests$", out, re.MULTILINE)
    violations = re.findall(r"^  (\w+) at ", out, re.MULTILINE)
    if code == 0 or not where or not violations:
        return None
    return Found(int(where[1]), int(where[2]), violations[0], took)


def prove(workshop: Workshop, chosen: list[Fault], seeds: int) -> tuple[dict[str, Found], bool]:
    found: dict[str, Found] = {}
    good = True
    for fault in chosen:
        print(f"{fault.name} ...", end=" ", flush=True)
        hit = hunt(workshop, fault, seeds)
        if hit is None:
            print(f"SURVIVED {seeds} nights: {fault.about}")
            good = False
            continue
        found[fault.name] = hit
        wanted = hit.invariant in fault.invariants
        good &= wanted
        print(
            f"{hit.invariant} at seed {hit.seed}, {hit.requests} requests, {hit.seconds:.1f} s"
            + ("" if wanted else f": wanted {' or '.join(fault.invariants)}")
        )
    workshop.build()
    longest: dict[tuple[str, ...], int] = {}
    for fault in chosen:
        if fault.name in found:
            longest[fault.night] = max(longest.get(fault.night, 1), found[fault.name].seed)
    for night, last in longest.items():
        code, out = workshop.nights(night, last)
        print(f"without a fault, {' '.join(night)}: {out.strip().splitlines()[-1]}")
        good &= code == 0
    return found, good


PAGE = """# Planted faults

Proof that the proof works: each `NAME.patch` here is a fault that a colleague might write on a bad
day. `make prove` plants them one at a time, and every one has to be stopped by an invariant of the
checker (`cpp/sim/checker*`) in the hostile nights that the tree without any fault survives.
`make prove FAULTS="NAME NAME"` hunts those only; the head of `prove.py` says what a patch begins
with. A fault that survives is the most valuable find of all: a hole in the checker.

The nights are numbered from 1, each of 2,000 requests. "Night" is the first that finds the fault.
`prove.py --table` writes this page.

"""


def table(chosen: list[Fault], found: dict[str, Found]) -> str:
    rows = ["| fault | found by | night | requests until then |", "|---|---|--:|--:|"]
    for fault in chosen:
        hit = found.get(fault.name)
        figures = f"{hit.invariant} | {hit.seed} | {hit.requests:,}" if hit else "survived | |"
        rows.append(f"| `{fault.name}`: {fault.about} | {figures} |")
    return PAGE + "\n".join(rows) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="faults to plant; all of them if none is named")
    parser.add_argument("--at", type=Path, default=ROOT / "build" / "prove")
    parser.add_argument("--seeds", type=int, default=2000, help="nights before it has survived")
    parser.add_argument("--table", type=Path, help="write README.md's page of them here")
    parser.add_argument("--json", type=Path, help="write what was found here")
    args = parser.parse_args()
    known = {fault.name: fault for fault in faults()}
    strangers = [name for name in args.names if name not in known]
    if strangers:
        parser.error(f"found {', '.join(strangers)}, wanted of: {', '.join(known)}")
    chosen = [known[name] for name in args.names] or list(known.values())
    workshop = Workshop(args.at.resolve())
    workshop.prepare()
    found, good = prove(workshop, chosen, args.seeds)
    if args.table:
        args.table.write_text(table(chosen, found), encoding="utf-8")
    if args.json:
        report = {name: hit.__dict__ for name, hit in found.items()}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} of {len(chosen)} found" if not good else f"all {len(chosen)} found")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
