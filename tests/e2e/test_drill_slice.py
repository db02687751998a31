"""A short night through the command: its report holds together, whatever the verdict.

The gates of a full night are `make drill`'s; here nothing depends on how fast the machine is.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keel.drill import judge

DRILL = [sys.executable, "-m", "keel.cli", "drill"]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    file = tmp_path_factory.mktemp("drill") / "result.json"
    done = subprocess.run(
        [*DRILL, "--seed", "3", "--duration", "12", "--rate", "12", "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert file.exists(), done.stderr
    return done, json.loads(file.read_text())


def test_the_exit_code_is_the_judges(short):
    done, result = short
    assert result["failures"] == judge(result)
    assert result["passed"] == (not result["failures"])
    assert done.returncode == (0 if result["passed"] else 1)
    assert ("PASSED" in done.stdout) == result["passed"]


def test_every_request_has_one_outcome(short):
    _, result = short
    for side in (result["naive"], result["keel"]):
        assert side["requests"] == sum(side["outcomes"].values()) > 30
        assert side["answered"] == side["outcomes"]["answered"] == sum(side["answered_by"].values())
        assert side["requests"] == sum(s["requests"] for s in side["scenes"].values())
        assert side["answered"] == sum(s["answered"] for s in side["scenes"].values())
    assert result["naive"]["requests"] == result["keel"]["requests"]


def test_no_reply_carries_anothers_nonce(short):
    _, result = short
    assert result["keel"]["crossed"] == 0
    assert result["naive"]["crossed"] == 0


def test_money_agrees(short):
    _, result = short
    money, keel = result["money"], result["keel"]
    assert 0 < money["billed_nano_usd"] <= money["posted_nano_usd"] <= money["budget_nano_usd"]
    assert money["billed_nano_usd"] == sum(money["billed_by"].values())
    assert money["posted_nano_usd"] == keel["cost_nano_usd"]
    assert money["held_nano_usd"] == 0


def test_keel_answers_what_the_naive_client_does_not(short):
    _, result = short
    assert result["keel"]["answered"] > result["naive"]["answered"]
    assert not any(lost["trace"] == "" for lost in result["lost"])


def test_the_table_and_the_sentences_are_printed(short):
    done, result = short
    for line in (
        "answered in time",
        "latency of the answered, p99",
        "sends per request",
        "answered by openai",
        "breaker transitions",
        "budget",
        "downgraded",
    ):
        assert line in done.stdout
    assert len(result["sentences"]) == 3
    for sentence in result["sentences"]:
        assert sentence in done.stdout
    assert "\x1b" not in done.stdout


def fake_providers(parent):
    """Pids of this drill's children: processes in Linux' /proc whose parent it is."""
    out = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            out.append(int(status.parent.name))
    return out


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_drill_leaves_nobody_behind(how):
    process = subprocess.Popen(
        [*DRILL, "--duration", "300", "--rate", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The first line of the view: everybody is up.
    while not process.stdout.readline().startswith("  0."):
        assert process.poll() is None, process.stderr.read()
    children = fake_providers(process.pid)
    assert len(children) == 6  # four fake providers, the naive client's own, and itself
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted" in errors
        assert "Traceback" not in errors
    until = time.monotonic() + 30
    while not all(gone(pid) for pid in children):
        assert time.monotonic() < until
        time.sleep(0.02)
