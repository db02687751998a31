"""`keel serve` becomes the native program, and tells it where the built-in policies are."""

import http.client
import json
import signal
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "keel.cli", "serve"]
CONFIG = {
    "version": "1.0",
    "providers": {
        "p": {
            "base_url": "http://127.0.0.1:9/v1",
            "dialect": "openai",
            "keys": [],
            "models": {"m": {"price": {"in": 1, "out": 1}}},
        }
    },
    "routes": {"r": {"targets": ["p/m"]}},
}


def test_help_is_the_native_programs():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "usage: keeld serve" in done.stdout


def test_it_serves_until_it_is_told_to_stop(tmp_path):
    config, port_file = tmp_path / "keel.json", tmp_path / "port"
    config.write_text(json.dumps(CONFIG))
    process = subprocess.Popen(
        [*COMMAND, str(config), "--listen", "127.0.0.1:0", "--port-file", str(port_file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
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


def test_a_configuration_with_problems_is_not_served(tmp_path):
    config = tmp_path / "keel.json"
    config.write_text(json.dumps({**CONFIG, "nonsense": 1}))
    done = subprocess.run([*COMMAND, str(config)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "nonsense" in done.stderr
