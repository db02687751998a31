"""`keel prices`: the models that are known by name, and what they cost.

`keel prices import` makes a configuration of LiteLLM's table; that is in `litellm`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from keel.units import plain, to_usd

if TYPE_CHECKING:
    from keel import _core

_HEADINGS = ("model", "in", "out", "cached", "write", "context", "output", "can")


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["import"]:
        from . import litellm

        return litellm.main(arguments[1:])
    options = _options(arguments)
    from keel import _core

    catalog = _core.catalog()
    if options.provider and options.provider not in (known.name for known in catalog):
        names = ", ".join(known.name for known in catalog)
        print(f"keel prices: no provider {options.provider!r}; known: {names}", file=sys.stderr)
        return 1
    found = [
        (provider, model)
        for provider in catalog
        if options.provider in (None, provider.name)
        for model in provider.models
        if all(word.lower() in f"{provider.name}/{model.name}".lower() for word in options.search)
    ]
    if options.json:
        print(json.dumps([_described(*pair) for pair in found], indent=1))
    elif found:
        _show(found)
    if not found:
        wanted = " ".join(options.search)
        print(f"keel prices: no model's name has {wanted!r} in it", file=sys.stderr)
    return 0 if found else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="keel prices",
        description="Lists the models that a configuration can name without saying more, with "
        "prices in USD per million tokens; `-` is unknown. `keel prices import` reads LiteLLM's "
        "table. Exits with 1 if there is no such model.",
    )
    parser.add_argument("search", nargs="*", metavar="WORD", help="parts of provider/model")
    parser.add_argument("--provider", metavar="NAME", help="only this provider's")
    parser.add_argument("--json", action="store_true", help="as JSON, with sources and dates")
    return parser.parse_args(arguments)


def _show(found: list[tuple[_core.CatalogProvider, _core.CatalogModel]]) -> None:
    rows = [_HEADINGS, *(_row(provider, model) for provider, model in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *figures, can in rows:
        cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:-1], strict=True)]
        print("  ".join([name.ljust(widths[0]), *cells, can]).rstrip())
    providers = {provider.name: provider for provider, _ in found}
    print()
    for provider in providers.values():
        keys = " or ".join(f"${{{name}}}" for name in provider.key_variables)
        print(f"{provider.name}: {provider.base_url}, key in {keys}")
        print(f"    as of {provider.date}, {provider.models_from}")
    print(f"{len(found)} models of {len(providers)} providers; USD per million tokens, -: unknown")


def _row(provider: _core.CatalogProvider, model: _core.CatalogModel) -> tuple[str, ...]:
    return (
        f"{provider.name}/{model.name}",
        *(price or "-" for price in _prices(model).values()),
        str(model.context),
        str(model.output or "-"),
        " ".join(model.can) or "-",
    )


def _prices(model: _core.CatalogModel) -> dict[str, str | None]:
    """Dollars per million tokens, exactly, as text."""
    nano = {
        "in": model.in_nano_usd,
        "out": model.out_nano_usd,
        "cached": model.cached_nano_usd,
        "cache_write": model.cache_write_nano_usd,
    }
    return {what: None if value is None else plain(to_usd(value)) for what, value in nano.items()}


def _described(provider: _core.CatalogProvider, model: _core.CatalogModel) -> dict[str, Any]:
    can: Iterable[str] = model.can
    return {
        "provider": provider.name,
        "model": model.name,
        "price": _prices(model),
        "context": model.context,
        "output": model.output or None,
        "can": list(can),
        "base_url": provider.base_url,
        "base_url_from": provider.base_url_from,
        "key_variables": provider.key_variables,
        "models_from": provider.models_from,
        "date": provider.date,
    }
