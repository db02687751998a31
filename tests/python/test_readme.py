"""README is run: every snippet in its order, against a real fake provider.

A comment before a fenced block says what the block is: `<!-- file: NAME -->` is written, `<!-- run
-->` is executed (`<!-- run: A=b -->` in that environment), `<!-- prints -->` is what the Python
before it prints, numbers aside.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^<!-- (file|run|prints)(?:: (.+?))? -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    what: str
    argument: str
    language: str
    text: str


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [Block(*found) for found in BLOCK.findall(text)]


def without_numbers(text: str) -> str:
    """Nor their digits' number, and so neither a column's width."""
    text = re.sub(r"^request [0-9a-f]+", "request", text, flags=re.M)
    return re.sub(r" +", " ", re.sub(r"[0-9][0-9,]*", "0", text))


def run(block: Block, folder: Path) -> str:
    command = {"python": [sys.executable, "-"], "sh": ["bash", "-euo", "pipefail"]}[block.language]
    scripts = sysconfig.get_path("scripts")
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    environment = dict(os.environ, PATH=path, PWD=str(folder))  # as a shell there would have it
    environment.update(pair.split("=", 1) for pair in block.argument.split())
    done = subprocess.run(
        command,
        input=block.text,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{block.text}\nended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def test_every_snippet_does_what_readme_says(
    start_mock: Callable[..., object], tmp_path: Path
) -> None:
    found = blocks()
    folder = tmp_path / "reader"
    folder.mkdir()
    for block in found:
        if block.what == "file":
            (folder / block.argument).parent.mkdir(exist_ok=True)
            (folder / block.argument).write_text(block.text)
    mock = start_mock(None, "--script", str(folder / "mock.yaml"))
    port = f"127.0.0.1:{mock.port}"  # type: ignore[attr-defined]
    for path in folder.glob("*.yaml"):
        path.write_text(path.read_text().replace("127.0.0.1:9100", port))
    printed = ""
    for block in found:
        if block.what == "run":
            text = block.text.replace("127.0.0.1:9100", port)
            printed = run(block._replace(text=text), folder)
        elif block.what == "prints":
            assert without_numbers(printed).strip() == without_numbers(block.text).strip()


def test_every_python_snippet_is_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("```python") == sum(b.language == "python" for b in blocks()) > 0
    assert text.count("```yaml") == sum(b.language == "yaml" for b in blocks()) > 0


@pytest.mark.parametrize("target", ["drill", "test"])
def test_the_first_commands_exist(target: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^make {target}\b", readme[:400], re.M)
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
