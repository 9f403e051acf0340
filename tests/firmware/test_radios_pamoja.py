"""What both drivers write into their chips, against pamoja, a LoRa library by others that derives the same registers."""

import random

import pytest
from radio_rig import Rig

pamoja = pytest.importorskip("pamoja._native")

FREQUENCIES = (434_000_000, 470_300_000, 863_100_000, 868_100_000, 869_525_000, 902_300_000, 923_300_000)


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def settings(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        rate = (rng.randrange(7, 13), rng.choice((125_000, 250_000, 500_000)))
        yield rng.choice(FREQUENCIES) + 100 * rng.randrange(2000), rate, rng.randrange(-20, 25)


@pytest.mark.parametrize("boost", [True, False], ids=["PA_BOOST", "RFO"])
def test_registers_of_the_sx1276(rig, boost):
    radio = rig.radio("sx1276", world={"pa_boost": boost}, pa_boost=boost, max_power_dbm=20 if boost else 14)
    now = rig.parts["node"].registers
    for hz, (sf, bandwidth), dbm in settings(1, 200):
        radio.configure_tx(hz, (sf, bandwidth), dbm)
        link = pamoja.LoraLink(sf, bandwidth)
        modem = pamoja.sx127x_modem(link, hz, 100)
        assert now[0x06] << 16 | now[0x07] << 8 | now[0x08] == pytest.approx(pamoja.sx127x_frequency_word(hz), abs=1)
        assert now[0x1D] == modem.modem_config_1 and now[0x1E] & 0xFC == modem.modem_config_2 & 0xFC, (sf, bandwidth)
        assert now[0x26] & 8 == modem.modem_config_3 & 8 and now[0x37] == modem.detection_threshold
        assert now[0x31] & 7 == modem.detection_optimize
        foreign = pamoja.sx127x_spurious_reception(link)
        assert now[0x31] & 0x80 == 0x80 * foreign.automatic_if and (foreign.if_freq_2 is None or now[0x2F] == foreign.if_freq_2)
        wide = pamoja.sx127x_high_bw_optimize(link, hz)
        assert now[0x36] == wide.optimize_1 and (wide.optimize_2 is None or now[0x3A] == wide.optimize_2)
        power = pamoja.sx127x_tx_power("PaBoost" if boost else "Rfo", min(dbm, 20 if boost else 14))
        # PA_BOOST ignores MaxPower, and RFO reaches a low power in two ways.
        ours, theirs = (now[0x09] & 0x8F, power.pa_config & 0x8F) if boost else (output(now[0x09]), output(power.pa_config))
        assert ours == pytest.approx(theirs, abs=0.3) and (now[0x4D], now[0x0B]) == (power.pa_dac, power.ocp)


def output(pa_config):
    """dBm of RFO, section 5.4.2."""
    return 10.8 + 0.6 * (pa_config >> 4 & 7) - 15 + (pa_config & 15)


def test_iq_and_levels_of_the_sx1276(rig):
    radio = rig.radio("sx1276")
    for inverted in (False, True):
        radio.receive(868_100_000, (7, 125_000), 8, 20, inverted)
        now = rig.parts["node"].registers
        assert now[0x33] == pamoja.sx127x_invert_iq(inverted, False) and now[0x3B] == pamoja.sx127x_invert_iq_2(inverted)
    flags = pamoja.sx127x_irq_flags()
    names = ("rxTimeout", "rxDone", "payloadCrcError", "validHeader", "txDone")
    assert [flags[name] for name in names] == [0x80, 0x40, 0x20, 0x10, 8]


@pytest.mark.parametrize(("model", "amplifier"), [("sx1262", "HighPower"), ("sx1261", "LowPower")])
def test_commands_of_the_sx126x(rig, model, amplifier):
    radio = rig.radio("sx1262", world={"model": model}, model=model)
    commands = {}
    original = radio._command

    def command(code, arguments=b""):
        commands[code] = bytes((code,)) + bytes(arguments)
        original(code, arguments)

    radio._command = command
    for hz, (sf, bandwidth), dbm in settings(2, 200):
        radio.configure_tx(hz, (sf, bandwidth), dbm)
        link = pamoja.LoraLink(sf, bandwidth)
        word = int.from_bytes(commands[0x86][1:], "big")
        assert word == pytest.approx(pamoja.sx126x_frequency_word(hz), abs=1)
        assert commands[0x8B] == bytes(pamoja.sx126x_set_lora_modulation_params(link))[: len(commands[0x8B])]
        power = pamoja.sx126x_tx_power(amplifier, dbm)
        if commands[0x95] == bytes(pamoja.sx126x_set_pa_config(power)):
            assert commands[0x8E] == bytes(pamoja.sx126x_set_tx_params(power, 200))
    for dbm in {"sx1262": (22,), "sx1261": (14, 15)}[model]:  # where the sheet leaves one way only
        radio.configure_tx(868_100_000, (7, 125_000), dbm)
        power = pamoja.sx126x_tx_power(amplifier, dbm)
        assert commands[0x95] == bytes(pamoja.sx126x_set_pa_config(power))
        assert commands[0x8E] == bytes(pamoja.sx126x_set_tx_params(power, 200))
