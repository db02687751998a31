"""Prometheus' own parser on what a relay has counted."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

import keel
from conftest import ask, document


def test_prometheus_reads_the_page(mock):
    with keel.Relay.from_dict(document(mock, "m", budgets={"relay": {"usd": 5}})) as relay:
        ask(relay)
        text = relay.metrics()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["keel_requests"].type == "counter"
    counted = {
        sample.labels["outcome"]: sample.value for sample in families["keel_requests"].samples
    }
    assert counted["ok"] == 1
    assert sum(counted.values()) == 1
    for name in (
        "keel_request_duration_seconds",
        "keel_time_to_first_token_seconds",
        "keel_attempt_duration_seconds",
        "keel_overhead_seconds",
    ):
        assert families[name].type == "histogram"
        edges = [s.labels["le"] for s in families[name].samples if s.name.endswith("_bucket")]
        assert edges[-1] == "+Inf"
        assert [float(edge) for edge in edges] == sorted(float(edge) for edge in edges)
    assert families["keel_budget_limit_usd"].samples[0].value == 5
    assert all(family.documentation for family in families.values())
