"""What a modem sends reaches real servers: a UDP echo, a Mosquitto, a CoAP server; and what they answer reaches the line."""

import re
import time
from collections.abc import Callable

import pytest
from modem_bench import Chat, echo_server

from kerbstone.emulator.modems.registry import modem_class
from kerbstone.listen.broker import BrokerAddress
from kerbstone.listen.coap import CoapListener
from kerbstone.listen.mqtt import MqttListener

NASTY = b"\r\nOK\r\n+CSQ: 99\r\n> "  # data that look like answers


def up(chip: str, **options: object) -> Chat:
    """Switched on, registered, with a data context."""
    chat = Chat(modem_class(chip), **options)
    chat.start(boot_s=8)
    chat.registered()
    reopen(chat, chip)
    return chat


def reopen(chat: Chat, chip: str) -> None:
    """A data context, where the modem wants one asked for."""
    for command, wait in CONTEXT.get(chip, ()):
        assert chat.ask(command)[-1] == "OK"
        chat.until(wait)
    chat.got = b""


CONTEXT = {
    "SIM7080G": [("AT+CNACT=0,1", "ACTIVE")], "BG95": [("AT+QIACT=1", "")], "SARA-R510S": [("AT+UPSDA=0,3", r"\+UUPSDA: 0")],
}  # fmt: skip


def data(chat: Chat, command: str, prompt: str, payload: bytes, end: str) -> str:
    chat.write(f"{command}\r")
    chat.until(re.escape(prompt))
    chat.wait(0.2)
    chat.write(payload)
    return chat.until(end)


def sim7080_udp(chat: Chat, payload: bytes) -> bytes:
    assert "+CAOPEN: 0,0" in chat.ask('AT+CAOPEN=0,0,"UDP","echo.local",7')
    data(chat, f"AT+CASEND=0,{len(payload)}", "> ", payload, "OK\r\n")
    chat.until(r"\+CADATAIND: 0\r\n")
    chat.write("AT+CARECV=0,1459\r")
    count = int(chat.until(r"\+CARECV: (\d+),").rpartition(" ")[2].rstrip(","))
    return chat.until("OK\r\n$").encode("latin-1")[:count]


def bg95_udp(chat: Chat, payload: bytes) -> bytes:
    chat.ask('AT+QIOPEN=1,0,"UDP","echo.local",7,0,0')
    chat.until(r"\+QIOPEN: 0,0\r\n")
    data(chat, f"AT+QISEND=0,{len(payload)}", "> ", payload, "SEND OK\r\n")
    chat.until('"recv",0\r\n')
    chat.write("AT+QIRD=0,1500\r")
    count = int(chat.until(r"\+QIRD: \d+\r\n").rpartition(" ")[2])
    return chat.until("OK\r\n$").encode("latin-1")[:count]


def bc66x_udp(cid: int) -> Callable[[Chat, bytes], bytes]:
    def echo(chat: Chat, payload: bytes) -> bytes:
        chat.ask('AT+QICFG="dataformat",1,1')
        chat.ask(f'AT+QIOPEN={cid},0,"UDP","echo.local",7')
        chat.until(r"\+QIOPEN: 0,0\r\n")
        chat.ask(f"AT+QISEND=0,{len(payload)},{payload.hex()}")
        return bytes.fromhex(chat.until(r'"recv",0,\d+,"[0-9A-F]*"').rpartition(",")[2].strip('"'))

    return echo


def sara_udp(chat: Chat, payload: bytes) -> bytes:
    chat.ask("AT+USOCR=17")
    data(chat, f'AT+USOST=0,"echo.local",7,{len(payload)}', "@", payload, r"\+USOST: 0,\d+\r\n\r\nOK\r\n")
    chat.until(r"\+UUSOR[FD]: 0,\d+\r\n")
    chat.write("AT+USORF=0,1024\r")
    count = int(chat.until(r'\+USORF: 0,"[^"]*",7,\d+,"').rpartition(",")[0].rpartition(",")[2])
    return chat.until('"\r\n\r\nOK\r\n').encode("latin-1")[:count]


def sim7020_udp(chat: Chat, payload: bytes) -> bytes:
    chat.ask("AT+CSOC=1,2,1")
    chat.ask('AT+CSOCON=0,7,"echo.local"')
    chat.ask(f"AT+CSOSEND=0,{2 * len(payload)},{payload.hex()}")
    return bytes.fromhex(chat.until(r"\+CSONMI: 0,\d+,[0-9A-F]+").rpartition(",")[2])


UDP = {
    "SIM7080G": sim7080_udp, "BG95": bg95_udp, "BC660K": bc66x_udp(0), "BC66": bc66x_udp(1), "SARA-R410M": sara_udp,
    "SARA-R510S": sara_udp, "SIM7020C": sim7020_udp,
}  # fmt: skip


@pytest.mark.parametrize("chip", UDP)
def test_a_datagram_goes_out_and_comes_back(chip):
    with echo_server() as address:
        for payload in (b"hello", NASTY, bytes(range(256))):
            chat = up(chip, hosts={"echo.local": address})
            assert UDP[chip](chat, payload) == b">" + payload


def test_a_lost_datagram_gets_no_answer_and_the_latency_is_charged():
    with echo_server() as address:
        chat = up("SIM7020C", hosts={"echo.local": address}, loss=1.0)
        with pytest.raises(AssertionError, match="did not come"):
            sim7020_udp(chat, b"hello")
        near = up("SIM7020C", hosts={"echo.local": address})
        before = near.kernel.now
        sim7020_udp(near, b"hello")
        far = up("SIM7020C", hosts={"echo.local": address}, coverage=2)
        at_once, before = near.kernel.now - before, far.kernel.now
        sim7020_udp(far, b"hello")
        assert 300_000 < at_once < 3_000_000 < far.kernel.now - before < 40_000_000


# -- MQTT ----------------------------------------------------------------------------------------------------


def sim7080_mqtt(chat: Chat) -> None:
    for conf in ('"URL","broker.local",1883', '"CLIENTID","dev1"', '"KEEPTIME",60', '"CLEANSS",1'):
        assert chat.ask(f"AT+SMCONF={conf}") == ["OK"]
    assert chat.ask("AT+SMCONN") == ["OK"]
    assert chat.ask('AT+SMSUB="kerb/dev1/down",1') == ["OK"]
    data(chat, 'AT+SMPUB="kerb/dev1/up",5,1,0', "> ", b"hello", "OK\r\n")


def quectel_mqtt(chat: Chat, version: int) -> None:
    for conf in (f'"version",0,{version}', '"keepalive",0,60', '"session",0,1'):
        assert chat.ask(f"AT+QMTCFG={conf}") == ["OK"]
    chat.ask('AT+QMTOPEN=0,"broker.local",1883')
    chat.until(r"\+QMTOPEN: 0,0\r\n")
    chat.ask('AT+QMTCONN=0,"dev1"')
    chat.until(r"\+QMTCONN: 0,0,0\r\n")
    chat.ask('AT+QMTSUB=0,1,"kerb/dev1/down",1')
    chat.until(r"\+QMTSUB: 0,1,0,1\r\n")
    data(chat, 'AT+QMTPUB=0,2,1,0,"kerb/dev1/up",5', "> ", b"hello", r"OK\r\n.*\+QMTPUB: 0,2,0\r\n")


def r4_mqtt(chat: Chat) -> None:
    for conf in ('0,"dev1"', '2,"broker.local",1883', "10,60", "12,1"):
        assert chat.ask(f"AT+UMQTT={conf}") == [f"+UMQTT: {conf.partition(',')[0]},1", "OK"]
    assert chat.ask("AT+UMQTTC=1") == ["+UMQTTC: 1,1", "OK"]
    chat.until(r"\+UUMQTTC: 1,0\r\n")
    chat.ask('AT+UMQTTC=4,1,"kerb/dev1/down"')
    chat.until(r'\+UUMQTTC: 4,1,1,"kerb/dev1/down"')
    assert chat.ask('AT+UMQTTC=2,1,0,0,"kerb/dev1/up","hello"') == ["+UMQTTC: 2,1", "OK"]
    chat.wait(5)


def r5_mqtt(chat: Chat) -> None:
    for conf in ('0,"dev1"', '2,"broker.local",1883', "10,60", "12,1"):
        assert chat.ask(f"AT+UMQTT={conf}") == ["OK"]
    chat.ask("AT+UMQTTC=1")
    chat.until(r"\+UUMQTTC: 1,1\r\n")
    chat.ask('AT+UMQTTC=4,1,"kerb/dev1/down"')
    chat.until(r'\+UUMQTTC: 4,1,1,"kerb/dev1/down"')
    chat.ask('AT+UMQTTC=2,1,0,0,"kerb/dev1/up","hello"')
    chat.until(r"\+UUMQTTC: 2,1\r\n")


def sim7020_mqtt(chat: Chat) -> None:
    assert chat.ask('AT+CMQNEW="broker.local","1883",12000,1024') == ["+CMQNEW: 0", "OK"]
    assert chat.ask('AT+CMQCON=0,4,"dev1",600,1,0') == ["OK"]
    assert chat.ask('AT+CMQSUB=0,"kerb/dev1/down",1') == ["OK"]
    assert chat.ask('AT+CMQPUB=0,"kerb/dev1/up",1,0,0,10,"68656c6c6f"') == ["OK"]


MQTT = {
    "SIM7080G": (sim7080_mqtt, "AT+SMSTATE?", r'\+SMSUB: "kerb/dev1/down","go"'),
    "BC660K": (lambda chat: quectel_mqtt(chat, 1), "AT+QMTCONN?", r'\+QMTRECV: 0,0,"kerb/dev1/down","go"'),
    "BC66": (lambda chat: quectel_mqtt(chat, 1), "AT+QMTCONN?", r'\+QMTRECV: 0,0,"kerb/dev1/down","go"'),
    "BG95": (lambda chat: quectel_mqtt(chat, 4), "AT+QMTCONN?", r'\+QMTRECV: 0,0,"kerb/dev1/down","go"'),
    "SARA-R410M": (r4_mqtt, 'AT+UMQTTC=8,"broker.local"', r"\+UUMQTTCM: 6,1"),
    "SARA-R510S": (r5_mqtt, "", r"\+UUMQTTC: 6,1"),
    "SIM7020C": (sim7020_mqtt, "", r'\+CMQPUB: 0,"kerb/dev1/down",1,0,0,4,"676F"'),
}  # fmt: skip


@pytest.mark.parametrize("chip", MQTT)
def test_a_real_mosquitto_gets_what_the_modem_publishes_and_the_modem_what_it_sends(chip, mosquitto):
    login, look, shown = MQTT[chip]
    address = BrokerAddress.parse(mosquitto)
    with MqttListener(address) as listener:
        chat = up(chip, hosts={"broker.local": (address.host, address.port)})
        login(chat)
        assert listener.wait_quiet({"dev1": 1}, 5) == {}
        assert [(a.device, a.payload) for a in listener.arrivals()] == [("dev1", b"hello")]
        listener.command("dev1", b"go")
        time.sleep(0.1)
        if look:
            chat.ask(look)
        chat.until(shown, 700)  # at the latest with the next ping of its keep-alive
        published = [f["payload"] for _, _, kind, f in chat.kernel.log.events if kind == "publish"]
        assert published == [b"hello".hex()]


# -- CoAP ----------------------------------------------------------------------------------------------------


def sim7080_coap(chat: Chat) -> str:
    chat.ask("AT+CCOAPINIT")
    chat.ask('AT+CCOAPURL="coap://coap.local:5683"')
    chat.ask('AT+CCOAPPARA="CODE",2,"uri-path",0,"k/dev1","payload",1,"68656c6c6f"')
    mid = chat.ask("AT+CCOAPACTION")[0].rpartition(",")[2]
    chat.until(rf"\+CCOAPRECV: {mid},\d+,0\r\n")
    return chat.ask(f"AT+CCOAPHEAD={mid},1")[0].split(",")[4]


def bc66_coap(chat: Chat) -> str:
    chat.ask("AT+QCOAPCREATE=56830")
    chat.ask('AT+QCOAPOPTION=1,11,"k/dev1"')
    assert chat.ask("AT+QCOAPSEND=0,2,coap.local,5683,5,68656c6c6f") == ["OK"]
    return chat.until(r'\+QCOAPURC: "rsp",2,[\d.]+').rpartition(",")[2]


def bg95_coap(chat: Chat) -> str:
    chat.ask('AT+QCOAPOPEN=2,"coap.local",5683')
    chat.until(r"\+QCOAPOPEN: 2,0\r\n")
    chat.ask('AT+QCOAPHEADER=2,4711,0,2,"ab"')
    chat.ask('AT+QCOAPOPTION=2,0,0,11,"k/dev1"')
    data(chat, "AT+QCOAPSEND=2,0,2,5", "> ", b"hello\x1a", "OK\r\n")
    code = int(chat.until(r"\+QCOAPACK: 2,\d+,4711").split(",")[1])
    return f"{code >> 5}.{code & 31:02d}"


def r5_coap(chat: Chat) -> str:
    for conf in ("4,1", '1,"coap://coap.local:5683/k/dev1"', "2,5,0"):
        assert chat.ask(f"AT+UCOAP={conf}") == ["OK"]
    chat.ask('AT+UCOAPC=4,"68656C6C6F",0')
    return {"1": "2.04"}.get(chat.until(r"\+UCOAPCR: 4,\d", 120).rpartition(",")[2], "failed")


def sim7020_coap(chat: Chat) -> str:
    chat.ask('AT+CCOAPNEW="coap.local",5683,1')
    message = bytes.fromhex("4202000a6162" + "b16b" + "04") + b"dev1\xffhello"
    assert chat.ask(f'AT+CCOAPSEND=1,{len(message)},"{message.hex()}"') == ["OK"]
    answer = bytes.fromhex(chat.until(r"\+CCOAPNMI: 1,\d+,[0-9A-F]+").rpartition(",")[2])
    return f"{answer[1] >> 5}.{answer[1] & 31:02d}"


COAP = {"SIM7080G": sim7080_coap, "BC66": bc66_coap, "BG95": bg95_coap, "SARA-R510S": r5_coap, "SIM7020C": sim7020_coap}


@pytest.mark.parametrize("chip", COAP)
def test_a_real_coap_server_gets_what_the_modem_posts(chip):
    with CoapListener() as listener:
        chat = up(chip, hosts={"coap.local": listener.address})
        assert COAP[chip](chat) == "2.04"
        assert [(a.device, a.payload) for a in listener.arrivals()] == [("dev1", b"hello")]


def test_a_confirmable_request_is_repeated_until_it_arrives():
    with CoapListener() as listener:
        chat = up("SARA-R510S", hosts={"coap.local": listener.address}, loss=0.5, seed=4)
        assert r5_coap(chat) == "2.04"
        assert [(a.device, a.payload) for a in listener.arrivals()] == [("dev1", b"hello")]
