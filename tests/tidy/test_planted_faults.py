"""Planted faults (tests/faults) must still fit the code they are planted in."""

from __future__ import annotations

import re
import subprocess

import pytest
from source_tree import ROOT, text_of

PATCHES = sorted((ROOT / "tests/faults").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_a_fault_can_be_planted(patch):
    command = ["patch", "--dry-run", "--strip=1", "--forward", "--force", "--input", str(patch)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_a_fault_says_what_it_is_and_what_finds_it(patch):
    head = text_of(patch).split("\n--- ", 1)[0]
    assert re.search(r"^Fault: .{20,}$", head, re.MULTILINE)
    assert re.search(r"^Invariant: [A-Z][0-9](?: [A-Z][0-9])*$", head, re.MULTILINE)
    assert f"| `{patch.stem}`: " in text_of(ROOT / "tests/faults/README.md")


def test_there_are_enough_of_them():
    assert len(PATCHES) >= 25
