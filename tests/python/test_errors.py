"""Every way a call can fail, as the class it is."""

from __future__ import annotations

import pickle

import pytest

import keel
from conftest import ask, document, provider
from keel import errors


def test_the_hierarchy():
    for name in (
        "ConfigError",
        "BudgetExceeded",
        "RateLimited",
        "NoTarget",
        "DeadlineExceeded",
        "UpstreamError",
        "PolicyError",
        "InvalidRequest",
        "ForkedError",
    ):
        assert issubclass(getattr(keel, name), keel.KeelError)
    assert issubclass(keel.DeadlineExceeded, TimeoutError)


def test_an_upstream_error_is_the_providers_own(mock):
    with (
        keel.Relay.from_dict(document(mock, "m+mock-400")) as relay,
        pytest.raises(keel.UpstreamError) as caught,
    ):
        ask(relay)
    error = caught.value
    assert error.status == 400
    assert error.verdict == "fatal"
    assert error.body.startswith(b"{")
    assert error.trace is not None
    assert [attempt.status for attempt in error.trace.attempts] == [400]


def test_a_rate_limit_of_the_relay(mock):
    configuration = document(mock, "m", limits={"requests_per_minute": 1})
    with keel.Relay.from_dict(configuration) as relay:
        with pytest.raises(keel.RateLimited) as caught:
            for _ in range(5):
                ask(relay)
    assert caught.value.code == "rate_limited"
    assert caught.value.status == 429
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60
    assert caught.value.trace is not None
    assert (caught.value.verdict, caught.value.body) == ("", b"")


def test_a_deadline(mock):
    with keel.Relay.from_dict(document(mock, "m+mock-silence")) as relay:
        with pytest.raises(keel.DeadlineExceeded) as caught:
            ask(relay, timeout=0.3)
    assert caught.value.status == 504
    assert caught.value.trace is not None
    assert 0.3 <= caught.value.trace.seconds < 5


def test_no_target(start_mock):
    mock = start_mock()
    keys = {"keys": ["sk-1"]}
    configuration = document(mock, "a+mock-401", "b+mock-401")
    configuration["providers"]["p"].update(keys)
    with keel.Relay.from_dict(configuration) as relay:
        with pytest.raises(keel.KeelError):
            ask(relay)  # kills the only key
        with pytest.raises(keel.NoTarget) as caught:
            ask(relay)
    assert caught.value.status == 503
    assert caught.value.code == "no_target_available"


def test_who_nobody_knows(mock):
    with keel.Relay.from_dict(document(mock, "m")) as relay:
        with pytest.raises(keel.InvalidRequest, match="nothing-like-it") as model:
            relay.chat(model="nothing-like-it", messages=[])
        with pytest.raises(keel.InvalidRequest, match="stranger") as tenant:
            ask(relay, tenant="stranger")
    assert (model.value.status, tenant.value.status) == (404, 401)


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": "two"}, "n"),
        ({"stream": True}, "stream"),
        ({"metadata": {"a": object()}}, "JSON"),
        ({"temperature": float("nan")}, "JSON"),
        ({"user": "\ud800"}, "JSON"),
    ],
)
def test_what_cannot_be_sent(mock, params, what):
    with (
        keel.Relay.from_dict(document(mock, "m")) as relay,
        pytest.raises(keel.InvalidRequest, match=what) as caught,
    ):
        ask(relay, **params)
    assert caught.value.status == 400
    assert mock.state()["requests"] == 0


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_none(mock, timeout):
    with (
        keel.Relay.from_dict(document(mock, "m")) as relay,
        pytest.raises(ValueError, match="timeout"),
    ):
        ask(relay, timeout=timeout)


def test_a_policy_that_refuses_is_a_policy_error():
    class Refused:
        kind = "policy_refused"
        status = 403
        code = "policy_refused"
        message = "not on Sundays"
        refused_by = "sundays"
        retry_after_ns = None
        trace = None

    error = errors.error_of_answer(Refused())
    assert isinstance(error, keel.PolicyError)
    assert str(error) == "not on Sundays"
    assert error.policy == "sundays"


def test_every_answer_of_the_core_has_a_class():
    known = {
        "invalid_request",
        "unknown_model",
        "unknown_tenant",
        "account_frozen",
        "rate_limited",
        "request_too_large",
        "budget_exceeded",
        "policy_refused",
        "no_target",
        "deadline_exceeded",
        "upstream_error",
        "stream_interrupted",
        "cancelled",
    }
    assert set(errors._CLASS_OF_KIND) == known


def test_a_frozen_account(mock):
    configuration = document(mock, "m", tenants={"gone": {"enabled": False}})
    with (
        keel.Relay.from_dict(configuration) as relay,
        pytest.raises(keel.InvalidRequest, match="gone") as caught,
    ):
        ask(relay, tenant="gone")
    assert caught.value.status == 403


def test_errors_survive_pickling(mock):
    with keel.Relay.from_dict(document(mock, "m+mock-400")) as relay:
        with pytest.raises(keel.UpstreamError) as caught:
            ask(relay)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is keel.UpstreamError
    assert (str(again), again.status, again.trace) == (
        str(caught.value),
        400,
        caught.value.trace,
    )
    problem = errors.Problem(3, "routes", "wrong")
    config = pickle.loads(pickle.dumps(keel.ConfigError([problem], "keel.yaml")))
    assert config.problems == (problem,)
    assert str(config) == "keel.yaml: line 3: routes: wrong"
    late = pickle.loads(pickle.dumps(keel.DeadlineExceeded("late", status=504)))
    assert (late.status, str(late)) == (504, "late")


def test_provider_with_wrong_key_is_502(mock):
    configuration = {
        "providers": {"p": provider(mock, "m+mock-403")},
        "routes": {"r": {"targets": ["p/m+mock-403"]}},
        "health_check": {"interval": 0},
    }
    with (
        keel.Relay.from_dict(configuration) as relay,
        pytest.raises(keel.UpstreamError) as caught,
    ):
        ask(relay)
    assert (caught.value.status, caught.value.code) == (502, "upstream_refused")
