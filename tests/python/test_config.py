"""Configuration through Python: every problem at once, explanations, the article's own file."""

from __future__ import annotations

from pathlib import Path

import pytest

import keel
from conftest import document
from keel import config

DATA = Path(__file__).parent.parent / "data" / "config"

BROKEN = """\
version: "1.0"
providers:
  local: {base_url: "ftp://nowhere", keys: ["${KEEL_TEST_UNSET}"], modles: {}}
routes:
  r: {targets: [local/none], timeout: soon}
"""


def test_all_problems_at_once(tmp_path):
    path = tmp_path / "keel.yaml"
    path.write_text(BROKEN)
    with pytest.raises(keel.ConfigError) as caught:
        keel.Relay.from_file(path)
    error = caught.value
    assert error.file == str(path)
    assert len(error.problems) >= 4
    assert error.problems == config.check(path).problems
    text = str(error)
    assert text.startswith(f"{path}: {len(error.problems)} problems")
    for word in ("ftp", "KEEL_TEST_UNSET", "modles", "models", "soon"):
        assert word in text
    assert [p.line for p in error.problems] == sorted(p.line for p in error.problems)
    assert not config.check(path).ok


def test_from_dict_names_no_lines():
    with pytest.raises(keel.ConfigError) as caught:
        keel.Relay.from_dict({"providers": {}, "routs": {}})
    assert all(problem.line is None for problem in caught.value.problems)
    assert "routs" in str(caught.value)


def test_what_is_no_configuration(tmp_path):
    with pytest.raises(keel.ConfigError, match="No such file"):
        keel.Relay.from_file(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(keel.ConfigError, match="UTF-8"):
        config.check(tmp_path / "latin.yaml")
    with pytest.raises(keel.ConfigError, match="JSON"):
        keel.Relay.from_dict({"providers": {1: float("nan")}})
    with pytest.raises(keel.ConfigError):
        keel.Relay.from_dict({})


@pytest.mark.parametrize(
    "secret",
    ["sk-canary-0123456789"],
)
def test_secrets_stay_out_of_every_message(tmp_path, monkeypatch, secret):
    monkeypatch.setenv("KEEL_TEST_KEY", secret)
    (tmp_path / "keel.yaml").write_text(
        "providers:\n"
        '  p: {base_url: "http://127.0.0.1:1/v1", keys: ["${KEEL_TEST_KEY}"], models: {m: {}}}\n'
        "routes: {r: {targets: [p/m]}}\n"
    )
    assert secret not in config.explain(tmp_path / "keel.yaml")
    with keel.Relay.from_file(tmp_path / "keel.yaml") as relay:
        assert secret not in repr(relay) + relay.metrics()


def test_secrets_from_files(tmp_path, mock):
    (tmp_path / "key").write_text("sk-from-a-file\n")
    configuration = document(mock, "m")
    configuration["providers"]["p"]["keys"] = [f"file://{tmp_path}/key"]
    with keel.Relay.from_dict(configuration) as relay:
        assert relay.chat(model="r", messages=[{"role": "user", "content": "?"}]).text
    configuration["providers"]["p"]["keys"] = ["file:///no/such/key"]
    with pytest.raises(keel.ConfigError, match="keys"):
        keel.Relay.from_dict(configuration)


def test_the_explanation_can_be_read_again(tmp_path, mock):
    (tmp_path / "keel.yaml").write_text(
        f'providers: {{p: {{base_url: "{mock.url}", keys: [], models: {{m: {{}}}}}}}}\n'
        "routes: {r: {targets: [p/m]}}\n"
    )
    text = config.explain(tmp_path / "keel.yaml")
    (tmp_path / "again.yaml").write_text(text)
    assert config.check(tmp_path / "again.yaml").ok
    assert config.explain(tmp_path / "again.yaml") == text


def test_the_articles_file_starts_unchanged(monkeypatch):
    monkeypatch.setenv("HOLYSHEEP_API_KEY", "sk-test")
    path = DATA / "holy-sheep-config.yaml"
    report = config.check(path)
    assert report.problems == ()
    assert "max_attempts: 4" in config.explain(path)
    with keel.Relay.from_file(path) as relay:
        assert "keel_build_info" in relay.metrics()


def test_a_missing_policy_is_refused_by_name(mock):
    configuration = document(mock, "m", route={"routing": "orderd"})
    with pytest.raises(keel.ConfigError, match="ordered"):
        keel.Relay.from_dict(configuration)
    configuration = document(
        mock,
        "m",
        route={"routing": "mine"},
        policies={"mine": {"file": "/no/such/policy.so", "id": "mine"}},
    )
    with pytest.raises(keel.ConfigError, match=r"/no/such/policy\.so"):
        keel.Relay.from_dict(configuration)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"resolve": ["nonsense"]}, "nonsense"),
        ({"ca_file": "/no/such/ca.pem"}, "/no/such/ca.pem"),
    ],
)
def test_wrong_arguments_are_configuration_errors(mock, arguments, what):
    with pytest.raises(keel.ConfigError, match=what):
        keel.Relay.from_dict(document(mock, "m"), **arguments)


def test_resolve_wants_a_list(mock):
    with pytest.raises(TypeError, match="resolve"):
        keel.Relay.from_dict(document(mock, "m"), resolve="a:1:127.0.0.1:1")
