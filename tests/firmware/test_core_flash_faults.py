"""What the core does when flash or a reset lets it down, on an emulated board."""

from bare_board import BareBoard
from kerbstone.emulator.flash import Flash

HEAD = """
import machine, os
from kerb.clock import Instant
from kerb.outbox import Outbox
"""


def run(script, setup=None, seconds=10):
    with BareBoard(HEAD + script, firmware=True, setup=setup) as board:
        return board.run(seconds)


def refusing(board):
    """Programming fails once the folder is there and `gpio5` is high."""
    flash: Flash = board.flash
    flash.faults.append(lambda block, offset, data: 5 if board.pins.line(5).level else 0)


REFUSE = "machine.Pin(5, machine.Pin.OUT).value(1)\n"


def test_a_record_that_flash_refuses_stays_in_ram_and_survives_packing():
    lines = run("""
box = Outbox()
name, _ = box.put(b"\\x10\\x00\\x01", 1, Instant(7), 1, 3, False)
""" + REFUSE + """
other, _ = box.put(b"\\x10\\x00\\x02", 1, Instant(8), 1, 3, False)
again = Outbox()
again.unpack(box.pack(), False)
print([(r.frame, r.mono, r.tried) for r in [again.read(n) for n in again.names()]])
""", refusing)
    assert "kerb fault flash refuses to be written" in lines
    assert lines[-1] == "[(b'\\x10\\x00\\x01', 7, False), (b'\\x10\\x00\\x02', 8, True)]"


def test_records_in_ram_are_bounded_and_the_oldest_of_the_least_urgent_goes_in_words():
    lines = run("box = Outbox()\nbox.names()\n" + REFUSE + """
gone = []
for i in range(60):
    gone += box.put(bytes([16, 0, i]), 1 + i % 2, Instant(i), 1, 3, False)[1]
marker = [box.read(name).gap for name in box.names() if name.endswith("g")]
print(len(box.pack()) <= 1200, len(gone) + len(box) - 1 == 60, gone[0], marker[0][:3], len(gone))
""", refusing)
    words = lines[-1].split()
    assert words[:3] == ["True", "True", "200000001"]
    assert words[3:6] == ["(0,", "0,", f"{words[6]})"]  # all that went is counted, and all of it was routine


def test_a_record_that_cannot_be_marked_is_not_called_unsent():
    lines = run("""
box = Outbox()
name, _ = box.put(b"\\x10\\x00\\x01", 1, Instant(7), 1, 3, False)
""" + REFUSE + """
record = box.read(name)
print(box.mark_tried(record), box.names())
""", refusing)
    assert lines[-1] == "False ['100000000']"


def test_what_a_power_cut_left_half_written_goes_when_the_folder_is_read():
    lines = run("""
box = Outbox()
for i in range(3):
    with open("/outbox/10000000%dt~" % i, "wb") as f:
        f.write(b"half")
print(box.names(), os.listdir("/outbox"))
""")
    assert lines[-1] == "[] []"
