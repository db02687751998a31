"""Scenarios and workloads as the documents that the core reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

_TIMES = {"from", "to", "at", "by", "connect", "ttft_p50", "error_latency", "timeout", "after"}
_TIMES |= {"mean_between", "mean_length", "duration", "period", "peak_at", "think"}


class Text(str):
    """A document itself, where a plain string would be its file's name."""


def seconds(value: float) -> str:
    """`0.4s`, `-2s`: to the nanosecond, and never as 4e-1."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)  # the reader says what it wants instead
    text = format(Decimal(repr(float(value))).quantize(Decimal("1e-9")), "f")
    return text.rstrip("0").rstrip(".") + "s"


def plain(value: Any, name: str = "") -> Any:
    """What is given of a value, as JSON can say it; seconds with their unit."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(item, str(k)) for k, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if name in _TIMES and isinstance(value, (int, float)) and not isinstance(value, bool):
        return seconds(value)
    return value


def text_of(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)
