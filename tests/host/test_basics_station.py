"""Gateways over Basics Station, against a network server made of pamoja's messages and MAC."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

pytest.importorskip("pamoja._native")
from lorawan_bench import BIN
from pamoja import _native as pamoja
from station_server import StationServer, dnmsg, radio_config, window

from kerbstone.build.node import load_node
from kerbstone.cli import app
from kerbstone.emulator.air import lora
from kerbstone.emulator.air.basics_station import BasicsStation
from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.air.gateway import Gateway
from kerbstone.emulator.air.patience import Patience
from kerbstone.emulator.identity import mint
from kerbstone.emulator.kernel import SECOND_US, Kernel
from kerbstone.emulator.lns import TOKEN_VARIABLE, parse_lns
from kerbstone.emulator.run import run
from kerbstone.errors import KerbstoneError

JOIN = bytes(23)
DATA = bytes.fromhex("40010000008000000a0102030405060708")


@pytest.fixture
def make():
    opened = []

    def build(*args, **kwargs):
        opened.append(StationServer(*args, **kwargs))
        return opened[-1]

    yield build
    for server in opened:
        server.close()


class Cell:
    def __init__(self, server, wait_s=0.0):
        self.kernel = Kernel()
        self.air = Channel(self.kernel)
        self.gateway = Gateway(self.kernel, self.air, BasicsStation(server.url, Patience(wait_s)), 1_775_174_400)
        self.gateway.start()
        self.down = []
        self.air.subscribe(self)

    def on_air(self, tx):
        if tx.sender == "gateway":
            self.down.append(tx)

    def uplink(self, data=DATA, hz=868_100_000, sf=7):
        at = self.kernel.now + SECOND_US
        self.air.link("a", "gateway", 100.0)
        tx = Transmission(at, at + lora.airtime_us(len(data), sf, 125_000), hz, sf, 125_000, 1, 0x34, False, True, 14.0, data, "a")
        self.kernel.at(at, self.air.transmit, tx)
        self.kernel.run(tx.end_us + 100_000)
        return tx


def take(cell, until_s=0.5):
    """Reads what the server has said, then lets time pass."""
    cell.gateway._backhaul._answered(1.0)
    cell.kernel.run(cell.kernel.now + int(until_s * SECOND_US))


def test_a_node_joins_and_talks_through_basics_station(make, tmp_path):
    path = tmp_path / "bin.toml"
    path.write_text(BIN.format(region="EU868", confirm="none", gateway_m=100.0))
    server = make(mint(1, "bin"), [b"again"] * 20)  # every uplink has an answer, so none is waited for in vain
    result = run([load_node(str(path))], 1, 45 * 60 * SECOND_US, lns=replace(parse_lns(server.url), wait_s=5.0)).nodes[0]
    assert server.wrong == [] and server.outcomes[0] == "joined" and server.outcomes.count("joined") == 1
    assert len(server.payloads) >= 3
    assert result.decoded == len(server.payloads) and result.lost == 0
    (version,) = server.of("version")
    assert version["protocol"] == 2 and version["station"].startswith("kerbstone")
    assert server.asked == ["02000000000000a1"]
    sent = server.of("dntxed")
    assert [m["diid"] for m in sent] == list(range(1, len(server.payloads) + 2)), "join accept and messages left and were said so"
    ups = [m["upinfo"] for m in server.of("jreq") + server.of("updf")]
    for up, said in zip([ups[0]], sent[:1], strict=True):
        after = pamoja.station_xtime_parts(said["xtime"]).micros - pamoja.station_xtime_parts(up["xtime"]).micros
        assert after == 5 * SECOND_US, "the join accept left five seconds after the request ended"


def test_the_station_writes_what_pamojas_station_writes(make):
    server = make()
    cell = Cell(server)
    for data in (JOIN, DATA):
        cell.uplink(data)
    assert server.waits_for("jreq") and server.waits_for("updf")
    for kind, phy in (("jreq", JOIN), ("updf", DATA)):
        (ours,) = server.of(kind)
        up = ours["upinfo"]
        levels = pamoja.GatewayStationLevels(up["rctx"], up["xtime"], None, up["rssi"], up["snr"])
        theirs = json.loads(pamoja.station_encode(pamoja.station_heard(phy, ours["DR"], ours["Freq"], levels)))
        for name in {"JoinEui", "DevEui"} & theirs.keys():  # either form is allowed
            theirs[name], ours[name] = pamoja.station_eui_of(theirs[name]), pamoja.station_eui_of(ours[name])
        assert {k: v for k, v in ours.items() if k in theirs and k != "upinfo"} == {k: v for k, v in theirs.items() if k != "upinfo"}
        assert up.items() >= theirs["upinfo"].items()


def test_the_server_says_which_channels_are_heard(make):
    cell = Cell(make(config={"sx1301_conf": radio_config((868_100_000,))}))
    assert cell.gateway.channels == [(868_100_000, 125_000)]
    cell.uplink(hz=868_300_000)
    assert cell.kernel.log.of("gateway", "uplink") == []


@pytest.mark.parametrize(
    ("config", "data", "heard"),
    [
        ({"NetID": [1]}, DATA, False), ({"NetID": []}, DATA, False), ({"NetID": None}, DATA, True), ({"NetID": [0]}, DATA, True),
        ({"JoinEui": [[1, 2]]}, JOIN, False), ({"JoinEui": [[0, 2]]}, JOIN, True), ({"JoinEui": [[1, 2]]}, DATA, True),
        ({"DRs": [[12, 125, 0]]}, DATA, False), ({"DRs": [[7, 125, 1]]}, DATA, False),
    ],
)  # fmt: skip
def test_filters_of_the_server_are_obeyed(make, config, data, heard):
    server = make(config=config)
    cell = Cell(server)
    cell.uplink(data)
    if heard:
        assert server.waits_for("jreq" if data is JOIN else "updf")
    else:
        assert [kind for _, _, kind, _ in cell.kernel.log.events if kind in ("filtered", "no_data_rate")]
        assert not server.of("updf") + server.of("jreq")


def test_rx2_is_taken_when_rx1_is_too_late_or_taken(make):
    server = make()
    cell = Cell(server)
    up = cell.uplink()
    count = 1 << 48 | up.end_us
    both = {"rx1": window(5, 868_100_000), "rx2": window(0, 869_525_000)}
    server.say(dnmsg("A", count, rx_delay=1, **both))
    take(cell, 0)
    server.say(dnmsg("A", count, rx_delay=1, **both))
    take(cell, 5)
    assert [(d.start_us - up.end_us, d.freq_hz, d.sf, d.power_dbm) for d in cell.down] == [
        (SECOND_US, 868_100_000, 7, 14), (2 * SECOND_US, 869_525_000, 12, 27),
    ]  # fmt: skip
    late = cell.uplink()
    cell.kernel.run(late.end_us + 10 * SECOND_US)
    server.say(dnmsg("A", 1 << 48 | late.end_us, rx_delay=1, **both))
    take(cell, 5)
    assert len(cell.down) == 2 and [e[3]["error"] for e in cell.kernel.log.of("gateway", "downlink")][-2:] == ["TOO_LATE"] * 2


def test_class_c_leaves_at_once_and_behind_what_is_on_the_air(make):
    server = make()
    cell = Cell(server)
    for _ in range(3):
        server.say(dnmsg("C", 0, rx2=window(0, 869_525_000)))
    for _ in range(3):
        take(cell, 0)
    asked = cell.kernel.now
    cell.kernel.run(asked + 10 * SECOND_US)
    starts = [d.start_us for d in cell.down]
    assert len(starts) == 3 and starts[0] - asked < 100_000
    assert all(30_000 < b - a.end_us < 40_000 for a, b in zip(cell.down, starts[1:], strict=False)), "one after the other"
    assert server.waits_for("dntxed", 3) and [m["diid"] for m in server.of("dntxed")] == [7, 7, 7]


def test_two_gateways_hand_on_their_copies_before_either_waits(make):
    """The server answers through the second, after it has heard from both."""
    server, kernel, patience = make(), Kernel(), Patience(5.0)
    air = Channel(kernel)
    gateways = [Gateway(kernel, air, BasicsStation(server.url, patience), name=f"g{i}", eui=bytes([2, *bytes(6), i])) for i in range(2)]
    for gateway in gateways:
        gateway.start()
        air.link("a", gateway.name, 100.0)
    copies = []

    def take(_socket, message, _plain):
        if message.msgtype == "updf":
            copies.append(message)
            if len(copies) == 2:
                server.say(dnmsg("A", message.levels.xtime, rx_delay=1, rx1=window(5, 868_100_000)))

    server._take = take
    tx = Transmission(0, lora.airtime_us(len(DATA), 7, 125_000), 868_100_000, 7, 125_000, 1, 0x34, False, True, 14.0, DATA, "a")
    kernel.at(0, air.transmit, tx)
    kernel.run(3 * SECOND_US)
    assert [(t - tx.end_us, name) for t, name, kind, _ in kernel.log.events if kind == "on_air" and name != "a"] == [(SECOND_US, "g1")]
    for gateway in gateways:
        gateway.close()


def test_what_is_no_downlink_is_passed_over(make):
    server = make()
    cell = Cell(server)
    for text in ('{"msgtype": "runcmd"}', "[]", '{"msgtype": "dnmsg"}', '{"msgtype":"dnmsg","dC":2,"pdu":"00","RX2DR":99,"RX2Freq":1}'):
        server.say(text)
        take(cell, 0)
    assert cell.down == [] and len(cell.kernel.log.of("gateway", "bad_message")) == 3
    cell.uplink()
    assert server.waits_for("updf")


def test_a_lost_connection_is_made_again_at_the_next_uplink(make):
    server = make()
    cell = Cell(server)
    server.sessions[-1].close()
    cell.uplink()
    assert server.waits_for("updf"), "the very frame that found the connection broken arrives"
    assert len(server.sessions) == 2
    assert cell.kernel.log.of("gateway", "server_silent")
    server.close()
    cell.uplink()
    assert len(cell.kernel.log.of("gateway", "server_silent")) == 3, "a server that is gone is tried twice, and the run goes on"


def test_the_token_goes_into_the_header_and_nowhere_else(make, tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "Bearer very-secret")
    server = make()
    path = tmp_path / "bin.toml"
    path.write_text(BIN.format(region="EU868", confirm="none", gateway_m=100.0))
    done = CliRunner().invoke(app, ["emulate", str(path), "--for", "5s", "--lns", server.url])
    assert done.exit_code == 0 and server.headers == ["Bearer very-secret"] * 2
    assert "secret" not in done.output


@pytest.mark.parametrize("text", ["garbage", "[1]", '{"msgtype": "router_config"}'])
def test_a_server_that_refuses_or_babbles_is_one_sentence(make, text, monkeypatch):
    server = make(refuse="gateway is not known")
    with pytest.raises(KerbstoneError, match="not known"):
        Cell(server)
    monkeypatch.setattr(StationServer, "_configure", lambda self, socket: socket.send(text))
    monkeypatch.setattr("kerbstone.emulator.air.basics_station._PATIENCE_S", 0.3)
    with pytest.raises(KerbstoneError, match=r"does not take the gateway: .+\.$"):
        Cell(make())


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9", "ws://127.0.0.1:9/path", "wss://", "ws://host:abc"])
def test_an_address_that_leads_nowhere_is_one_sentence(url, tmp_path):
    path = tmp_path / "bin.toml"
    path.write_text(BIN.format(region="EU868", confirm="none", gateway_m=100.0))
    done = CliRunner().invoke(app, ["emulate", str(path), "--for", "5s", "--lns", url])
    assert done.exit_code != 0 and isinstance(done.exception, KerbstoneError)
    assert str(done.exception).endswith(".") and "\n" not in str(done.exception)
