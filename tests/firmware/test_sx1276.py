"""The SX1276 driver: the bytes on the bus are those of the data sheet, and the same from both interpreters."""

import ast
from pathlib import Path

import lorawan_world  # noqa: F401  (makes `micropython` importable)
import sx1276_chip

from interpreter import micropython

# isort: split
from kerb.radio import lora, sx1276

HERE = Path(__file__).parent


def test_both_interpreters_put_the_same_bytes_on_the_bus(monkeypatch):
    for module in (lora, sx1276):
        monkeypatch.setattr(module, "time", None)
    told = micropython(f"import sys; sys.path.append({str(HERE)!r}); import sx1276_chip; print(sx1276_chip.bus_story())")
    ours = sx1276_chip.bus_story()
    assert len(ours[1]) > 60 and ast.literal_eval(told) == ours


def test_start_and_transmission_byte_for_byte(monkeypatch):
    chip = sx1276_chip.Chip()
    for module in (lora, sx1276):
        monkeypatch.setattr(module, "time", chip)
    radio = sx1276.SX1276(chip, chip.pins, {})
    radio.idle_ms = chip.idle_ms
    writes = [out.hex() for out in chip.log if out[0] & 0x80]
    assert chip.pins["reset"].history == [0, 1]
    assert writes == [
        "cb09",  # a crystal
        "8100", "8101", "86d90000", "bb42", "8100", "8180",  # FSK sleep, standby, 868 MHz, calibration, FSK sleep, LoRa sleep
        "8c23", "a00008", "b934",
    ]  # fmt: skip
    chip.log.clear()
    chip.takes_us, chip.flags = 30976, 8
    radio.configure_tx(868100000, [7, 125000, 242], 14)
    radio.transmit(b"\x40abc")
    assert [out.hex() for out in chip.log if out[0] & 0x80] == [
        "8181", "86d90666", "8181",  # 868.1 MHz * 2**19 / 32 MHz
        "9d727400", "a604", "b143", "af4000", "b603",  # 125 kHz, 4/5, SF7, CRC on; errata 2.3 and 2.1
        "898c", "cd84", "8b2b",  # PA_BOOST, 14 dBm, 100 mA
        "8d000000", "8040616263", "a204", "b327", "bb1d", "c040", "91f7ff", "8183", "92ff",
    ]  # fmt: skip
