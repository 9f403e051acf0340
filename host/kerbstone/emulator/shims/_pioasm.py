"""Assembler of PIO programs written with `rp2.asm_pio`: instruction words as in the RP2040 data sheet, section 3.4."""

_IN = {"pins": 0, "x": 1, "y": 2, "null": 3, "isr": 6, "osr": 7}
_OUT = {"pins": 0, "x": 1, "y": 2, "null": 3, "pindirs": 4, "pc": 5, "isr": 6, "exec": 7}
_MOV_TO = {"pins": 0, "x": 1, "y": 2, "exec": 4, "pc": 5, "isr": 6, "osr": 7}
_MOV_FROM = {"pins": 0, "x": 1, "y": 2, "null": 3, "status": 5, "isr": 6, "osr": 7}
_SET = {"pins": 0, "x": 1, "y": 2, "pindirs": 4}
_WAIT = {"gpio": 0, "pin": 1, "irq": 2}
_JMP = {"not_x": 1, "x_dec": 2, "not_y": 3, "y_dec": 4, "x_not_y": 5, "pin": 6, "not_osre": 7}
_FLAGS = {"noblock": 1, "block": 2, "iffull": 4, "ifempty": 4, "clear": 8}
_LONGEST_DELAY = 31
_MOST_WORDS = 32


class PIOASMError(Exception):
    pass


class Program:
    """Words of a program and the setting of the state machine that goes with it."""

    def __init__(self, words, wrap_target, wrap, setting):
        self.words = words
        self.wrap_target = wrap_target
        self.wrap = wrap
        self.setting = setting


class _Place:
    """What an instruction returns: the delay may follow in brackets."""

    def __init__(self, emitter, at):
        self._emitter = emitter
        self._at = at

    def delay(self, cycles):
        if not 0 <= cycles <= _LONGEST_DELAY:
            raise PIOASMError("delay too large")
        self._emitter.words[self._at] |= cycles << 8
        return self

    __getitem__ = delay

    def side(self, value):
        raise PIOASMError("side-set is not emulated")


class Emitter:
    """Collects words while the decorated function runs with these methods as its globals."""

    def __init__(self, labels):
        self.words = []
        self.labels = {}
        self._known = labels
        self._target = 0
        self._end = None

    def _emit(self, word):
        if len(self.words) == _MOST_WORDS:
            raise PIOASMError("program too long")
        self.words.append(word)
        return _Place(self, len(self.words) - 1)

    def program(self, setting):
        end = len(self.words) - 1 if self._end is None else self._end
        return Program(self.words, self._target, end, setting)

    def wrap_target(self):
        self._target = len(self.words)

    def wrap(self):
        self._end = len(self.words) - 1

    def label(self, name):
        self.labels[name] = len(self.words)

    def word(self, value):
        return self._emit(value)

    def nop(self):
        return self._emit(0xA042)

    def jmp(self, condition, label=None):
        if label is None:
            condition, label = None, condition
        if self._known is not None and label not in self._known and not isinstance(label, int):
            raise PIOASMError("no label %s" % label)
        at = label if isinstance(label, int) else (self._known or {}).get(label, 0)
        return self._emit((_JMP[condition] << 5 if condition else 0) | at)

    def wait(self, polarity, source, index):
        return self._emit(0x2000 | polarity << 7 | _WAIT[source] << 5 | index)

    def in_(self, source, count):
        return self._emit(0x4000 | _IN[source] << 5 | count & 31)

    def out(self, to, count):
        return self._emit(0x6000 | _OUT[to] << 5 | count & 31)

    def push(self, *flags):
        return self._emit(0x8000 | self._blocking(flags))

    def pull(self, *flags):
        return self._emit(0x8080 | self._blocking(flags))

    def _blocking(self, flags):
        bits = 0
        for flag in flags:
            bits |= _FLAGS[flag]
        return (0x40 if bits & 4 else 0) | (0 if bits & 1 else 0x20)

    def mov(self, to, source):
        operation, name = source if isinstance(source, tuple) else (0, source)
        return self._emit(0xA000 | _MOV_TO[to] << 5 | operation << 3 | _MOV_FROM[name])

    def set(self, to, value):
        return self._emit(0xE000 | _SET[to] << 5 | value)


_METHODS = ("wrap_target", "wrap", "label", "word", "nop", "jmp", "wait", "in_", "out", "push", "pull", "mov", "set")
_WORDS = ("pins", "x", "y", "null", "pindirs", "pc", "isr", "osr", "exec", "status", "gpio", "pin", "irq", "not_x", "x_dec", "not_y",
          "y_dec", "x_not_y", "not_osre", "noblock", "block", "iffull", "ifempty", "clear")  # fmt: skip


def assemble(function, setting):
    """Runs the function twice with the instructions as globals: the first pass learns the labels."""
    space = function.__globals__
    names = {name: name for name in _WORDS}
    names["invert"] = lambda source: (1, source)
    names["reverse"] = lambda source: (2, source)
    hidden = {}
    labels = None
    for name in names:
        if name in space:
            hidden[name] = space[name]
    for name in _METHODS:
        if name in space:
            hidden[name] = space[name]
    try:
        for _ in range(2):
            emitter = Emitter(labels)
            space.update(names)
            for name in _METHODS:
                space[name] = getattr(emitter, name)
            function()
            labels = emitter.labels
    finally:
        for name in _WORDS + _METHODS + ("invert", "reverse"):
            space.pop(name, None)
        space.update(hidden)
    return emitter.program(setting)


def encode(text):
    """One instruction given as a string."""
    emitter = Emitter(None)
    space = {name: name for name in _WORDS}
    for name in _METHODS:
        space[name] = getattr(emitter, name)
    space["invert"] = lambda source: (1, source)
    space["reverse"] = lambda source: (2, source)
    exec(text, space)
    return emitter.words[0]
