"""Alphasense four-electrode gas cells on their individual sensor boards, read through an ADS1115 (AAN 803-05, four algorithms).

The working electrode (WE) sees gas and temperature, the auxiliary one (AE) temperature alone. Every cell comes with a label: electronic
zeros of its board, zeros in clean air, sensitivity. One part is one cell. Current: 1 mA a board, and the cell must stay powered; it
takes hours to settle after power-on, for which `settle_s` stands.

Options: `cell` ("NO2-B43F" ...); `we`, `ae` (0, 1) = inputs of the converter; `we_electronic_mv`, `ae_electronic_mv`, `we_zero_mv`,
`ae_zero_mv` (zeros of the cell without those of the board), `sensitivity_mv_ppb`; `algorithm` (1..4; the table's unless given);
`no2_sensitivity_mv_ppb` = of an OX cell, which sees NO2 as well: its O3 needs the NO2 of another part; `range_mv` (2048), `addr`
(0x48), `settle_s` (7200; 0 for a node that deep-sleeps while the board stays powered).
"""

import time

from micropython import const

from kerb.drivers.ads1115 import Converter
from kerb.drivers.alphasense_cells import CELLS, FIRST_C, STEP_C
from kerb.errors import ConfigError
from kerb.quality import GOOD, SUSPECT, WARMING, worst

_WARMER_C = const(20)  # where nobody knows the temperature
_LABEL = ("sensitivity_mv_ppb", "we_electronic_mv", "ae_electronic_mv", "we_zero_mv", "ae_zero_mv")


def factor(cell, algorithm, temp_c):
    """nT, kT, k'T or k''T at this temperature: linear between the steps of 10 C, and held beyond their ends."""
    row = CELLS[cell][algorithm]
    x = (temp_c - FIRST_C) / STEP_C
    if x <= 0:
        return row[0] / 10
    i = int(x)
    if i >= len(row) - 1:
        return row[-1] / 10
    return (row[i] + (row[i + 1] - row[i]) * (x - i)) / 10


def corrected(algorithm, we, ae, k, we_zero=0, ae_zero=0):
    """mV of gas alone (AAN 803-05, section 2). `we`, `ae`: raw less electronic zero; k: the algorithm's factor.

    ZeroDivisionError from algorithm 2 if the auxiliary electrode's zero is 0.
    """
    if algorithm == 1:
        return we - k * ae
    if algorithm == 2:
        return we - k * (we_zero / ae_zero) * ae
    if algorithm == 3:
        return we - (we_zero - ae_zero) - k * ae
    return we - we_zero - k


class ALPHASENSE:
    WARM_UP_MS = 0

    def __init__(self, bus, options):
        name = options.get("name", "alphasense")
        cell = options.get("cell")
        if cell not in CELLS:
            raise ConfigError("part %s needs `cell`, one of %s" % (name, ", ".join(sorted(CELLS))))
        label = (
            options.get("sensitivity_mv_ppb"),
            options.get("we_electronic_mv"),
            options.get("ae_electronic_mv"),
            options.get("we_zero_mv"),
            options.get("ae_zero_mv"),
        )
        for i, value in enumerate(label):
            if value is None:
                raise ConfigError("part %s needs `%s` from the label of its cell" % (name, _LABEL[i]))
        self._sensitivity, self._we_electronic, self._ae_electronic, self._we_zero, self._ae_zero = label
        self._no2_sensitivity = options.get("no2_sensitivity_mv_ppb")
        self._we, self._ae = options.get("we", 0), options.get("ae", 1)
        self._cell = cell
        self._gas, recommended = CELLS[cell][0]
        self._algorithm = options.get("algorithm", recommended)
        if self._algorithm not in (1, 2, 3, 4) or (self._algorithm == 2 and not self._ae_zero):
            raise ConfigError("part %s cannot use algorithm %s; take 1" % (name, self._algorithm))
        self._settle_s = options.get("settle_s", 7200)
        self._converter = Converter(bus, options.get("addr", 0x48), options, "alphasense", options.get("range_mv", 2048))
        self._result = {self._gas: None, "quality": GOOD}
        self.QUANTITIES = (self._gas,)
        self._seconds = 0
        self._last = time.ticks_ms()
        self._converter.read_mv(self._we)

    def start(self):
        """Nothing to do: the cell measures all the time."""

    def measure(self, env):
        """ppb, of CO ppm. Takes 140 ms. Without a temp_c among the latest values of the node 20 C is assumed, and the result suspect."""
        result = self._result
        we, ae = self._converter.read_mv(self._we), self._converter.read_mv(self._ae)
        quality = self._settled()
        if we is None or ae is None:
            result[self._gas] = None
            result["quality"] = worst(quality, SUSPECT)
            return result
        temp = env.get("temp_c")
        if temp is None or not FIRST_C <= temp <= 50:
            quality = worst(quality, SUSPECT)
        k = factor(self._cell, self._algorithm, _WARMER_C if temp is None else temp)
        gas_mv = corrected(self._algorithm, we - self._we_electronic, ae - self._ae_electronic, k, self._we_zero, self._ae_zero)
        if self._no2_sensitivity:
            no2 = env.get("no2_ppb")
            if no2 is None:
                quality = worst(quality, SUSPECT)
            else:
                gas_mv -= no2 * self._no2_sensitivity
        ppb = gas_mv / self._sensitivity
        result[self._gas] = ppb / 1000 if self._gas == "co_ppm" else ppb
        result["quality"] = quality
        return result

    def sleep(self):
        """Nothing to do: the converter sleeps by itself, and the cell must stay biased."""

    def _settled(self):
        """WARMING until the cell has been powered for settle_s. Counted in steps: ticks wrap within days."""
        if self._seconds < self._settle_s:
            now = time.ticks_ms()
            passed = time.ticks_diff(now, self._last) // 1000
            self._seconds += passed
            self._last = time.ticks_add(self._last, passed * 1000)
        return GOOD if self._seconds >= self._settle_s else WARMING
