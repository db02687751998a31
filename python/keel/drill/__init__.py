"""`keel drill`: the article's Black Friday in about a minute, once with a naive client and once
with Keel, each on fake providers of its own and on the same seeded schedule.

`run` lives through the night and gives its result as plain data; `judge` says what is wrong with
it. The numbers are the run's own: nothing here knows how a night should end but the gates.
"""

from __future__ import annotations

from .judge import judge
from .night import Night
from .rehearsal import run

__all__ = ["Night", "judge", "run"]
