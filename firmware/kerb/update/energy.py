"""What the rest of an update costs, and whether the battery can pay it: flash, work and two starts at the board's currents.

The model of the battery: it was full at power-on, and has paid the day's budget since. An update is refused when what it costs would be
taken from the reserve, so many days of the budget. The voltage, which says little of a lithium cell until it is empty, is judged apart.
Figures of node.json: `ua` while the chip works, `boot_uc` a start, `work_ms` of modules read in one, `mv` of the supply, `mah` that can be
used (0: not known), `uah_day` of the budget (0: none), `reserve_d`.
"""

from kerb import log
from kerb.update.envelope import Refused

_SECTOR, _PAGE = 4096, 256
_ERASE_MS = 45  # of a sector, and of a page: typical of W25Q-class flash at 3.3 V
_PROGRAM_US = 700
_STARTS = 2  # the one that installs, and the first of what was installed
_RTC_STARTS = 1609459200  # an RP2040's clock begins in 2021, an ESP32's at 0


def cost_mj(energy, sizes, marks=0):
    """Millijoules. `sizes`: bytes of each file that is written; `marks`: small writes beside."""
    sectors, pages, count = 0, marks, 0
    for size in sizes:
        sectors += (size + _SECTOR - 1) // _SECTOR
        pages += (size + _PAGE - 1) // _PAGE + 2  # and its name, twice: made and closed
        count += 1
    sectors += count // 8 + 4  # folders that run full, and the node's own records
    ms = sectors * _ERASE_MS + pages * _PROGRAM_US // 1000 + _STARTS * energy["work_ms"]
    return (energy["ua"] * ms // 1000 + _STARTS * energy["boot_uc"]) * energy["mv"] // 1000000


def above_reserve_mj(energy, mono_s):
    """What may be spent, by the model; None when the node file says nothing of the battery."""
    if not energy["mah"]:
        return None
    day = energy["uah_day"] * 36 * energy["mv"] // 10000
    return energy["mah"] * 36 * energy["mv"] // 10 - day * (mono_s % _RTC_STARTS // 86400 + energy["reserve_d"])


def check(energy, sizes, mono_s, marks=0):
    """Tells what it costs. Raises Refused("battery")."""
    cost, left = cost_mj(energy, sizes, marks), above_reserve_mj(energy, mono_s)
    log.event("cost", "update", cost, "mJ")
    if left is not None and cost > left:
        raise Refused("battery", "%d mJ wanted, %d above the reserve" % (cost, left))
