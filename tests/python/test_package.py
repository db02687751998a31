"""What is installed: names, versions, files, stubs, public surface."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import keel
import keel.config
import keel.engines
import keel.sim
from core_stub import core_stub
from keel import _core

HERE = Path(__file__).parent
INSTALLED = Path(keel.__file__).parent


def test_one_version():
    native = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "keeld", "--version"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[1]
    cmake = (HERE.parent.parent / "CMakeLists.txt").read_text()
    assert f"project(keel VERSION {keel.__version__} " in cmake
    assert keel.__version__ == _core.__version__ == native
    assert keel.__version__ == importlib.metadata.version("keel-relay")


def test_nothing_else_is_needed():
    needed = importlib.metadata.requires("keel-relay") or []
    assert [name for name in needed if "extra ==" not in name] == []


def test_everything_is_there():
    for name in (
        "py.typed",
        "_core.pyi",
        "include/keel/abi.h",
        "include/keel/policy.hpp",
        "cmake/keelConfig.cmake",
        "cmake/keelConfigVersion.cmake",
        "cmake/KeelPolicy.cmake",
        "plugins/ordered.so",
        "plugins/weighted_health.so",
        "plugins/least_latency.so",
        "plugins/list_price.so",
        "plugins/downgrade.so",
        "plugins/fixed_ttl.so",
        "plugins/keyword_ttl.so",
    ):
        assert (INSTALLED / name).is_file(), name
    for program in ("keel", "keeld"):
        assert (Path(sysconfig.get_path("scripts")) / program).is_file()


def test_only_ours_is_installed():
    files = importlib.metadata.files("keel-relay") or []
    tops = {file.parts[0] for file in files if ".." not in file.parts}
    assert {top.split("-")[0] for top in tops} == {"keel", "keel_relay"}
    assert not [file for file in files if file.suffix in (".pth", ".a", ".cpp")]


def test_the_stub_is_the_modules():
    """Renew it with `python tests/python/core_stub.py > python/keel/_core.pyi`."""
    assert core_stub() == (INSTALLED / "_core.pyi").read_text()


def _surface(module: object, prefix: str) -> list[str]:
    lines = []
    for name in sorted(vars(module)["__all__"]):
        value = getattr(module, name)
        if inspect.isclass(value):
            lines += _members(value, f"{prefix}.{name}")
        elif inspect.isfunction(value):
            lines.append(f"{prefix}.{name}{inspect.signature(value)}")
        else:
            lines.append(f"{prefix}.{name}")
    return lines


def _is_private(kind: type) -> bool:
    return kind.__module__.startswith("keel._") or kind.__name__.startswith("_")


def _members(kind: type, prefix: str) -> list[str]:
    own_bases = [base for base in kind.__bases__ if base is not object and not _is_private(base)]
    bases = ", ".join(base.__name__ for base in own_bases)
    lines = [f"{prefix}({bases})" if bases else prefix]
    fields = getattr(kind, "_fields", ())
    lines += [
        f"{prefix}.{field}: {kind.__annotations__[field].__forward_arg__}" for field in fields
    ]
    everything: dict[str, object] = {}
    for part in reversed(kind.__mro__):
        if part is kind or _is_private(part):  # what is common to two of them is each one's own
            everything |= vars(part)
    for member, what in sorted(everything.items()):
        function = getattr(what, "__func__", what)
        if member in fields or (member.startswith("_") and member != "__init__"):
            continue
        if inspect.isfunction(function):
            signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
            awaited = "async " if inspect.iscoroutinefunction(function) else ""
            lines.append(f"{awaited}{prefix}.{member}{signature}")
        elif isinstance(what, property):
            lines.append(f"{prefix}.{member}: {inspect.signature(what.fget).return_annotation}")
    return lines


def public_api() -> str:
    lines = [
        *_surface(keel, "keel"),
        *_surface(keel.config, "keel.config"),
        *_surface(keel.engines, "keel.engines"),
        *_surface(keel.sim, "keel.sim"),
        *_surface(keel.sim.traffic, "keel.sim.traffic"),
    ]
    return "\n".join(lines) + "\n"


def test_the_public_surface():
    """Renew it with `python tests/python/test_package.py > tests/python/public_api.txt`."""
    assert public_api() == (HERE / "public_api.txt").read_text()


def test_whatever_is_public_is_described():
    for module in (keel, keel.config, keel.engines, keel.sim, keel.sim.traffic):
        for name in vars(module).get("__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                assert inspect.getdoc(value), name


@pytest.mark.parametrize("checker", ["mypy"])
def test_types_check(checker):
    done = subprocess.run(
        [sys.executable, "-m", checker, "--no-incremental", "--no-error-summary"],
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_is_tidy():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--quiet", "python", "tests"],
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    print(public_api(), end="")
