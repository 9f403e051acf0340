"""The gateway, with a scripted server at the other end of its real UDP socket."""

import base64
import socket
import threading

import pytest

from kerbstone.emulator.air import gwmp, lora
from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.air.gateway import DEMODULATORS, Gateway
from kerbstone.emulator.air.plan import EU868
from kerbstone.emulator.air.semtech_udp import SemtechUdp
from kerbstone.emulator.kernel import SECOND_US, Kernel


class Server(threading.Thread):
    """Acknowledges everything; answers each uplink with the txpk objects that `answer(rxpk)` gives, before the PUSH_ACK."""

    def __init__(self, answer=lambda rxpk: []):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.answer, self.kinds, self.rxpk, self.errors = answer, [], [], []
        self.pull = None

    def run(self):
        while True:
            data, sender = self.socket.recvfrom(65535)
            if not data:
                return
            got = gwmp.parse(data)
            self.kinds.append(got.kind)
            if got.kind == gwmp.TX_ACK:
                self.errors.append(got.error)
                continue
            if got.kind == gwmp.PULL_DATA:
                self.pull = sender
            for rxpk in got.body.get("rxpk", []):
                self.rxpk.append(rxpk)
                for i, txpk in enumerate(self.answer(rxpk)):
                    self.socket.sendto(gwmp.Datagram(gwmp.PULL_RESP, bytes([9, i]), body={"txpk": txpk}).encode(), self.pull)
            self.socket.sendto(got.ack(), sender)

    def close(self):
        """Returns when everything that was sent before has been read."""
        if self.is_alive():
            self.socket.sendto(b"", self.address)
            self.join()
            self.socket.close()


class Cell:
    def __init__(self, answer=lambda rxpk: [], **options):
        self.kernel = Kernel()
        self.air = Channel(self.kernel)
        self.server = Server(answer)
        self.server.start()
        self.gateway = Gateway(self.kernel, self.air, SemtechUdp(self.server.address), **options)
        self.gateway.start()
        self.heard = []
        self.air.subscribe(self)

    def on_air(self, tx):
        if tx.sender == "gateway":
            self.heard.append(tx)

    def uplink(self, at_us, sender="a", freq=868_100_000, sf=7, data=b"uplink", loss=100.0, sync=0x34, inverted=False):
        self.air.link(sender, "gateway", loss)
        end_us, ldro = at_us + lora.airtime_us(len(data), sf, 125_000), lora.needs_ldro(sf, 125_000)
        tx = Transmission(at_us, end_us, freq, sf, 125_000, 1, sync, inverted, True, 14.0, data, sender, ldro=ldro)
        self.kernel.at(at_us, self.air.transmit, tx)
        return tx

    def missed(self):
        return [e[3]["why"] for e in self.kernel.log.of("gateway", "uplink_missed")]

    def close(self):
        self.gateway.close()
        self.server.close()


@pytest.fixture
def make():
    cells = []

    def build(*args, **kwargs):
        cells.append(Cell(*args, **kwargs))
        return cells[-1]

    yield build
    for cell in cells:
        cell.close()


def after(us, sf=7, size=12, freq=868_100_000):
    return lambda rxpk: [gwmp.txpk(rxpk["tmst"] + us, freq, 14, sf, 125_000, bytes(size))]


def test_an_uplink_is_pushed_with_every_field_of_the_protocol(make):
    cell = make(start_utc=1_775_174_400)
    tx = cell.uplink(2 * SECOND_US, freq=867_300_000, sf=9, loss=130.0)
    cell.kernel.run(3 * SECOND_US)
    (rxpk,) = cell.server.rxpk
    assert rxpk["tmst"] == tx.end_us
    assert rxpk["time"] == f"2026-04-03T00:00:02.{tx.end_us - 2_000_000:06d}Z"
    assert (rxpk["freq"], rxpk["datr"], rxpk["codr"], rxpk["stat"], rxpk["modu"]) == (867.3, "SF9BW125", "4/5", 1, "LORA")
    assert (rxpk["size"], base64.b64decode(rxpk["data"])) == (6, b"uplink")
    assert rxpk["lsnr"] == pytest.approx(4.0, abs=0.1)
    assert rxpk["rssi"] == -116
    assert cell.server.kinds[:2] == [gwmp.PULL_DATA, gwmp.PUSH_DATA]


@pytest.mark.parametrize("hz", EU868.channels_hz)
@pytest.mark.parametrize("sf", [7, 12])
def test_every_channel_and_rate_of_the_plan_is_heard(make, hz, sf):
    cell = make()
    cell.uplink(0, freq=hz, sf=sf)
    cell.kernel.run(3 * SECOND_US)
    assert len(cell.server.rxpk) == 1


def test_foreign_networks_downlinks_other_channels_and_whispers_are_not_heard(make):
    cell = make()
    cell.uplink(0, "a", sync=0x12)
    cell.uplink(0, "b", inverted=True)
    cell.uplink(0, "c", freq=869_525_000)
    cell.uplink(0, "d", loss=145.0)
    cell.kernel.run(3 * SECOND_US)
    assert cell.server.rxpk == []


def test_the_ninth_frame_at_once_finds_no_demodulator(make):
    cell = make()
    for i in range(DEMODULATORS + 1):
        cell.uplink(i, f"n{i}", freq=EU868.channels_hz[i % 8], sf=12 if i < 8 else 11)
    cell.kernel.run(5 * SECOND_US)
    assert len(cell.server.rxpk) == 8
    assert cell.missed() == ["all demodulators busy"]


def test_demodulators_are_free_again_after_each_frame(make):
    cell = make()
    for i in range(DEMODULATORS + 4):
        cell.uplink(i * SECOND_US)
    cell.kernel.run(20 * SECOND_US)
    assert len(cell.server.rxpk) == DEMODULATORS + 4


def test_two_equal_frames_collide_and_a_stronger_one_is_captured(make):
    cell = make()
    cell.uplink(0, "a")
    cell.uplink(100, "b")
    cell.uplink(SECOND_US, "c", data=b"strong", loss=100.0)
    cell.uplink(SECOND_US + 100, "d", loss=110.0)
    cell.kernel.run(3 * SECOND_US)
    assert [base64.b64decode(r["data"]) for r in cell.server.rxpk] == [b"strong"]
    assert cell.missed() == ["collision"] * 3


def test_a_downlink_leaves_at_its_tmst_inverted_and_without_crc(make):
    cell = make(after(SECOND_US))
    up = cell.uplink(0)
    cell.kernel.run(3 * SECOND_US)
    (down,) = cell.heard
    assert down.start_us == up.end_us + SECOND_US
    assert down.end_us - down.start_us == lora.airtime_us(12, 7, 125_000, crc=False)
    assert (down.iq_inverted, down.crc, down.power_dbm, down.freq_hz) == (True, False, 14.0, 868_100_000)
    cell.close()
    assert cell.server.errors == ["NONE"]


def test_tmst_wraps_at_32_bits_and_downlinks_still_leave_in_time(make):
    cell = make(after(SECOND_US), first_count_us=(1 << 32) - 500_000)
    up = cell.uplink(0)
    cell.kernel.run(3 * SECOND_US)
    assert cell.server.rxpk[0]["tmst"] == (1 << 32) - 500_000 + up.end_us
    assert [d.start_us for d in cell.heard] == [up.end_us + SECOND_US]


@pytest.mark.parametrize(
    ("answer", "latency_us", "errors"),
    [
        (after(SECOND_US), 30_000, ["NONE"]),
        (after(SECOND_US), 490_000, ["TOO_LATE"]),
        (after(-1), 0, ["TOO_LATE"]),
        (after(600 * SECOND_US), 0, ["TOO_EARLY"]),
        (after(SECOND_US, freq=871_000_000), 0, ["TX_FREQ"]),
        (lambda r: after(SECOND_US)(r) + after(SECOND_US + 10_000)(r), 0, ["NONE", "COLLISION_PACKET"]),
        (lambda r: after(SECOND_US)(r) + after(2 * SECOND_US)(r), 0, ["NONE", "NONE"]),
    ],
    ids=["good", "late by latency", "past", "far ahead", "frequency", "overlap", "one after the other"],
)  # fmt: skip
def test_tx_ack_carries_the_reason(make, answer, latency_us, errors):
    cell = make(answer, latency_us=latency_us)
    cell.uplink(0)
    cell.kernel.run(5 * SECOND_US)
    cell.close()
    assert cell.server.errors == errors
    assert len(cell.heard) == errors.count("NONE")


def test_a_gateway_that_transmits_does_not_hear(make):
    cell = make(lambda r: after(SECOND_US, sf=12)(r) if r["datr"] == "SF7BW125" and r["tmst"] < SECOND_US else [])
    up = cell.uplink(0)
    cell.uplink(up.end_us + SECOND_US + 100_000, "b", freq=867_100_000)
    cell.uplink(up.end_us + 4 * SECOND_US, "c", freq=867_100_000, data=b"later")
    cell.kernel.run(8 * SECOND_US)
    assert [base64.b64decode(r["data"]) for r in cell.server.rxpk] == [b"uplink", b"later"]
    assert cell.missed() == ["transmitting itself"]


def test_pull_data_is_renewed_before_an_uplink_after_ten_quiet_seconds(make):
    cell = make()
    for at in (0, 5, 30):
        cell.uplink(at * SECOND_US)
    cell.kernel.run(40 * SECOND_US)
    assert cell.server.kinds == [gwmp.PULL_DATA, gwmp.PUSH_DATA, gwmp.PUSH_DATA, gwmp.PULL_DATA, gwmp.PUSH_DATA]


def test_a_broken_txpk_is_noted_and_nothing_is_sent(make):
    cell = make(lambda r: [{"tmst": 1}, {**after(SECOND_US)(r)[0], "datr": 50_000}, {**after(SECOND_US)(r)[0], "data": "*"}])
    cell.uplink(0)
    cell.kernel.run(3 * SECOND_US)
    assert len(cell.kernel.log.of("gateway", "bad_datagram")) == 3
    assert cell.heard == []
    assert len(cell.server.rxpk) == 1


@pytest.mark.parametrize("datr", ["SF0BW125", "SF13BW125", "SF7BW200", "SF7BW0", "7"])
def test_a_downlink_no_radio_can_send_is_noted(make, datr):
    cell = make(lambda r: [{**after(SECOND_US)(r)[0], "datr": datr}])
    cell.uplink(0)
    cell.kernel.run(3 * SECOND_US)
    assert len(cell.kernel.log.of("gateway", "bad_datagram")) == 1 and cell.heard == []


def test_a_silent_server_is_noted_and_does_not_stop_the_run(monkeypatch):
    monkeypatch.setattr("kerbstone.emulator.air.semtech_udp._PATIENCE_S", 0.05)
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    deaf.bind(("127.0.0.1", 0))
    kernel = Kernel()
    gateway = Gateway(kernel, Channel(kernel), SemtechUdp(deaf.getsockname()))
    gateway.start()
    kernel.run(SECOND_US)
    assert [e[3]["kind"] for e in kernel.log.of("gateway", "server_silent")] == [gwmp.PULL_DATA]
    gateway.close()
    deaf.close()
