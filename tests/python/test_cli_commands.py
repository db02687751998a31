"""The dispatcher, and `keel check` and `keel config explain`, as a user's shell sees them."""

import subprocess
import sys

import pytest

GOOD = """\
version: "1.0"
providers:
  local:
    {base_url: "http://127.0.0.1:8000/v1", keys: [k], models: {llama: {price: {in: 1, out: 1}}}}
routes:
  support: {targets: [local/llama]}
"""

BAD = """\
version: "1.0"
providers:
  local: {base_url: "http://127.0.0.1:8000/v1", keys: [k], modles: {}}
routes:
  support: {targets: [local/llama], timeout: soon}
"""


def keel(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "keel.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def test_without_a_command_help_goes_to_standard_error():
    done = keel()
    assert done.returncode == 2
    assert "usage: keel" in done.stderr
    assert done.stdout == ""


def test_help_names_every_command():
    done = keel("--help")
    assert done.returncode == 0
    for command in ("check", "config", "drill", "mock", "prices", "serve", "simulate", "top"):
        assert command in done.stdout


def test_an_unknown_command_is_refused():
    done = keel("chek", "file")
    assert done.returncode == 2
    assert "chek" in done.stderr


def test_version_is_the_packages():
    done = keel("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("keel ")


@pytest.mark.parametrize(
    "command",
    [["check"], ["config"], ["config", "explain"], ["config", "nonsense"], ["check", "a", "b"]],
)
def test_wrong_arguments_end_with_two(command):
    assert keel(*command).returncode == 2


def test_check_of_a_good_file(tmp_path):
    file = tmp_path / "keel.yaml"
    file.write_text(GOOD)
    done = keel("check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{file}: ok"


def test_check_says_every_problem_with_its_line_and_path(tmp_path):
    file = tmp_path / "keel.yaml"
    file.write_text(BAD)
    done = keel("check", str(file))
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert any(line.startswith(f"{file}:3: providers.local") and "models" in line for line in said)
    assert any(line.startswith(f"{file}:5: routes.support.timeout") for line in said)
    assert "ok" not in done.stdout


def test_check_of_a_file_that_is_not_there(tmp_path):
    done = keel("check", str(tmp_path / "none.yaml"))
    assert done.returncode == 1
    assert "none.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_writes_defaults_out_and_can_be_read_again(tmp_path):
    file = tmp_path / "keel.yaml"
    file.write_text(GOOD)
    done = keel("config", "explain", str(file))
    assert done.returncode == 0
    assert "breaker" in done.stdout
    assert "${KEY_" in done.stdout


def test_explain_of_a_bad_file_says_its_problems(tmp_path):
    file = tmp_path / "keel.yaml"
    file.write_text(BAD)
    done = keel("config", "explain", str(file))
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"{file}:3: " in done.stderr


def test_the_drills_configuration_is_a_good_one(tmp_path):
    shown = keel("drill", "--show-config")
    assert shown.returncode == 0
    file = tmp_path / "drill.yaml"
    file.write_text(shown.stdout)
    done = keel("check", str(file))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "wrong", [["--rate", "0"], ["--duration", "-1"], ["--seed", "x"], ["--rate", "fast"], ["more"]]
)
def test_the_drill_refuses_nonsense(wrong):
    done = keel("drill", *wrong)
    assert done.returncode == 2
    assert "wanted" in done.stderr or "unrecognized" in done.stderr
