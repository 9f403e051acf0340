"""The Modbus master under MicroPython against pymodbus as slave, over a pseudo-terminal; the virtual slave against pymodbus as client."""

import asyncio
import json
import os
import pty
import random
import struct
import threading
import tty

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerRTU, FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from interpreter import micropython
from kerb import modbus
from kerb.drivers import modbus as driver
from kerb.scaling import scaled
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.modbus import Modbus, crc16
from kerbstone.emulator.world.constant import Constant

FLOATS = (231.5, -17.25, 3.0e-5, 123456.79)
WORDS = [0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x1234]

UART = """
import select, sys, json, time
class UART:
    def __init__(self, path):
        self.f = open(path, "r+b")
        self.p = select.poll()
        self.p.register(self.f, select.POLLIN)
        self.b = bytearray()
    def any(self):
        while self.p.poll(0):
            self.b.extend(self.f.read(1))
        return len(self.b)
    def readinto(self, buf, n=-1):
        n = min(len(buf) if n < 0 else n, self.any())
        buf[:n] = self.b[:n]
        self.b = self.b[n:]
        return n or None
    def write(self, data):
        return self.f.write(data)
    def flush(self):
        pass
"""
ASK = UART + """
from kerb.modbus import Master, ModbusError
path, calls = json.loads(sys.stdin.readline())
master = Master(UART(path), 115200, timeout_ms=500)
out = []
for name, *args in calls:
    try:
        got = getattr(master, name)(*args)
        out.append(None if got is None else list(bytes(got)))
    except ModbusError as error:
        out.append([error.code, str(error)])
print(json.dumps(out))
"""


@pytest.fixture
def line():
    """Both ends of a wire: a file descriptor and the path of a serial port."""
    near, far = pty.openpty()
    tty.setraw(near)
    tty.setraw(far)
    yield near, os.ttyname(far)
    os.close(near)
    os.close(far)


@pytest.fixture
def slave():
    """A pymodbus server, unit 17, and the path of the serial port at which it hears."""
    ours, theirs = pty.openpty(), pty.openpty()
    for end in (*ours, *theirs):
        tty.setraw(end)
    stop = threading.Event()

    def pump(source, target):
        while not stop.is_set():
            try:
                os.write(target, os.read(source, 512))
            except OSError:
                return

    for pair in ((ours[0], theirs[0]), (theirs[0], ours[0])):
        threading.Thread(target=pump, args=pair, daemon=True).start()
    registers = [SimData(0, values=WORDS, datatype=DataType.REGISTERS), SimData(100, values=list(FLOATS), datatype=DataType.FLOAT32)]
    bits = [SimData(0, values=[True, False, True, True, False, False, True, False, True, False] * 2, datatype=DataType.BITS)]
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve():
        device = SimDevice(17, simdata=(bits, list(bits), registers, list(registers)))
        server = ModbusSerialServer(device, framer=FramerType.RTU, port=os.ttyname(theirs[1]), baudrate=115200)
        await server.serve_forever(background=True)
        ready.set()

    def run():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(5)
    yield os.ttyname(ours[1])
    loop.call_soon_threadsafe(loop.stop)
    stop.set()


def test_all_eight_functions_against_another_library(slave):
    calls = [
        ["read", 17, 3, 0, 6], ["read", 17, 4, 100, 8], ["read", 17, 1, 0, 16], ["read", 17, 2, 0, 10],
        ["write", 17, 5, 1, [1]], ["write", 17, 6, 0, [0xBEEF]], ["write", 17, 15, 2, [0, 0, 1, 1, 1, 0, 0, 1, 1]],
        ["write", 17, 16, 2, [1, 0xFFFF, 513]], ["read", 17, 1, 0, 16], ["read", 17, 3, 0, 6],
        ["read", 17, 3, 5000, 1],
    ]  # fmt: skip
    got = json.loads(micropython(ASK, json.dumps([slave, calls]) + "\n"))
    assert bytes(got[0]) == struct.pack(">6H", *WORDS)
    assert bytes(got[1]) == struct.pack(">4f", *FLOATS)
    assert got[2] == [0b01001101, 0b00110101] and got[3] == [0b01001101, 0b00000001]
    assert got[4:8] == [None] * 4
    assert got[8] == [0b01110011, 0b00110110]  # coils 2..10 are 0 0 1 1 1 0 0 1 1 now
    assert bytes(got[9]) == struct.pack(">6H", 0xBEEF, 1, 1, 0xFFFF, 513, 0x1234)
    assert got[10] == [2, "unit 17 answers illegal data address"]


def test_a_unit_that_is_not_there_is_named_after_all_tries(line):
    ((code, text),) = json.loads(micropython(ASK, json.dumps([line[1], [["read", 18, 3, 0, 1]]]) + "\n"))
    assert code == 0 and text.startswith("no answer from unit 18 in 500 ms")


def test_crc_agrees_with_another_library():
    rng = random.Random(3)
    for size in range(0, 256, 5):
        data = rng.randbytes(size)
        theirs = FramerRTU.compute_CRC(data)
        assert theirs.to_bytes(2, "big") == modbus.crc16(data, size).to_bytes(2, "little") == crc16(data).to_bytes(2, "little")


@pytest.mark.parametrize("kind", ["INT16", "UINT16", "INT32", "UINT32", "FLOAT32"])
@pytest.mark.parametrize(("order", "word_order"), [("ABCD", "big"), ("CDAB", "little")])
def test_every_kind_and_word_order_agrees_with_another_library(kind, order, word_order):
    mixin, theirs = ModbusClientMixin, getattr(ModbusClientMixin.DATATYPE, kind)
    values = {"INT16": (-32768, -1, 1234), "UINT16": (0, 65535, 4321), "INT32": (-(1 << 31), 123456789), "UINT32": (0, (1 << 32) - 1)}
    for value in values.get(kind, FLOATS):
        registers = mixin.convert_to_registers(value, theirs, word_order=word_order)
        raw = b"".join(r.to_bytes(2, "big") for r in registers)
        row = {"kind": kind.lower(), "order": order}
        out = driver.reorder(raw, order, bytearray(4))
        expected = mixin.convert_from_registers(registers, theirs, word_order=word_order)
        assert struct.unpack_from(driver._FORMATS[kind.lower()], out)[0] == expected
        assert driver.words(row, value, bytearray(4)) == registers


@pytest.mark.parametrize(("order", "wire"), [("ABCD", "01020304"), ("CDAB", "03040102"), ("BADC", "02010403"), ("DCBA", "04030201")])
def test_the_four_orders_of_bytes(order, wire):
    assert bytes(driver.reorder(bytes.fromhex(wire), order, bytearray(4))) == bytes.fromhex("01020304")
    assert driver.words({"kind": "uint32", "order": order}, 0x01020304, bytearray(4)) == [int(wire[:4], 16), int(wire[4:], 16)]


@pytest.mark.parametrize(
    ("raw", "scale", "expected"),
    [
        (4294967290, 0.1, 429496729), (123456789, 0.001, 123456.789), (17, 10, 170), (-25, 0.1, -2.5), (5, 0.3, 1.5), (7, 1, 7),
        (None, 0.1, None),
    ],
)
def test_scaling_divides_where_a_scale_is_one_over_a_whole_number(raw, scale, expected):
    got = scaled(raw, scale)
    assert got == pytest.approx(expected) and isinstance(got, int) == isinstance(expected, int)


def virtual(site, **options):
    kernel = Kernel()
    kernel.end = 1 << 62
    options.setdefault("uart", {"baud": 115200})
    context = PartContext("meter", kernel, Constant(0, random.Random(1), site), random.Random(1), Meter(kernel, "meter"), options,
                          {"de": Line("de", 1)} if options.pop("de", False) else {})
    return kernel, Modbus(context)


def test_the_virtual_slave_answers_another_library(line):
    near, port = line
    rows = [[3, 10, "int32", "a", 10], [3, 20, "uint16", "b", 1], [1, 0, "coil", "c", 1], [4, 0, "float32", "d", 1]]
    kernel, part = virtual({"a": -1234.5, "b": 4000, "c": 1, "d": 3.25}, unit=9, map=rows)
    part.to_mcu = lambda data: os.write(near, data)

    def serve():
        while True:
            try:
                data = os.read(near, 256)
            except OSError:
                return
            kernel.run(kernel.now + 1_000_000)
            part.uart_write(data)
            kernel.run(kernel.now + 1_000_000)

    threading.Thread(target=serve, daemon=True).start()
    client = ModbusSerialClient(port, framer=FramerType.RTU, baudrate=115200, timeout=1, retries=0)
    assert client.connect()
    kinds = client.DATATYPE
    assert client.convert_from_registers(client.read_holding_registers(10, count=2, device_id=9).registers, kinds.INT32) == -12345
    assert client.read_holding_registers(20, count=1, device_id=9).registers == [4000]
    assert client.convert_from_registers(client.read_input_registers(0, count=2, device_id=9).registers, kinds.FLOAT32) == 3.25
    assert client.read_coils(0, count=1, device_id=9).bits[0]
    assert not client.write_register(20, 77, device_id=9).isError()
    assert not client.write_registers(10, [0, 5], device_id=9).isError()
    assert not client.write_coil(0, False, device_id=9).isError()
    assert client.read_holding_registers(20, count=1, device_id=9).registers == [77]
    assert client.read_holding_registers(10, count=2, device_id=9).registers == [0, 5]
    assert not client.read_coils(0, count=1, device_id=9).bits[0]
    assert client.read_holding_registers(99, count=1, device_id=9).exception_code == 2
    client.close()
