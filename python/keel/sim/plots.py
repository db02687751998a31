"""A night as a picture: requests, waiting and money over time, with axes and units."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keel.sim.runs import Run
    from keel.sim.summary import Series

# Okabe and Ito's, told apart by everybody.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_FAILED = "#B00020"
_NO_LATENCY = float("nan")
_MOST_POINTS = 128  # more are noise


def plot(
    runs: Run | Mapping[str, Run], path: str | os.PathLike[str] | None = None, *, title: str = ""
) -> Figure:
    """Over a run's time: requests per second asked and failed, how long answers took, and what was
    spent. Several runs of the same traffic by name: beside each other.

    path: where to write it too; .svg, .png or .pdf. The same runs give the same bytes.
    ImportError without matplotlib (`keel-relay[plot]`).
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a plot needs matplotlib: pip install 'keel-relay[plot]'") from error
    named = runs if isinstance(runs, Mapping) else {"": runs}
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    rates, waits, money = figure.subplots(3, 1, sharex=True)
    span = max(series.at[-1] for series in _series(named)) if _series(named) else 0.0
    unit, scale = _time_unit(span)
    for (name, run), colour in zip(named.items(), itertools.cycle(COLOURS), strict=False):
        series = run.summary().series
        step = max(1, math.ceil(len(series.at) / _MOST_POINTS))
        at = [t / scale for t in series.at[::step]]
        _rates(rates, at, series, step, name, colour, first=run is next(iter(named.values())))
        _waits(waits, at, series, step, name, colour)
        spent = list(itertools.accumulate(_sums(series.cost, step)))
        money.plot(at, spent, color=colour, label=name or "posted")
    rates.set_ylabel("requests per second")
    waits.set_ylabel("seconds to the answer")
    waits.set_yscale("log")
    money.set_ylabel("US dollars spent")
    money.set_xlabel(f"time since the start, {unit}")
    money.set_ylim(bottom=0)
    rates.set_ylim(bottom=0)
    for axes in (rates, waits, money):
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
    if title:
        figure.suptitle(title)
    if path is not None:
        with matplotlib.rc_context({"svg.hashsalt": "keel"}):
            svg = os.fspath(path).endswith(".svg")
            figure.savefig(path, metadata={"Date": None} if svg else None)
    return figure


def _series(named: Mapping[str, Run]) -> list[Series]:
    return [run.summary().series for run in named.values() if run.summary().series.at]


def _time_unit(span_s: float) -> tuple[str, float]:
    if span_s < 600:
        return "seconds", 1.0
    return ("minutes", 60.0) if span_s < 4 * 3600 else ("hours", 3600.0)


def _sums(values: Sequence[float], step: int) -> list[float]:
    return [sum(values[i : i + step]) for i in range(0, len(values), step)]


def _rates(
    axes: Any, at: list[float], s: Series, step: int, name: str, colour: str, first: bool
) -> None:
    width = s.bucket * step
    of = f", {name}" if name else ""
    if first:  # what is asked is the same for all
        asked = [count / width for count in _sums(s.asked, step)]
        axes.fill_between(at, asked, color="#cccccc", step="post", label="asked")
    failed = [count / width for count in _sums(s.failed, step)]
    shown = colour if name else _FAILED
    axes.plot(at, failed, color=shown, drawstyle="steps-post", label=f"failed{of}")


def _waits(axes: Any, at: list[float], s: Series, step: int, name: str, colour: str) -> None:
    """Of several buckets the mean of their quantiles, by how many were answered in each."""
    of = f", {name}" if name else ""
    answered = _sums(s.answered, step)
    for values, style, what in ((s.latency_p50, "-", "p50"), (s.latency_p99, ":", "p99")):
        weighted = [v * n for v, n in zip(values, s.answered, strict=True)]
        shown = [
            total / n if n else _NO_LATENCY
            for total, n in zip(_sums(weighted, step), answered, strict=True)
        ]
        axes.plot(at, shown, color=colour, linestyle=style, label=f"{what}{of}")
