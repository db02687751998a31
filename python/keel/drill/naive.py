"""The client Keel is compared with: one provider, one key, retries as an official SDK does them.

It runs in a process of its own, `python -m keel.drill.naive`: it reads one line of JSON with the
night and the port, says `ready`, reads the moment the night begins, and then writes a line of JSON
per question.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import threading
import time
from typing import Any

from .load import Load, Record, Said
from .night import MAX_TOKENS, PRIMARY, Night
from .schedule import Arrival, schedule

# As the OpenAI SDK for Python has them.
MAX_RETRIES = 2
TIMEOUT_S = 600.0
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 8.0
LONGEST_SERVER_DELAY_S = 60.0


def should_retry(status: int, headers: http.client.HTTPMessage) -> bool:
    told = headers.get("x-should-retry")
    if told in ("true", "false"):
        return told == "true"
    return status in (408, 409, 429) or status >= 500


def delay_before_retry(retry: int, headers: http.client.HTTPMessage | None, jitter: float) -> float:
    """Seconds before retry number `retry` (0 is the first); `jitter` is drawn from [0, 1)."""
    asked = _server_delay(headers)
    if asked is not None and 0 < asked <= LONGEST_SERVER_DELAY_S:
        return asked
    return min(FIRST_DELAY_S * 2.0**retry, LONGEST_DELAY_S) * (1 - 0.25 * jitter)


def _server_delay(headers: http.client.HTTPMessage | None) -> float | None:
    if headers is None:
        return None
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * unit
        except (TypeError, ValueError):
            continue
    return None


class NaiveClient:
    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._chance = random.Random(seed)

    def ask(self, arrival: Arrival, deadline: float) -> Said:
        body = json.dumps(
            {
                "model": PRIMARY.model,
                "messages": arrival.prompt.messages(),
                "temperature": 0,
                "max_tokens": MAX_TOKENS,
            }
        ).encode()
        sends = 0
        while True:
            left = min(TIMEOUT_S, deadline - time.monotonic())
            if left <= 0:
                return Said(None, "deadline", sends)
            sends += 1
            headers = None
            try:
                status, headers, reply = self._post(body, left)
                if status == 200:
                    return Said(_content(reply), "", sends, PRIMARY.name)
                problem, again = str(status), should_retry(status, headers)
            except TimeoutError:
                problem, again = "deadline", True
            except (OSError, http.client.HTTPException):
                problem, again = "connection", True
            if not again or sends > MAX_RETRIES:
                return Said(None, problem, sends)
            pause = delay_before_retry(sends - 1, headers, self._chance.random())
            if time.monotonic() + pause >= deadline:
                # It would wake to nobody: the one who asked has left.
                time.sleep(max(0.0, deadline - time.monotonic()))
                return Said(None, "deadline", sends)
            time.sleep(pause)

    def _post(self, body: bytes, limit_s: float) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=limit_s)
        try:
            connection.request(
                "POST",
                "/v1/chat/completions",
                body,
                {"content-type": "application/json", "authorization": f"Bearer {PRIMARY.keys[0]}"},
            )
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()


def _content(reply: bytes) -> str:
    """The text of a completion; empty if it is none."""
    try:
        return str(json.loads(reply)["choices"][0]["message"]["content"])
    except (ValueError, LookupError, TypeError):
        return ""


def _write(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    told = json.loads(sys.stdin.readline())
    night = Night(told["seed"], told["duration_s"], told["rate"])
    client = NaiveClient(told["port"], night.seed)

    def on_record(record: Record) -> None:
        _write(record.as_dict())

    load = Load(schedule(night), client.ask, on_record)
    _write({"ready": True})
    t0 = float(sys.stdin.readline())

    def stop_when_told() -> None:
        os.read(0, 1)  # the drill stops early, or is gone; sys.stdin would be locked at exit
        load.stop()

    threading.Thread(target=stop_when_told, daemon=True).start()
    load.run(t0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
