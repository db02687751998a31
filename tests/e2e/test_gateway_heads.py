"""Ten thousand generated heads: whatever our server accepts, h11 accepts with the same framing.
What only ours refuses is refused by one of the rules below, and by no other."""

from __future__ import annotations

import collections
import random
import re
import socket

import h11
import pytest
from town import Provider

HEADS = 10_000
SENTINEL = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"

STRICTER = {
    "bare_line_ending": "h11 takes LF for CRLF, as RFC 9112 2.2 permits; two readers may disagree",
    "folded_line": "h11 unfolds lines; RFC 9112 5.2 lets a server refuse them",
    "repeated_content_length": "h11 takes two lengths that are equal",
    "bad_content_length": "h11 takes `3, 3`",
    "length_and_encoding": "h11 lets the encoding win; RFC 9112 6.1 calls it a sign of smuggling",
    "encoding_in_http_1_0": "h11 reads chunks in HTTP/1.0; RFC 9112 6.1 calls the framing faulty",
    "no_host": "h11 lets HTTP/1.0 go without; we answer for no name by default",
    "bad_field_value": "h11 takes DEL; RFC 9110 5.5 does not",
    "bad_host": "h11 does not look at what a Host says",
    "bad_target": "h11 takes absolute and authority forms; we are no proxy",
    "bad_version": "h11 takes any HTTP/1.x digit",
}

METHODS = [b"GET", b"POST", b"POST", b"POST", b"PUT", b"G(T", b"get", b""]
TARGETS = [
    b"/health",
    b"/mock/none",
    b"/mock/none?a=b",
    b"*",
    b"http://a/",
    b"a:80",
    b"/a b",
    b"/\x01",
]
VERSIONS = [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.10"]
HOSTS = [b"Host: a"] * 8 + [
    b"Host: a:80",
    b"HOST:a",
    b"Host: [::1]:3",
    b"Host: a b",
    b"Host:",
    b"Host: a/b",
]
LENGTHS = [b"5", b"5", b"0", b"+5", b"5, 5", b"05", b"0x5", b"-1", b"5 5", b"", b"\t5 ", b"6"]
ENCODINGS = [
    b"chunked",
    b"chunked",
    b"Chunked",
    b"gzip",
    b"xchunked",
    b"chunked, gzip",
    b" chunked ",
    b"",
]
OTHERS = [
    b"X-A: b",
    b"X-A:",
    b"X A: b",
    b"X-A : b",
    b": b",
    b"X-A: b\r\n c",
    b"X-A: \xc3\xa9",
    b"X-A: a\x00b",
    b"X-A: a\x7fb",
    b"X-A: a\rb",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Expect: 100-continue",
    b"no colon",
]
BODIES = [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5;x=y\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n"]


def mostly(chance: random.Random, right: bytes, others: list[bytes]) -> bytes:
    return right if chance.random() < 0.9 else chance.choice(others)


def made(chance: random.Random) -> bytes:
    """Mostly right in each place, so that single faults and pairs of them are common."""
    framing = chance.choice(["none", "length", "chunked"])
    fields = [] if chance.random() < 0.03 else [mostly(chance, b"Host: a", HOSTS)]
    if chance.random() < 0.03:
        fields.append(b"Host: other")
    for _ in range(chance.choices([0, 1, 2], [1, 18, 1] if framing == "length" else [18, 1, 1])[0]):
        fields.append(b"Content-Length: " + mostly(chance, b"5", LENGTHS))
    for _ in range(
        chance.choices([0, 1, 2], [1, 18, 1] if framing == "chunked" else [18, 1, 1])[0]
    ):
        fields.append(b"Transfer-Encoding: " + mostly(chance, b"chunked", ENCODINGS))
    for _ in range(chance.choice([0, 0, 1])):
        fields.append(chance.choice(OTHERS))
    chance.shuffle(fields)
    line = b" ".join(
        [
            mostly(chance, b"POST", METHODS),
            mostly(chance, b"/mock/none", TARGETS),
            mostly(chance, b"HTTP/1.1", VERSIONS),
        ]
    )
    ending = b"\n" if chance.random() < 0.03 else b"\r\n"
    before = b"\r\n" if chance.random() < 0.02 else b""
    body = {"none": b"", "length": b"hello", "chunked": b"5\r\nhello\r\n0\r\n\r\n"}[framing]
    return before + ending.join([line, *fields, b"", b""]) + mostly(chance, body, BODIES)


class Judged(collections.namedtuple("Judged", "requests refused")):
    """How many requests were read, and what ended the reading: a rule, or nothing."""


def by_h11(text: bytes) -> Judged:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(text)
    connection.receive_data(b"")
    requests = 0
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.EndOfMessage):
                requests += 1
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return Judged(requests, None)
                connection.start_next_cycle()
            elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return Judged(requests, None)
    except h11.RemoteProtocolError as error:
        return Judged(requests, str(error))


def by_ours(port: int, text: bytes) -> Judged:
    got = b""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                got += more
        except ConnectionError:
            pass
    statuses = re.findall(rb"HTTP/1\.1 ([2-5]\d\d)", got)
    refused = re.search(rb"request refused: (\w+)", got)
    return Judged(len(statuses) - bool(refused), refused and refused[1].decode())


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path) as provider:
        yield provider


def test_whatever_we_accept_h11_accepts_with_the_same_framing(mock):
    chance = random.Random(20)
    accepted = refused_by_both = 0
    only_ours: collections.Counter[str] = collections.Counter()
    for _ in range(HEADS):
        text = made(chance) + SENTINEL
        theirs, ours = by_h11(text), by_ours(mock.port, text)
        # What was read before the reading ended was read alike; nobody else would read more.
        assert ours.requests <= theirs.requests, text
        if ours.refused is None and ours.requests > 0:
            accepted += 1
            assert ours.requests == theirs.requests, text
        elif ours.requests == theirs.requests:
            refused_by_both += 1
        else:
            only_ours[ours.refused or "no answer"] += 1
    assert set(only_ours) == set(STRICTER), (only_ours, accepted, refused_by_both)
    assert accepted > HEADS / 4
    assert refused_by_both > HEADS / 50
    assert sum(only_ours.values()) > HEADS / 50
