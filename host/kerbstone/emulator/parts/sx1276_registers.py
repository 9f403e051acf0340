"""Register file of the virtual SX1276 (Semtech SX1276/77/78/79 data sheet Rev 7, chapter 6): addresses, values after reset, pages.

From 0x0D to 0x3F there are two pages, one for FSK and one for LoRa; bit 7 of RegOpMode chooses. Only the image calibration is
modelled of the FSK page.
"""

from __future__ import annotations

from enum import IntFlag

FIFO, OP_MODE, FRF = 0x00, 0x01, 0x06  # FRF: three bytes
PA_CONFIG, PA_RAMP, OCP, LNA = 0x09, 0x0A, 0x0B, 0x0C
FIFO_ADDR_PTR, FIFO_TX_BASE, FIFO_RX_BASE, FIFO_RX_CURRENT = 0x0D, 0x0E, 0x0F, 0x10
IRQ_MASK, IRQ_FLAGS, RX_NB_BYTES = 0x11, 0x12, 0x13
RX_HEADER_CNT, RX_PACKET_CNT, MODEM_STAT = 0x14, 0x16, 0x18  # counters: two bytes each
PKT_SNR, PKT_RSSI, RSSI, HOP_CHANNEL = 0x19, 0x1A, 0x1B, 0x1C
MODEM_CONFIG1, MODEM_CONFIG2, SYMB_TIMEOUT, PREAMBLE, PAYLOAD_LENGTH = 0x1D, 0x1E, 0x1F, 0x20, 0x22
MODEM_CONFIG3, FIFO_RX_BYTE = 0x26, 0x25
IF_FREQ2, DETECT_OPTIMIZE, INVERT_IQ, HIGH_BW_1, DETECTION, SYNC_WORD, HIGH_BW_2, INVERT_IQ_2 = (
    0x2F, 0x31, 0x33, 0x36, 0x37, 0x39, 0x3A, 0x3B,
)  # fmt: skip
DIO_MAPPING_1, VERSION, TCXO, PA_DAC = 0x40, 0x42, 0x4B, 0x4D
IMAGE_CAL = 0x3B  # on the FSK page

LONG_RANGE = 0x80
IMAGE_START, IMAGE_RUNNING = 0x40, 0x20
TCXO_INPUT = 0x10
_PAGED = range(0x0D, 0x40)


class Flag(IntFlag):
    """RegIrqFlags."""

    RX_TIMEOUT = 0x80
    RX_DONE = 0x40
    PAYLOAD_CRC_ERROR = 0x20
    VALID_HEADER = 0x10
    TX_DONE = 0x08
    CAD_DONE = 0x04
    FHSS_CHANGE = 0x02
    CAD_DETECTED = 0x01


# Table 18: what each pin shows for its two bits of RegDioMapping1, in LoRa mode.
DIO: dict[str, tuple[int, tuple[Flag, Flag, Flag]]] = {
    "dio0": (6, (Flag.RX_DONE, Flag.TX_DONE, Flag.CAD_DONE)),
    "dio1": (4, (Flag.RX_TIMEOUT, Flag.FHSS_CHANGE, Flag.CAD_DETECTED)),
    "dio3": (0, (Flag.CAD_DONE, Flag.VALID_HEADER, Flag.PAYLOAD_CRC_ERROR)),
}

_COMMON = {
    OP_MODE: 0x09, 0x02: 0x1A, 0x03: 0x0B, 0x05: 0x52, FRF: 0x6C, FRF + 1: 0x80, PA_CONFIG: 0x4F, PA_RAMP: 0x09, OCP: 0x2B, LNA: 0x20,
    VERSION: 0x12, 0x44: 0x2D, TCXO: 0x09, PA_DAC: 0x84, 0x61: 0x19, 0x62: 0x0C, 0x63: 0x4B, 0x64: 0xCC, 0x70: 0xD0,
}  # fmt: skip
_LORA = {
    FIFO_TX_BASE: 0x80, MODEM_STAT: 0x10, MODEM_CONFIG1: 0x72, MODEM_CONFIG2: 0x70, SYMB_TIMEOUT: 0x64, PREAMBLE + 1: 0x08,
    PAYLOAD_LENGTH: 0x01, 0x23: 0xFF, MODEM_CONFIG3: 0x04, IF_FREQ2: 0x20, DETECT_OPTIMIZE: 0xC3, INVERT_IQ: 0x27, HIGH_BW_1: 0x03,
    DETECTION: 0x0A, SYNC_WORD: 0x12, HIGH_BW_2: 0x52, INVERT_IQ_2: 0x1D,
}  # fmt: skip
_FSK = {IMAGE_CAL: 0x82}
_READ_ONLY = frozenset({
    FIFO_RX_CURRENT, RX_NB_BYTES, RX_HEADER_CNT, RX_HEADER_CNT + 1, RX_PACKET_CNT, RX_PACKET_CNT + 1, MODEM_STAT, PKT_SNR, PKT_RSSI,
    RSSI, HOP_CHANNEL, FIFO_RX_BYTE,
})  # fmt: skip


class Registers:
    """Bytes by address, on the page that RegOpMode chose. What the sheet does not list reads as written, 0 at first."""

    def __init__(self) -> None:
        self._common, self._lora, self._fsk = dict(_COMMON), dict(_LORA), dict(_FSK)

    def _page(self, address: int) -> dict[int, int]:
        if address not in _PAGED:
            return self._common
        return self._lora if self._common[OP_MODE] & LONG_RANGE else self._fsk

    def __getitem__(self, address: int) -> int:
        return self._page(address).get(address, 0)

    def __setitem__(self, address: int, value: int) -> None:
        self._page(address)[address] = value & 255

    def write(self, address: int, value: int) -> None:
        """As the bus writes: read-only registers keep theirs."""
        if address == VERSION or (address in _READ_ONLY and self._page(address) is self._lora):
            return
        self[address] = value

    def lora(self, address: int) -> int:
        """A register of the LoRa page, whichever is shown."""
        return (self._lora if address in _PAGED else self._common).get(address, 0)

    def set_lora(self, address: int, value: int) -> None:
        self._lora[address] = value & 255

    def end_of_calibration(self) -> None:
        self._fsk[IMAGE_CAL] &= ~IMAGE_RUNNING

    @property
    def freq_hz(self) -> int:
        """Carrier: steps of 32 MHz / 2^19."""
        word = self[FRF] << 16 | self[FRF + 1] << 8 | self[FRF + 2]
        return round(word * 32_000_000 / (1 << 19))

    @property
    def high_band(self) -> bool:
        """Band 1 (862 to 1020 MHz) on the HF port."""
        return self.freq_hz >= 779_000_000
