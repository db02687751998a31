"""`keel mock` becomes the native program: its arguments, signals and exit codes are its own."""

import http.client
import signal
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "keel.cli", "mock"]


def test_help_is_the_native_programs():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "usage: keeld mock" in done.stdout


def test_an_unknown_option_ends_with_two():
    done = subprocess.run([*COMMAND, "--nonsense"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


def test_it_serves_until_it_is_told_to_stop(tmp_path):
    port_file = tmp_path / "port"
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--port-file", str(port_file)], stdout=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 30
        while not port_file.exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        connection = http.client.HTTPConnection("127.0.0.1", int(port_file.read_text()), timeout=10)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_where_it_is_not_installed_it_says_so(monkeypatch, tmp_path, capsys):
    from keel import cli

    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "keel")])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["mock"]) == 2
    assert "cannot find the program keeld" in capsys.readouterr().err
