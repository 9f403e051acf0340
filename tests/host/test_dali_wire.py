"""DALI on the wire: the firmware's bit engines on emulated chips against a virtual gear, judged on the edges of the pin."""

from __future__ import annotations

import pytest
from bare_board import BareBoard

from kerbstone.emulator.parts.base import PartContext
from kerbstone.emulator.parts.dali import Dali, decode
from kerbstone.emulator.world.pole import Pole

TX, RX = 16, 17
HALF_US = 1e6 / 2400
MAIN = """
import time
time.sleep_ms(50)
from kerb.drivers.dali import DALI
lamp = DALI(None, {"tx_pin": %d, "rx_pin": %d, "name": "lamp", "where": "pins"})
""" % (TX, RX)


class WiredBoard(BareBoard):
    """A chip with a DALI interface and gear on it. `part` is the bus."""

    def __init__(self, main: str, mcu: str, **options):
        def hang_on(board):
            import random

            site = Pole(1_760_000_000, random.Random(1), {})
            lines = {"tx": board.pins.line(TX), "rx": board.pins.line(RX)}
            context = PartContext("lamp", board.kernel, site, random.Random(3), board.device.ledger.meter("lamp"), options, lines)
            board.part = Dali(context)

        self.part: Dali
        super().__init__(main, mcu, setup=hang_on, firmware=True)


MCUS = ("rp2040", "esp32")


@pytest.mark.parametrize("mcu", MCUS)
def test_a_lamp_is_found_set_and_read_over_the_wire(mcu):
    main = MAIN + "lamp.set('level', 50)\ntime.sleep(2)\nprint(sorted(lamp.measure({}).items()))\nlamp.set('level', 0)\nprint(lamp.measure({})['level_pct'])\n"
    with WiredBoard(main, mcu) as board:
        lines = board.run(20)
        assert board.part.bad_frames == 0
        print(lines)
        assert "('level_pct', 50)" in lines[0]
