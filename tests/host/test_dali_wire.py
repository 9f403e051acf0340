"""DALI on the wire: the firmware's bit engines on emulated chips against virtual gear, judged on the edges of the pin."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from bare_board import BareBoard
from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.dali import Dali
from kerbstone.emulator.parts.dali_gear import light
from kerbstone.emulator.world.pole import Pole

TX, RX = 16, 17
HALF_US = 1e6 / 2400
MCUS = ("rp2040", "esp32", "esp32s3")
START = """
import time
time.sleep_ms(50)
from kerb.errors import SensorError
from kerb.drivers.dali import DALI
def lamp(**more):
    return DALI(None, dict(tx_pin=16, rx_pin=17, name="lamp", where="pins", **more))
"""


class WiredBoard(BareBoard):
    """A chip with a DALI interface and gear on it; `bus` is the virtual bus."""

    def __init__(self, main: str, mcu: str, prepare=lambda bus: None, **options):
        def hang_on(board):
            site = Pole(1_760_000_000, random.Random(1), {})
            lines = {"tx": board.pins.line(TX), "rx": board.pins.line(RX)}
            board.bus = Dali(PartContext("lamp", board.kernel, site, random.Random(3), board.device.ledger.meter("lamp"), options, lines))
            prepare(board.bus)

        self.bus: Dali
        super().__init__(START + main, mcu, setup=hang_on, firmware=True)

    @property
    def lit(self) -> float:
        return self.bus.site.read("lamp_power_w", self.kernel.now)


@pytest.mark.parametrize("mcu", MCUS)
def test_a_lamp_is_found_set_and_read(mcu):
    main = (
        "l = lamp()\nl.set('level', 50)\ntime.sleep(3600)\nr = l.measure({})\nprint(r)\nl.set('level', 0)\n"
        "print(l.measure({})['level_pct'])\ntime.sleep(60)"
    )
    with WiredBoard(main, mcu) as board:
        reading, dark = board.run(3620)
        got = eval(reading)
        assert (got["level_pct"], got["lamp_out"], got["quality"], dark) == (50, False, 0, "0")
        assert got["power_w"] == pytest.approx(26.5, abs=0.3)  # level 229 is 50.5 %
        assert got["energy_kwh"] == pytest.approx(0.0265, abs=0.0011)
        assert got["volt_v"] == pytest.approx(230, abs=8) and got["power_factor"] == pytest.approx(0.93, abs=0.01)
        assert board.bus.bad_frames == 0 and board.lit == 0.5


@pytest.mark.parametrize("mcu", MCUS)
def test_half_bits_and_pauses_on_the_pin_keep_the_standard(mcu):
    """10 % of a half bit are allowed; send-twice within 100 ms; at least 13.5 ms after a frame, 2.4 ms after an answer."""
    main = "l = lamp(failure_level=200)\nfor n in range(1, 100, 7):\n    l.set('level', n)\n    l.measure({})\ntime.sleep(60)"
    with WiredBoard(main, mcu) as board:
        board.run(40)
        frames: list[list[tuple[int, int]]] = []
        for edge in board.bus.edges:
            if edge[1] == 0 and (not frames or edge[0] - frames[-1][-1][0] > 2_000):
                frames.append([])
            if frames:
                frames[-1].append(edge)
        assert len(frames) > 300 and board.bus.bad_frames == 0
        worst = 0.0
        for frame in frames:
            for (t0, _), (t1, _) in pairwise(frame):
                halves = round((t1 - t0) / HALF_US)
                assert halves in (1, 2)
                worst = max(worst, abs((t1 - t0) / halves / HALF_US - 1))
        pauses = [b[0][0] - a[-1][0] for a, b in pairwise(frames)]
        print(f"{mcu}: {len(frames)} frames, worst half bit {100 * worst:.2f} % off, pauses {min(pauses)}..{max(pauses)} us")
        assert worst < 0.1
        assert min(pauses) >= 13_500
        told = board.bus.frames
        twice = [(b[0] - a[0]) / 1000 for a, b in pairwise(told) if a[1] == b[1] and 0x20 <= a[1] & 0xFF <= 0x81]
        assert len(twice) >= 10 and max(twice) < 100


def test_frames_on_the_wire_are_python_dali_s():
    command = pytest.importorskip("dali.command")
    frame = pytest.importorskip("dali.frame")
    pytest.importorskip("dali.gear.general")  # makes its commands known
    with WiredBoard("l = lamp(failure_level=180)\nl.set('level', 30)\nl.measure({})", "rp2040") as board:
        board.run(15)
        names = [str(command.from_frame(frame.ForwardFrame(bits, data))) for _, data, bits in board.bus.frames]
    for wanted in ("DTR0(180)", "SetSystemFailureLevel(<address (control gear) 0>)", "SetPowerOnLevel(<address (control gear) 0>)",
                   "ArcPower(<address (control gear) 0>,210)", "DTR1(202)", "QueryActualLevel(<address (control gear) 0>)"):  # fmt: skip
        assert wanted in names, names
    assert names.count("SetSystemFailureLevel(<address (control gear) 0>)") == 2


@pytest.mark.parametrize("mcu", MCUS)
def test_the_levels_of_a_dead_controller_are_written_once_and_kept(mcu):
    def foreign(bus):
        bus.gears[0].failure_level, bus.gears[0].power_on_level = 255, 0

    with WiredBoard("l = lamp()\nprint('there')", mcu, foreign) as board:
        assert board.run(10) == ["there"]
        assert (board.bus.gears[0].failure_level, board.bus.gears[0].power_on_level) == (254, 254)


@pytest.mark.parametrize("mcu", MCUS)
@pytest.mark.parametrize("death", ["reset", "power", "exit"])
def test_a_controller_that_dies_leaves_the_light_on(mcu, death):
    """Its pin lets go, the interface pulls the bus low, and after half a second the gear takes its failure level."""
    with WiredBoard("l = lamp()\nl.set('level', 0)\nprint('dark')\ntime.sleep(" + ("1)" if death == "exit" else "1000)"), mcu) as board:
        assert board.run(8)[:1] == ["dark"]
        if death == "reset":
            board.device.reset(3)
            board.run(0.55)
        elif death == "power":
            assert board.lit == 0.5
            board.device.power_off()
            board.run(0.6)
        assert board.lit == 50.0


@pytest.mark.parametrize("mcu", ["rp2040", "esp32"])
@pytest.mark.parametrize(("fault", "sentence"), [("absent", "no answer"), ("garbled", "nobody can read")])
def test_gear_that_does_not_answer_is_one_sentence(mcu, fault, sentence):
    with WiredBoard("try:\n    lamp()\nexcept SensorError as e:\n    print(e)", mcu, fault=fault) as board:
        (line,) = board.run(10)
        assert line.startswith("lamp at pins: ") and sentence in line and "check bus" in line


def test_a_dead_lamp_is_known_to_the_gear_and_a_stuck_one_to_its_meter():
    main = "l = lamp()\nl.set('level', 0)\ntime.sleep(1)\nr = l.measure({})\nprint(r['lamp_out'], r['level_pct'], r['power_w'])"
    for fault, out in (("lamp", "True 0 0.5"), ("stuck", "False 0 50.0"), ("", "False 0 0.5")):
        with WiredBoard(main, "rp2040", fault=fault) as board:
            assert board.run(10) == [out]


@pytest.mark.parametrize("mcu", ["rp2040", "esp32"])
def test_three_new_gears_get_three_addresses(mcu):
    main = """
from kerb.dali.bus import Bus
from kerb.dali.addressing import assign
try:
    from kerb.dali.pio import Engine
except ImportError:
    from kerb.dali.rmt import Engine
print(assign(Bus(Engine(16, 17, 0)), 5))
"""

    def fresh(bus):
        for gear in bus.gears:
            gear.short = None

    with WiredBoard(main, mcu, fresh, gears=3) as board:
        assert board.run(60) == ["3"]
        assert sorted(gear.short for gear in board.bus.gears) == [5, 6, 7]


def test_the_part_s_own_curve_is_the_standard_s():
    assert [round(100 * light(n), 2) for n in (0, 1, 85, 170, 229, 254)] == [0, 0.1, 0.99, 10.09, 50.53, 100.0]
