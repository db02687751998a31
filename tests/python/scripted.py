"""A provider that sends exactly the bytes a test wrote: what the fake provider would never say."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Step = bytes | float | None  # bytes are sent, seconds waited, None: nothing more until closed


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**body, "choices": [choice], **more}).encode() + b"\n\n"


def text(*words: str) -> list[Step]:
    return [event({"role": "assistant", "content": ""}), *(event({"content": w}) for w in words)]


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


class Scripted:
    """`steps`: what to answer, by model. Ends without a last chunk, so a script's end is a cut
    unless it says DONE."""

    def __init__(self, url: str, steps: dict[str, Sequence[Step]]) -> None:
        self.url = url
        self.steps = steps
        self.asked: list[dict[str, Any]] = []
        self.open = 0
        self.sent = 0
        self.lock = threading.Lock()


@contextmanager
def scripted(steps: dict[str, Sequence[Step]]) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with state.lock:
                state.asked.append(body)
                state.open += 1
            try:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for step in state.steps[body["model"]]:
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
                self.connection.recv(1)  # returns when the client closes
            else:
                time.sleep(step)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

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
