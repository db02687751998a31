"""The night's schedule is a function of its seed, and rises as the article's did."""

import itertools

from keel.drill.load import ANSWERED, CROSSED, LATE, WRONG, Said, outcome_of
from keel.drill.night import (
    DEADLINE_S,
    DYING_KEY,
    MAX_TOKENS,
    PRIMARY,
    PROVIDERS,
    SCENES,
    Night,
    mock_script,
)
from keel.drill.rehearsal import night_budget
from keel.drill.schedule import Arrival, Prompt, nonces_in, schedule, sizes

NIGHT = Night(seed=7)


def test_the_same_seed_gives_the_same_night():
    assert schedule(NIGHT) == schedule(Night(seed=7))
    assert schedule(NIGHT) != schedule(Night(seed=8))


def test_traffic_rises_forty_times():
    assert NIGHT.rate_at(0) * 40 == NIGHT.rate_at(30) == NIGHT.rate
    assert max(NIGHT.rate_at(t / 10) for t in range(600)) <= NIGHT.rate * (1 + 1e-9)
    arrivals = schedule(NIGHT)
    calm = sum(a.at_s < 5 for a in arrivals) / 5
    peak = sum(15 <= a.at_s < 45 for a in arrivals) / 30
    assert calm < 4
    assert 36 < peak < 44


def test_arrivals_are_in_order_and_within_the_night():
    times = [a.at_s for a in schedule(NIGHT)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < NIGHT.duration_s


def test_a_nonce_belongs_to_a_prompt():
    prompts = {}
    repeats = 0
    for arrival in schedule(NIGHT):
        repeats += arrival.repeat
        assert arrival.repeat == (arrival.prompt.nonce in prompts)
        assert prompts.setdefault(arrival.prompt.nonce, arrival.prompt) == arrival.prompt
    assert 0.08 < repeats / len(schedule(NIGHT)) < 0.2


def test_sizes_come_from_the_sample():
    known = sizes()
    assert len(known) == 500
    assert all(tokens_in > 0 and 0 < tokens_out <= MAX_TOKENS for tokens_in, tokens_out in known)
    assert {(a.prompt.tokens_in, a.prompt.tokens_out) for a in schedule(NIGHT)} <= set(known)


def test_a_prompt_is_as_long_as_it_says():
    # A token is four bytes; Keel's bound on input counts bytes and must not be under the bill.
    for prompt in (Prompt("n", 1, 1), Prompt("n", 1000, 1)):
        text = prompt.messages()[0]["content"]
        assert len(text.encode()) >= prompt.tokens_in
        assert nonces_in(text) == ["n"]
    assert len(Prompt("n", 1000, 1).messages()[0]["content"]) == 4000


def test_the_scenes_follow_each_other_without_a_gap():
    assert SCENES[0].begins == 0
    assert SCENES[-1].ends == 1
    for before, after in itertools.pairwise(SCENES):
        assert before.ends == after.begins
    assert NIGHT.scene_at(0).id == "calm"
    assert NIGHT.scene_at(1e9).id == "recovery"


def test_the_night_is_fair_to_the_naive_client():
    # It has the primary and the primary's first key; the key that dies is not that one.
    assert DYING_KEY not in PRIMARY.keys
    scripts = [mock_script(p, NIGHT) for p in PROVIDERS]
    assert [bool(s["rules"]) for s in scripts] == [True, True, False, False]


def test_the_budget_is_short_of_the_whole_night_at_the_dearest():
    arrivals = schedule(NIGHT)
    dearest = sum(a.prompt.list_cost_nano_usd() for a in arrivals) * 15 // 8
    assert 0 < night_budget(arrivals, NIGHT) < dearest
    assert night_budget([], NIGHT) > 0


def test_answered_means_its_own_nonce_in_time():
    arrival = Arrival(0, 0.0, Prompt("mine", 1, 1), False)
    for said, latency, outcome in [
        (Said("[[nonce=mine]] hello"), DEADLINE_S, ANSWERED),
        (Said("[[nonce=mine]] hello"), DEADLINE_S + 0.001, LATE),
        (Said("[[nonce=other]] hello"), 1.0, CROSSED),
        (Said("[[nonce=mine]] [[nonce=other]]"), 1.0, CROSSED),
        (Said("hello"), 1.0, WRONG),
        (Said(None, "429"), 1.0, "429"),
        (Said(None), 1.0, WRONG),
    ]:
        assert outcome_of(arrival, said, latency) == outcome
