"""A part that is late because the node was held up elsewhere."""

from bare_board import BareBoard

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
