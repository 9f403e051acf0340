"""A part that is late because the node was held up elsewhere."""

from bare_board import BareBoard
from kerb.apps.algo.settings import due, passed

SCRIPT = """
import time
from kerb.sampler import Sampler
class P:
    wake = None
    def __init__(self, name, period_s, warm_up_ms):
        self.name, self.period_s, self.warm_up_ms = name, period_s, warm_up_ms
    def start(self):
        pass
time.sleep(10)
s = Sampler([P("gas", 10, 4000)])
s.begin(time.time(), False)
time.sleep(9)                 # a search for the network
print(s.ready() is not None)
s.begin(20, False)
print(s.busy, s.next_ms(30000) > 1000, s.next_ms(30000) <= 4000)
"""


def test_a_part_under_way_whose_next_turn_has_come_does_not_keep_the_cpu_spinning():
    with BareBoard(SCRIPT, firmware=True) as board:
        assert board.run(60) == ["True", "True True True"]


def test_a_failed_part_is_asked_again_before_its_period():
    with BareBoard(SCRIPT + """
s = Sampler([P("mag", 21600, 20)])
s.begin(100, False)
s.hurry("mag", 700)
print(s.pack() == (700).to_bytes(4, "little"))
s.hurry("mag", 900)
print(s.pack() == (700).to_bytes(4, "little"))
""", firmware=True) as board:
        assert board.run(60)[-2:] == ["True", "True"]


def test_a_report_as_rare_as_its_samples_is_not_a_period_late_the_first_time():
    """Samples keep the rhythm of power-on; the first one comes when the node has started, some seconds into it."""
    for period in (10, 600, 3600, 21_600):
        first = period // 5
        told = [first]
        for now in range(period, 20 * period, period):
            if due(now, told[-1], period):
                told.append(now)
        assert told == [first, *range(period, 20 * period, period)]


def test_a_report_rarer_than_its_samples_keeps_its_period_and_an_event_puts_it_off():
    told = [2]
    for now in range(3, 3600):
        if due(now, told[-1], 60):
            told.append(now)
    assert told == [2, *range(60, 3600, 60)]
    assert not due(3600, 3500, 3600) and not due(3601, 3500, 3600)  # told a moment ago
    assert due(7100, 3500, 3600)
    assert due(5, 3500, 3600), "a power cycle"
    assert not passed(3600, 5, 3600) and passed(3605, 5, 3600)
