"""`keel prices`: what is built in, and LiteLLM's table as a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import keel.config
from keel import _core
from keel.cli import CommandError, litellm
from keel.cli import main as keel_command
from keel.units import plain

TABLES = Path(__file__).resolve().parents[2] / "cpp/config/catalog"
KNOWN = {provider.name for provider in _core.catalog()}


# ---- the list ------------------------------------------------------------------------------------


def test_the_catalog_is_the_tables():
    assert sorted(path.stem for path in TABLES.glob("*.txt")) == sorted(KNOWN)
    assert len(KNOWN) >= 20


def test_readme_counts_them():
    models = sum(len(provider.models) for provider in _core.catalog())
    readme = " ".join((TABLES.parents[2] / "README.md").read_text().split())
    assert (
        f"{len(KNOWN)} providers that speak OpenAI's API, known by name with {models} models"
        in readme
    )


def test_every_provider_says_where_it_is_from():
    for provider in _core.catalog():
        assert provider.base_url.startswith("https://")
        assert provider.base_url_from.startswith("https://")
        assert provider.models_from.startswith("https://")
        assert provider.key_variables
        assert provider.date >= "2026-01-01"


def test_prices_are_plausible():
    for provider in _core.catalog():
        for model in provider.models:
            if model.in_nano_usd is None:
                assert model.out_nano_usd is None, model.name
                assert model.cached_nano_usd is None, model.name
                continue
            assert 0 <= model.in_nano_usd <= 100_000_000_000, model.name
            assert 0 <= model.out_nano_usd <= 1_000_000_000_000, model.name
            assert (model.cached_nano_usd or 0) <= model.in_nano_usd, model.name
            assert model.context >= 2048, model.name


def test_every_model_is_accepted_with_only_the_key(tmp_path, monkeypatch):
    file = tmp_path / "keel.yaml"
    for provider in _core.catalog():
        for variable in provider.key_variables:
            monkeypatch.setenv(variable, "sk-test")
        targets = [f"{provider.name}/{model.name}" for model in provider.models]
        file.write_text(json.dumps({"routes": {"all": {"targets": targets}}}))
        report = keel.config.check(file)
        assert (report.problems, report.notes) == ((), ()), provider.name


def test_a_search_lists_names_prices_and_sources(capsys):
    assert keel_command(["prices", "GPT-4.1", "mini"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "in", "out", "cached", "write", "context", "output", "can"]
    row = next(line.split() for line in lines if line.startswith("openai/gpt-4.1-mini "))
    assert row[1:7] == ["0.4", "1.6", "0.1", "-", "1047576", "32768"]
    assert row[7:] == ["tools", "schema", "images"]
    assert "openai: https://api.openai.com/v1, key in ${OPENAI_API_KEY}" in lines
    assert not any("gpt-4o" in line for line in lines)


def test_a_provider_alone(capsys):
    assert keel_command(["prices", "--provider", "deepseek"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "/deepseek-" in line]
    assert len(rows) == 4
    assert all(row.startswith("deepseek/") for row in rows)


def test_json_has_everything_exactly(capsys):
    assert keel_command(["prices", "--json", "--provider", "deepseek", "v4-pro"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["price"] == {
        "in": "0.435",
        "out": "0.87",
        "cached": "0.003625",
        "cache_write": None,
    }
    assert found["key_variables"] == ["DEEPSEEK_API_KEY"]
    assert found["base_url"] == "https://api.deepseek.com"
    assert found["can"] == ["tools", "reasoning"]
    assert found["date"] == "2026-07-02"


def test_an_unknown_price_is_no_zero(capsys):
    assert keel_command(["prices", "--json", "--provider", "github-models", "gpt-4.1-nano"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["price"]["in"] is None
    assert keel_command(["prices", "--provider", "github-models", "gpt-4.1-nano"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1:5] == ["-", "-", "-", "-"]


def test_nothing_found_is_a_no(capsys):
    assert keel_command(["prices", "no-such-model"]) == 1
    assert "'no-such-model'" in capsys.readouterr().err
    assert keel_command(["prices", "--json", "no-such-model"]) == 1
    assert json.loads(capsys.readouterr().out) == []
    assert keel_command(["prices", "--provider", "open-ai"]) == 1
    assert "known: " in capsys.readouterr().err


def test_prices_are_written_plainly():
    for amount, text in (("0.15", "0.15"), ("1.50", "1.5"), ("1E+1", "10"), ("0E-9", "0")):
        assert plain(Decimal(amount)) == text


# ---- the tables ----------------------------------------------------------------------------------

GOOD = """\
# A comment.
provider       acme
base_url       https://api.acme.test/v1
base_url_from  https://acme.test/docs
key_variables  ACME_API_KEY ACME_KEY
models_from    https://acme.test/prices
date           2026-07-02

model  in   out  cached  write  context  output  can
small  0.1  0.4  0.05    -      128000   4096    tools schema? prefill=plain
free   -    -    -       -      8000     -       -
"""


def compiled(tmp_path, text, name="acme.txt"):
    table = tmp_path / name
    table.write_text(text)
    command = [sys.executable, str(TABLES / "compile.py"), str(tmp_path / "out.cpp"), str(table)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done, table


def test_a_good_table_becomes_cpp(tmp_path):
    done, _ = compiled(tmp_path, GOOD)
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "out.cpp").read_text()
    assert (
        '{"small", 100000000, 400000000, 50000000, -1, 128000, 4096, "tools schema?", '
        "Prefill::plain}" in text
    )
    assert '{"free", -1, -1, -1, -1, 8000, 0, "", Prefill::none}' in text
    assert 'true, "max_completion_tokens", "/models"' in text


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("8000     -       -", "8000", 11, "found 6 columns, wanted 8"),
        ("0.1  0.4", "0,1  0.4", 10, "in: found '0,1'"),
        ("0.1  0.4", "-0.1 0.4", 10, "in: found '-0.1'"),
        ("0.1  0.4", "1e-1 0.4", 10, "in: found '1e-1'"),
        ("0.1  0.4", "-    0.4", 10, "found one of the prices in and out"),
        ("0.05 ", "0.5  ", 10, "cached tokens dearer than others"),
        ("0.05 ", "0.0500000001", 10, "cached: found"),
        ("128000", "128k  ", 10, "context: found '128k'"),
        ("128000", "-     ", 10, "found no context"),
        ("4096 ", "0    ", 10, "output: found '0'"),
        ("schema?", "shcema", 10, "can: found 'shcema'"),
        ("schema?", "tools", 10, "can: found 'tools'"),
        ("schema?", "schema schema?", 10, "wanted one of them"),
        ("prefill=plain", "prefill=echo", 10, "can: found 'prefill=echo'"),
        ("small", '"small"', 10, "wanted a model's name"),
        ("free ", "small", 11, "small stands here twice"),
        ("https://api.acme.test/v1", "http://api.acme.test/v1", 3, "base_url: found"),
        ("https://api.acme.test/v1", "https://api.acme.test/v1/", 3, "base_url: found"),
        ("provider       acme", "provider       acne", 2, "wanted the file's name"),
        ("ACME_KEY", "acme_key", 5, "key_variables: found"),
        ("2026-07-02", "2026-07-32", 7, "date: found '2026-07-32'"),
        ("date ", "dtae ", 7, "found 'dtae'"),
        ("date           2026-07-02\n", "", 10, "ends without date"),
        ("date  ", "date 2026-07-02\ndate  ", 8, "date stands here twice"),
        ("write", "wrote", 9, "wanted the columns"),
        ("# A", "\u00e4 A", 1, "plain ASCII"),
    ],
)
def test_a_malformed_row_is_told_with_file_and_line(tmp_path, before, after, line, said):
    assert before in GOOD
    done, table = compiled(tmp_path, GOOD.replace(before, after, 1))
    assert done.returncode == 1
    assert not (tmp_path / "out.cpp").exists()
    told = [text for text in done.stderr.splitlines() if text.startswith(f"{table}:{line}: ")]
    assert any(said in text for text in told), done.stderr


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    done, _ = compiled(tmp_path, GOOD.replace("0.1", "x").replace(" 8000", " y"))
    assert len(done.stderr.splitlines()) == 2


def test_a_table_without_models_is_none(tmp_path):
    done, _ = compiled(tmp_path, "".join(GOOD.splitlines(keepends=True)[:9]))
    assert done.returncode == 1
    assert "ends without a model" in done.stderr


# ---- LiteLLM's -----------------------------------------------------------------------------------

# Rows in the form of BerriAI/litellm's model_prices_and_context_window.json; figures made up.
TABLE = """\
{
  "sample_spec": {"max_tokens": "LEGACY parameter", "mode": "one of: chat, embedding"},
  "gpt-4.1": {
    "litellm_provider": "openai", "mode": "chat", "max_tokens": 32768,
    "max_input_tokens": 1047576, "max_output_tokens": 32768,
    "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
    "cache_read_input_token_cost": 5e-07, "input_cost_per_token_batches": 1e-06,
    "supports_function_calling": true, "supports_response_schema": true, "supports_vision": true,
    "supports_pdf_input": true
  },
  "text-embedding-3-small": {
    "litellm_provider": "openai", "mode": "embedding", "max_input_tokens": 8191,
    "input_cost_per_token": 2e-08, "output_vector_size": 1536
  },
  "gemini/gemini-2.5-pro": {
    "litellm_provider": "gemini", "mode": "chat", "max_input_tokens": 1048576,
    "max_output_tokens": 65535, "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06,
    "output_cost_per_token_above_200k_tokens": 1.5e-05, "input_cost_per_audio_token": 7e-07,
    "supports_audio_input": true, "supports_function_calling": true, "supports_reasoning": true
  },
  "dashscope/qwen-flash": {
    "litellm_provider": "dashscope", "mode": "chat", "max_input_tokens": 997952,
    "tiered_pricing": [
      {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07,
       "output_cost_per_token": 2e-06},
      {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07,
       "output_cost_per_reasoning_token": 5e-07}
    ]
  },
  "together_ai/fine": {
    "litellm_provider": "together_ai", "mode": "chat",
    "input_cost_per_token": 1.2345678901234567e-08, "output_cost_per_token": 3e-08
  },
  "openai/gpt-4.1": {
    "litellm_provider": "openai", "mode": "chat",
    "input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06
  },
  "groq/free": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": 0.0,
                "output_cost_per_token": 0.0},
  "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation"},
  "claude-9": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 1e-06},
  "together-ai-4.1b-8b": {"litellm_provider": "together_ai", "mode": "chat",
                          "input_cost_per_token": 1e-07, "output_cost_per_token": 1e-07},
  "mistral/odd": {"litellm_provider": "mistral", "mode": "chat", "input_cost_per_token": "1e-06"},
  "mistral/less": {"litellm_provider": "mistral", "mode": "chat", "input_cost_per_token": -1e-06},
  "xai/asked": {"litellm_provider": "xai", "mode": "chat", "input_cost_per_token": 1e-06,
                "output_cost_per_token": 1e-06, "input_cost_per_request": 0.005}
}
"""


def imported(text=TABLE, *only):
    table, _ = litellm.read_table(text)
    return litellm.Import(table, KNOWN, set(only))


def test_a_row_becomes_a_model():
    model = imported().providers["openai"]["gpt-4.1"]
    assert model.price == {"in": Decimal(2), "out": Decimal(8), "cached": Decimal("0.5")}
    assert (model.context, model.output) == (1047576, 32768)
    assert model.lacks == ("audio",)
    assert model.yaml() == (
        "{price: {in: 2, out: 8, cached: 0.5}, context: 1047576, output: 32768, lacks: [audio], "
        "reasoning: false}"
    )


def test_numbers_are_exact():
    # As floats 2e-06 * 1e6 and 1.25e-06 * 1e6 are right by luck; this one is not.
    row = {"input_cost_per_token": "3.3e-07", "output_cost_per_token": "1.1e-06"}
    text = json.dumps({"openai/m": {"litellm_provider": "openai", "mode": "chat", **row}})
    done = imported(text.replace('"3.3e-07"', "3.3e-07").replace('"1.1e-06"', "1.1e-06"))
    assert done.providers["openai"]["m"].price == {"in": Decimal("0.33"), "out": Decimal("1.1")}
    fine = imported().providers["together"]["fine"].price
    assert fine == {"in": Decimal("0.012345679"), "out": Decimal("0.03")}


def test_steps_end_a_context():
    done = imported()
    gemini = done.providers["google"]["gemini-2.5-pro"]
    assert (gemini.context, gemini.price) == (200_000, {"in": Decimal("1.25"), "out": Decimal(10)})
    assert "audio" in gemini.lacks
    assert gemini.reasoning
    qwen = done.providers["alibaba"]["qwen-flash"]
    assert (qwen.context, qwen.price) == (256_000, {"in": Decimal("0.05"), "out": Decimal("0.5")})


def test_an_embedding_has_no_output():
    model = imported().providers["openai"]["text-embedding-3-small"]
    assert (model.price, model.output) == ({"in": Decimal("0.02"), "out": Decimal(0)}, 0)


def test_what_is_no_price_is_unknown():
    done = imported()
    assert done.providers["groq"]["free"].price is None
    assert done.providers["xai"]["asked"].price is None
    assert "price: null" in done.providers["xai"]["asked"].yaml()


def test_nothing_is_dropped_in_silence():
    done = imported()
    assert done.rows == 13
    assert done.written + sum(done.skipped.values()) == done.rows
    assert done.skipped == {
        "the model stands there twice, the first was taken": 1,
        "mode image_generation: not what a relay serves": 1,
        "provider anthropic: not in the catalog, so its URL is not known": 1,
        "the name is a pattern or a class of prices, no model's": 1,
        "input_cost_per_token is no price": 2,
    }
    assert done.unread == {"input_cost_per_token_batches": 1}
    assert done.silent == {"supports_pdf_input": 1, "output_vector_size": 1}
    assert done.changed["a price of more than nine decimals: rounded up"] == 1
    assert done.changed["prices rise with the size of the question: its context ends there"] == 2
    told = "\n".join(done.told())
    assert told.startswith("7 of 13 rows written\n")
    for counts in (done.skipped, done.changed, done.unread, done.silent):
        assert all(what in told for what in counts)


@pytest.mark.parametrize(
    "row",
    [
        "[]",
        '{"input_cost_per_token": true}',
        '{"input_cost_per_token": 2}',
        '{"max_input_tokens": "8k"}',
        '{"max_input_tokens": 0.5}',
        '{"max_input_tokens": -1}',
        '{"max_input_tokens": 1e30}',
        '{"tiered_pricing": {}}',
        '{"tiered_pricing": [{"range": [5, 9]}]}',
        '{"tiered_pricing": [{"input_cost_per_token": 1e-06}]}',
    ],
)
def test_a_bad_row_stays_behind_alone(row):
    row = row.replace("{", '{"litellm_provider": "openai", "mode": "chat", ', 1)
    done = imported('{"bad": ' + row + ', "good": {"litellm_provider": "openai", "mode": "chat"}}')
    assert list(done.providers["openai"]) == ["good"]
    assert sum(done.skipped.values()) == 1


def test_our_reader_takes_what_was_written(tmp_path, monkeypatch, capsys):
    for provider in _core.catalog():
        monkeypatch.setenv(provider.key_variables[0], "sk-test")
    (tmp_path / "table.json").write_text(TABLE)
    out = tmp_path / "imported.yaml"
    assert keel_command(["prices", "import", str(tmp_path / "table.json"), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "7 of 13 rows written" in told.err
    assert "needs in the environment" not in told.err
    assert keel_command(["check", str(out)]) == 0
    explained = keel.config.explain(out)
    assert "      fine:\n" in explained
    assert "0.012345679" in explained
    config = _core.read_config(out.read_text(), "imported.yaml")
    assert config.problems == []


def test_only_what_is_asked_for(tmp_path, monkeypatch, capsys):
    for provider in _core.catalog():
        for variable in provider.key_variables:
            monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "table.json"
    file.write_text(TABLE)
    assert keel_command(["prices", "import", str(file), "--provider", "google"]) == 0
    told = capsys.readouterr()
    assert "gemini-2.5-pro" in told.out
    assert "gpt-4.1" not in told.out
    assert "GEMINI_API_KEY or GOOGLE_API_KEY" in told.err


def test_what_is_no_table_is_refused(tmp_path, capsys):
    file = tmp_path / "table.json"
    for text in ("", "[]", "{", '{"a": NaN}', "[" * 100_000):
        file.write_text(text)
        assert keel_command(["prices", "import", str(file)]) == 2
        assert "is not LiteLLM's table" in capsys.readouterr().err
    assert keel_command(["prices", "import", str(tmp_path / "none.json")]) == 2
    assert "cannot read" in capsys.readouterr().err
    file.write_text("{}")
    assert keel_command(["prices", "import", str(file)]) == 1
    with pytest.raises(CommandError, match="known: "):
        litellm.main([str(file), "--provider", "open-ai"])


def test_names_that_stand_twice_are_counted(tmp_path, capsys):
    row = '{"litellm_provider": "openai", "mode": "chat", "mode": "chat"}'
    file = tmp_path / "table.json"
    file.write_text(f'{{"m": {row}, "m": {row}}}')
    assert keel_command(["prices", "import", str(file)]) == 0
    assert "3 names stand in one object twice" in capsys.readouterr().err
