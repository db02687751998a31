"""A provider that sends exactly the bytes a test wrote: what the fake provider would never say."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Head(NamedTuple):
    """As the first step: a head other than that of a stream."""

    status: int
    fields: dict[str, str]


NO_HEAD = Head(0, {})

# Bytes are sent, seconds waited, None: nothing more until the client closes.
Step = Head | bytes | float | None
Steps = Sequence[Step] | Callable[[], Sequence[Step]]


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**body, "choices": [choice], **more}).encode() + b"\n\n"


def text(*words: str) -> list[Step]:
    return [event({"role": "assistant", "content": ""}), *(event({"content": w}) for w in words)]


def reply(body: bytes, status: int = 200, **fields: str) -> list[Step]:
    """An answer that is no stream."""
    sized = {"content-type": "application/json", "content-length": str(len(body))}
    return [Head(status, {**sized, **{k.replace("_", "-"): v for k, v in fields.items()}}), body]


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


class Scripted:
    """`steps`: what to answer, by model, or by "" where any model gets the same. Ends without a
    last chunk, so a script's end is a cut unless it says DONE."""

    def __init__(self, url: str, steps: dict[str, Steps]) -> None:
        self.url = url
        self.steps = steps
        self.asked: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.closed: list[float] = []  # when clients closed what waited for it, by time.monotonic()
        self.open = 0
        self.waiting = 0  # of those, how many wait for their client to close
        self.sent = 0
        self.lock = threading.Lock()


@contextmanager
def scripted(steps: dict[str, Steps], send_buffer: int | None = None) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            body = json.loads(raw)
            with state.lock:
                state.asked.append(body)
                state.bodies.append(raw)
                state.open += 1
            try:
                found = state.steps.get(body["model"]) or state.steps[""]
                steps = list(found() if callable(found) else found)
                head = Head(200, {"content-type": "text/event-stream"})
                if steps and isinstance(steps[0], Head):
                    head = steps.pop(0)
                if head is not NO_HEAD:
                    self.send_response(head.status)
                    for name, value in {**head.fields, "connection": "close"}.items():
                        self.send_header(name, value)
                    self.end_headers()
                for step in steps:
                    self.take(step)
            except OSError:
                pass  # the client has gone
            finally:
                with state.lock:
                    state.open -= 1

        def take(self, step: Step) -> None:
            if isinstance(step, bytes):
                self.wfile.write(step)
                with state.lock:
                    state.sent += len(step)
            elif step is None:
                self.connection.settimeout(60)
                with state.lock:
                    state.waiting += 1
                try:
                    self.connection.recv(1)  # returns when the client closes
                finally:
                    with state.lock:
                        state.closed.append(time.monotonic())
                        state.waiting -= 1
            elif not isinstance(step, Head):
                time.sleep(step)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

        def get_request(self) -> Any:
            accepted = super().get_request()
            if send_buffer:
                accepted[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            return accepted

        def handle_error(self, *_: Any) -> None:
            pass  # the client has gone

    server = Server(("127.0.0.1", 0), Handler)
    state = Scripted(f"http://127.0.0.1:{server.server_address[1]}/v1", dict(steps))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
