"""Writes the stub of keel._core from the built module.

`python tests/python/core_stub.py` prints it; `... > python/keel/_core.pyi` renews it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def core_stub() -> str:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pybind11_stubgen", "keel._core", "-o", folder],
            check=True,
            capture_output=True,
        )
        text = (Path(folder) / "keel" / "_core.pyi").read_text()
    # What pybind11 takes is wider than what we give it.
    text = text.replace("typing.SupportsInt | typing.SupportsIndex", "int")
    text = text.replace("typing.SupportsFloat | typing.SupportsIndex", "float")
    # Enumerations in the words type checkers know.
    text = re.sub(r"(\w+): typing\.ClassVar\[\w+\]", r"\1 = ...", text)
    text = re.sub(r" +@classmethod\n +def __new__\(cls, value\):\n +\.\.\.\n", "", text)
    text = re.sub(r"__version__: str = .*", "__version__: str", text)
    return text if "typing." in text else text.replace("import typing\n", "")


if __name__ == "__main__":
    print(core_stub(), end="")
