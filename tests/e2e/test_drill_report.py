"""From records to numbers to words."""

from keel.drill import Night
from keel.drill.live import Tally, View
from keel.drill.load import ANSWERED, CROSSED, Record
from keel.drill.report import percentile, summary
from keel.drill.series import Series
from keel.drill.words import dollars

NIGHT = Night(duration_s=60)


def record(number, outcome=ANSWERED, latency=1.0, provider="openai", cached=False):
    return Record(
        number, float(number), 0.0, latency, outcome, 0 if cached else 1, provider, 5, cached, False
    )


def test_percentiles_are_real_values():
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.99) == 3.0
    hundred = [float(n) for n in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]


def test_a_summary_adds_up():
    records = [
        record(0),
        record(1, cached=True),
        record(2, "429", latency=9.0),
        record(3, CROSSED),
        record(59),
    ]
    made = summary(records, NIGHT)
    assert made["requests"] == sum(made["outcomes"].values()) == 5
    assert made["answered"] == sum(made["answered_by"].values()) == 3
    assert made["answered_by"] == {"openai": 2, "cache": 1}
    assert made["crossed"] == 1
    assert made["cache_hits"] == 1
    assert made["answered_percent"] == 60.0
    assert made["latency_s"]["p99"] == 1.0  # of the answered only
    assert made["cost_nano_usd"] == 25
    assert made["sends"] == 4
    assert sum(s["requests"] for s in made["scenes"].values()) == 5
    assert made["scenes"]["recovery"]["answered"] == 1


def test_a_summary_of_nothing():
    made = summary([], NIGHT)
    assert made["requests"] == 0
    assert made["answered_percent"] is None


def test_series_are_read_exactly():
    series = Series(
        '# HELP a b\nkeel_x{account="relay",k="a\\"b"} 1.000000001\nkeel_x 2\nkeel_y 3\n'
    )
    assert str(series.sum("keel_x", account="relay")) == "1.000000001"
    assert series.sum("keel_x") == 3 + series.sum("keel_x", account="relay") - 1
    assert series.sum("keel_none") == 0


def test_dollars():
    assert dollars(21_486_684_000) == "$21.4867"


class Terminal:
    def __init__(self, tty):
        self.text = ""
        self._tty = tty

    def isatty(self):
        return self._tty

    def write(self, text):
        self.text += text

    def flush(self):
        pass


SHOWN = {"breakers": {"openai": 2}, "spent_share": 0.5, "news": "12 s: something moved"}


def test_without_a_terminal_a_line_now_and_then():
    out = Terminal(tty=False)
    view = View(out, NIGHT, Tally(), Tally())
    for t in (0.0, 1.0, 4.9, 5.1, 61.0):
        view.show(t, 3, SHOWN)
    view.clear()
    lines = out.text.splitlines()
    assert len(lines) == 3
    assert "\x1b" not in out.text
    assert "the rush begins" in lines[1]
    assert "waiting for the last answers" in lines[2]


def test_in_a_terminal_a_picture_that_goes_away():
    out = Terminal(tty=True)
    tally = Tally()
    tally.add(record(10))
    view = View(out, NIGHT, tally, tally)
    view.show(11.0, 3, SHOWN)
    first = out.text
    assert "open" in first
    assert "something moved" in first
    view.show(11.2, 3, SHOWN)
    view.clear()
    height = first.count("\n")
    assert out.text.count(f"\x1b[{height}A") == 2
    assert out.text.endswith("\x1b[J")
