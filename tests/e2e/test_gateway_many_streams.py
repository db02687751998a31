"""Two hundred streams at once: idle ones, and readers that fall behind. What each of them costs the
gateway is bounded, and none is forgotten."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import time

import pytest
from gateway_house import Gateway
from town import route_over, wait_until

from scripted import DONE, USAGE, event, scripted, text

STREAMS = 200
LEAVING = 20
MOST_PER_IDLE_STREAM = 128 << 10
# What waits for its client (64 KiB, and what was on its way when the provider was told to wait), in
# the buffer that fills and the one being written, and the text so far, for a resume: twice the
# pieces' size in the worst moment of a growing string.
MOST_PER_SLOW_READER = 768 << 10
HELD = 'keel_budget_held_usd{account="relay"}'

PIECE = 16 << 10
PIECES = [f"{n:03}" + chr(97 + n % 26) * (PIECE - 3) for n in range(64)]
LONG = [*text(*PIECES), event(finish="stop", usage=USAGE), DONE]
LENGTH = sum(map(len, LONG))


class Reader:
    """One stream. Its buffers are small and its packets are those of a network, so that what it has
    not read waits in the gateway and not in this machine's kernel."""

    def __init__(self, port: int) -> None:
        self.read = 0
        self.hash = hashlib.sha256()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        body = {"model": "r", "messages": [{"role": "user", "content": "x"}], "max_tokens": 50}
        sent = json.dumps({**body, "stream": True}).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
        self.socket.sendall(head % len(sent) + sent)
        self.reply = http.client.HTTPResponse(self.socket)

    def begin(self) -> None:
        self.reply.begin()
        assert self.reply.status == 200

    def hurry(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def take(self, most: int) -> bool:
        got = self.reply.read1(most)
        self.read += len(got)
        self.hash.update(got)
        return bool(got)

    def close(self) -> None:
        self.reply.close()
        self.socket.close()


@pytest.fixture
def readers():
    made: list[Reader] = []
    yield made
    for reader in made:
        reader.close()


def house(folder, provider):
    config = route_over(provider.url, health_check={"interval": 0})
    config["routes"]["r"]["stream"] = {"stall": 60}  # whatever else this machine is doing
    return Gateway(folder, config)


def test_idle_streams(tmp_path, readers):
    with scripted({"m": [*text("one "), None]}) as provider, house(tmp_path, provider) as gateway:
        with_one = Reader(gateway.port)
        readers.append(with_one)
        with_one.begin()
        before = gateway.memory()
        readers += [Reader(gateway.port) for _ in range(STREAMS)]
        for reader in readers[1:]:
            reader.begin()
        for reader in readers:
            assert reader.take(4096)
        wait_until(lambda: provider.waiting == STREAMS + 1, 20, "all streams are idle")
        each = (gateway.memory() - before) / STREAMS
        print(f"an idle stream: {each / 1024:.1f} KiB")
        assert each < MOST_PER_IDLE_STREAM
        for reader in readers:
            reader.close()
        wait_until(lambda: provider.open == 0, 20, "upstream is closed")
        wait_until(lambda: gateway.metric(HELD) == 0, 20, "nothing is held")


def test_readers_that_fall_behind(tmp_path, readers):
    with (
        scripted({"m": LONG}, send_buffer=16 << 10) as provider,
        house(tmp_path, provider) as gateway,
    ):
        before = gateway.memory()
        readers += [Reader(gateway.port) for _ in range(STREAMS)]
        for reader in readers:
            reader.begin()
        # Until the provider has to wait: what it has sent does not grow any more.
        sent = -1
        while sent != provider.sent or sent == 0:
            sent = provider.sent
            for reader in readers:
                reader.take(512)
            time.sleep(0.2)
        ahead = (sent - sum(reader.read for reader in readers)) / STREAMS
        each = (gateway.memory() - before) / STREAMS
        print(f"a slow reader: {each / 1024:.1f} KiB, the provider is {ahead / 1024:.0f} KiB ahead")
        assert provider.open == STREAMS
        assert each < MOST_PER_SLOW_READER
        assert ahead < LENGTH / 2
        for reader in readers[:LEAVING]:  # with much unread
            reader.close()
        wait_until(lambda: provider.open == STREAMS - LEAVING, 20, "their upstream is closed")
        # One after the other comes to its end, while the others wait.
        whole = hashlib.sha256(b"".join(LONG)).digest()
        for reader in readers[LEAVING:]:
            reader.hurry()
            while reader.take(1 << 20):
                pass
            assert (reader.read, reader.hash.digest()) == (LENGTH, whole)
        requests = 'keel_requests_total{route="r",outcome="%s"}'
        assert gateway.metric(requests % "ok") == STREAMS - LEAVING
        assert gateway.metric(requests % "cancelled") == LEAVING
        assert gateway.metric(HELD) == 0
        print(f"afterwards {(gateway.memory() - before) / 1024:.0f} KiB more than before")
