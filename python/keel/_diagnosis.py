"""Why the extension module could not be imported, in words."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from pathlib import Path


def explain_import_error(error: ImportError) -> str:
    here = Path(__file__).parent
    wanted = "_core" + str(sysconfig.get_config_var("EXT_SUFFIX"))
    found = sorted(path.name for path in here.glob("_core*.so"))
    system = os.uname()  # platform.platform() starts a process, which a sub-interpreter may not
    lines = [
        f"keel's extension module could not be loaded: {error}",
        f"  interpreter: {sys.implementation.name} {platform.python_version()}, {sys.executable}",
        f"  platform:    {system.sysname} {system.release} {system.machine}",
        f"  wanted:      {here / wanted}",
        f"  found:       {', '.join(found) if found else 'no extension module'}",
    ]
    if "sub-interpreters" in str(error):
        cause = "keel runs in the main interpreter only"
    elif not found:
        cause = (
            "keel is imported from its source tree, where nothing is built; leave that directory "
            "or install with `pip install .`"
        )
    elif wanted not in found:
        cause = "keel was installed for another Python version; install it again for this one"
    elif "libcurl" in str(error) or "cannot open shared object" in str(error):
        cause = "a shared library is missing on this machine (the message names it)"
    else:
        cause = "the module was built for another system than this one; install it again here"
    return "\n".join([*lines, f"  likely:      {cause}"])
