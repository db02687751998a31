"""One night from its beginning to its result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from .judge import KEEL_AT_LEAST, NAIVE_BELOW, judge
from .live import Tally, View
from .load import Load
from .mocks import Mocks
from .night import (
    DEADLINE_S,
    PRIMARY,
    PROVIDERS,
    SCENES,
    Night,
    budget_for,
    keel_config,
    mock_script,
)
from .report import summary
from .rival import Rival
from .schedule import Arrival, schedule
from .words import sentences

RESULT_VERSION = 1
_HEAD_START_S = 0.3  # between the word and the first moment of the night


def run(night: Night, keeld: str, out: TextIO) -> dict[str, Any]:
    """Lives through the night and gives the result; `out` gets the live view.

    `keeld` is the path of the native program. Raises MockError or RivalError if the stage cannot
    be set up.
    """
    from .subject import Subject  # the extension module; the rest of the drill does without

    arrivals = schedule(night)
    budget = night_budget(arrivals, night)
    naive, kept = Tally(), Tally()
    scripts = {p.name: mock_script(p, night) for p in PROVIDERS}
    with (
        Mocks(keeld, scripts) as mocks,
        Mocks(keeld, {PRIMARY.name: scripts[PRIMARY.name]}) as alone,
    ):
        ports = {p.name: mocks[p.name].port for p in PROVIDERS}
        with (
            Subject(keel_config(ports, budget), night) as subject,
            Rival(night, alone[PRIMARY.name].port, naive.add) as rival,
        ):
            rival.wait_ready()
            load = Load(arrivals, subject.ask, kept.add)
            t0 = time.monotonic() + _HEAD_START_S
            subject.begin(t0)
            rival.begin(t0)
            time.sleep(max(0.0, t0 - time.monotonic()))
            mocks.start_clocks()
            alone.start_clocks()
            _watch(load, rival, t0, View(out, night, naive, kept), lambda: subject.shown(budget))
            rival.join()
            bills = {
                name: state["bill"]["total_nano_usd"] for name, state in mocks.states().items()
            }
            naive_bill = alone[PRIMARY.name].state()["bill"]["total_nano_usd"]
            account = subject.account()
            events, lost = subject.events, subject.lost
    keel_side = summary(kept.records, night)
    keel_side["breaker_transitions"] = account["breaker_transitions"]
    alerts = [e["at_s"] for e in events if e["kind"] == "budget_alert"]
    result: dict[str, Any] = {
        "version": RESULT_VERSION,
        "night": {
            "seed": night.seed,
            "duration_s": night.duration_s,
            "rate": night.rate,
            "deadline_s": DEADLINE_S,
            "scenes": [
                {
                    "id": s.id,
                    "title": s.title,
                    "begins_s": night.window(s.id)[0],
                    "lasts_s": night.window(s.id)[1],
                }
                for s in SCENES
            ],
        },
        "gates": {"keel_at_least": KEEL_AT_LEAST, "naive_below": NAIVE_BELOW},
        "providers": [p.name for p in PROVIDERS],
        "primary": PRIMARY.name,
        "naive": summary(naive.records, night),
        "keel": keel_side,
        "money": {
            "budget_nano_usd": budget,
            "posted_nano_usd": account["posted_nano_usd"],
            "held_nano_usd": account["held_nano_usd"],
            "billed_nano_usd": sum(bills.values()),
            "billed_by": bills,
            "naive_billed_nano_usd": naive_bill,
            "alert_percent": 80,
            "alert_at_s": alerts[0] if alerts else None,
        },
        "events": events,
        "lost": lost,
    }
    result["failures"] = judge(result)
    result["passed"] = not result["failures"]
    result["sentences"] = sentences(result)
    return result


def night_budget(arrivals: list[Arrival], night: Night) -> int:
    """Nano-USD."""
    new = [(a.at_s, a.prompt.list_cost_nano_usd()) for a in arrivals if not a.repeat]
    return budget_for(new, night)


def _watch(
    load: Load, rival: Rival, t0: float, view: View, shown: Callable[[], dict[str, Any]]
) -> None:
    """Runs both loads to their ends, with something to see meanwhile."""
    ours = threading.Thread(target=load.run, args=(t0,), daemon=True)
    ours.start()
    try:
        while ours.is_alive() or not rival.wait(0):
            view.show(time.monotonic() - t0, load.begun - load.done, shown())
            if ours.is_alive():
                ours.join(view.pause_s)
            else:
                rival.wait(view.pause_s)
    finally:
        load.stop()
        view.clear()
