"""A call, what it gives back, and what it costs."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

import keel
from conftest import ask, document, provider, wait_until


def test_a_chat_reply_has_everything(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        reply = ask(relay, "Hi [[in=1000]] [[out=7]] [[nonce=abc]]", request_id="my-request")
    assert reply.text.startswith("[[nonce=abc]]")
    assert (reply.provider, reply.model) == ("p", "m")
    assert reply.usage == keel.Usage(1000, 0, 0, 7, 0)
    assert reply.cost == Decimal("0.001014")  # 1000 at 1 USD and 7 at 2 USD per million
    assert reply.attempts == 1
    assert reply.request_id == "my-request"
    assert (reply.cached, reply.downgraded, reply.clamped, reply.age) == (False, None, None, 0)
    assert reply.json() == json.loads(reply.raw)
    assert reply.json()["choices"][0]["message"]["content"] == reply.text
    assert "m" in repr(reply)


def test_params_reach_the_provider(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        reply = ask(relay, "[[out=50]]", max_tokens=5, temperature=0.5, user="ünï", n=2)
    assert reply.json()["choices"][0]["finish_reason"] == "length"
    assert len(reply.json()["choices"]) == 2
    assert reply.usage.output_tokens == 10


def test_the_trace_explains(mock):
    with keel.Relay.from_dict(document(mock, "bad+mock-503", "m")) as relay:
        reply = ask(relay)
    assert reply.trace is reply.trace
    assert reply.trace.id == reply.request_id
    assert reply.trace.route == "r"
    assert [a.model for a in reply.trace.attempts][-1] == "m"
    assert [a.verdict for a in reply.trace.attempts][-1] == "ok"
    assert reply.trace.attempts[0].status == 503
    assert len(reply.trace.attempts) == reply.attempts > 1
    assert 0 <= reply.trace.attempts[-1].started <= reply.trace.attempts[-1].ended
    assert reply.trace.attempts[-1].ended <= reply.trace.seconds
    stages = [line.stage for line in reply.trace.lines]
    assert stages[0] == "begin"
    assert stages[-1] == "respond"
    assert reply.trace.explain().startswith(f"request {reply.request_id}")


def test_embeddings_are_lists_of_floats(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        plain = relay.embeddings(model="r", input=["one", "two"])
        packed = relay.embeddings(model="r", input=["one", "two"], encoding_format="base64")
    assert [len(vector) for vector in plain.vectors] == [8, 8]
    assert plain.vectors[0] != plain.vectors[1]
    assert plain.vectors is plain.vectors
    for one, other in zip(plain.vectors, packed.vectors, strict=True):
        assert all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(one, other, strict=True))
    assert plain.usage.output_tokens == 0
    assert plain.cost > 0


def test_a_cached_answer_costs_nothing(mock):
    cache = {"cache": {"ttl": 60, "when": "always"}}
    with keel.Relay.from_dict(document(mock, "m", route=cache)) as relay:
        first, second = ask(relay), ask(relay)
        fresh = ask(relay, no_cache=True)
        other = ask(relay, "something else")
    assert (first.cached, second.cached, fresh.cached, other.cached) == (False, True, False, False)
    assert second.raw == first.raw
    assert second.usage == first.usage
    assert (second.cost, second.attempts) == (0, 0)
    assert second.provider == "p"
    assert second.age >= 0
    assert mock.state()["requests"] == 3


def test_equal_requests_at_the_same_time_are_sent_once(start_mock):
    mock = start_mock({"default": {"latency_ms": 300}})
    cache = {"cache": {"ttl": 60, "when": "always"}}
    with keel.Relay.from_dict(document(mock, "m", route=cache)) as relay:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: ask(relay), range(8)))
        metrics = relay.metrics()
    assert sorted(reply.cached for reply in replies) == [False] + [True] * 7
    assert {reply.raw for reply in replies} == {replies[0].raw}
    assert sum(reply.cost > 0 for reply in replies) == 1
    assert mock.state()["requests"] == 1
    assert 'keel_cache_requests_total{result="miss"} 1' in metrics


def test_only_deterministic_requests_are_cached_unless_told(mock):
    with keel.Relay.from_dict(document(mock, "m", route={"cache": {"ttl": 60}})) as relay:
        assert [ask(relay).cached, ask(relay).cached] == [False, False]
        assert [ask(relay, temperature=0).cached for _ in range(2)] == [False, True]


def test_each_tenant_has_its_own_money(mock):
    # 1000 tokens in at 1 USD and up to 100 out at 2 USD per million: 0.0012 USD at most.
    tenants = {
        "poor": {"budget": {"usd": 0.001, "window": "day"}},
        "rich": {"budget": {"usd": 1, "window": "day"}},
    }
    with keel.Relay.from_dict(document(mock, "m", tenants=tenants)) as relay:
        text = "x" * 4000
        with pytest.raises(keel.BudgetExceeded) as caught:
            ask(relay, text, tenant="poor", max_tokens=100)
        assert ask(relay, text, tenant="rich", max_tokens=100).cost > 0
    assert "poor" in str(caught.value)
    assert caught.value.code == "budget_exceeded"
    assert caught.value.status == 429
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 86_400
    assert mock.state()["requests"] == 1


def test_a_downgrade_is_said_and_can_be_declined(mock):
    # The alert share is passed by the first request; from then on the mapping applies.
    models = {
        "big": {"price": {"in": 1000, "out": 1000}, "context": 100_000, "output": 4096},
        "small": {"price": {"in": 1, "out": 1}, "context": 100_000, "output": 4096},
    }
    budgets = {
        "relay": {
            "usd": 10,
            "window": "month",
            "alert_percent": 1,
            "downgrade": {"big": "p/small"},
        }
    }
    configuration = document(mock, "big", budgets=budgets)
    configuration["providers"]["p"]["models"] = models
    with keel.Relay.from_dict(configuration) as relay:
        before = ask(relay, "[[in=100]] [[out=50]]", max_tokens=100)
        after = ask(relay, "[[in=100]] [[out=50]]", max_tokens=100)
        declined = ask(relay, "[[in=100]] [[out=50]]", max_tokens=100, no_downgrade=True)
    assert (before.model, before.downgraded) == ("big", None)
    assert after.model == "small"
    assert after.downgraded is not None
    assert after.downgraded.startswith("big->small") or "small" in after.downgraded
    assert after.cost < before.cost
    assert (declined.model, declined.downgraded) == ("big", None)


def test_a_clamp_is_said(mock):
    # Room for some 450 tokens out at 2 USD per million behind a short prompt.
    budgets = {"relay": {"usd": 0.001, "window": "month"}}
    with keel.Relay.from_dict(document(mock, "m", budgets=budgets)) as relay:
        reply = ask(relay, "Hi", max_tokens=4000)
    assert reply.clamped is not None
    assert 256 <= reply.clamped < 4000


def test_failover_between_providers(start_mock):
    down, up = start_mock({"default": {"error": {"status": 500}}}), start_mock()
    configuration = {
        "providers": {"down": provider(down, "m"), "up": provider(up, "m")},
        "routes": {"r": {"targets": ["down/m", "up/m"], "routing": "ordered"}},
        "health_check": {"interval": 0},
    }
    with keel.Relay.from_dict(configuration) as relay:
        reply = ask(relay)
    assert reply.provider == "up"
    assert down.state()["requests"] + up.state()["requests"] == reply.attempts


def test_metrics_are_prometheus_text(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        assert "keel_build_info" in relay.metrics()  # before anything runs
        ask(relay)
        text = relay.metrics()
    assert "# TYPE keel_requests_total counter" in text
    assert 'keel_requests_total{route="r",outcome="ok"} 1' in text


def test_events_reach_callbacks(mock):
    told: list[keel.Event] = []
    configuration = document(mock, "bad+mock-500", "m", breaker={"consecutive": 2})
    with keel.Relay.from_dict(configuration) as relay:
        relay.on_event(told.append)
        for _ in range(3):
            ask(relay)
        wait_until(lambda: told)
    assert told[0].kind == "breaker"
    assert "bad" in told[0].subject
    assert told[0].level == "warning"
    assert told[0].text
    assert told[0].time > 1_700_000_000


def test_a_seed_is_accepted(mock):
    with keel.Relay.from_dict(document(mock, "m"), seed=7) as relay:
        assert ask(relay).text


def test_the_snippet_of_the_readme(mock, tmp_path):
    (tmp_path / "keel.yaml").write_text(
        f"""
providers:
  local:
    base_url: "{mock.url}"
    keys: []
    models: {{llama: {{price: {{in: 0.2, out: 0.2}}}}}}
routes:
  support: {{targets: [local/llama]}}
"""
    )
    with keel.Relay.from_file(tmp_path / "keel.yaml") as relay:
        reply = relay.chat(
            model="support", messages=[{"role": "user", "content": "Hello"}], timeout=20
        )
        assert reply.text
        assert reply.cost > 0
        assert reply.model == "llama"
        assert "respond" in reply.trace.explain()
