"""Where the native program `keeld` is."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from . import CommandError


def keeld() -> str:
    """Its path: beside this interpreter's scripts, beside the `keel` that runs, or on PATH."""
    folders = [
        sysconfig.get_path("scripts"),
        os.path.dirname(sys.executable),
        os.path.dirname(os.path.abspath(sys.argv[0])),
    ]
    for folder in folders:
        path = Path(folder) / "keeld"
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    found = shutil.which("keeld")
    if found is None:
        raise CommandError(
            "cannot find the program keeld: not in "
            + ", ".join(folders)
            + ", not on PATH; it is installed together with keel-relay"
        )
    return found
