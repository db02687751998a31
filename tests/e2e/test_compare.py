"""Lived and simulated, counts and money are the same where no timing decides them."""

from __future__ import annotations

import pytest
from compare import OFF, WIDE, Came, Case, Faked, compare, night, questions, rows

FAST = (5, 5)
ALWAYS = (0, 10_000, 1)
SENDS = {"retry": {"budget": WIDE, "extra_sends": WIDE}}


def quick(*failing):
    return Faked(FAST, 100_000, failing, error_latency=2)


CASES = {
    "all is well": Case({"north": quick(), "south": quick()}, questions(40, 50, 1), {}),
    "the first fails": Case(
        {"north": quick((*ALWAYS, 500)), "south": quick()},
        questions(30, 50, 2),
        {"breaker": OFF, "route": SENDS},
    ),
    "the first two fail": Case(
        {"north": quick((*ALWAYS, 500)), "south": quick((*ALWAYS, 529)), "west": quick()},
        questions(20, 50, 3),
        {"breaker": OFF, "route": SENDS},
    ),
    "nobody answers": Case(
        {"north": quick((*ALWAYS, 500)), "south": quick((*ALWAYS, 500))},
        questions(20, 50, 4),
        {"breaker": OFF, "route": SENDS},
    ),
    "a request that nobody takes": Case(
        {"north": quick((*ALWAYS, 400)), "south": quick()}, questions(20, 50, 5), {}
    ),
    "questions that were asked before": Case(
        {"north": quick()},
        questions(40, 50, 6, kinds=10),
        {"route": {"cache": {"ttl": "60s", "when": "deterministic"}}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_and_money_are_the_same(name):
    case = CASES[name]._replace(one_by_one=True)
    lived, simulated, runs = compare(case, range(1, 3))
    assert lived.asked == len(case.questions)
    same = ("asked", "answered", "sends", "cached")
    assert {m: getattr(simulated, m) for m in same} == {m: getattr(lived, m) for m in same}
    assert simulated.posted == pytest.approx(lived.posted, abs=1)
    assert simulated.billed == pytest.approx(lived.billed, abs=1)
    assert all(run.summary().violations == () for run in runs)


def test_what_is_too_far_apart_is_said():
    lived = Came(1000, 990, 1100, 2e9, 2e9, 0.5, 2.0, 0)
    assert all(near for *_, near in rows(lived, lived))
    far = lived._replace(answered=980, sends=1130, posted=2.1e9, p99=2.4)
    assert [name for name, *_, near in rows(lived, far) if not near] == [
        "answered, %",
        "posted, US dollars",
        "sends",
        "p99, s",
    ]
    assert len(night().questions) == 1200
