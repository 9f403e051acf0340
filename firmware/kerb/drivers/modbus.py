"""Any Modbus RTU slave on RS485: a table of registers becomes values.

The slave's own manual gives the rows of `values`. A row: `register` (address from 0, as on the wire), `function` (1 coils,
2 discrete inputs, 3 holding, 4 input registers), `kind` (int16, uint16, int32, uint32, float32), `order` (bytes on the wire:
ABCD high word first, CDAB low word first, BADC and DCBA with bytes swapped), `scale` and `offset` (value = raw * scale + offset),
`min` and `max` (a value outside is none).
"""

from struct import pack_into, unpack_from

from kerb import modbus
from kerb.errors import ConfigError, SensorError
from kerb.quality import FAULT, GOOD
from kerb.scaling import valued

VALUE = {"register": 0, "function": 3, "kind": "uint16", "order": "ABCD", "scale": 1, "offset": 0, "min": None, "max": None}
_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}


def reorder(raw, order, out):
    """Copies the 2 or 4 bytes of a value, which came as `order` says, into `out`, most significant first."""
    if len(raw) == 2:
        swap = order[0] > order[1]
        out[0], out[1] = raw[swap], raw[1 - swap]
        return out
    for i in range(4):
        out[ord(order[i]) - 65] = raw[i]
    return out


def words(row, value, out):
    """The register words that `value` (already in counts) takes in this row."""
    kind = row.get("kind", "uint16")
    count = 2 if kind.endswith("32") else 1
    pack_into(_FORMATS[kind], out, 0, value if kind == "float32" else int(value + (0.5 if value >= 0 else -0.5)))
    order = row.get("order", "ABCD")
    if count == 1:
        swap = order[0] > order[1]
        return [out[swap] << 8 | out[1 - swap]]
    wire = [out[ord(letter) - 65] for letter in order]
    return [wire[0] << 8 | wire[1], wire[2] << 8 | wire[3]]


class MODBUS:
    """Options: unit (1), values, de_pin, timeout_ms (300), tries (3), echo (False), identity ([function, register, word]).

    Quantities are "PART.VALUE" for each row. A row that the slave refuses, or that is out of range, is None and the reading a fault.
    """

    WARM_UP_MS = 0
    QUANTITIES = ()
    SHARES_UART = True  # slaves hang on one pair of wires

    def __init__(self, bus, options):
        self._name = options.get("name", "modbus")
        self._where = options.get("where", "uart")
        self._unit = options.get("unit", 1)
        rows = options.get("values")
        if not rows:
            raise ConfigError("%s has no [parts.%s.values]; name the registers to read" % (self._name, self._name))
        self._rows = [(self._name + "." + key, row) for key, row in rows.items()]
        self._rows.sort(key=lambda pair: pair[1]["register"])
        de = None
        if options.get("de_pin") is not None:
            from machine import Pin

            de = Pin(options["de_pin"], Pin.OUT, value=0)
        self._master = modbus.Master(
            bus, options.get("baud", 9600), de, options.get("timeout_ms", 300), options.get("tries", 3), options.get("echo", False)
        )
        self._four = bytearray(4)
        self._sample = {"quality": GOOD}
        if options.get("identity"):
            function, register, word = options["identity"]
            found = self._ask(function, register, 1)
            if found[0] << 8 | found[1] != word:
                raise self._error("register %d holds %d, not %d: another device" % (register, found[0] << 8 | found[1], word))

    def start(self):
        """Nothing to do: slaves measure all the time."""

    def measure(self, env):
        sample = self._sample
        sample["quality"] = GOOD
        for key, row in self._rows:
            try:
                sample[key] = self._read(row)
            except modbus.ModbusError as error:
                if not error.code:
                    raise self._error(error)
                sample[key] = None
            if sample[key] is None:
                sample["quality"] = FAULT
        return sample

    def set(self, key, value):
        """Writes a coil (a row of function 1) or a holding register (function 3)."""
        for name, row in self._rows:
            function = row.get("function", 3)
            if name == self._name + "." + key and function in (1, 3):
                break
        else:
            raise ConfigError("%s has nothing to write called '%s'; give a row of function 1 or 3" % (self._name, key))
        try:
            if function == 1:
                self._master.write(self._unit, modbus.WRITE_COIL, row["register"], (value,))
                return
            out = words(row, (value - row.get("offset", 0)) / row.get("scale", 1), self._four)
            code = modbus.WRITE_REGISTER if len(out) == 1 else modbus.WRITE_REGISTERS
            self._master.write(self._unit, code, row["register"], out)
        except modbus.ModbusError as error:
            raise self._error(error)

    def sleep(self):
        """Nothing to do: the bus is silent when nobody asks."""

    def _read(self, row):
        function = row.get("function", 3)
        if function <= 2:
            return self._master.read(self._unit, function, row["register"], 1)[0] & 1
        kind = row.get("kind", "uint16")
        raw = self._master.read(self._unit, function, row["register"], 2 if kind.endswith("32") else 1)
        value = unpack_from(_FORMATS[kind], reorder(raw, row.get("order", "ABCD"), self._four), 0)[0]
        if value - value != 0:  # not a number, or infinite: meters say "not available" so
            return None
        return valued(row, value)

    def _ask(self, function, register, count):
        try:
            return self._master.read(self._unit, function, register, count)
        except modbus.ModbusError as error:
            raise self._error(error)

    def _error(self, cause):
        return SensorError(self._name, self._where, cause)
