"""`kerbstone emulate` with several gateways and downlinks: the words, and what becomes of them."""

import json

import pytest
from typer.testing import CliRunner

from kerbstone.cli import app
from kerbstone.cli.durations import duration_us
from kerbstone.emulator.downlinks import DownlinkOrder, read_downlink
from kerbstone.errors import KerbstoneError


def emulate(*words):
    return CliRunner().invoke(app, ["emulate", *words])


def test_a_run_with_two_gateways_sends_a_downlink_and_shows_the_network():
    order = "bins:at=30m,port=10,data=0142,confirmed=yes"
    done = emulate("bins", "--for", "2h", "--gateway", "0,0", "--gateway", "113,-800", "--downlink", order, "--json", "-")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    network = result["nodes"][0]["network"]
    assert network["counts"]["joins"] == 1 and network["counts"]["downlinks"] == 1 and network["queued"] == 0
    assert "unacknowledged" not in network["counts"] and network["gateways"] == 2
    (air,) = result["air"]
    assert air["delivery"] == 1.0 and air["copies"] > 0 and air["aloha"] > 0.999
    assert "downlinks" in done.stderr and "pure ALOHA" in done.stderr


def test_an_order_is_read():
    assert read_downlink("bay-1:port=2,data=00ff", duration_us) == DownlinkOrder("bay-1", 0, 2, b"\0\xff")
    assert read_downlink("b:at=2h,port=223,data=,confirmed=yes", duration_us) == DownlinkOrder("b", 7_200_000_000, 223, b"", True)


@pytest.mark.parametrize(
    "text",
    [
        "", "bins", "bins:", ":port=1,data=00", "bins:port=1", "bins:data=00", "bins:port=0,data=00", "bins:port=224,data=00",
        "bins:port=x,data=00", "bins:port=1,data=0", "bins:port=1,data=zz", "bins:port=1,data=00,at=never", "bins:port=1,data=00,x=1",
        "bins:port=1,data=00,confirmed=maybe", "bins:port=1,data=" + "00" * 243,
    ],
)  # fmt: skip
def test_an_order_that_is_none_is_one_sentence(text):
    with pytest.raises(KerbstoneError, match=r"\.$") as caught:
        read_downlink(text, duration_us)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ("--downlink", "air:port=1,data=00"), ("--lns", "udp://127.0.0.1:9", "--downlink", "bins:port=1,data=00"), ("--gateway", "here"),
    ],
)  # fmt: skip
def test_what_nobody_could_get_is_refused_before_the_run(words):
    done = emulate("bins", "--for", "10s", *words)
    assert isinstance(done.exception, KerbstoneError) and str(done.exception).endswith(".")
