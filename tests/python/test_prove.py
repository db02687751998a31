"""Three planted faults of the many that `make prove` hunts: the checker must stop each of them, and
nothing where none is planted. (Compiled in a copy of the sources; the compiler's cache knows it.)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = ("one_trial_too_many", "missing_usage_is_free", "silent_target_again")


@pytest.mark.skipif(
    not (ROOT / "build/release/CMakeCache.txt").exists() or not shutil.which("cmake"),
    reason="needs the tree that `make build` makes",
)
def test_planted_faults_are_found():
    prove = str(ROOT / "tests/faults/prove.py")
    done = subprocess.run(
        [sys.executable, prove, *FAULTS, "--seeds", "50"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"all {len(FAULTS)} found" in done.stdout
