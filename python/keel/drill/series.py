"""Reads the Prometheus text of `relay.metrics()`, as far as the drill needs it."""

from __future__ import annotations

import re
from decimal import Decimal

_LINE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Series:
    """The samples of one scrape. Values are exact decimals."""

    def __init__(self, text: str) -> None:
        self._samples: list[tuple[str, dict[str, str], Decimal]] = []
        for line in text.splitlines():
            found = _LINE.match(line)
            if found is None or line.startswith("#"):
                continue
            labels = dict(_LABEL.findall(found["labels"] or ""))
            self._samples.append((found["name"], labels, Decimal(found["value"])))

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], Decimal]]:
        return [
            (own, value)
            for known, own, value in self._samples
            if known == name and labels.items() <= own.items()
        ]

    def sum(self, name: str, **labels: str) -> Decimal:
        return sum((value for _, value in self.all(name, **labels)), Decimal(0))
