"""The FastAPI example under uvicorn: whole answers, streams, errors, clients that go away."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import document, wait_until
from scripted import DONE, event, scripted, text

FOLDER = Path(__file__).parent / "fastapi_example"


@contextlib.contextmanager
def serve(configuration: dict[str, Any], folder: Path) -> Iterator[httpx.Client]:
    (folder / "keel.yaml").write_text(json.dumps(configuration))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-W", "error", "-m", "uvicorn", "app:app", "--no-access-log"]
        server = subprocess.Popen(
            [*command, "--fd", str(listener.fileno()), "--log-level", "warning"],
            cwd=FOLDER,
            env={**os.environ, "KEEL_CONFIG": str(folder / "keel.yaml")},
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        limits = httpx.Limits(max_connections=100)
        with httpx.Client(base_url=url, timeout=30, limits=limits, trust_env=False) as client:
            yield client
    finally:
        server.terminate()
        _, complaints = server.communicate(timeout=30)
    assert "Traceback" not in complaints, complaints
    assert "Error" not in complaints, complaints


def is_quiet(client: httpx.Client) -> bool:
    found = re.findall(
        r"^keel_(?:in_flight|budget_held_usd){.*} (\S+)$", client.get("/metrics").text, re.M
    )
    assert len(found) >= 2
    return not any(map(float, found))


def configuration(provider: Any, *models: str) -> dict[str, Any]:
    made = document(provider, *models, budgets={"relay": {"usd": 1000}})
    made["routes"] = {"support": made["routes"]["r"]}
    return made


def test_answers_whole_and_as_they_come(start_mock, tmp_path):
    mock = start_mock({"default": {"latency_ms": 5}})
    with serve(configuration(mock, "m"), tmp_path) as client:
        whole = client.post("/ask", json={"text": "Hello"}).raise_for_status().json()
        assert whole["model"] == "m"
        with client.stream("POST", "/stream", json={"text": "Hello"}) as answer:
            assert answer.status_code == 200
            assert "".join(answer.iter_text()) == whole["text"]

        def one(number):
            nonce = f"[[nonce={number}]]"
            path = ("/ask", "/stream")[number % 2]
            return nonce in client.post(path, json={"text": nonce}).raise_for_status().text

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(one, range(200)))
        assert is_quiet(client)


def test_errors_have_their_status(start_mock, tmp_path):
    error = {"status": 429, "retry_after": 120, "code": "rate_limit_exceeded"}
    mock = start_mock({"default": {"error": error}})
    with serve(configuration(mock, "m"), tmp_path) as client:
        for path in ("/ask", "/stream"):
            answer = client.post(path, json={"text": "Hello"})
            assert answer.status_code == 429
            assert float(answer.headers["retry-after"]) > 100


@pytest.mark.parametrize("silent", [False, True])
def test_a_client_that_goes_away_ends_the_stream(silent, tmp_path):
    after = [None] if silent else [0.05, event({"content": "more "})] * 400
    with scripted({"m": [*text("one ", "two "), *after, DONE]}) as provider:
        with serve(configuration(provider, "m"), tmp_path) as client:
            with client.stream("POST", "/stream", json={"text": "Hello"}) as answer:
                pieces = answer.iter_text()  # dropped, it would close the answer at once
                assert next(pieces).startswith("one ")
                assert provider.open == 1
            wait_until(lambda: provider.open == 0)
            wait_until(lambda: is_quiet(client))


def test_the_server_stops_with_streams_open(tmp_path):
    with scripted({"m": [*text("one "), None]}) as provider:
        with contextlib.ExitStack() as open_until_the_end:
            with serve(configuration(provider, "m"), tmp_path) as client:
                other = open_until_the_end.enter_context(httpx.Client(base_url=client.base_url))
                context = other.stream("POST", "/stream", json={"text": "Hello"})
                answer = open_until_the_end.enter_context(context)
                assert next(answer.iter_text()) == "one "
                open_until_the_end.close()
        wait_until(lambda: provider.open == 0)
