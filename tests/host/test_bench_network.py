"""A virtual SX1262, the gateway and the bench server together, over real UDP, in virtual time."""

import pytest
from lorawan_bench import DEV_EUI, JOIN_EUI, KEY
from radio_device import RadioDevice

from kerbstone.codec.encode import encode
from kerbstone.codec.profile import load_profile
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.gateway import Gateway
from kerbstone.emulator.air.network import NetworkError, NetworkServer
from kerbstone.emulator.air.semtech_udp import SemtechUdp
from kerbstone.emulator.kernel import SECOND_US, Kernel
from kerbstone.emulator.log import digest
from kerbstone.listen.lorawan import LoRaWanListener

START_UTC = 1_775_174_400
class World:
    def __init__(self, on_uplink=None, **gateway):
        self.kernel = Kernel()
        self.air = Channel(self.kernel)
        self.air.link("bay-1", "gateway", 110.0)
        self.got = []
        self.server = NetworkServer(on_uplink or (lambda *a: self.got.append(a)), START_UTC)
        self.server.register(DEV_EUI, JOIN_EUI, KEY, "bay-1")
        self.server.start()
        self.gateway = Gateway(self.kernel, self.air, SemtechUdp(self.server.address), START_UTC, **gateway)
        self.gateway.start()
        self.device = RadioDevice(self.kernel, self.air)

    def close(self):
        self.gateway.close()
        self.server.close()


@pytest.fixture
def make():
    worlds = []

    def build(*args, **kwargs):
        worlds.append(World(*args, **kwargs))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def journey(world):
    """Join, uplink, acknowledged uplink, network time, downlink: what came of each."""
    device, server = world.device, world.server
    results = [device.join()]
    results.append(device.send(b"quiet", 2))
    results.append(device.send(b"loud", 2, confirmed=True))
    before = world.kernel.now
    results.append((device.send(fopts=b"\x0d"), before))
    server.enqueue(DEV_EUI, 10, b"command")
    results.append(device.send(b"any", 2))
    return results


def test_join_uplink_acknowledgement_time_and_downlink_over_real_udp(make):
    world = make()
    joined, quiet, loud, (timed, before), command = journey(world)
    assert joined == 1
    assert quiet is None
    (_, control, _, _, _, _), window = loud
    assert control & 0x20 and window == 1
    assert [(g[0], g[1], g[2], g[3]) for g in world.got] == [
        ("bay-1", 2, b"quiet", 0), ("bay-1", 2, b"loud", 1), ("bay-1", 2, b"any", 3),
    ]  # fmt: skip
    meta = world.got[0][4]
    assert (meta["dr"], meta["freq_hz"], meta["rssi_dbm"]) == (5, 868_100_000, -96)
    (_, _, fopts, _, _, _), _ = timed
    ups = [e for e in world.kernel.log.of("bay-1", "on_air") if e[0] >= before]
    end_us = ups[0][0] + ups[0][3]["us"]
    gps = int.from_bytes(fopts[1:5], "little") + fopts[5] / 256
    assert fopts[0] == 0x0D and gps == pytest.approx(START_UTC - 315_964_800 + 18 + end_us / 1e6, abs=1 / 256)
    assert command[0][3:5] == (10, b"command")


def test_the_same_journey_gives_the_same_event_log(make):
    logs = []
    for _ in range(2):
        world = make()
        journey(world)
        logs.append(digest(world.kernel.log.events))
    assert logs[0] == logs[1]


def test_a_window_opened_too_late_misses_the_acknowledgement(make):
    world = make()
    world.device.join()
    world.device.late_us = 5_000  # at SF7 the preamble lasts 8 ms: under 5 symbols are left
    world.device.windows = (1,)
    assert world.device.send(b"x", 2, confirmed=True) is None
    assert len(world.got) == 1
    world.device.late_us = 0
    assert world.device.send(b"x", 2, confirmed=True) is not None


def test_rx2_is_used_when_the_gateway_says_too_late_for_rx1(make):
    world = make(latency_us=600_000)
    world.device.join()
    (_, control, _, _, _, _), window = world.device.send(b"x", 2, confirmed=True)
    assert (control & 0x20, window) == (0x20, 2)
    errors = [e[3]["error"] for e in world.kernel.log.of("gateway", "downlink")]
    assert errors[-2:] == ["TOO_LATE", "NONE"]


def test_rx2_is_used_when_the_duty_cycle_of_rx1_is_spent(make):
    world = make()
    world.device.join()
    world.server._duty[world.gateway.eui].spend(868_100_000, 36_000_000, START_UTC * SECOND_US + world.kernel.now)
    assert world.device.send(b"x", 2, confirmed=True)[1] == 2


def test_a_replayed_join_request_is_refused(make):
    world = make()
    world.device.join()
    world.device.nonce -= 1
    assert world.device.join() is None
    assert world.server.refused == {"devnonce": 1}


def test_a_car_over_the_sensor_can_silence_it(make):
    world = make()
    world.device.join()
    world.air.extra_loss_db = lambda name, t: 40.0 if name == "bay-1" else 0.0
    assert world.device.send(b"x", 2, confirmed=True) is None
    assert world.got == []


def test_a_failing_listener_is_reported_on_close(monkeypatch):
    monkeypatch.setattr("kerbstone.emulator.air.semtech_udp._PATIENCE_S", 0.1)

    def fail(*_a):
        raise ZeroDivisionError

    world = World(fail)
    world.device.join()
    world.device.send(b"x", 2)
    with pytest.raises(NetworkError, match="ZeroDivisionError"):
        world.close()


def test_a_key_of_the_wrong_length_is_refused_without_being_shown():
    server = NetworkServer()
    with pytest.raises(NetworkError) as caught:
        server.register(DEV_EUI, JOIN_EUI, "00ff", "bay-1")
    assert "00ff" not in str(caught.value)
    server.close()


def test_the_listener_decodes_each_record_and_keeps_what_does_not_decode(make):
    records = []
    listener = LoRaWanListener({"bay-1": load_profile("parking")}, lambda a, d: records.append((a, d)))
    world = make(listener.on_uplink)
    world.device.join()
    frame = encode(load_profile("parking"), "state", {"state": "occupied", "cause": "event"})
    world.device.send(frame, 2)
    world.device.send(b"\xff", 2)
    ((arrival, decoded),) = records
    assert (arrival.device, arrival.port, arrival.payload, arrival.dr) == ("bay-1", 2, frame, 5)
    assert decoded.record == "state"
    ((bad, why),) = listener.undecoded
    assert bad.payload == b"\xff" and why
    assert [a.order for a in listener.arrivals("bay-1")] == [0, 1]
    assert listener.arrivals("other") == []
