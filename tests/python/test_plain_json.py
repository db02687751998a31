"""What the core writes as JSON is what json.dumps writes, or it says that it cannot."""

from __future__ import annotations

import enum
import json
import random
import sys
from typing import Any

import pytest

from keel._core import json_of


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


PLAIN = [
    {},
    [],
    (),
    {"a": [], "b": {}, "c": ()},
    "",
    "plain",
    "".join(map(chr, range(0x120))),
    '\\"/\b\f\n\r\t\x7f\u2028 ☃ 𝄞',
    0,
    -1,
    2**63 - 1,
    -(2**63),
    True,
    False,
    None,
    0.0,
    -0.0,
    0.1,
    1e22,
    1e-7,
    1.0,
    5e-324,
    sys.float_info.max,
    [1, [2.5, ["x", {"y": None}]]],
    {"": {"": {"": ""}}},
    {"ключ": "значение"},
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: ascii(value)[:40])
def test_plain_values(value):
    assert json_of(value) == dumped(value)


class Word(str):
    pass


class Number(int):
    pass


class Colour(str, enum.Enum):
    red = "red"


NOT_PLAIN = [
    2**63,
    {1: "a"},
    {None: "a"},
    Word("a"),
    Number(1),
    Colour.red,
    {Word("a"): 1},
    object(),
    b"bytes",
    {1, 2},
    float("nan"),
    float("inf"),
    "\ud800",
    {"\ud800": 1},
    [[[{"deep": [object()]}]]],
]


@pytest.mark.parametrize("value", NOT_PLAIN, ids=lambda value: ascii(value)[:40])
def test_what_is_not_plain_is_left_to_json(value):
    assert json_of(value) is None


def test_nesting():
    value: Any = "bottom"
    for _ in range(64):
        value = [value]
    assert json_of(value) == dumped(value)
    assert json_of([value]) is None
    cycle: list[Any] = []
    cycle.append(cycle)
    assert json_of(cycle) is None


def some_text(chance: random.Random) -> str:
    return "".join(chr(chance.choice([*range(200), 0x20AC, 0x1F600])) for _ in range(9))


def some_value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth < 5 else 5)
    if kind == 0:
        return some_text(chance)
    if kind == 1:
        return chance.choice([True, False, None])
    if kind == 2:
        return chance.randrange(-(2**63), 2**63)
    if kind == 3:
        return chance.uniform(-1, 1) * 10 ** chance.randrange(-300, 300)
    if kind == 4:
        return chance.randrange(1000) / 10
    items = [some_value(chance, depth + 1) for _ in range(chance.randrange(5))]
    if kind == 5:
        return chance.choice([list, tuple])(items)
    return {some_text(chance): item for item in items}


def test_drawn_values():
    chance = random.Random(20261123)
    for _ in range(3000):
        value = some_value(chance, 0)
        assert json_of(value) == dumped(value)
