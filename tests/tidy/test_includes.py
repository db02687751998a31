"""Includes point down: ARCHITECTURE.md's folder table is read here, and enforced."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import pytest
from source_tree import ROOT, name_of, text_of, under

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)

# Which library a header is of, by how its name begins. What is not here is the standard's.
OUTSIDE = {
    "boost/": "Boost.Asio",
    "curl/": "libcurl",
    "nlohmann/": "nlohmann-json",
    "openssl/": "OpenSSL",
    "pybind11/": "pybind11",
    "simdjson": "simdjson",
    "xxhash.h": "xxHash",
    "yaml-cpp/": "yaml-cpp",
    "Python.h": "pybind11",
    **dict.fromkeys(
        ("arpa/", "dlfcn.h", "elf.h", "fcntl.h", "net", "poll.h", "pthread.h"), "POSIX"
    ),
    **dict.fromkeys(("signal.h", "sys/", "unistd.h"), "POSIX"),
}

# Below the drivers time and chance are arguments, and one thread owns everything.
PURE = ("base", "engine", "wire", "relay", "config", "sim")
IMPURE_HEADERS = {
    *("atomic", "condition_variable", "future", "mutex", "shared_mutex", "stop_token", "thread"),
    *("fstream", "iostream", "filesystem", "random"),
}
CLOCKS = re.compile(
    r"_clock::now|\bsystem_clock\b|clock_gettime|gettimeofday|std::time\(|\btime\(nullptr\)"
    r"|ns_of<std::chrono"
)


class Row(NamedTuple):
    uses: frozenset[str]
    libraries: frozenset[str]


@cache
def table() -> dict[str, Row]:
    """Rows `| cpp/x | uses | libraries | what |` of the page."""
    rows = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        match = len(cells) == 6 and re.fullmatch(r"`cpp/(\w+)/`", cells[1])
        if match:
            uses, libraries = (
                frozenset(word.strip() for word in cell.split(",") if word.strip() not in ("", "-"))
                for cell in (cells[2], cells[3])
            )
            rows[match[1]] = Row(uses, libraries)
    return rows


@cache
def may_use(layer: str) -> frozenset[str]:
    """Transitively, itself included."""
    uses = table()[layer].uses
    return frozenset({layer}).union(uses, *(may_use(other) for other in uses))


def library_of(header: str) -> str | None:
    return next((name for begin, name in OUTSIDE.items() if header.startswith(begin)), None)


def complaints(layer: str, name: str, text: str) -> list[str]:
    """What is wrong with the includes of a file of this layer."""
    found = []
    for quoted, angled in INCLUDE.findall(text):
        if quoted:
            other = quoted.split("/")[0] if "/" in quoted else "(no folder)"
            if other not in may_use(layer):
                found.append(f'{name}: "{quoted}", but {layer} may use {sorted(may_use(layer))}')
        elif angled.startswith("keel/"):
            if layer != "include" and "include" not in may_use(layer):
                found.append(f"{name}: <{angled}>, but {layer} may not use include")
        else:
            library = library_of(angled)
            if library and library not in table()[layer].libraries:
                found.append(f"{name}: <{angled}> is of {library}, which {layer} does not list")
        if layer in PURE and angled in IMPURE_HEADERS:
            found.append(f"{name}: <{angled}>: {layer} has no threads, no I/O and no chance")
    return found


LAYERS = sorted({path.relative_to(ROOT / "cpp").parts[0] for path in under("cpp", ".hpp", ".cpp")})


def test_the_table_has_every_folder_and_no_other():
    assert sorted(table()) == LAYERS


@pytest.mark.parametrize("layer", LAYERS)
def test_includes_point_down(layer):
    files = under(f"cpp/{layer}", ".hpp", ".cpp", ".h")
    found = [line for path in files for line in complaints(layer, name_of(path), text_of(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("engine", '#include "relay/call.hpp"'),
        ("base", '#include "engine/cache.hpp"'),
        ("net", '#include "sim/simulator.hpp"'),
        ("sim", '#include "net/driver.hpp"'),
        ("mock", '#include "wire/sse.hpp"'),
        ("wire", "#include <keel/abi.h>"),
        ("net", "#include <pybind11/pybind11.h>"),
        ("relay", "#include <mutex>"),
        ("engine", "#include <random>"),
        ("wire", "  #  include  <sys/socket.h>"),
        ("relay", '#include "call.hpp"'),
    ],
)
def test_a_wrong_include_is_found(layer, text):
    assert len(complaints(layer, "x.cpp", text)) == 1


def test_cmake_links_what_the_table_says():
    linked = {}
    text = text_of(ROOT / "cpp/CMakeLists.txt")
    for name, uses in re.findall(r"keel_layer\((\w+)(?:\s+USES([^)]*))?\)", text):
        linked[name] = set(re.findall(r"\bkeel_(?!asio)(\w+)", uses))
    assert linked.keys() == table().keys() - {"include", "binding", "keeld"}
    for name, uses in linked.items():
        # The public headers are on every target's path.
        assert uses | {"include"} == table()[name].uses | {"include"}, name


def test_only_the_binding_knows_python():
    found = [
        name_of(path)
        for path in under("cpp", ".hpp", ".cpp", ".h")
        if re.search(r"pybind11|Python\.h|\bPy[A-Z]\w+\(", text_of(path))
        and "binding" not in path.parts
    ]
    assert found == []


def test_only_the_library_opens_libraries():
    found = [name_of(p) for p in under("cpp", ".hpp", ".cpp", ".h") if "<dlfcn.h>" in text_of(p)]
    assert found == ["cpp/policy/library.cpp"]


def test_only_one_file_reads_a_clock():
    files = [*under("cpp", ".hpp", ".cpp", ".h"), *under("plugins", ".cpp")]
    assert [name_of(p) for p in files if CLOCKS.search(text_of(p))] == ["cpp/io/clock.cpp"]


@pytest.mark.parametrize("line", ["std::chrono::steady_clock::now()", "std::time(nullptr)"])
def test_a_clock_is_found(line):
    assert CLOCKS.search(line)


def test_the_installed_headers_need_nothing_of_ours():
    for path in under("cpp/include", ".h", ".hpp"):
        for quoted, angled in INCLUDE.findall(text_of(path)):
            assert not quoted, f"{name_of(path)}: {quoted}"
            assert angled.startswith("keel/") or "/" not in angled, f"{name_of(path)}: {angled}"


def test_plugins_include_the_public_header_only():
    for path in [*under("plugins", ".cpp"), ROOT / "tests/plugins/cheapest/cheapest.cpp"]:
        for quoted, angled in INCLUDE.findall(text_of(path)):
            assert not quoted, f"{name_of(path)}: {quoted}"
            standard = re.fullmatch(r"[a-z_0-9]+", angled)
            assert standard or angled == "keel/policy.hpp", f"{name_of(path)}: {angled}"
