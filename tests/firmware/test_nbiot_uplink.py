"""The NB-IoT uplink in whole nodes: real firmware, a virtual modem on a virtual cell, a real CoAP server or broker at the other end."""

import select

import paho.mqtt.publish
import pytest

from kerbstone.build.node import load_node
from kerbstone.emulator.bench import Bench
from kerbstone.emulator.run import START_UTC, run
from kerbstone.listen.broker import EmbeddedBroker
from kerbstone.listen.coap import CoapListener
from kerbstone.paths import boards_dir

HOUR_US = 3_600_000_000
ALARM_S = 15  # an alarm in cover reaches its receipt within this


def node_of(folder, name="bins_nbiot", cell="", uplink="", report_s=3600):
    """The ready bin with options of its cell, keys of its uplink, and a report an hour."""
    text = (boards_dir() / "nodes" / "bins_nbiot.toml").read_text().replace("report_s = 14400", f"report_s = {report_s}")
    text = text.replace('host = "coap.local"', uplink or 'host = "coap.local"')
    path = folder / f"{name}.toml"
    path.write_text(text + (f"\n[world.parts.modem]\n{cell}\n" if cell else ""))
    return load_node(str(path))


def lived(node, hours, seed=3):
    (result,) = run([node], seed, hours * HOUR_US).nodes
    assert result.lost == 0 and result.readings <= result.decoded + result.waiting + result.gap, result
    return result


def seconds_to_receipt(node, hours, step_us=250_000):
    """{record: seconds from the moment it was stored to its receipt}, to a quarter of a second, by the virtual clock."""
    with CoapListener(paths=("k",)) as server, Bench(3, START_UTC, {"coap.local": server.address}) as bench:
        runtime = bench.add(node)
        bench.start()
        runtime.device.power_on()
        stored, took, seen = {}, {}, 0
        while bench.kernel.now < hours * HOUR_US:
            bench.run(bench.kernel.now + step_us)
            text = runtime.console.read_text() if runtime.console.exists() else ""
            for line in text[seen:].splitlines():
                words = line.split()
                if words[:2] == ["kerb", "put"]:
                    stored[words[2]] = bench.kernel.now
                elif words[:2] == ["kerb", "receipt"]:
                    took[words[2]] = (bench.kernel.now - stored[words[2]]) / 1e6
            seen = len(text)
        runtime.device.stop()
    assert set(took) == set(stored)
    return took


@pytest.mark.parametrize("coverage", [0, 1])
def test_every_record_arrives_and_an_alarm_in_cover_has_its_receipt_within_fifteen_seconds(tmp_path, coverage):
    took = seconds_to_receipt(node_of(tmp_path, cell=f"coverage = {coverage}"), 4)
    woken = list(took.values())[1:]  # the first one waits for the modem to be set up
    assert len(woken) >= 4 and max(woken) <= ALARM_S, took


@pytest.mark.parametrize("chip", ["SIM7020G", "BC66", "BC660K", "SARA-R410M", "SARA-R510S"])
def test_every_dialect_wakes_its_modem_and_gets_its_receipts(tmp_path, chip):
    result = lived(node_of(tmp_path, uplink=f'host = "coap.local"\nmodem = "{chip}"', report_s=1200), 1)
    assert result.decoded == result.readings >= 3 and result.waiting == 0
    assert result.time_us["modem"]["psm"] > HOUR_US / 2


def test_datagrams_that_are_lost_are_repeated_and_said_to_be(tmp_path):
    result = lived(node_of(tmp_path, cell="loss = 0.3"), 4)
    assert result.decoded >= result.readings - 1


def test_without_psm_the_modem_is_off_between_two_messages(tmp_path):
    result = lived(node_of(tmp_path, cell="psm = false"), 4)
    assert result.waiting == 0
    assert result.time_us["modem"]["off"] > 3.8 * HOUR_US


def test_the_modems_own_mqtt_client_brings_records_to_a_broker(tmp_path):
    result = lived(node_of(tmp_path, uplink='protocol = "mqtt"\nhost = "broker.local"\npath = "kerb"'), 3)
    assert result.decoded == result.readings > 3


MAINS = """
[node]
board = "waveshare_pico_sim7080g"
app = "bins"
[parts.climate]
driver = "sht4x"
bus = "i2c.main"
period_s = 600
[parts.level]
driver = "hc_sr04"
trig_pin = 16
echo_pin = 17
period_s = 600
[uplink]
kind = "nbiot"
{uplink}
[policy]
deep_sleep = false
"""


def test_a_node_that_never_sleeps_deeply_wakes_a_modem_that_went_to_psm_by_itself(tmp_path):
    path = tmp_path / "mains.toml"
    path.write_text(MAINS.format(uplink="active_s = 6"))
    result = lived(load_node(str(path)), 4)
    assert result.decoded == result.readings >= 3 and result.wakes == 1
    assert result.time_us["modem"]["psm"] > 3.5 * HOUR_US


def test_a_command_reaches_a_node_in_edrx(tmp_path):
    path = tmp_path / "mains.toml"
    path.write_text(MAINS.format(uplink='edrx_s = 82\nprotocol = "mqtt"\npath = "kerb"\nhost = "broker.local"'))
    node = load_node(str(path))
    with EmbeddedBroker() as broker:
        at = broker.address
        with Bench(3, START_UTC, {"broker.local": (at.host, at.port)}) as bench:
            runtime = bench.add(node)
            runtime.device.power_on()
            bench.run(HOUR_US // 10)
            topic = f"kerb/{runtime.identity.device_id}/down"
            paho.mqtt.publish.single(topic, b"hello", qos=1, hostname=at.host, port=at.port)
            # The broker acknowledges before it hands on, and twelve virtual minutes may be over before it did.
            modem = runtime.parts["modem"].mqtt._client.socket()
            assert select.select([modem], [], [], 10)[0], "the broker never handed the message on"
            bench.run(HOUR_US // 5)
            said = runtime.console.read_text()
            runtime.device.stop()
    assert f"kerb downlink {topic} 5" in said, said
