"""The tables of a run: looked at through the buffer protocol, named, and as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas

    from keel import _core

_NAMES = {"outcome", "verdict", "billed", "target", "route", "model", "tenant"}
_FLAGS = {"stream", "cached", "downgraded", "last", "estimated", "free"}
_MONEY = {"cost", "true_bill", "held", "posted"}


def columns_of(table: Mapping[str, _core.Column], names: Mapping[str, list[str]]) -> dict[str, Any]:
    """Codes as their names, money under a name that says its unit."""
    out: dict[str, Any] = {}
    for name, column in table.items():
        view = column.view()
        if name in _NAMES:
            words = names[name]
            out[name] = [None if code < 0 else words[code] for code in view]
        elif name in _MONEY:
            out[f"{name}_nano_usd"] = view
        else:
            out[name] = view
    return out


def frame_of(table: Mapping[str, _core.Column], names: Mapping[str, list[str]]) -> pandas.DataFrame:
    """Money as float dollars: what is computed with DataFrames is plotted; exact sums are in the
    summary."""
    try:
        import numpy
        import pandas
    except ImportError as error:
        raise ImportError(
            "a DataFrame needs pandas: pip install 'keel-relay[sim]'; Run.columns() does without"
        ) from error
    out: dict[str, Any] = {}
    for name, column in table.items():
        values = numpy.asarray(column)
        if name in _NAMES:
            out[name] = pandas.Categorical.from_codes(
                values.astype(numpy.int32), categories=pandas.Index(names[name], dtype=object)
            )
        elif name in _FLAGS:
            out[name] = values.astype(bool)
        elif name in _MONEY:
            out[f"{name}_usd"] = values / 1e9
        else:
            out[name] = values
    return pandas.DataFrame(out)
