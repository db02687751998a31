"""One version everywhere, and licences where they belong."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path

from source_tree import ROOT, text_of

import keel


def in_cmake() -> str:
    match = re.search(r"project\(keel VERSION ([0-9.]+)", text_of(ROOT / "CMakeLists.txt"))
    assert match
    return match[1]


def test_python_and_cmake_agree():
    assert keel.__version__ == in_cmake()
    assert metadata.version("keel-relay") == in_cmake()


def test_the_native_program_agrees():
    keeld = Path(sysconfig.get_path("scripts")) / "keeld"
    said = subprocess.run([keeld, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"keeld {in_cmake()}\n"


def test_the_changelog_knows_this_version():
    assert re.search(rf"^## {re.escape(in_cmake())}\b", text_of(ROOT / "CHANGELOG.md"), re.M)


def test_the_licence_is_the_one_that_is_declared():
    assert 'license = "Apache-2.0"' in text_of(ROOT / "pyproject.toml")
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.lstrip().startswith("Apache License")
    assert "Version 2.0, January 2004" in licence


def test_borrowed_data_says_whose_it_is():
    folders = {
        path.parent
        for top in ("tests/data", "python/keel/data")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "config" not in path.parts and "__pycache__" not in path.parts
    }
    assert folders
    for folder in folders:
        said = (folder / "README.md").read_text(encoding="utf-8")
        assert re.search(r"licen[cs]e|apache-2\.0", said, re.IGNORECASE), folder
