"""The virtual RAK3172 by its AT commands, with the bench network at the other end of the air."""

import random
import string

import pytest

from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.air.lora import airtime_us
from kerbstone.emulator.air.ns_core import NetworkCore
from kerbstone.emulator.air.ns_reply import Uplink
from kerbstone.emulator.air.plan import plan
from kerbstone.emulator.kernel import Kernel
from kerbstone.emulator.ledger import Meter
from kerbstone.emulator.parts.base import Line, PartContext
from kerbstone.emulator.parts.rak3172 import PART, Rak3172
from kerbstone.emulator.world.constant import Constant

DEV_EUI, JOIN_EUI, KEY = "0200000000000001", "02000000000000ee", "00112233445566778899aabbccddeeff"
MINUTE_US = 60_000_000


class Far:
    """The bench network behind an antenna of its own: hears every uplink whole and answers in the first window."""

    def __init__(self, kernel, air, region):
        self.kernel, self.air, self.plan = kernel, air, plan(region)
        self.got, self.deaf = [], False
        self.core = NetworkCore(lambda name, port, data, fcnt, meta: self.got.append((port, data, fcnt)), 1_775_174_400, self.plan)
        self.core.register(DEV_EUI, JOIN_EUI, bytes.fromhex(KEY), "module")
        air.subscribe(self)

    def on_air(self, tx):
        if not tx.iq_inverted and not self.deaf:
            self.kernel.at(tx.end_us, self._heard, tx)

    def _heard(self, tx):
        now = self.kernel.now
        dr = self.plan.data_rate_index(tx.sf, tx.bw_hz)
        utc_us = 1_775_174_400_000_000 + now
        reply = self.core.uplink(Uplink(b"g" * 8, tx.payload, now % (1 << 32), utc_us, tx.freq_hz, dr, -80.0, 9.0))
        if reply:
            slot = reply.slots[0]
            self.kernel.at(now + slot.delay_us, self._answer, reply, slot)

    def _answer(self, reply, slot):
        phy, now, rate = reply.build(slot), self.kernel.now, self.plan.data_rates[slot.dr]
        us = airtime_us(len(phy), rate.sf, rate.bw_hz, crc=False)
        ldro = rate.sf > 10 and rate.bw_hz == 125_000
        self.air.transmit(
            Transmission(now, now + us, slot.freq_hz, rate.sf, rate.bw_hz, 1, 0x34, True, False, slot.power_dbm, phy, "far", 8, ldro)
        )
        reply.sent()


class Bench:
    def __init__(self, region="EU868", **options):
        self.kernel = Kernel()
        self.air = Channel(self.kernel)
        self.air.link("module", "far", 90.0)
        self.far = Far(self.kernel, self.air, region)
        self.lines = {"reset": Line("reset", 1)}
        self.meter = Meter(self.kernel, "radio")
        ctx = PartContext(
            "radio", self.kernel, Constant(0, random.Random(0), {}), random.Random(1), self.meter,
            {"air": self.air, "node": "module", **options}, self.lines,
        )  # fmt: skip
        self.said = bytearray()
        self.part = PART(ctx)
        self.part.to_mcu = self.said.extend
        self.part.power_on()
        self.run(1_000_000)

    def run(self, us):
        self.kernel.run(self.kernel.now + us)

    def ask(self, command, us=20_000):
        """The lines that came within `us`."""
        self.said.clear()
        self.part.uart_write(command.encode() + b"\r\n")
        self.run(us)
        return [line for line in self.said.decode("latin-1").replace("\r", "\n").split("\n") if line]

    def set(self, *commands):
        for command in commands:
            assert self.ask("AT+" + command) == ["OK"], command

    def ready(self, *commands, band="4"):
        self.set(f"BAND={band}", f"DEVEUI={DEV_EUI}", f"APPEUI={JOIN_EUI}", f"APPKEY={KEY}", *commands)
        assert self.ask("AT+JOIN=1:0:10:2", 40_000_000) == ["OK", "+EVT:JOINED"]

    def rest(self, us=6 * MINUTE_US):
        """Until the duty cycle lets anything out."""
        self.run(us)


@pytest.fixture
def bench():
    return Bench()


def test_the_part_is_found_by_its_module_and_says_that_it_started(bench):
    assert PART is Rak3172
    assert bench.said.decode().split() [-4:] == ["Current", "Work", "Mode:", "LoRaWAN."]


@pytest.mark.parametrize(
    ("command", "answer"),
    [("AT", ["OK"]), ("AT+BAND=?", ["AT+BAND=4", "OK"]), ("AT+NJS=?", ["AT+NJS=0", "OK"]), ("at+cfm=1", ["OK"]),
     ("AT+CFM=2", ["AT_PARAM_ERROR"]), ("AT+BAND=99", ["AT_PARAM_ERROR"]), ("AT+APPKEY=12", ["AT_PARAM_ERROR"]),
     ("AT+NOSUCH=1", ["AT_ERROR"]), ("AT+NOSUCH=?", ["AT_ERROR"]),
     ("hello", ["AT_ERROR"]), ("AT+SEND=2:00", ["AT_NO_NETWORK_JOINED"]), ("AT+SEND=0:00", ["AT_PARAM_ERROR"]),
     ("AT+SEND=2:0", ["AT_PARAM_ERROR"]), ("AT+SEND=2:xy", ["AT_PARAM_ERROR"]), ("AT+JOIN=1:0:1:8", ["AT_PARAM_ERROR"]),
     ("AT+JOIN=1", ["AT_PARAM_ERROR"]), ("AT+LTIME=?", ["AT+LTIME=00h00m01s on 01/01/1970", "OK"])],
)  # fmt: skip
def test_commands_and_status_words(bench, command, answer):
    assert bench.ask(command) == answer


def test_a_joined_module_sends_and_tells_what_came_of_it(bench):
    bench.ready()
    assert bench.ask("AT+NJS=?") == ["AT+NJS=1", "OK"]
    assert bench.ask("AT+SEND=7:0102ff", 10_000_000) == ["OK", "+EVT:TX_DONE"]
    assert bench.far.got == [(7, b"\1\2\xff", 0)]
    bench.rest()
    bench.set("CFM=1")
    assert bench.ask("AT+SEND=7:03", 10_000_000) == ["OK", "+EVT:SEND_CONFIRMED_OK"]


def test_a_confirmed_frame_nobody_hears_is_repeated_and_told(bench):
    bench.ready("CFM=1", "RETY=2")
    bench.rest()
    bench.far.deaf = True
    before = len(bench.kernel.log.of("module", "on_air"))
    assert bench.ask("AT+SEND=7:03", 60 * MINUTE_US) == ["OK", "+EVT:SEND_CONFIRMED_FAILED(4)"]
    assert len(bench.kernel.log.of("module", "on_air")) - before == 3


def test_a_downlink_comes_with_port_level_and_data(bench):
    bench.ready("CFM=1")
    bench.rest()
    bench.far.core.enqueue(DEV_EUI, 9, b"\xbe\xef", False)
    lines = bench.ask("AT+SEND=2:00", 10_000_000)
    assert lines[1].startswith("+EVT:RX_1:-") and lines[1].endswith(":UNICAST:9:beef") and lines[2] == "+EVT:SEND_CONFIRMED_OK"
    assert bench.ask("AT+RSSI=?")[0] == "AT+RSSI=" + lines[1].split(":")[2]


def test_the_duty_cycle_and_a_frame_under_way_refuse_the_next(bench):
    bench.ready("ADR=0")
    bench.set("DR=0")
    bench.rest()
    assert bench.ask("AT+SEND=2:00") == ["OK"]
    assert bench.ask("AT+SEND=2:00") == ["AT_BUSY_ERROR"] and bench.ask("AT+CFM=1") == ["AT_BUSY_ERROR"]
    bench.run(5_000_000)
    assert bench.ask("AT+SEND=2:00", 5_000_000)[0] == "OK", "there are two sub-bands"
    (line,) = bench.ask("AT+SEND=2:00", 10_000)
    wait_ms = int(line.removeprefix("Restricted_Wait_").removesuffix("_ms"))
    ends = [at + frame["us"] * 100 for at, _, _, frame in bench.kernel.log.of("module", "on_air")[-2:]]
    assert abs(min(ends) - bench.kernel.now - wait_ms * 1000) < 20_000, "1 % of the time"
    bench.run(wait_ms * 1000)
    assert bench.ask("AT+SEND=2:00") == ["OK"]


def test_a_payload_too_long_for_the_rate_is_refused(bench):
    bench.ready("ADR=0")
    bench.rest()
    room = bench.far.plan.data_rates[int(bench.ask("AT+DR=?")[0].split("=")[1])].payload
    assert bench.ask("AT+SEND=2:" + "00" * (room + 1)) == ["AT_PARAM_ERROR"]
    assert bench.ask("AT+SEND=2:" + "00" * room) == ["OK"]


def test_network_time_is_gps_time_without_leap_seconds(bench):
    bench.ready()
    bench.rest()
    bench.set("TIMEREQ=1")
    assert bench.ask("AT+SEND=2:00", 10_000_000) == ["OK", "+EVT:TX_DONE", "+EVT:TIMEREQ_OK"]
    true_s = 1_775_174_400 + bench.kernel.now // 1_000_000 + 18
    shown = bench.ask("AT+LTIME=?")[0]
    hour, minute, second = true_s // 3600 % 24, true_s // 60 % 60, true_s % 60
    assert shown == f"AT+LTIME={hour:02}h{minute:02}m{second:02}s on 04/03/2026"


def test_adaptation_by_the_network_changes_the_rate(bench):
    bench.ready("CFM=1")
    for _ in range(8):
        bench.rest()
        assert bench.ask("AT+SEND=2:00", 15_000_000)[-1] == "+EVT:SEND_CONFIRMED_OK"
    assert bench.ask("AT+DR=?")[0] == "AT+DR=5"
    assert bench.kernel.log.of("module", "on_air")[-1][3]["sf"] == 7


def test_a_reset_loses_the_session_and_keeps_settings_and_nonces(bench):
    bench.ready("CFM=1")
    nonce = bench.part.nonces[0]
    bench.lines["reset"].drive(0)
    assert bench.ask("AT") == []
    bench.lines["reset"].drive(1)
    bench.run(1_000_000)
    assert b"Current Work Mode" in bench.said
    assert bench.ask("AT+NJS=?")[0] == "AT+NJS=0" and bench.ask("AT+CFM=?")[0] == "AT+CFM=1" and bench.ask("AT+APPKEY=?")[0].endswith(KEY)
    assert bench.part.nonces[0] == nonce
    assert bench.ask("AT+JOIN=1:0:10:2", 60_000_000)[-1] == "+EVT:JOINED" and bench.part.nonces[0] > nonce


def test_a_network_that_does_not_answer_is_tried_as_often_as_asked(bench):
    bench.far.deaf = True
    bench.set(f"DEVEUI={DEV_EUI}", f"APPEUI={JOIN_EUI}", f"APPKEY={KEY}")
    assert bench.ask("AT+JOIN=1:0:10:2", 5 * MINUTE_US) == ["OK"] + 3 * ["+EVT:JOIN_FAILED_RX_TIMEOUT"]
    assert [event[3]["sf"] for event in bench.kernel.log.of("module", "on_air")] == [7, 8, 9]


def test_low_power_mode_sleeps_and_what_wakes_it_is_lost(bench):
    bench.set("LPM=1")
    bench.run(3_000_000)
    assert bench.meter.current_ua == 1.69
    assert bench.ask("AT") == [] and bench.meter.current_ua == 5000.0
    assert bench.ask("AT") == ["OK"]


def test_the_key_is_not_in_the_event_log(bench):
    bench.ready()
    assert KEY not in repr(bench.kernel.log.events)
    assert [e[3]["value"] for e in bench.kernel.log.of("module", "module_set") if e[3]["key"] == "APPKEY"] == ["***"]


@pytest.mark.parametrize(("region", "band"), [("IN865", "3"), ("KR920", "7"), ("AS923-1", "8")])
def test_other_bands_join_and_send(region, band):
    bench = Bench(region)
    bench.ready("DR=2" if region == "AS923-1" else "DR=0", band=band)
    bench.rest()
    assert bench.ask("AT+SEND=2:0102", 10_000_000)[:1] == ["OK"] and bench.far.got


def test_a_fixed_plan_stays_in_its_sub_band():
    bench = Bench("US915")
    bench.ready("MASK=0002", "DR=2", band="5")
    assert bench.ask("AT+SEND=2:0102", 10_000_000)[0] == "OK"
    used = {event[3]["freq_hz"] for event in bench.kernel.log.of("module", "on_air")}
    assert used <= {903_900_000 + 200_000 * i for i in range(8)} | {904_600_000}


def test_any_line_gets_one_status_and_breaks_nothing(bench):
    rng = random.Random(3172)
    words = ["AT", "+", "SEND", "JOIN", "=", "?", ":", "BAND", "MASK", "DEVEUI", "APPKEY", "0102", "1", "9" * 700, "CFM", "DR", "é"]
    status = ("OK", "AT_", "Restricted_Wait")
    for _ in range(2000):
        text = "".join(rng.choice(words) for _ in range(rng.randrange(1, 7)))
        text += "".join(rng.choice(string.printable[:95]) for _ in range(rng.randrange(4)))
        lines = bench.ask(text.strip(), 10_000)
        said = [line for line in lines if line.startswith(status)]
        assert len(said) == 1, (text, lines)
