"""Did the night pass? A pure function of its result."""

from __future__ import annotations

from typing import Any

KEEL_AT_LEAST = 0.999
NAIVE_BELOW = 0.90


def judge(result: dict[str, Any]) -> list[str]:
    """One sentence per gate that does not hold; none: the drill passed."""
    keel, naive, money = result["keel"], result["naive"], result["money"]
    wrong: list[str] = []
    if not keel["requests"]:
        return ["nothing was asked: the night is too short or its rate too low"]
    if keel["answered"] < KEEL_AT_LEAST * keel["requests"]:
        wrong.append(
            f"Keel answered {keel['answered']} of {keel['requests']} requests, wanted "
            f"{KEEL_AT_LEAST:.1%} at least"
        )
    if keel["crossed"]:
        wrong.append(f"{keel['crossed']} of Keel's replies carried another request's nonce")
    if naive["answered"] >= NAIVE_BELOW * naive["requests"]:
        wrong.append(
            f"the naive client answered {naive['answered']} of {naive['requests']} "
            f"requests: the night was not hard enough, wanted under {NAIVE_BELOW:.0%}"
        )
    if money["billed_nano_usd"] > money["posted_nano_usd"]:
        wrong.append(
            f"the providers billed {money['billed_nano_usd']} nano-USD, Keel posted only "
            f"{money['posted_nano_usd']}"
        )
    for what in ("posted", "billed"):
        if money[f"{what}_nano_usd"] > money["budget_nano_usd"]:
            wrong.append(
                f"{what} {money[f'{what}_nano_usd']} nano-USD, over the budget of "
                f"{money['budget_nano_usd']}"
            )
    return wrong
