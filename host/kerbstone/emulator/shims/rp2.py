"""`rp2`: PIO state machines, the country of the Wi-Fi chip and the BOOTSEL button."""

import _link
from _pioasm import PIOASMError, assemble, encode

_country = "XX"


def country(code=None):
    global _country
    if code is None:
        return _country
    _country = code


def bootsel_button():
    return 0


class Flash:
    """The file system's part of the flash chip, and nothing else of it."""

    def __init__(self, *, start=-1, len=-1):
        blocks = _link.hello["flash_blocks"]
        first = max(start, 0)
        size = blocks * 4096 - first if len == -1 else len
        if first % 4096 or size % 4096 or size <= 0 or first + size > blocks * 4096:
            raise ValueError
        self._first = first // 4096
        self._blocks = size // 4096

    def ioctl(self, op, arg):
        if op in (4, 5):
            return self._blocks if op == 4 else 4096
        if op == 6:
            if not 0 <= arg < self._blocks:
                raise OSError(22)
            _link.flash(_link.FLASH_ERASE, self._first + arg, 0, None)
            return 0
        return None


class PIO:
    IN_LOW = 0
    IN_HIGH = 1
    OUT_LOW = 2
    OUT_HIGH = 3
    SHIFT_LEFT = 0
    SHIFT_RIGHT = 1
    JOIN_NONE = 0
    JOIN_TX = 1
    JOIN_RX = 2


def asm_pio(*, out_init=None, set_init=None, sideset_init=None, side_pindir=False, in_shiftdir=0, out_shiftdir=0, autopush=False,
            autopull=False, push_thresh=32, pull_thresh=32, fifo_join=0):
    if sideset_init is not None:
        raise PIOASMError("side-set is not emulated")
    setting = {
        "out_init": out_init, "set_init": set_init, "in_right": in_shiftdir, "out_right": out_shiftdir, "autopush": autopush,
        "autopull": autopull, "push_thresh": push_thresh, "pull_thresh": pull_thresh, "join": fifo_join,
    }
    return lambda function: assemble(function, setting)


def asm_pio_encode(instr, sideset_count, sideset_opt=False):
    return encode(instr)


class StateMachine:
    def __init__(self, id, program=None, **given):
        self._id = id
        if program is not None:
            self.init(program, **given)

    def init(self, program, *, freq=-1, in_base=None, out_base=None, set_base=None, jmp_pin=None):
        pins = [None if p is None else p._id for p in (in_base, out_base, set_base, jmp_pin)]
        setting = program.setting
        _link.ask("pio_init", self._id, program.words, program.wrap_target, program.wrap, setting, freq, pins)

    def active(self, value=None):
        return bool(_link.ask("pio_active", self._id, value))

    def restart(self):
        _link.ask("pio_restart", self._id)

    def exec(self, instr):
        _link.ask("pio_exec", self._id, encode(instr) if isinstance(instr, str) else instr)

    def rx_fifo(self):
        return _link.ask("pio_levels", self._id)[0]

    def tx_fifo(self):
        return _link.ask("pio_levels", self._id)[1]

    def put(self, value, shift=0):
        for word in (value,) if isinstance(value, int) else value:
            while not _link.ask("pio_put", self._id, word << shift & 0xFFFFFFFF):
                _link.sleep_us(10)

    def get(self, buf=None, shift=0):
        if buf is None:
            return self._word() >> shift
        for i in range(len(buf)):
            buf[i] = self._word() >> shift
        return buf

    def _word(self):
        while True:
            word = _link.ask("pio_get", self._id)
            if word is not None:
                return word
            _link.sleep_us(10)


if _link.hello["port"] != "rp2":
    raise ImportError("no module named 'rp2'")
