"""Whatever a network server says over Basics Station, the run goes on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pamoja._native")
from station_server import dnmsg, radio_config, window

from kerbstone.emulator.air.basics_station import BasicsStation
from kerbstone.emulator.air.channel import Channel
from kerbstone.emulator.air.gateway import Gateway
from kerbstone.emulator.air.patience import Patience
from kerbstone.emulator.kernel import SECOND_US, Kernel

WORDS = st.sampled_from(["", "radio_0", "freq", "00ff", "-1", "\u00e9"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(WORDS, x, max_size=3), max_leaves=6,
)
DOWNLINK = json.loads(dnmsg("C", 5, rx_delay=1, rx1=window(5, 868_100_000), rx2=window(0, 869_525_000)))
CONFIG = {"msgtype": "router_config", "DRs": [[12, 125, 0]], "NetID": [0], "JoinEui": [[1, 2]], "sx1301_conf": radio_config()}


class Canned:
    """A connection that brings one message."""

    def __init__(self, text):
        self.text = text

    def recv(self, _timeout):
        return self.text

    def send(self, text):
        json.loads(text)


def bare():
    backhaul = BasicsStation("ws://nowhere", Patience(0.0))
    kernel = Kernel()
    backhaul._gateway = Gateway(kernel, Channel(kernel), backhaul)
    backhaul._rates = [(12, 125_000, False), (0, 0, False), (-1, 125_000, False), (7, 200_000, False)]
    return backhaul


@given(st.dictionaries(st.sampled_from(sorted(DOWNLINK)), ANYTHING, max_size=3))
def test_no_downlink_however_bent_stops_a_run(changes):
    backhaul = bare()
    backhaul._socket = Canned(json.dumps(DOWNLINK | changes))
    backhaul._answered(0.0)
    backhaul._gateway.kernel.run(3 * SECOND_US)


@given(st.binary(max_size=30) | WORDS)
def test_what_is_no_message_is_noted(data):
    backhaul = bare()
    backhaul._socket = Canned(data)
    assert not backhaul._answered(0.0)


@given(st.dictionaries(st.sampled_from(sorted(CONFIG)), ANYTHING, max_size=2))
def test_a_bent_configuration_is_refused_with_a_reason_or_obeyed(changes):
    backhaul = bare()
    try:
        backhaul._configure(CONFIG | changes)
    except ValueError:
        return
    assert all(isinstance(hz, int) and isinstance(width, int) for hz, width in backhaul._gateway.channels)
