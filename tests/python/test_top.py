"""`keel top`: what it makes of a page, and what it says where there is none."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from keel.cli import CommandError, top

PAGE = r"""# HELP keel_build_info 1
# TYPE keel_build_info gauge
keel_build_info{version="0.1.0"} 1
keel_requests_total{route="support",outcome="ok"} %(ok)d
keel_requests_total{route="support",outcome="deadline"} 2
keel_requests_total{route="a \"b\"\n\\c",outcome="ok"} 1
keel_request_duration_seconds_bucket{route="support",le="0.5"} 0
keel_request_duration_seconds_bucket{route="support",le="1"} %(ok)d
keel_request_duration_seconds_bucket{route="support",le="+Inf"} %(ok)d
keel_cost_usd_total 1.25
keel_cache_requests_total{result="hit"} 3
keel_cache_requests_total{result="miss"} 1
keel_provider_up{provider="near"} 0
keel_provider_health_score{provider="near",model="m"} 0.25
keel_breaker_state{provider="near",model="m"} 2
keel_in_flight{provider="near",model="m"} 4
keel_attempts_total{provider="near",model="m",verdict="ok"} 10
keel_attempts_total{provider="near",model="m",verdict="transient"} 5
keel_key_up{provider="near",key="abc123"} 0
keel_budget_spent_usd{account="relay"} 40
keel_budget_held_usd{account="relay"} 10
keel_budget_limit_usd{account="relay"} 100
keel_budget_spent_usd{account="shop"} 0.5
keel_budget_held_usd{account="shop"} 0
"""


def page(ok: int, at: float) -> top.Page:
    return top.Page(PAGE % {"ok": ok}, at)


def test_rates_are_between_two_readings():
    view = top.view_of("u", top.Change(page(10, 0.0), page(30, 2.0)))
    assert view["version"] == "0.1.0"
    assert view["requests_per_second"] == 10
    assert view["errors_per_second"] == 0
    assert view["cache_hit_rate"] == 0.75
    assert view["routes"][0]["route"] == "support"
    assert view["routes"][0]["p50"] == 0.75
    assert view["routes"][1]["route"] == 'a "b"\n\\c'
    assert view["targets"] == [
        {
            "provider": "near",
            "model": "m",
            "score": 0.25,
            "breaker": "open",
            "in_flight": 4,
            "attempts_per_second": 0,
            "errors_per_second": 0,
            "p50": None,
            "p95": None,
        }
    ]
    assert view["accounts"][0] == {
        "account": "relay",
        "spent_usd": 40,
        "held_usd": 10,
        "limit_usd": 100,
    }
    assert view["accounts"][1]["limit_usd"] is None
    assert view["keys_down"] == ["near abc123"]


def test_a_gateway_that_was_started_anew_has_no_negative_rate():
    view = top.view_of("u", top.Change(page(30, 0.0), page(10, 1.0)))
    assert view["requests_per_second"] == 0
    assert view["routes"][0]["p50"] == 0.75  # of all there was: nothing happened lately


def test_lines_are_printable_and_say_what_is_wrong():
    lines = top.lines_of(top.view_of("u", top.Change(page(1, 0.0), page(1, 1.0))))
    text = "\n".join(lines)
    assert "down: near" in text
    assert "near abc123" in text
    assert "open" in text
    assert "50 %" in text
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("buckets", "share", "wanted"),
    [
        ({}, 0.5, None),
        ({1.0: 0.0, float("inf"): 0.0}, 0.5, None),
        ({1.0: 10.0, float("inf"): 10.0}, 0.5, 0.5),
        ({1.0: 0.0, 2.0: 10.0, float("inf"): 10.0}, 0.95, 1.95),
        ({1.0: 1.0, float("inf"): 10.0}, 0.95, 1.0),  # beyond the last edge nobody knows
    ],
)
def test_quantiles(buckets, share, wanted):
    assert top.quantile(share, buckets) == pytest.approx(wanted)


@pytest.fixture
def gateway():
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            known = self.path == "/metrics" and seen[-1] in (None, "Bearer tk-1")
            body = (PAGE % {"ok": len(seen)}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.seen = seen
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_without_a_terminal_it_prints_once(gateway, capsys, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = f"http://127.0.0.1:{gateway.server_port}"
    assert top.main([url, "--every", "0.05"]) == 0
    assert "support" in capsys.readouterr().out
    assert top.main([url + "/metrics", "--once", "--json", "--every", "0.05"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["url"] == url
    assert said["requests_per_second"] > 0


def test_the_key_goes_along_and_a_refusal_says_so(gateway, capsys, monkeypatch):
    url = f"http://127.0.0.1:{gateway.server_port}"
    monkeypatch.setenv("KEEL_KEY", "tk-1")
    assert top.main([url, "--once", "--every", "0.05"]) == 0
    assert gateway.seen == ["Bearer tk-1"] * 2
    with pytest.raises(CommandError, match="--key"):
        top.main([url, "--once", "--key", "another"])
    assert "another" not in capsys.readouterr().out


@pytest.mark.parametrize("url", ["localhost:3000", "http://127.0.0.1:1"])
def test_nobody_there(url):
    with pytest.raises(CommandError):
        top.main([url, "--once"])
    with pytest.raises(CommandError, match="--every"):
        top.main(["--every", "0"])
