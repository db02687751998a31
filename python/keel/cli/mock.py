"""`keel mock ...`: becomes `keeld mock ...`, so signals and exit codes are its own."""

from __future__ import annotations

import os
import sys

from .native import keeld


def main(arguments: list[str]) -> int:
    program = keeld()
    sys.stdout.flush()
    os.execv(program, [program, "mock", *arguments])
