"""Makes C++ of the catalog's tables: `compile.py OUT.cpp TABLE.txt...`.

Strict: whatever is malformed is said with its file and line, all of it at once, and stops the
build. README.md beside this has the columns.
"""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

COLUMNS = ["model", "in", "out", "cached", "write", "context", "output", "can"]
REQUIRED = ["provider", "base_url", "base_url_from", "key_variables", "models_from", "date"]
OPTIONAL = ["stream_options", "max_tokens_field", "health_path"]
ABILITIES = ["tools", "schema", "schema?", "images", "reasoning"]
PREFILLS = ["plain", "prefix", "prefix_echoed", "final_message"]
PATTERNS = {
    "provider": (r"[a-z][a-z0-9-]*", "a name in small letters"),
    "base_url": (r"https://[a-z0-9.-]+(/[A-Za-z0-9._-]+)*", "an https URL, no slash at its end"),
    "base_url_from": (r"https://\S+", "the page that documents the base URL"),
    "models_from": (r"https://\S+", "the page that lists the models"),
    "key_variables": (r"[A-Z][A-Z0-9_]*( [A-Z][A-Z0-9_]*)*", "environment variables' names"),
    "date": (r"\d{4}-\d\d-\d\d", "a day such as 2026-07-02"),
    "stream_options": (r"true|false", "true or false"),
    "max_tokens_field": (r"max_tokens|max_completion_tokens", "one of the two fields' names"),
    "health_path": (r"(/[A-Za-z0-9._-]+)+", "a path below the base URL"),
}


class Table:
    """One provider's file. What is wrong with it is in `problems`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.head: dict[str, str] = {}
        self.models: list[str] = []
        self._names: set[str] = set()
        rows = self._lines()
        for number, line in rows:
            if line.split()[0] == COLUMNS[0]:
                self._columns(number, line)
                break
            self._heading(number, line)
        for number, line in rows:
            self._row(number, line.split())
        self._finish()

    def _lines(self) -> Iterator[tuple[int, str]]:
        text = self.path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if not re.fullmatch(r"[ -~]*", line):
                self._wrong(
                    number, "found something that is no plain ASCII, wanted spaces and text"
                )
            elif line.strip() and not line.startswith("#"):
                yield number, line

    def _wrong(self, number: int, what: str) -> None:
        self.problems.append(f"{self.path}:{number}: {what}")

    def _heading(self, number: int, line: str) -> None:
        key, *words = line.split()
        value = " ".join(words)
        if key not in PATTERNS:
            known = ", ".join([*REQUIRED, *OPTIONAL, "model (the columns)"])
            return self._wrong(number, f"found {key!r}, wanted one of {known}")
        if key in self.head:
            return self._wrong(number, f"{key} stands here twice, wanted it once")
        self.head[key] = value
        pattern, wanted = PATTERNS[key]
        if not re.fullmatch(pattern, value):
            self._wrong(number, f"{key}: found {value!r}, wanted {wanted}")
        elif key == "provider" and value != self.path.stem:
            self._wrong(number, f"provider: found {value!r}, wanted the file's name")
        elif key == "date" and not _is_day(value):
            self._wrong(number, f"date: found {value!r}, wanted a day of the calendar")
        return None

    def _columns(self, number: int, line: str) -> None:
        if line.split() != COLUMNS:
            self._wrong(number, f"found {line.split()}, wanted the columns {COLUMNS}")

    def _row(self, number: int, cells: list[str]) -> None:
        if len(cells) < len(COLUMNS):
            return self._wrong(
                number, f"found {len(cells)} columns, wanted {len(COLUMNS)}: {' '.join(COLUMNS)}"
            )
        name, figures, can = cells[0], dict(zip(COLUMNS[1:7], cells[1:7], strict=True)), cells[7:]
        before = len(self.problems)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", name):
            self._wrong(number, f"found {name!r}, wanted a model's name")
        if name in self._names:
            self._wrong(number, f"{name} stands here twice, wanted it once")
        self._names.add(name)
        prices = [self._price(number, column, figures[column]) for column in COLUMNS[1:5]]
        context, output = (self._tokens(number, c, figures[c]) for c in ("context", "output"))
        words, prefill = self._can(number, can)
        if len(self.problems) > before:
            return None
        into, out, cached, write = prices
        if (into < 0) != (out < 0):
            self._wrong(number, "found one of the prices in and out, wanted both or neither")
        if into < 0 and max(cached, write) >= 0:
            self._wrong(number, "found a price for cached tokens of a model without prices")
        if cached > into >= 0:
            self._wrong(
                number, "found cached tokens dearer than others, wanted at most their price"
            )
        if context <= 0:
            self._wrong(number, "found no context, wanted a number of tokens")
        figures_text = ", ".join(map(str, (into, out, cached, write, context, output)))
        self.models.append(f'{{"{name}", {figures_text}, "{words}", Prefill::{prefill}}}')
        return None

    def _price(self, number: int, column: str, cell: str) -> int:
        """Nano-USD per million tokens; -1 is unknown."""
        if cell == "-":
            return -1
        if not re.fullmatch(r"\d{1,6}(\.\d{1,9})?", cell):
            self._wrong(number, f"{column}: found {cell!r}, wanted USD per million tokens or -")
            return -1
        return int(Decimal(cell).scaleb(9))

    def _tokens(self, number: int, column: str, cell: str) -> int:
        """0 is unknown or none."""
        if cell == "-":
            return 0
        if not re.fullmatch(r"[1-9]\d{0,11}", cell):
            self._wrong(number, f"{column}: found {cell!r}, wanted a number of tokens or -")
            return 0
        return int(cell)

    def _can(self, number: int, cells: list[str]) -> tuple[str, str]:
        words, prefill = [], "none"
        for cell in cells if cells != ["-"] else []:
            if cell.startswith("prefill=") and cell[8:] in PREFILLS and prefill == "none":
                prefill = cell[8:]
            elif cell in ABILITIES and cell not in words:
                words.append(cell)
            else:
                wanted = ", ".join(ABILITIES)
                self._wrong(number, f"can: found {cell!r}, wanted -, or each once of {wanted}")
        if {"schema", "schema?"} <= set(words):
            self._wrong(number, "can: found schema and schema?, wanted one of them")
        return " ".join(words), prefill

    def _finish(self) -> None:
        last = self.path.read_text(encoding="utf-8").count("\n")
        missing = [key for key in REQUIRED if key not in self.head]
        if missing:
            self._wrong(last, f"ends without {', '.join(missing)}")
        if not self.models and not self.problems:
            self._wrong(last, "ends without a model")


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def cpp(tables: list[Table]) -> str:
    lines = [
        "// Made of the tables in cpp/config/catalog: change those.",
        '#include "config/catalog.hpp"',
        "namespace keel::relay {",
        "namespace {",
    ]
    for i, table in enumerate(tables):
        keys = ", ".join(f'"{key}"' for key in table.head["key_variables"].split())
        lines.append(f"constexpr std::string_view kKeys{i}[] = {{{keys}}};")
        lines.append(f"constexpr CatalogModel kModels{i}[] = {{")
        lines += [f"    {model}," for model in table.models]
        lines.append("};")
    lines.append("constexpr CatalogProvider kProviders[] = {")
    for i, table in enumerate(tables):
        head = {
            "stream_options": "true",
            "max_tokens_field": "max_completion_tokens",
            "health_path": "/models",
            **table.head,
        }
        text = [f'"{head[key]}"' for key in ("provider", "base_url", "base_url_from")]
        text += [f"kKeys{i}", *(f'"{head[key]}"' for key in ("models_from", "date"))]
        text += [head["stream_options"]]
        text += [f'"{head[key]}"' for key in ("max_tokens_field", "health_path")]
        lines.append(f"    {{{', '.join(text)}, kModels{i}}},")
    lines += [
        "};",
        "}  // namespace",
        "std::span<const CatalogProvider> catalog() { return kProviders; }",
        "}  // namespace keel::relay",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print("usage: compile.py OUT.cpp TABLE.txt...", file=sys.stderr)
        return 2
    out, *paths = arguments
    tables = [Table(Path(path)) for path in sorted(paths)]
    problems = [problem for table in tables for problem in table.problems]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    if problems:
        return 1
    Path(out).write_text(cpp(tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
