"""What drivers and applications cost, and what their interrupt handlers allocate: nothing."""

import ast
import sys
from pathlib import Path

import pytest
from driver_rigs import NEEDS, drivers

from interpreter import micropython

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from sizes import app_heap, mpy_sizes

from kerbstone.paths import firmware_dir

LARGEST_DRIVER, LARGEST_APP, LARGEST_HEAP = 3 * 1024, 6 * 1024, 48 * 1024


@pytest.mark.parametrize(("name", "size"), mpy_sizes("drivers").items())
def test_a_driver_is_at_most_three_kilobytes(name, size):
    assert 0 < size <= LARGEST_DRIVER


@pytest.mark.parametrize(("name", "size"), mpy_sizes("apps").items())
def test_an_application_is_at_most_six_kilobytes(name, size):
    assert 0 < size <= LARGEST_APP


def test_an_application_leaves_the_heap_to_the_others():
    used = app_heap()
    assert {"parking", "bins", "air", "light", "terminal"} <= set(used)
    assert all(0 < size <= LARGEST_HEAP for size in used.values()), used


def handlers(source):
    """Names of the methods a file hands to irq() or to a timer."""
    found = set()
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in ("irq", "init"):
            continue
        given = [*call.args, *(k.value for k in call.keywords if k.arg in ("handler", "callback"))]
        found |= {a.attr for a in given if isinstance(a, ast.Attribute) and isinstance(a.value, ast.Name) and a.value.id == "self"}
    methods = {n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)}
    return sorted(found & methods)


def with_handlers():
    folder = firmware_dir() / "kerb" / "drivers"
    return [(name, handler) for name in drivers() for handler in handlers((folder / f"{name}.py").read_text())]


# A handler runs for each pin it was given, many times, with the heap locked: an allocation is a MemoryError.
LOCKED = """
import sys, time, micropython
class Pin:
    IN, OUT, PULL_UP, PULL_DOWN, IRQ_RISING, IRQ_FALLING = 0, 1, 1, 2, 1, 2
    level = 0
    def __init__(self, *args, **kwargs):
        pass
    init = __init__
    def value(self, level=None):
        return Pin.level
    def irq(self, *args, **kwargs):
        pass
class Anything:
    def __init__(self, *args, **kwargs):
        pass
    def __getattr__(self, name):
        return lambda *args, **kwargs: 0
class Bus(Anything):
    def readfrom_into(self, addr, buf):
        for i in range(len(buf)):
            buf[i] = b"\\xbe\\xef\\x92"[i %% 3]  # a word of Sensirion with its CRC
class machine:
    pass
machine.Pin = Pin
machine.ADC = machine.Timer = machine.PWM = Anything
sys.modules["machine"] = machine
module = __import__("kerb.drivers.%s", None, None, ("x",))
driver = getattr(module, "%s")(Bus(), %r)
def strike(handler, pin):
    for i in range(1000):
        Pin.level = i & 1
        handler(pin)
handler, pin = driver.%s, Pin(0)
micropython.heap_lock()
try:
    strike(handler, pin)
finally:
    micropython.heap_unlock()
print("done")
"""


def test_some_driver_has_a_handler():
    assert ("pulse", "_changed") in with_handlers() and ("digital_in", "_changed") in with_handlers()


@pytest.mark.parametrize(("name", "handler"), with_handlers())
def test_an_interrupt_handler_allocates_nothing(name, handler):
    options = {key: 5 if value is True else value for key, value in NEEDS.get(name, {}).items()} | {"tamper_pin": 6}
    assert micropython(LOCKED % (name, name.upper(), options, handler)).strip() == "done"


def test_the_check_for_allocations_finds_one(tmp_path):
    with pytest.raises(AssertionError, match="MemoryError"):
        micropython("import micropython\nmicropython.heap_lock()\nx = [1, 2, 3] * 1000\n")
