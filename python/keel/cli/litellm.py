"""`keel prices import FILE`: LiteLLM's table of models and prices as a configuration of ours.

The table is `model_prices_and_context_window.json` of github.com/BerriAI/litellm. Numbers are
decimals from the file's own digits to ours; what cannot be carried over is counted and told.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, NamedTuple

from keel.units import plain

from . import CommandError

_PROVIDERS = {  # LiteLLM's name where it is not the catalog's
    "text-completion-openai": "openai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "dashscope": "alibaba",
    "cohere_chat": "cohere",
    "nvidia_nim": "nvidia",
    "github": "github-models",
}
_MODES = ("chat", "completion", "embedding")
_READ = {
    *("litellm_provider", "mode", "input_cost_per_token", "output_cost_per_token"),
    *("cache_read_input_token_cost", "cache_creation_input_token_cost"),
    *("output_cost_per_reasoning_token", "input_cost_per_audio_token", "tiered_pricing"),
    *("max_tokens", "max_input_tokens", "max_output_tokens", "input_cost_per_request"),
    *("supports_function_calling", "supports_response_schema", "supports_vision"),
    *("supports_audio_input", "supports_reasoning"),
}
_STEP = re.compile(
    r"(?:input_cost_per_token|output_cost_per_token|cache_\w+_input_token_cost)"
    r"_above_(\d+)k_tokens"
)
_CLASS = re.compile(r"(?:together|fireworks)-ai-")  # prices of sizes, not models
_DIGITS = Context(prec=60)
_MOST_USD = 1_000_000  # per million tokens; what a configuration may say
_MOST_TOKENS = 1_000_000_000_000

_HEAD = """\
# Made by `keel prices import` of LiteLLM's table of models and prices. USD per million tokens.
# An ability that table does not give a model counts as lacking, as LiteLLM itself reads it.
version: "1.0"
"""


class Model(NamedTuple):
    """One line of the configuration."""

    price: dict[str, Decimal] | None
    context: int
    output: int
    lacks: tuple[str, ...]
    reasoning: bool

    def yaml(self) -> str:
        price = "null"
        if self.price is not None:
            figures = (f"{what}: {plain(amount)}" for what, amount in self.price.items())
            price = "{" + ", ".join(figures) + "}"
        parts = [f"price: {price}"]
        parts += [f"context: {self.context}"] if self.context else []
        parts += [f"output: {self.output}"] if self.output else []
        parts += [f"lacks: [{', '.join(self.lacks)}]"]
        parts += [f"reasoning: {str(self.reasoning).lower()}"]
        return "{" + ", ".join(parts) + "}"


class NotCarried(Exception):
    """Why a row stays behind."""


class Import:
    """What became of a table, and counts of what did not come along: rows that were `skipped` or
    `changed`, prices that were `unread`, and other fields, on which a configuration is `silent`."""

    def __init__(self, table: dict[str, Any], known: set[str], only: set[str]) -> None:
        self.providers: dict[str, dict[str, Model]] = {}
        self.skipped: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.silent: Counter[str] = Counter()
        self.rows = 0
        for name, row in table.items():
            if name == "sample_spec":  # LiteLLM's own explanation of the columns
                continue
            self.rows += 1
            try:
                self._take(name, row, known, only)
            except NotCarried as why:
                self.skipped[str(why)] += 1

    @property
    def written(self) -> int:
        return sum(map(len, self.providers.values()))

    def yaml(self) -> str:
        lines = [_HEAD + "providers:"]
        for provider, models in sorted(self.providers.items()):
            lines += [f"  {provider}:", "    models:"]
            lines += [f"      {json.dumps(name)}: {m.yaml()}" for name, m in sorted(models.items())]
        return "\n".join([*lines, "server: {open_models: true}", ""])

    def told(self) -> list[str]:
        lines = [f"{self.written} of {self.rows} rows written"]
        for title, counts in (
            ("not written:", self.skipped),
            ("written, but not as they stand:", self.changed),
            ("prices that have no place in a configuration:", self.unread),
        ):
            lines += [title] if counts else []
            lines += [f"  {count:6}  {what}" for what, count in counts.most_common()]
        if self.silent:
            others = ", ".join(f"{name} ({count})" for name, count in self.silent.most_common())
            lines.append(f"other fields a configuration does not have: {others}")
        return lines

    def _take(self, name: str, row: Any, known: set[str], only: set[str]) -> None:
        if not isinstance(row, dict):
            raise NotCarried("the row is no object")
        theirs = str(row.get("litellm_provider", "(none)"))
        provider = _PROVIDERS.get(theirs, theirs)
        if provider not in known:
            raise NotCarried(f"provider {theirs}: not in the catalog, so its URL is not known")
        if only and provider not in only:
            raise NotCarried(f"provider {provider}: not asked for")
        mode = str(row.get("mode", "(none)"))
        if mode not in _MODES:
            raise NotCarried(f"mode {mode}: not what a relay serves")
        if "*" in name or name.startswith("ft:") or _CLASS.match(name):
            raise NotCarried("the name is a pattern or a class of prices, no model's")
        changed: Counter[str] = Counter()
        model = _model(row, mode, changed)
        models = self.providers.setdefault(provider, {})
        own = name.removeprefix(f"{theirs}/").removeprefix(f"{provider}/")
        if own in models:
            same = models[own] == model
            raise NotCarried(
                "the model stands there twice, " + ("alike" if same else "the first was taken")
            )
        models[own] = model
        self.changed += changed
        for field in row:
            if field not in _READ and not _STEP.fullmatch(field):
                (self.unread if "cost" in field else self.silent)[field] += 1


def _model(row: dict[str, Any], mode: str, changed: Counter[str]) -> Model:
    row, context = _first_step(row, changed)
    output = 0 if mode == "embedding" else _tokens(row, "max_output_tokens")
    can = {
        "tools": row.get("supports_function_calling") is True,
        "schema": row.get("supports_response_schema") is True,
        "images": row.get("supports_vision") is True,
        "audio": row.get("supports_audio_input") is True,
    }
    dearer_audio = _usd(row, "input_cost_per_audio_token", changed)
    if can["audio"] and dearer_audio not in (None, _usd(row, "input_cost_per_token", Counter())):
        changed["audio has a price of its own: the model counts as lacking audio"] += 1
        can["audio"] = False
    return Model(
        price=_price(row, mode, changed),
        context=context,
        output=output,
        lacks=tuple(ability for ability, is_so in can.items() if not is_so),
        reasoning=row.get("supports_reasoning") is True,
    )


def _first_step(row: dict[str, Any], changed: Counter[str]) -> tuple[dict[str, Any], int]:
    """The row with the prices of its shortest questions, and the context they are right for."""
    context = _tokens(row, "max_input_tokens") or _tokens(row, "max_tokens")
    ends = [int(step[1]) * 1000 for step in map(_STEP.fullmatch, row) if step]
    steps = row.get("tiered_pricing")
    if isinstance(steps, list) and steps and all(isinstance(step, dict) for step in steps):
        first = min(steps, key=lambda step: _range(step)[0])
        begin, end = _range(first)
        if begin > 0:
            raise NotCarried("tiered_pricing does not begin at 0")
        ends += [end] if len(steps) > 1 else []
        row = {**row, **first}
    elif steps is not None:
        raise NotCarried("tiered_pricing is no list of steps")
    if ends and (not context or min(ends) < context):
        changed["prices rise with the size of the question: its context ends there"] += 1
        context = min(ends)
    return row, context


def _range(step: dict[str, Any]) -> tuple[int, int]:
    match step.get("range"):
        case [int() | Decimal() as begin, None] if begin >= 0:
            return int(begin), _MOST_TOKENS
        case [int() | Decimal() as begin, int() | Decimal() as end] if 0 <= begin < end:
            return int(begin), int(end)
    raise NotCarried("tiered_pricing has a step without a range")


def _price(row: dict[str, Any], mode: str, changed: Counter[str]) -> dict[str, Decimal] | None:
    into = _usd(row, "input_cost_per_token", changed)
    out = _usd(row, "output_cost_per_token", changed)
    if out is None and mode == "embedding":
        out = Decimal(0)
    if into is None or out is None or (not into and not out):
        changed["no price, or 0: written as unknown, refused where a budget applies"] += 1
        return None
    if _usd(row, "input_cost_per_request", Counter()):
        changed["a price per request beside: written as unknown"] += 1
        return None
    reasoning = _usd(row, "output_cost_per_reasoning_token", changed)
    if reasoning is not None and reasoning > out:
        changed["reasoning is dearer than answering: `out` is its price"] += 1
        out = reasoning
    price = {"in": into, "out": out}
    for ours, field in (
        ("cached", "cache_read_input_token_cost"),
        ("cache_write", "cache_creation_input_token_cost"),
    ):
        amount = _usd(row, field, changed)
        if amount:
            price[ours] = amount
        elif amount is not None:
            changed[f"a price of 0 for {field}: left out, so it is billed like input"] += 1
    return price


def _usd(row: dict[str, Any], field: str, changed: Counter[str]) -> Decimal | None:
    """Dollars per million tokens, of a price per token; None if the row has none."""
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise NotCarried(f"{field} is no price")
    amount = _DIGITS.multiply(Decimal(value), Decimal(1_000_000))
    if amount > _MOST_USD:
        raise NotCarried(f"{field} is over {_MOST_USD} USD per million tokens")
    fine = amount.quantize(Decimal("1e-9"), ROUND_CEILING, _DIGITS)
    if fine != amount:
        changed["a price of more than nine decimals: rounded up"] += 1
    return fine


def _tokens(row: dict[str, Any], field: str) -> int:
    """0 if the row has none."""
    value = row.get(field)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise NotCarried(f"{field} is no number of tokens")
    if not 0 <= value <= _MOST_TOKENS:
        raise NotCarried(f"{field} is no number of tokens")
    return int(value)


def read_table(text: str) -> tuple[dict[str, Any], int]:
    """The table, and how many names stand in one object twice (the last one is taken).

    ValueError if it is none. Every number keeps its digits.
    """
    twice = 0

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        found = dict(pairs)
        twice += len(pairs) - len(found)
        return found

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number")

    table = json.loads(text, parse_float=Decimal, parse_constant=refuse, object_pairs_hook=unique)
    if not isinstance(table, dict):
        raise ValueError("found no object of models")
    return table, twice


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    from keel import _core

    catalog = {provider.name: provider for provider in _core.catalog()}
    for name in options.provider:
        if name not in catalog:
            raise CommandError(f"no provider {name!r}; known: {', '.join(catalog)}")
    try:
        with open(options.file, encoding="utf-8") as file:
            table, twice = read_table(file.read())
    except OSError as error:
        raise CommandError(f"cannot read {options.file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{options.file} is not LiteLLM's table: {error}") from error
    done = Import(table, set(catalog), set(options.provider))
    if done.written:
        _write(options.out, done.yaml())
    lines = done.told()
    lines += [f"{twice} names stand in one object twice; the last of each was taken"] * (twice > 0)
    unset = [
        " or ".join(catalog[name].key_variables)
        for name in sorted(done.providers)
        if not any(os.environ.get(variable) for variable in catalog[name].key_variables)
    ]
    if unset:
        lines.append(f"to be used it needs in the environment: {'; '.join(unset)}")
    print("keel prices import:", "\n".join(lines), file=sys.stderr)
    return 0 if done.written else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="keel prices import",
        description="Reads LiteLLM's model_prices_and_context_window.json and writes a "
        "configuration with its models and prices for the providers of the catalog. What cannot "
        "be carried over is told on standard error. Exits with 1 if nothing could.",
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--out", metavar="FILE", help="write there and not to standard output")
    parser.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one's models; may be given more than once",
    )
    return parser.parse_args(arguments)


def _write(where: str | None, text: str) -> None:
    if where is None:
        sys.stdout.write(text)
        return
    try:
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"cannot write {where}: {error.strerror}") from error
