"""`keel serve CONFIG ...`: becomes `keeld serve`, so signals and exit codes are its own."""

from __future__ import annotations

import os
import sys

from .native import keeld


def main(arguments: list[str]) -> int:
    from keel.config import plugin_directories

    program = keeld()
    plugins = [word for folder in plugin_directories() for word in ("--plugins", folder)]
    if "--plugins" in arguments:
        plugins = []
    sys.stdout.flush()
    os.execv(program, [program, "serve", *arguments, *plugins])
