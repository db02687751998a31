"""The repository as the tidy tests see it: what is written by hand, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FOLDERS = ("cpp", "python", "plugins", "tests", "notebooks", ".ci")
_CODE = (".cpp", ".hpp", ".h", ".c", ".py", ".cmake", ".sh", ".map")
_CODE_NAMES = ("CMakeLists.txt", "Makefile", "run")
_NOT_OURS = ("LICENSE", ".git", "compile_commands.json")
_GENERATED = ("_core.pyi",)
_NOT_WRITTEN = {"__pycache__", "data", "corpus"}


@cache
def written() -> tuple[Path, ...]:
    """Every text file of the repository that a person edits, data and fuzz seeds left out."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name not in _NOT_OURS]
    for folder in _FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return tuple(
        path for path in sorted(found) if _NOT_WRITTEN.isdisjoint(path.relative_to(ROOT).parts[:-1])
    )


@cache
def code() -> tuple[Path, ...]:
    """Source and build files."""
    return tuple(
        path
        for path in written()
        if (path.suffix in _CODE or path.name in _CODE_NAMES) and path.name not in _GENERATED
    )


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def under(folder: str, *suffixes: str) -> list[Path]:
    """Source files below a folder of the repository."""
    base = ROOT / folder
    return [p for p in code() if base in p.parents and (not suffixes or p.suffix in suffixes)]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
