"""The table of rules, in the order in which they are tried: a rule may rely on those above it."""

from __future__ import annotations

from kerbstone.build.checks import lorawan, pins, power, sleep, software, tables, wires
from kerbstone.build.checks.rule import Rule

RULES = (
    Rule("application", "The application exists.", software.application),
    Rule("settings", "Every key of [app] is one of the application, of the kind of its default.", software.settings),
    Rule("driver", "Every part's driver exists.", software.drivers),
    Rule("option", "Every key of a part is one its driver reads.", software.options),
    Rule("value", "Every row of a part's values has keys its driver reads.", tables.values),
    Rule("channel", "Every channel has a source the node measures, and a range a message can carry.", tables.channels),
    Rule("world", "What hangs on the wires hangs on parts of the node.", tables.world),
    Rule("bus", "Every part's bus is one of the board.", wires.buses),
    Rule("rail", "Every part's rail is one of the board.", wires.rails),
    Rule("supply", "A battery is measured only where the board or the node file says how.", wires.supply),
    Rule("bearer", "The board has the bearer.", wires.bearer),
    Rule("modem", "The firmware can drive the board's modem and switch it on.", wires.modem),
    Rule("class", "A device of class C listens all the time: it is awake, on mains, and its radio can.", lorawan.device_class),
    Rule("package", "Application packages keep what they know in RAM.", lorawan.packages),
    Rule("laboratory", "No node of the street can be commanded by a laboratory.", lorawan.laboratory),
    Rule("pin-missing", "Every pin a driver cannot do without is named.", pins.missing),
    Rule("pin-exists", "Every pin is one of the chip.", pins.exists),
    Rule("wake-pin", "Only pins of the RTC domain end deep sleep.", sleep.wake_pins),
    Rule("wake-level", "All wake pins wake by one level.", sleep.wake_levels),
    Rule("wake-count", "A part that counts through deep sleep is the only one that wakes the node.", sleep.counters),
    Rule("watch", "A coprocessor watches in deep sleep, on pins it can move, a sensor that could wake the node itself.", sleep.watches),
    Rule("pin-twice", "No pin has two uses.", pins.twice),
    Rule("pin-reserved", "No part is on a pin the board needs itself.", pins.reserved),
    Rule("strapping", "No part is on a pin that decides how the chip starts, unless the node file allows it.", pins.strapping),
    Rule("analog", "A voltage is measured on a pin that can, also while Wi-Fi runs.", pins.analog),
    Rule("cell", "The battery is one of boards/cells.toml.", power.cell_known),
    Rule("budget", "A budget of years has a battery.", power.budget),
    Rule("peak-current", "The battery can give what sending takes.", power.peak),
    Rule("memory", "What a node must remember fits into what the board keeps over deep sleep.", sleep.memory),
    Rule("sleep-time", "No sleep is longer than the chip can time (warning).", sleep.longest),
    Rule("sleep-current", "The battery outlasts a year of sleep, or two weeks if it is recharged (warning).", power.asleep),
)
