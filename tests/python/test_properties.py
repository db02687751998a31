"""Properties of the engines against models that share no code with them: the classifier against
the table of error classes, the rate limiter against exact rationals, the cache's identity against
an oracle of its own."""

from __future__ import annotations

import copy
import json
import math
import random
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

import pytest

from keel import _core
from keel.engines import Classifier

# ---- classes: SEMANTICS A2, row by row; the first row that fits a status counts ----

CLASSES = """
1xx              broken
2xx              ok
3xx              fatal
408 409 425      transient
401              key_dead
402              exhausted
403 404          key_model_denied
413              context
429              throttled_key
400 415 422 4xx  fatal
501              unsupported
504 524          silent
529              provider_overload
500 502 503 5xx  transient
"""
# Codes the table names override the status; others do not.
CODES = {
    "rate_limited": "throttled_key",
    "slow_down": "throttled_pool",
    "exhausted": "exhausted",
    "context_length": "context",
    "content_policy": "policy",
    "overloaded": "provider_overload",
    "timeout": "silent",
    "server_error": None,
    "authentication": None,
    "permission": None,
    "not_found": None,
    "invalid_request": None,
    "none": None,
}
# An error inside a 2xx: "by inner type, else BROKEN".
INNER = {
    "server_error": "transient",
    "authentication": "key_dead",
    "permission": "key_model_denied",
    "not_found": "key_model_denied",
    "invalid_request": "fatal",
    "none": "broken",
}
# A5, "Counts as failure": by class, where the table says so for each of its statuses.
FAILURES = {"not_sent", "broken", "silent", "provider_overload"}
NO_FAILURES = {"throttled_key", "throttled_pool", "exhausted", "key_dead", "unsupported", "fatal",
               "context", "policy", "key_model_denied", "cancelled", "ok"}  # fmt: skip
SUCCESSES = {200, 400, 404, 413, 422}
NEUTRAL = {429, 401, 403, 501}


def class_of(status: int) -> str:
    for row in CLASSES.split("\n")[1:-1]:
        *statuses, name = row.split()
        if str(status) in statuses or f"{status // 100}xx" in statuses:
            return name
    raise AssertionError(status)


@pytest.mark.parametrize("bills_errors", [False, True])
def test_the_classifier_says_what_the_table_says(bills_errors):
    classifier = Classifier(bills_errors=bills_errors)
    for status in range(100, 600):
        for code, named in CODES.items():
            verdict = classifier.classify(status, code=code)
            at = (status, code, verdict)
            name = named or class_of(status)
            assert verdict.name == name, at
            # Complete error replies are not billed: any 3xx, 4xx, 5xx but 408, 502, 504 and 524.
            free = status >= 300 and status not in (408, 502, 504, 524) and not bills_errors
            assert verdict.billed == ("no" if free else "maybe"), at
            assert classifier.classify(status, code=code, has_usage=True).billed == "yes", at
            failure = name in FAILURES or (name == "transient" and status >= 500)
            assert (verdict.effect == "failure") == failure, at
            assert failure or name in NO_FAILURES or status in (408, 409, 425), at
            if named is None and status in SUCCESSES:
                assert verdict.effect == "success", at
            if named is None and status in NEUTRAL:
                assert verdict.effect == "neutral", at
            assert not verdict.stop_target, at
        for again in (True, False):
            told = classifier.classify(status, code=code, should_retry=again)
            assert told == verdict._replace(stop_target=not again), at


def test_what_is_no_reply_is_judged_by_how_it_ended():
    for ended in ("not_sent", "broken", "silent", "cancelled"):
        for code in CODES:
            verdict = Classifier().classify(0, ended=ended, code=code)
            assert verdict.name == ended
            assert verdict.billed == ("no" if ended == "not_sent" else "maybe")
            assert verdict.effect == ("neutral" if ended == "cancelled" else "failure")


def test_a_2xx_that_is_no_answer_is_judged_by_the_error_inside():
    for code, named in CODES.items():
        verdict = Classifier().classify(200, ended="unusable", code=code)
        assert verdict.name == (named or INNER[code])
        assert verdict.billed == "maybe"
    filtered = Classifier().classify(200, content_filtered=True, has_usage=True)
    assert filtered[:3] == ("policy", "yes", "success")


# ---- rate limits ----


class Gcra:
    """TAT' = max(now, TAT) + T q; allowed iff TAT' - tau <= now. In rationals of nanoseconds."""

    def __init__(self, limit: int, period_ns: int, burst: int) -> None:
        self.each = Fraction(period_ns, limit)
        self.tau = self.each * (burst + 1)
        self.tat = Fraction(-(10**30))

    def try_take(self, quantity: int, now: int) -> tuple[bool, int | None]:
        if self.each * quantity > self.tau:
            return False, None
        tat = max(Fraction(now), self.tat) + self.each * quantity
        if tat - self.tau > now:
            return False, math.ceil(tat - self.tau - now)
        self.tat = tat
        return True, 0

    def settle(self, taken: int, actual: int, now: int) -> None:
        if actual > taken:
            self.tat = max(Fraction(now), self.tat)
        self.tat += self.each * (actual - taken)

    def share_left(self, now: int) -> Fraction:
        return min(max(1 - max(self.tat - now, Fraction(0)) / self.tau, Fraction(0)), Fraction(1))


def quota(chance: random.Random) -> tuple[int, int, int]:
    limit = chance.choice([1, 2, 3, 7, 60, 997, 6_000, 1_000_003])
    period = chance.choice([1, 7, 1_000_003, 10**9, 60 * 10**9])
    return limit, period, chance.choice([0, 1, 2, 10, 1_000])


@pytest.mark.parametrize("seed", range(60))
def test_the_limiter_agrees_with_exact_rationals(seed):
    chance = random.Random(seed)
    limit, period, burst = quota(chance)
    limiter = _core.RateLimiter(limit=limit, period_ns=period, burst=burst)
    model = Gcra(limit, period, burst)
    now = chance.randrange(10**15)
    for step in range(300):
        now += chance.randrange(4 * (period // limit + 1))
        quantity = chance.randrange(burst + 3)
        if chance.random() < 0.15:
            actual = chance.randrange(burst + 3)
            limiter.settle(quantity, actual, now)
            model.settle(quantity, actual, now)
            continue
        peeked = limiter.would_allow(quantity, now)
        before = limiter.share_left(now)
        answer = limiter.try_take(quantity, now)
        wanted = model.try_take(quantity, now)
        assert tuple(answer) == wanted, f"step {step}"
        assert tuple(peeked) == wanted
        if not wanted[0]:  # L2: a refusal changes nothing
            assert limiter.share_left(now) == before
            assert tuple(limiter.try_take(quantity, now)) == wanted
        assert limiter.share_left(now) == pytest.approx(float(model.share_left(now)), abs=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_l1_over_every_interval(seed):
    """What is admitted in any t is at most burst + 1 + t / T."""
    chance = random.Random(1_000 + seed)
    limit, period, burst = quota(chance)
    each = Fraction(period, limit)
    limiter = _core.RateLimiter(limit=limit, period_ns=period, burst=burst)
    now, admitted = 0, []
    for _ in range(250):
        now += chance.randrange(2 * (period // limit + 1))
        quantity = 1 + chance.randrange(burst + 1)
        if limiter.try_take(quantity, now)[0]:
            admitted.append((now, quantity))
    assert admitted
    sums = [0, *accumulate(quantity for _, quantity in admitted)]
    for first, (begin, _) in enumerate(admitted):
        for last in range(first, len(admitted)):
            room = burst + 1 + (admitted[last][0] - begin) / each
            assert sums[last + 1] - sums[first] <= room


# ---- the cache's identity ----

WITHOUT_EFFECT = {"user", "metadata", "safety_identifier", "prompt_cache_key"}
CHOOSES_THE_TARGET = {"model", "models", "fallbacks"}  # part of the identity by the target's name


class Number(str):
    """A number as it is written."""


def meaning(value):
    """SEMANTICS A9: two requests are one iff this is equal. Arrays are ordered, absent is not
    null, strings are code points, integers their text, floats the double that reads as exactly
    that decimal, any other number its text."""
    if isinstance(value, Number):
        if not set(value) & set(".eE"):
            return ("integer", str(value))
        double = float(value)
        if math.isfinite(double) and Decimal(repr(double)) == Decimal(value):
            return ("float", repr(double))
        return ("text", str(value))
    if isinstance(value, dict):
        return ("object", tuple(sorted((key, meaning(of)) for key, of in value.items())))
    if isinstance(value, list):
        return ("array", tuple(meaning(item) for item in value))
    return (type(value).__name__, value)


def request_meaning(request: dict):
    return meaning(
        {k: v for k, v in request.items() if k not in WITHOUT_EFFECT | CHOOSES_THE_TARGET}
    )


class Writer:
    """Writes the same meaning in many ways."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def space(self) -> str:
        return self.chance.choice(["", "", "", " ", "\n\t", "\r "])

    def text(self, text: str) -> str:
        out = ""
        for c in text:
            if ord(c) < 0x20 or c in '"\\' or (ord(c) < 0x10000 and self.chance.random() < 0.1):
                out += rf"\u{ord(c):04x}"
            elif ord(c) >= 0x10000 and self.chance.random() < 0.5:
                out += json.dumps(c)[1:-1]
            else:
                out += c
        return f'"{out}"'

    def number(self, text: str) -> str:
        if not set(text) & set(".eE") or self.chance.random() < 0.5:
            return text
        if meaning(Number(text))[0] != "float" or Decimal(text) == 0:
            return text
        sign, digits, exponent = Decimal(text).as_tuple()
        zeros = self.chance.randrange(3)
        whole = "".join(map(str, digits)) + "0" * zeros
        e = self.chance.choice("eE")
        return f"{'-' * sign}{whole}{e}{exponent - zeros}"

    def write(self, value) -> str:
        s = self.space
        if isinstance(value, Number):
            return self.number(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return f"[{s()}" + f"{s()},{s()}".join(map(self.write, value)) + f"{s()}]"
        if isinstance(value, dict):
            fields = [f"{self.text(k)}{s()}:{s()}{self.write(v)}" for k, v in value.items()]
            self.chance.shuffle(fields)
            return f"{{{s()}" + f"{s()},{s()}".join(fields) + f"{s()}}}"
        return json.dumps(value)


def same(one: str, other: str) -> bool:
    """Whether the cache gives one's reply to the other."""
    cache = _core.ResponseCache(max_bytes=1 << 20, max_entry_bytes=1 << 20)
    assert cache.put(one.encode(), b"{}", "", "", 10**9, 0, 0)
    return cache.find(other.encode(), "", 10**9, 0, 0) is not None


N = Number
# The fields of OpenAI's CreateChatCompletionRequest, and of other providers' dialects of it.
REQUEST = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "boss"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "caf\u00e9 \U0001f600"},
                {"type": "image_url", "image_url": {"url": "data:,x", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "file", "file": {"file_id": "f-1", "filename": "a.pdf"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "audio": {"id": "audio-1"},
            "tool_calls": [
                {
                    "id": "call-1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a": 1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call-1", "content": "42"},
    ],
    "audio": {"voice": "alloy", "format": "mp3"},
    "frequency_penalty": N("0.5"),
    "function_call": "auto",
    "functions": [{"name": "f", "description": "d", "parameters": {}}],
    "logit_bias": {"50256": N("-100")},
    "logprobs": True,
    "max_completion_tokens": N("100"),
    "max_tokens": N("100"),
    "modalities": ["text", "audio"],
    "n": N("2"),
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "begin"},
    "presence_penalty": N("-0.5"),
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "n",
            "strict": True,
            "schema": {"type": "object", "properties": {"a": {"enum": [N("1"), None]}}},
        },
    },
    "seed": N("9007199254740993"),
    "service_tier": "auto",
    "stop": ["\n", "END"],
    "store": False,
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "temperature": N("1e-1"),
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "strict": False, "parameters": {"required": []}},
        }
    ],
    "top_logprobs": N("5"),
    "top_p": N("0.9"),
    "verbosity": "low",
    "web_search_options": {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}},
    },
    "top_k": N("40"),
    "min_p": N("0.05"),
    "provider": {"order": ["a", "b"], "allow_fallbacks": True},
    "user": "u",
    "metadata": {"a": "b"},
    "safety_identifier": "s",
    "prompt_cache_key": "k",
}


def paths(value, here=()):
    yield here
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    for key, of in inner:
        yield from paths(of, (*here, key))


def changed(request, path, how):
    """The request with what is at `path` replaced, or left out where `how` says nothing."""
    out = copy.deepcopy(request)
    at = out
    for key in path[:-1]:
        at = at[key]
    new = how(at[path[-1]])
    if new is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return out


def another(value):
    if isinstance(value, Number):
        return Number(value + "1")
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [*value, None]
    if isinstance(value, dict):
        return {**value, "new": None}
    return False


CHANGES = [another, lambda _: ..., lambda v: "" if v is None else None, lambda v: [v]]


def test_h2_every_field_counts():
    """Every field at every depth: changed, left out, made null, wrapped in a list."""
    text = Writer(1).write(REQUEST)
    tried = 0
    for path in list(paths(REQUEST))[1:]:
        for number, how in enumerate(CHANGES):
            other = changed(REQUEST, path, how)
            no_effect = path[0] in WITHOUT_EFFECT | CHOOSES_THE_TARGET
            assert (request_meaning(other) == request_meaning(REQUEST)) == no_effect, path
            assert same(text, Writer(number).write(other)) == no_effect, (path, number)
            tried += 1
    assert tried > 400


def test_h2_a_field_that_nobody_knows_counts():
    for name in ("temperature2", "User", "x", "metadata ", "\u0075ser2"):
        for value in (None, Number("1"), "", [], {}):
            other = {**REQUEST, name: value}
            assert not same(Writer(1).write(REQUEST), Writer(2).write(other)), name


@pytest.mark.parametrize("seed", range(100))
def test_h3_order_and_spelling_do_not(seed):
    assert same(Writer(seed).write(REQUEST), Writer(seed + 1_000).write(REQUEST))


NUMBERS = ["0", "-0", "1", "1.0", "10", "1e1", "0.1", "-0.1", "0.10", "1e-1", "1e400", "1e401",
           "0.0", "-0.0", "1e-400", "9007199254740992", "9007199254740993", "9007199254740993.0",
           "0.1000000000000000055511151231257827", "1.7976931348623157e308", "5e-324", "4.9e-324",
           "123456789012345678901234567890", "1e22", "1e23"]  # fmt: skip


def test_numbers_are_the_same_as_the_oracle_says():
    for one in NUMBERS:
        for other in NUMBERS:
            wanted = meaning(Number(one)) == meaning(Number(other))
            assert same(f'{{"a":{one}}}', f'{{"a":{other}}}') == wanted, (one, other)


def random_value(chance: random.Random, depth: int):
    kind = chance.randrange(7 if depth else 5)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return Number(chance.choice(["0", "7", "-12", "9007199254740993", "1" * 40]))
    if kind == 2:
        return Number(f"{chance.randrange(-(10**6), 10**6)}e{chance.randrange(-20, 20)}")
    if kind in (3, 4):
        return "".join(
            chance.choices('a"\\/\n\x01 \u00e9e\u0301\U0001f600model', k=chance.randrange(5))
        )
    if kind == 5:
        return [random_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    keys = chance.sample(["a", "b", "user", "model", "\u00e9", "e\u0301", 'q"', ""], 3)
    return {key: random_value(chance, depth - 1) for key in keys}


def test_any_two_are_the_same_exactly_when_the_oracle_says_so():
    chance = random.Random(5)
    known = []
    for number in range(400):
        value = {"a": random_value(chance, 3), "b": random_value(chance, 2)}
        known.append((request_meaning(value), Writer(number).write(value)))
    agreed = 0
    cache = _core.ResponseCache(max_bytes=1 << 26, max_entry_bytes=1 << 20)
    first = {}
    for number, (means, text) in enumerate(known):
        found = cache.find(text.encode(), "", 10**9, 0, 0)
        assert (found is not None) == (means in first), text
        if found is None:
            first[means] = number
            assert cache.put(text.encode(), str(number).encode(), "", "", 10**9, 0, 0)
        else:
            assert int(found[0]) == first[means]
            agreed += 1
    assert agreed >= 3  # small values repeat
