"""Who asks what and when: a function of the night's seed and nothing else.

Arrivals are a Poisson process whose rate follows the night. Sizes come from a real trace (see
`keel/data/README.md`). A prompt carries its own nonce, which the fake providers echo, so a cached
reply can be told from one that belongs to somebody else.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from importlib import resources

from .night import MAX_TOKENS, POPULAR, PRIMARY, REPEATS, Night

_NONCE = re.compile(r"\[\[nonce=([^\]]*)\]\]")

_TEXT = (
    "My parcel has not arrived and the page says it was delivered on Friday morning. "
    "I ordered two pairs of shoes in the sale but only one of them was in the box. "
    "Can I still change the address of an order that is being packed right now? "
    "The discount code of the newsletter is refused with a message about its date. "
    "Please tell me how long a refund takes when I paid with a gift card and cash. "
)


@dataclass(frozen=True)
class Prompt:
    nonce: str
    tokens_in: int
    tokens_out: int

    def messages(self) -> list[dict[str, str]]:
        """A token is four bytes of text, as the fake provider counts too."""
        steering = f"[[nonce={self.nonce}]] [[in={self.tokens_in}]] [[out={self.tokens_out}]]\n"
        wanted = max(0, 4 * self.tokens_in - len(steering))
        text = (_TEXT * (wanted // len(_TEXT) + 1))[:wanted]
        return [{"role": "user", "content": steering + text}]

    def list_cost_nano_usd(self) -> int:
        """What the primary charges for it."""
        dollars_per_million = (
            self.tokens_in * PRIMARY.price_in + self.tokens_out * PRIMARY.price_out
        )
        return int(dollars_per_million * 1000)


@dataclass(frozen=True)
class Arrival:
    number: int
    at_s: float
    prompt: Prompt
    repeat: bool  # the same prompt was asked before


def nonces_in(text: str) -> list[str]:
    return _NONCE.findall(text)


def sizes() -> list[tuple[int, int]]:
    """(tokens in, tokens out) of each request of the sample."""
    table = (resources.files("keel") / "data" / "azure_conv_sample.csv").read_text("ascii")
    rows = [line.split(",") for line in table.splitlines()[1:]]
    return [(int(tokens_in), int(tokens_out)) for tokens_in, tokens_out in rows]


def schedule(night: Night) -> list[Arrival]:
    """Every request of the night, in order of time."""
    chance = random.Random(night.seed)
    known_sizes = sizes()

    def prompt(name: str) -> Prompt:
        tokens_in, tokens_out = chance.choice(known_sizes)
        nonce = hashlib.sha256(f"{night.seed}/{name}".encode()).hexdigest()[:20]
        return Prompt(nonce, tokens_in, min(tokens_out, MAX_TOKENS))

    popular = [prompt(f"popular {i}") for i in range(POPULAR)]
    asked: set[str] = set()
    arrivals: list[Arrival] = []
    at = 0.0
    while True:
        # Thinning: draw at the peak rate, keep in proportion.
        at += chance.expovariate(night.rate)
        if at >= night.duration_s:
            return arrivals
        if chance.random() * night.rate >= night.rate_at(at):
            continue
        number = len(arrivals)
        one = chance.choice(popular) if chance.random() < REPEATS else prompt(f"new {number}")
        arrivals.append(Arrival(number, at, one, one.nonce in asked))
        asked.add(one.nonce)
