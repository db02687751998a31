"""The processes of the gateway benchmarks: a provider, and gateways before it, on this machine.

Each runs in one thread as far as it can, all listen on loopback only, and whatever was started is
ended by its own process id.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CLIENT_KEY = "ck-bench"


class Tree(NamedTuple):
    """Where the programs are."""

    build: Path  # a CMake tree with keeld, the plugins and the load generator
    work: Path  # what may be thrown away

    @property
    def keeld(self) -> Path:
        return self.build / "cpp/keeld/keeld"

    @property
    def load(self) -> Path:
        return self.build / "tests/bench/bench_load"

    @property
    def provider(self) -> Path:
        return self.build / "tests/bench/bench_provider"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(done: Callable[[], bool], what: str) -> None:
    for _ in range(3000):
        if done():
            return
        time.sleep(0.02)
    raise TimeoutError(f"a minute, and still not: {what}")


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def pin(cpu: int | None) -> Callable[[], None] | None:
    return None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})


def queued_kib(port: int, provider_port: int) -> float:
    """Bytes in the sockets of the gateway at `port`: for its clients, and from its provider."""
    queued = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        sending, received = (int(queue, 16) for queue in queues.split(":"))
        if int(local.split(":")[1], 16) == port:
            queued += sending
        if int(remote.split(":")[1], 16) == provider_port:
            queued += received
    return queued / 1024


class Server:
    """One process that listens. `tool`: a command that runs it (valgrind, strace)."""

    def __init__(
        self,
        command: Sequence[str | Path],
        port: int | Path,
        log: Path,
        tool: Sequence[str] = (),
        cpu: int | None = None,
    ) -> None:
        """`port`: the port, or the file the process will write it to."""
        if isinstance(port, Path):
            port.unlink(missing_ok=True)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*tool, *command], stdout=output, stderr=output, preexec_fn=pin(cpu)
            )
        self.log = log

        def up() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended:\n{log.read_text()}")
            return port.exists() if isinstance(port, Path) else answers(port)

        wait_until(up, f"{command[0]} listens")
        self.port = int(port.read_text()) if isinstance(port, Path) else port
        self.pid = self._child() if tool and tool[0] == "strace" else self.process.pid

    def _child(self) -> int:
        tracer = self.process.pid
        return int(Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()[0])

    def cpu_ns(self) -> int:
        """On a CPU until now, all threads together."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def peak_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def private_kib(self) -> int:
        """What it has to itself, now."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        words = [line.split() for line in rollup]
        return sum(int(w[1]) for w in words if w[0] in ("Private_Clean:", "Private_Dirty:"))

    def stop(self) -> None:
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
                self.process.wait()


def provider(
    tree: Tree, events: int, gap_us: int, size: int = 180, cpu: int | None = None
) -> Server:
    ready = tree.work / "provider.port"
    command = [tree.provider, ready, str(events), str(gap_us), str(size)]
    return Server(command, ready, tree.work / "provider.log", cpu=cpu)


# ---- gateways ------------------------------------------------------------------------------------

NGINX = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx.error.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {work}/nginx.body;
  proxy_temp_path {work}/nginx.proxy;
  fastcgi_temp_path {work}/nginx.fastcgi;
  uwsgi_temp_path {work}/nginx.uwsgi;
  scgi_temp_path {work}/nginx.scgi;
  client_body_buffer_size 256k;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  upstream provider {{
    server 127.0.0.1:{provider};
    keepalive 256;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering {buffering};
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  http-reuse always
  option http-no-delay
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
frontend clients
  bind 127.0.0.1:{port}
  default_backend provider
backend provider
  server provider 127.0.0.1:{provider} pool-max-conn 256
"""


class Start(NamedTuple):
    """How gateways are started: before which provider, and by what tool on which CPU."""

    tree: Tree
    provider_port: int
    tool: Sequence[str] = ()
    cpu: int | None = None

    def server(self, command: Sequence[str | Path], port: int | Path, name: str) -> Server:
        return Server(command, port, self.tree.work / f"{name}.log", self.tool, self.cpu)


def nginx(start: Start, buffering: bool = True) -> Server:
    work, port = start.tree.work, free_port()
    name = "nginx-buffered" if buffering else "nginx-unbuffered"
    config = work / f"{name}.conf"
    config.write_text(
        NGINX.format(
            work=work,
            port=port,
            provider=start.provider_port,
            buffering="on" if buffering else "off",
        )
    )
    command = ["nginx", "-p", work, "-e", work / f"{name}.error.log", "-c", config]
    return start.server(command, port, name)


def haproxy(start: Start) -> Server:
    port = free_port()
    config = start.tree.work / "haproxy.conf"
    config.write_text(HAPROXY.format(port=port, provider=start.provider_port))
    return start.server(["haproxy", "-db", "-f", config], port, "haproxy")


def keel_config(tree: Tree, provider_port: int, everything: bool) -> dict[str, Any]:
    """One provider, asked as `m` or by the route's name; with tenants, limits, budgets and a
    request log if everything is on. Breaker, ledger and metrics always are."""
    model = {"price": {"in": 1, "out": 1}, "context": 128_000, "output": 4096}
    config: dict[str, Any] = {
        "version": "1.0",
        "providers": {
            "local": {
                "base_url": f"http://127.0.0.1:{provider_port}/v1",
                "keys": ["sk-bench"],
                "models": {"m": model},
            }
        },
        "routes": {"m": {"targets": ["local/m"]}, "support": {"targets": ["local/m"]}},
        "observability": {"log_level": "warning"},
    }
    if everything:
        limits = {
            "requests_per_minute": 1_000_000_000,
            "tokens_per_minute": 100_000_000_000,
            "concurrency": 10_000,
        }
        key = "sha256:" + hashlib.sha256(CLIENT_KEY.encode()).hexdigest()
        config["budgets"] = {"relay": {"usd": 8_000_000, "window": "day"}}
        config["tenants"] = {
            "shop": {
                "keys": [key],
                "limits": limits,
                "budget": {"usd": 4_000_000, "window": "day"},
            }
        }
        config["request_log"] = {"path": str(tree.work / "requests.jsonl")}
    return config


def keel(start: Start, everything: bool) -> Server:
    name = "keel-everything" if everything else "keel"
    work = start.tree.work
    config, ready = work / f"{name}.json", work / f"{name}.port"
    config.write_text(json.dumps(keel_config(start.tree, start.provider_port, everything)))
    plugins = ["--plugins", start.tree.build / "plugins"]
    listen = ["--listen", "127.0.0.1:0", "--port-file", ready]
    return start.server([start.tree.keeld, "serve", config, *listen, *plugins], ready, name)


# ---- load ----------------------------------------------------------------------------------------


def request(model: str, prompt_bytes: int, stream: bool = False) -> bytes:
    words = "Where is my order? " * (prompt_bytes // 19 + 1)
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": words[:prompt_bytes]}],
        "max_tokens": 512,
    }
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(asked, separators=(",", ":")).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.test\r\n"
        "User-Agent: OpenAI/Python 1.0\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {CLIENT_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(
    tree: Tree, port: int, asked: Path, connections: int, *options: str, cpu: int | None = None
) -> dict[str, Any]:
    """What bench_load found; a failed request is a failed run."""
    command = [tree.load, str(port), asked, str(connections), *options]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pin(cpu), check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    if found["failed"] or found["differing"] or not found["requests"]:
        raise RuntimeError(f"port {port}: {done.stdout}")
    return found


@contextmanager
def held_streams(tree: Tree, port: int, asked: Path, streams: int) -> Iterator[None]:
    """That many streams that have begun and are read no further."""
    command = [tree.load, str(port), asked, str(streams), "--hold", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        found = json.loads(holder.stdout.readline())
        if found["failed"] or found["held"] != streams:
            raise RuntimeError(f"port {port}: {found}")
        yield
        holder.stdin.close()
