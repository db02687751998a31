"""The gates of the drill: each closes on exactly what it is there for."""

import copy

import pytest

from keel.drill import judge

PASSED = {
    "naive": {"requests": 1000, "answered": 899},
    "keel": {"requests": 1000, "answered": 999, "crossed": 0},
    "money": {"billed_nano_usd": 10, "posted_nano_usd": 11, "budget_nano_usd": 11},
}


def doctored(**changes):
    result = copy.deepcopy(PASSED)
    for path, value in changes.items():
        side, name = path.split("__")
        result[side][name] = value
    return result


def test_a_night_at_the_very_edge_passes():
    assert judge(PASSED) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keel__answered": 998}, "Keel answered 998 of 1000"),
        ({"keel__crossed": 1}, "another request's nonce"),
        ({"naive__answered": 900}, "not hard enough"),
        ({"money__billed_nano_usd": 12, "money__posted_nano_usd": 12}, "over the budget of 11"),
        ({"money__posted_nano_usd": 9}, "Keel posted only 9"),
        ({"money__budget_nano_usd": 10}, "posted 11 nano-USD, over the budget of 10"),
        ({"keel__requests": 0, "keel__answered": 0}, "nothing was asked"),
    ],
)
def test_one_step_further_fails(changes, words):
    said = judge(doctored(**changes))
    assert any(words in line for line in said)


def test_all_gates_are_said_at_once():
    said = judge(
        doctored(keel__answered=0, keel__crossed=3, naive__answered=1000, money__posted_nano_usd=5)
    )
    assert len(said) == 4
