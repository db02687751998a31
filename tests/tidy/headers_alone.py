"""Every header compiles alone: nobody has to know what to include before it. Run by `make lint`.

The installed headers are also compiled as the oldest language they promise: C11 and C++20.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from source_tree import ROOT, name_of, under

CXX = shlex.split(os.environ.get("CXX", "g++"))
CC = shlex.split(os.environ.get("CC", "gcc"))
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")


def python_includes() -> list[str]:
    """For the binding's headers."""
    import sysconfig

    import pybind11

    return [f"-isystem{path}" for path in (sysconfig.get_path("include"), pybind11.get_include())]


def command(header: Path, python: list[str]) -> list[str]:
    ours = [f"-I{ROOT / 'cpp'}", f"-I{ROOT / 'cpp/include'}"]
    where = header.relative_to(ROOT / "cpp").parts[0]
    if header.suffix == ".h":
        return [*CC, "-std=c11", *STRICT, "-x", "c", *ours]
    if where == "include":
        return [*CXX, "-std=c++20", *STRICT, "-x", "c++", *ours]
    return [*CXX, "-std=gnu++20", "-x", "c++", *ours, *(python if where == "binding" else [])]


def complaint(header: Path, python: list[str]) -> str:
    """What the compiler says; empty if nothing."""
    text = f'#include "{header}"\n'
    arguments = [*command(header, python), "-fsyntax-only", "-"]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False)
    return f"{name_of(header)} does not compile alone:\n{done.stderr}" if done.returncode else ""


def main() -> int:
    headers = under("cpp", ".hpp", ".h")
    python = python_includes()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [said for said in pool.map(lambda h: complaint(h, python), headers) if said]
    print(*found, sep="\n", end="" if not found else "\n")
    print(f"{len(headers)} headers, {len(found)} of them do not compile alone")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
