"""The notebooks are run as Jupyter runs them, without a network, and their key numbers hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def execute(name: str) -> tuple[dict[str, Any], list[Any]]:
    """Its `results`, and all that it put out."""
    book = nbformat.read(NOTEBOOKS / name, as_version=4)
    tell = nbformat.v4.new_code_cell("import json\nprint(json.dumps(results))")
    book.cells.append(tell)
    where = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert [o for o in outputs if o.output_type == "error"] == []
    return json.loads(tell.outputs[0].text), outputs


def pictures(outputs: list[Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_each_protection_buys_something() -> None:
    results, outputs = execute("03_tune_resilience.ipynb")
    answered = {name: one["availability"] for name, one in results.items()}
    assert answered["nothing"] < 0.7
    assert answered["+ retries"] > answered["nothing"] - 0.01
    assert answered["+ failover"] > answered["+ retries"] + 0.2
    assert answered["+ breaker"] > answered["+ failover"] + 0.01
    assert answered["+ budget"] < 0.7, "a budget alone refuses"
    assert answered["+ downgrade"] > 0.95
    assert answered["+ cache"] > 0.95
    assert max(results[name]["cost"] for name in ("+ budget", "+ downgrade", "+ cache")) <= 34
    assert results["+ breaker"]["cost"] < results["+ failover"]["cost"]
    assert results["+ cache"]["sends_per_request"] < results["+ downgrade"]["sends_per_request"]
    assert pictures(outputs) == 2


def test_a_trace_is_replayed_and_its_front_is_sensible(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEEL_REQUEST_LOG", "KEEL_TRACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEEL_TRACE", os.devnull)  # the sample, wherever the tests run
    results, outputs = execute("05_replay_your_traffic.ipynb")
    assert results["source"] == "sampled sizes, drawn times"
    assert results["asked"] == 3000
    points = results["points"]
    assert points["best first"][1] > points["best first, budget with downgrade"][1] - 0.001
    budgets = (points["best first, budget with downgrade"], points["best first, hard budget"])
    assert budgets[0][1] > budgets[1][1] + 0.05, "cheaper models answer where a wall refuses"
    assert points["cheap only"][0] < points["middle only"][0] < points["best only"][0]
    assert results["front"][0] == "cheap only"
    assert results["most_spent"] <= results["budget"]
    assert results["overspend"] == 0
    assert pictures(outputs) == 2


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_it_put_out(path: Path) -> None:
    """`.venv/bin/jupyter nbconvert --clear-output --inplace` does it."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    first, last = book.cells[0], book.cells[-1]
    assert first.cell_type == last.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "## What to do next" in last.source
