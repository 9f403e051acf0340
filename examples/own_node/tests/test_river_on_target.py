"""The river gauge's own files on whatever --target names: the emulator, a whole emulated chip, or a board on a serial port."""

import json
from pathlib import Path

import pytest

RIVER = Path(__file__).parents[1] / "river.toml"

KNOWN_ANSWER = """
from kerb.drivers.ms5837 import first_order, compensate
c = (0, 34982, 36352, 20328, 22354, 26646, 26146)
dt, temp, offset, gain = first_order(c, 4958179, 6815414)
print(dt, temp, (4958179 * gain // 2097152 - offset) // 8192)
"""

STEPS = """
import json
from kerb.apps.river import App
from kerb.clock import Instant
from kerb import codec, config
app = App({"report_s": 3600})
frames = []
for minute, water in ((0, 1111.0), (15, 1111.2), (30, 1120.0), (45, 1300.0)):
    for effect in app.step({"water_hpa": water, "pressure_hpa": 1013.0, "water_temp_c": 12.0}, Instant(minute * 60, None)):
        profile = config.load()["profile"]
        frames.append(codec.encode(profile, effect[1], effect[3], 0, 0).hex())
print(json.dumps(frames))
"""

SENSOR = """
import machine
from kerb import config
from kerb.errors import SensorError
import time
part = config.load()["parts"]["water"]
bus = part["bus"]
from kerb.drivers.ms5837 import MS5837
if not hasattr(machine, "I2C"):
    print("absent")
else:
    i2c = machine.I2C(bus["id"], scl=machine.Pin(bus["scl"]), sda=machine.Pin(bus["sda"]), freq=bus["freq"])
    try:
        sensor = MS5837(i2c, {})
        sensor.start()
        time.sleep_ms(sensor.WARM_UP_MS)
        print(sensor.measure({})["water_hpa"])
    except SensorError:
        print("absent")
"""


@pytest.fixture(scope="module")
def board(kerb_target):
    return kerb_target(RIVER)


def test_the_driver_gives_the_data_sheets_example(board):
    assert board.exec(KNOWN_ANSWER).split() == ["-5962", "1981", "39998"]


def test_the_application_and_the_codec_agree_with_the_host(board):
    from kerbstone.codec.decode import decode
    from kerbstone.codec.profile import load_profile

    profile = load_profile(RIVER.with_name("river_level.toml"))
    records = [decode(profile, frame).values for frame in json.loads(board.exec(STEPS))]
    assert [r["river_state"] for r in records] == ["steady", "rising", "flood"]
    assert [r["water_level"] for r in records] == [1000, 1090, 2930]


def test_the_sensor_measures_a_pressure_there_can_be(board):
    said = board.exec(SENSOR).strip()
    if said == "absent":
        pytest.skip("no MS5837 on this board")
    assert 300 < float(said) < 4000


def test_a_file_put_on_the_board_is_read_back(board):
    data = bytes(range(256)) * 9
    board.put("/own/data.bin", data)
    board.reset()
    said = board.exec("data = open('/own/data.bin', 'rb').read()\nprint(len(data), sum(data))")
    assert said.split() == [str(len(data)), str(sum(data))]
