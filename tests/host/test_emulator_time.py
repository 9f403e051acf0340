"""Virtual time as the firmware sees it: ticks, timers, interrupts, asyncio, streams."""

from bare_board import BareBoard
from kerbstone.emulator.parts.base import UartPart


def test_a_day_of_sleeping_passes_at_once_and_exactly():
    main = "import time\nt = time.time()\nfor i in range(24):\n    time.sleep(3600)\nprint(time.time() - t)\n"
    with BareBoard(main) as board:
        assert board.run(90_000) == ["86400"]


def test_ticks_wrap_as_on_a_board():
    main = """
import time
a = time.ticks_ms()
time.sleep(1073741)
b = time.ticks_ms()
time.sleep(10)
c = time.ticks_ms()
print(a < 2000, max(a, b, c) < 1 << 30, time.ticks_diff(c, b) // 1000, c < b)
"""
    with BareBoard(main) as board:
        assert board.run(1_073_800) == ["True True 10 True"]


def test_interrupt_handlers_run_at_the_edge_and_the_sleep_goes_on():
    main = """
import machine, time
seen = []
p = machine.Pin(4, machine.Pin.IN)
p.irq(lambda pin: seen.append((pin.value(), time.ticks_ms())), machine.Pin.IRQ_RISING | machine.Pin.IRQ_FALLING)
t = time.ticks_ms()
time.sleep(10)
print([(v, (m - t) // 100) for v, m in seen], (time.ticks_ms() - t) // 100)
"""
    with BareBoard(main) as board:
        board.kernel.at(5_000_000, board.pins.line(4).drive, 1)
        board.kernel.at(7_000_000, board.pins.line(4).drive, 0)
        # Boot takes 0.635 s, so the edges fall 4.3 and 6.3 s after the first line.
        assert board.run(12) == ["[(1, 43), (0, 63)] 100"]


def test_timers_tick_periodically_until_stopped():
    main = """
import machine, time
n = [0]
def tick(t):
    n[0] += 1
    if n[0] == 5:
        t.deinit()
machine.Timer(0, period=100, callback=tick)
time.sleep(3)
print(n[0])
"""
    with BareBoard(main) as board:
        assert board.run(5) == ["5"]


def test_the_ports_own_asyncio_runs_in_virtual_time():
    main = """
import asyncio, time
order = []
async def worker(name, s, k):
    for i in range(k):
        await asyncio.sleep(s)
        order.append(name)
async def main():
    t = time.time()
    await asyncio.gather(worker("a", 601, 6), worker("b", 900, 4))
    print(time.time() - t, "".join(order))
asyncio.run(main())
"""
    with BareBoard(main) as board:
        assert board.run(4000) == ["3606 ababaababa"]


class Echo(UartPart):
    def uart_write(self, data):
        self.send(data[::-1])


def _echo(board):
    board.uarts.attach(17, Echo.__new__(Echo))
    part = board.uarts.parts[17][0]
    part.kernel, part.powered, part.to_mcu = board.kernel, True, None


def test_a_uart_read_waits_for_its_timeout_and_no_longer():
    main = """
import machine, time, select
u = machine.UART(1, 9600, tx=machine.Pin(16), rx=machine.Pin(17), timeout=500)
t = time.ticks_ms()
print(u.read(3), time.ticks_diff(time.ticks_ms(), t))
u.write(b"abc")
t = time.ticks_ms()
print(u.read(3), time.ticks_diff(time.ticks_ms(), t))
p = select.poll()
p.register(u, select.POLLIN)
u.write(b"xyz")
t = time.ticks_ms()
print(len(p.poll(1000)), time.ticks_diff(time.ticks_ms(), t), u.any(), u.read())
"""
    with BareBoard(main, setup=_echo) as board:
        # Three bytes of ten bits at 9600 baud: 3.1 ms out, 3.1 ms back.
        assert board.run(5) == ["None 500", "b'cba' 6", "1 6 3 b'zyx'"]


def test_the_same_board_runs_twice_to_the_same_log():
    main = """
import machine, os, random
print(os.urandom(8), random.random())
with open("/x", "ab") as f:
    f.write(os.urandom(3))
machine.deepsleep(random.randint(1000, 90000))
"""
    runs = []
    for _ in range(2):
        with BareBoard(main) as board:
            runs.append((board.run(1000), board.kernel.log.events))
    assert runs[0] == runs[1]
    assert len(set(runs[0][0])) > 10


def test_a_file_on_the_board_replaces_a_built_in_module():
    main = """
import os, sys
if "struct.py" not in os.listdir("/"):
    import struct
    print(hasattr(struct, "pack"))
    os.mkdir("/lib")
    for name in ("/struct.py", "/lib/heapq.py"):
        with open(name, "w") as f:
            f.write("ours = 1")
    import machine
    machine.reset()
import heapq, json, struct
print(struct.ours, heapq.ours, json.dumps([1]))
"""
    with BareBoard(main) as board:
        assert board.run(5) == ["True", "1 1 [1]"]
