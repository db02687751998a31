"""The gateway's HTTP side: what it answers, what it refuses, what it says in its heads."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess

import pytest
from gateway_house import Gateway
from town import KEELD, Provider, route_over

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def mock(tmp_path):
    with Provider(tmp_path / "p", {"models": ["m"]}) as provider:
        yield provider


@pytest.fixture
def gateway(tmp_path, mock):
    with Gateway(tmp_path / "g", route_over(mock.url)) as running:
        yield running


def test_a_chat_and_what_its_head_says(gateway):
    answer = gateway.chat("[[nonce=one]] [[in=10]] [[out=5]]", {"x-request-id": "mine-1"})
    assert answer.status == 200
    assert "[[nonce=one]]" in answer.json["choices"][0]["message"]["content"]
    head = answer.headers
    assert head["x-request-id"] == "mine-1"
    assert head["x-keel-target"] == "p0/m"
    assert head["x-keel-attempts"] == "1"
    assert float(head["x-keel-cost-usd"]) == pytest.approx(20e-6)
    assert 0 <= float(head["x-keel-overhead-ms"]) < 1000
    assert head["content-type"] == "application/json"


def test_embeddings_go_the_same_way(gateway, mock):
    answer = gateway.call("/v1/embeddings", {"model": "r", "input": ["one", "two"]})
    assert answer.status == 200
    assert len(answer.json["data"]) == 2
    assert mock.state()["requests"] == 1


def test_health_models_and_metrics(gateway):
    health = gateway.call("/health").json
    assert health["status"] == "healthy"
    assert health["uptime"] >= 0
    for path in ("/health/liveness", "/health/liveliness", "/health/readiness"):
        assert gateway.call(path).status == 200, path
    assert [model["id"] for model in gateway.call("/v1/models").json["data"]] == ["r"]
    gateway.chat()
    assert gateway.metric('keel_requests_total{route="r",outcome="ok"}') == 1


def test_a_trace_is_kept_for_whose_request_it_was(tmp_path, mock):
    tenants = {"shop": {"keys": ["sk-shop"]}, "mill": {"keys": ["sk-mill"]}}
    shop, mill = ({"authorization": f"Bearer sk-{name}"} for name in tenants)
    with Gateway(tmp_path / "g", route_over(mock.url, tenants=tenants)) as gateway:
        assert gateway.chat(headers={**shop, "x-request-id": "mine"}).status == 200
        path = "/v1/requests/mine/trace"
        trace = gateway.call(path, headers=shop).json
        assert trace["id"] == "mine"
        assert trace["tenant"] == "shop"
        assert trace["lines"][0]["stage"] == "begin"
        assert trace["attempts"][0]["class"] == "ok"
        assert gateway.call(path).status == 401
        assert gateway.call(path, headers=mill).status == 404
        assert gateway.call("/v1/requests/none/trace", headers=shop).status == 404


def test_what_is_not_there_is_said_to_be_not_there(gateway):
    nowhere = gateway.call("/v1/nowhere")
    assert nowhere.status == 404
    assert "POST /v1/chat/completions" in nowhere.json["error"]["message"]
    wrong = gateway.call("/v1/chat/completions")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert gateway.call("/health", b"{}").headers["allow"] == "GET, HEAD"
    assert gateway.call("/health", method="HEAD").status == 200
    model = gateway.chat(model="nobody")
    assert (model.status, model.code) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"model":"r","messages":3}', {}, 400),
        (b'{"model":"r","model":"r","messages":[]}', {}, 400),
        (b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b'{"model":"r","messages":[]}', {"x-keel-timeout": "soon"}, 400),
        (b'{"model":"r","messages":[]}', {"x-keel-hops": "5"}, 508),
    ],
)
def test_what_cannot_be_served_is_refused_before_any_send(gateway, mock, body, headers, status):
    answer = gateway.call("/v1/chat/completions", body, headers)
    assert answer.status == status
    assert answer.json["error"]["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    assert mock.state()["requests"] == 0


def test_a_body_over_the_limit_is_refused_before_it_is_sent(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.putrequest("POST", "/v1/chat/completions")
    connection.putheader("content-length", str(33 << 20))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.load(answer)["error"]["code"] == "request_too_large"
    connection.close()


def test_the_providers_error_keeps_its_bytes_and_is_not_asked_again(gateway, mock):
    mock.script({"default": {"error": {"status": 400, "message": "no such thing"}}})
    answer = gateway.chat()
    assert answer.status == 400
    assert answer.json["error"]["message"] == "no such thing"
    assert answer.headers["x-should-retry"] == "false"
    assert mock.state()["requests"] == 1


def test_readiness_says_why_not(tmp_path):
    with Provider(tmp_path / "p") as mock:
        config = route_over(mock.url)
        config["providers"]["p0"]["keys"] = ["sk-test"]
        with Gateway(tmp_path / "g", config) as gateway:
            mock.script({"default": {"error": 401}})
            assert gateway.chat().status == 502
            answer = gateway.call("/health/readiness")
            assert answer.status == 503
            assert "p0/m" in answer.json["reasons"][0]


def test_tenants_bring_their_keys(tmp_path, mock):
    config = route_over(
        mock.url,
        tenants={"shop": {"keys": ["sk-shop"]}, "lab": {"keys": ["sk-lab"], "enabled": False}},
    )
    with Gateway(tmp_path / "g", config) as gateway:
        missing = gateway.chat()
        assert (missing.status, missing.code) == (401, "unauthorized")
        assert gateway.chat(headers={"authorization": "Bearer sk-wrong"}).status == 401
        for head in ({"authorization": "Bearer sk-shop"}, {"x-api-key": "sk-shop"}):
            assert gateway.chat(headers=head).status == 200
        frozen = gateway.chat(headers={"api-key": "sk-lab"})
        assert (frozen.status, frozen.code) == (403, "account_frozen")
        assert gateway.call("/v1/models").status == 401
        assert gateway.call("/health").status == 200
        assert gateway.call("/metrics").status == 200
        assert mock.state()["requests"] == 2
        for _ in range(30):
            last = gateway.chat(headers={"authorization": "Bearer sk-guess"})
        assert (last.status, last.code) == (429, "rate_limited")
        assert gateway.chat(headers={"authorization": "Bearer sk-shop"}).status == 200


def test_elsewhere_than_here_only_with_keys(tmp_path, mock):
    file = tmp_path / "keel.json"
    file.write_text(json.dumps(route_over(mock.url)))
    done = subprocess.run(
        [KEELD, "serve", file, "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "tenants" in done.stderr


def test_check_says_all_that_is_wrong(tmp_path, mock):
    file = tmp_path / "keel.json"
    file.write_text(json.dumps(route_over(mock.url, nonsense=1, budgets={"relay": {"usd": -1}})))
    done = subprocess.run(
        [KEELD, "serve", file, "--check"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    file.write_text(json.dumps(route_over(mock.url)))
    assert subprocess.run([KEELD, "serve", file, "--check"], timeout=30).returncode == 0


def test_what_goes_on_to_the_provider(tmp_path):
    """By a socket that shows what it was sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = route_over(
        f"http://127.0.0.1:{listener.getsockname()[1]}/v1", health_check={"interval": 0}
    )
    with listener, Gateway(tmp_path / "g", config) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        body = b'{ "model":"r","seed":1e2 , "messages":[{"role":"user","content":"\\u0041"}]}'
        sent = {
            "content-type": "application/json",
            "authorization": "Bearer sk-client",
            "cookie": "a=b",
            "x-stainless-lang": "python",
            "traceparent": TRACEPARENT,
            "user-agent": "OpenAI/Python 3",
        }
        connection.request("POST", "/v1/chat/completions", body, sent)
        upstream, _ = listener.accept()
        with upstream:
            upstream.settimeout(10)
            got = b""
            while b"content" not in got.partition(b"\r\n\r\n")[2]:
                got += upstream.recv(65536)
        connection.close()
    head, _, arrived = got.partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert b"Bearer sk-test" in head
    assert not {b"cookie", b"x-stainless-lang"} & set(names)
    assert arrived == body.replace(b'"r"', b'"m"')
    assert b"traceparent: " + TRACEPARENT.encode() in head
    assert b"x-keel-hops: 1" in head
    assert b"OpenAI/Python 3" in head
