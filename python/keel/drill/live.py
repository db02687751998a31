"""What is shown while the night goes on: a picture in a terminal, else a line now and then."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from typing import Any, TextIO

from .load import ANSWERED, Record
from .night import PROVIDERS, Night

_BARS = " ▁▂▃▄▅▆▇█"
_BREAKER = {0: ("●", "32", "closed"), 1: ("◐", "33", "on trial"), 2: ("○", "31", "open")}
_LINE_EVERY_S = 5.0
_RECENT_S = 3.0


class Tally:
    """One client's counts while it runs; written from its thread, read by the view."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.answered = 0

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.answered += record.outcome == ANSWERED

    def percent(self) -> float:
        done = len(self.records)
        return 100 * self.answered / done if done else 100.0

    def recent(self, now_s: float) -> list[Record]:
        """What came to its end in the last seconds."""
        out = []
        for record in reversed(self.records[-400:]):
            if record.at_s + record.latency_s > now_s - _RECENT_S:
                out.append(record)
        return out


class View:
    """`shown` is what Keel tells of itself: breakers, money, the last event."""

    def __init__(self, out: TextIO, night: Night, naive: Tally, keel: Tally) -> None:
        self._out = out
        self._night = night
        self._naive = naive
        self._keel = keel
        self._terminal = out.isatty()
        self._lines = 0
        self._next_line = 0.0

    @property
    def pause_s(self) -> float:
        return 0.25 if self._terminal else 0.5

    def show(self, t_s: float, open_questions: int, shown: dict[str, Any]) -> None:
        if self._terminal:
            self._draw(self._picture(t_s, open_questions, shown))
        elif t_s >= self._next_line:
            self._next_line = t_s + _LINE_EVERY_S
            self._out.write(self._line(t_s, shown) + "\n")
            self._out.flush()

    def clear(self) -> None:
        if self._terminal and self._lines:
            self._out.write(f"\x1b[{self._lines}A\x1b[J")
            self._lines = 0

    def _line(self, t_s: float, shown: dict[str, Any]) -> str:
        scene = self._title(t_s)
        return (
            f"{max(t_s, 0):5.1f} s  {self._night.rate_at(t_s):5.1f}/s  {scene:<40}  "
            f"naive {self._naive.percent():5.1f} %  Keel {self._keel.percent():6.2f} %  "
            f"spent {shown['spent_share']:4.0%}"
        )

    def _title(self, t_s: float) -> str:
        if t_s > self._night.duration_s:
            return "waiting for the last answers"
        return self._night.scene_at(t_s).title

    def _picture(self, t_s: float, open_questions: int, shown: dict[str, Any]) -> list[str]:
        night = self._night
        recent = self._keel.recent(t_s)
        by = Counter("cache" if r.cached else r.provider for r in recent if r.outcome == ANSWERED)
        lines = [
            _bold("keel drill")
            + f"   {max(t_s, 0):4.0f} of {night.duration_s:.0f} s   "
            + _bold(self._title(t_s)),
            "",
            f"  traffic     {self._traffic(t_s)}  {night.rate_at(t_s):5.1f}/s, "
            f"{open_questions} open",
            f"  naive       {_bar(self._naive.percent())}  {self._naive.percent():6.2f} % answered",
            f"  Keel        {_bar(self._keel.percent())}  {self._keel.percent():6.2f} % answered",
            "",
        ]
        for provider in PROVIDERS:
            sign, colour, word = _BREAKER[shown["breakers"].get(provider.name, 0)]
            lines.append(
                f"  \x1b[{colour}m{sign}\x1b[0m {provider.name:<10}"
                f"{by[provider.name] / _RECENT_S:6.1f}/s   {word}"
            )
        lines.append(f"  ◇ cache     {by['cache'] / _RECENT_S:6.1f}/s")
        lines += [
            "",
            f"  budget      {_bar(100 * shown['spent_share'])}  {shown['spent_share']:6.1%} spent",
            f"  {shown['news']}",
        ]
        return lines

    def _traffic(self, t_s: float) -> str:
        """The whole night's rate, one column per share of it; the present is bright."""
        columns = 40
        out = []
        for i in range(columns):
            at = (i + 0.5) / columns * self._night.duration_s
            height = self._night.rate_at(at) / self._night.rate
            sign = _BARS[max(1, math.ceil(height * (len(_BARS) - 1)))]
            out.append(sign if at <= t_s else f"\x1b[2m{sign}\x1b[0m")
        return "".join(out)

    def _draw(self, lines: list[str]) -> None:
        width = shutil.get_terminal_size().columns
        # Over the picture before, in one write: no flicker.
        above = f"\x1b[{self._lines}A" if self._lines else ""
        text = "".join(_cut(line, width) + "\x1b[K\n" for line in lines)
        self._out.write(above + text)
        self._lines = len(lines)
        self._out.flush()


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"


def _bar(percent: float, width: int = 40) -> str:
    full = round(min(max(percent, 0.0), 100.0) / 100 * width)
    return "█" * full + "░" * (width - full)


def _cut(line: str, width: int) -> str:
    """At most `width` visible signs: a wrapped line would break the redraw."""
    seen, i = 0, 0
    while i < len(line) and seen < width:
        if line[i] == "\x1b":
            i = line.index("m", i)
        else:
            seen += 1
        i += 1
    return line[:i] + ("\x1b[0m" if "\x1b" in line else "")
