"""Semtech SX1262 and SX1261 LoRa transceivers on SPI.

Section, table and register numbers are those of data sheet DS.SX1261-2.W.APP Rev 2.1. Currents (DC-DC, 868 MHz): sleep with
retention 0.6 uA, standby 0.6 mA, receive 4.6 mA, transmit 45 mA at +14 dBm and 118 mA at +22 dBm; with the SX1261 25.5 mA at +14 dBm.
Wake from sleep 0.34 ms.
"""

import time
from struct import pack

from micropython import const

from kerb.errors import ConfigError, RadioError
from kerb.radio.airtime import low_rate, time_on_air_us
from kerb.radio.lora import SLACK_MS, Lora, wired
from kerb.radio.sx1262_bus import Bus

# Commands, chapter 13
_CLEAR_IRQ = const(0x02)
_CLEAR_ERRORS = const(0x07)
_SET_DIO_IRQ = const(0x08)
_WRITE_BUFFER = const(0x0E)
_GET_IRQ = const(0x12)
_GET_RX_STATUS = const(0x13)
_GET_PACKET_STATUS = const(0x14)
_GET_RSSI = const(0x15)
_GET_ERRORS = const(0x17)
_READ_BUFFER = const(0x1E)
_STANDBY = const(0x80)
_RX = const(0x82)
_TX = const(0x83)
_SLEEP = const(0x84)
_FREQUENCY = const(0x86)
_CALIBRATE = const(0x89)
_PACKET_TYPE = const(0x8A)
_MODULATION = const(0x8B)
_PACKET = const(0x8C)
_TX_PARAMS = const(0x8E)
_BUFFER_BASE = const(0x8F)
_PA_CONFIG = const(0x95)
_REGULATOR = const(0x96)
_TCXO = const(0x97)
_CALIBRATE_IMAGE = const(0x98)
_RF_SWITCH = const(0x9D)
_SYMBOL_TIMEOUT = const(0xA0)

# Registers, table 12-1
_RETENTION = const(0x029F)  # section 9.6: list of registers kept in sleep
_IQ_POLARITY = const(0x0736)  # section 15.4
_SYNC_WORD = const(0x0740)
_TX_MODULATION = const(0x0889)  # section 15.1
_RX_GAIN = const(0x08AC)
_TX_CLAMP = const(0x08D8)  # section 15.2

# Interrupt bits, table 13-29
_TX_DONE = const(0x0001)
_RX_DONE = const(0x0002)
_HEADER_ERROR = const(0x0020)
_CRC_ERROR = const(0x0040)
_TIMEOUT = const(0x0200)

_XOSC = const(1)
_RC = const(0)
_RESET_SYNC = b"\x14\x24"  # LoRa sync word after reset, table 12-1: proves that the chip answers
_SYNC = {0x34: b"\x34\x44", 0x12: b"\x14\x24"}  # public and private networks, section 13.4.5 and table 12-1
_BANDWIDTH = {125000: 4, 250000: 5, 500000: 6}  # table 13-48
_IMAGE = (  # table 9-2
    (863, 870, b"\xd7\xdb"), (902, 928, b"\xe1\xe9"),
    (779, 787, b"\xc1\xc5"), (470, 510, b"\x75\x81"), (430, 440, b"\x6b\x6f"),
)  # fmt: skip
_TCXO_CODES = (1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300)  # millivolts, table 13-35
# deviceSel of SetPaConfig, the lowest SetTxParams (section 13.4.4), and rows: dBm at the antenna pin with SetTxParams as in the last
# column, paDutyCycle, hpMax (table 13-21)
_PA = {
    "sx1262": (0, -9, ((14, 2, 2, 22), (17, 2, 3, 22), (20, 3, 5, 22), (22, 4, 7, 22))),
    "sx1261": (1, -17, ((10, 1, 0, 13), (14, 4, 0, 14), (15, 6, 0, 14))),
}
_RAMP_200_US = const(4)  # table 13-41


class SX1262(Lora):
    """The radio. `spi`: machine.SPI, mode 0, at most 16 MHz. `pins`: dict of machine.Pin objects `cs`, `reset`, `busy`, `dio1` and,
    where the board has one, `rxen` (high while receiving). `options` of the board file:

    dio3_tcxo_millivolts   1600..3300, left out for a crystal
    dio3_tcxo_start_time_us  default 5000
    dio2_rf_sw             True (default) when DIO2 switches the antenna
    model                  "sx1262" (default) or "sx1261", which differ in the amplifier only
    max_power_dbm          default 22 (SX1261: 15), what board and antenna may do
    rx_boost               True for 2 dB more sensitivity at 0.7 mA more (default False)
    sync_word              0x34 public (default) or 0x12 private
    band_mhz               a frequency of the band, for the image calibration (default 868)

    Raises RadioError when the chip does not answer or does not calibrate. Ends in standby.
    """

    NAME = "sx1262"

    def __init__(self, spi, pins, options):
        super().__init__()
        self._bus = bus = Bus(spi, pins["cs"], pins["busy"])
        self._command = bus.command
        self._query = bus.query
        self._write = bus.write
        self._change_bits = bus.change_bits
        self._reset = pins["reset"]
        self._dio1 = pins["dio1"]
        self._rxen = pins.get("rxen")
        self._rate = None
        self._asleep = False
        self.wake_ms = 8 + options.get("dio3_tcxo_start_time_us", 5000) // 1000  # from sleep to a prepared receiver
        self._pa = _PA[options.get("model", "sx1262")]
        full = self._pa[2][-1][0]
        self._max_power = min(options.get("max_power_dbm", full), full)
        self._tcxo = self._tcxo_argument(options)
        if self._rxen:
            self._rxen.value(0)
        self._dio1.irq(self._on_irq, self._dio1.IRQ_RISING)
        self._start(options)

    @staticmethod
    def _tcxo_argument(options):
        millivolts = options.get("dio3_tcxo_millivolts")
        if not millivolts:
            return None
        if millivolts not in _TCXO_CODES:
            raise ConfigError("dio3_tcxo_millivolts is %s: take one of %s" % (millivolts, _TCXO_CODES))
        steps = options.get("dio3_tcxo_start_time_us", 5000) * 8 // 125  # of 15.625 us
        return bytes((_TCXO_CODES.index(millivolts), steps >> 16, steps >> 8 & 255, steps & 255))

    def _start(self, options):
        self._reset.value(0)
        time.sleep_ms(1)  # 100 us at least, section 8.1
        self._reset.value(1)
        time.sleep_ms(5)
        if self._bus.read(_SYNC_WORD, 2) != _RESET_SYNC:
            raise RadioError("sx1262 does not answer on its SPI bus: check the pins and the supply of the radio")
        self._command(_STANDBY, bytes((_RC,)))
        self._command(_REGULATOR, b"\x01")  # DC-DC
        if options.get("dio2_rf_sw", True):
            self._command(_RF_SWITCH, b"\x01")
        if self._tcxo:
            self._command(_TCXO, self._tcxo)
        self._command(_CLEAR_ERRORS, b"\0\0")  # a TCXO leaves XOSC_START_ERR behind after power-on, section 13.3.6
        self._command(_CALIBRATE, b"\x7f")
        mhz = options.get("band_mhz", 868)
        for low, high, pair in _IMAGE:
            if low <= mhz <= high:
                self._command(_CALIBRATE_IMAGE, pair)
        errors = self._query(_GET_ERRORS, 2)
        if errors[0] & 1 or errors[1] & 0x7F:
            raise RadioError("sx1262 did not calibrate (errors 0x%02x%02x): check dio3_tcxo_millivolts of the board file" % tuple(errors))
        self._command(_PACKET_TYPE, b"\x01")  # LoRa
        self._command(_BUFFER_BASE, b"\0\0")
        self._write(_SYNC_WORD, _SYNC[options.get("sync_word", 0x34)])
        self._write(_RX_GAIN, b"\x96" if options.get("rx_boost") else b"\x94")
        self._write(_RETENTION, b"\x01\x08\xac")
        self._change_bits(_TX_CLAMP, 0, 0x1E)

    def _wake(self):
        """Out of sleep, if it is in it."""
        if not self._asleep:
            return
        self._asleep = False
        self._bus.wake()
        self._command(_STANDBY, bytes((_RC,)))
        if self._tcxo:  # lost over a warm sleep on some lots: the receiver would be deaf
            self._command(_TCXO, self._tcxo)
        self._change_bits(_TX_CLAMP, 0, 0x1E)

    def standby(self):
        """Awake with the oscillator running, ready to transmit or receive at once."""
        self._wake()
        if self._rxen:
            self._rxen.value(0)
        self._command(_STANDBY, bytes((_XOSC,)))

    def sleep(self):
        """Sleep with configuration retained (0.6 uA); any call wakes the chip again."""
        if self._asleep:
            return
        if self._rxen:
            self._rxen.value(0)
        self._command(_STANDBY, bytes((_RC,)))
        self._command(_SLEEP, b"\x04")
        self._asleep = True
        time.sleep_ms(1)  # the chip is deaf for 500 us, section 13.1.1

    def _tune(self, freq_hz, dr_row):
        sf, bandwidth = dr_row[0], dr_row[1]
        if bandwidth not in _BANDWIDTH or not 5 <= sf <= 12:
            raise ConfigError("data rate SF%d/%d Hz is not one of the sx1262 driver" % (sf, bandwidth))
        self._command(_FREQUENCY, pack(">I", (freq_hz << 25) // 32000000))
        self._command(_MODULATION, bytes((sf, _BANDWIDTH[bandwidth], 1, 1 if low_rate(sf, bandwidth) else 0)))
        self._change_bits(_TX_MODULATION, 4, 0 if bandwidth == 500000 else 4)

    def _packet(self, size, crc, inverted):
        self._command(_PACKET, bytes((0, 8, 0, size, crc, inverted)))
        self._change_bits(_IQ_POLARITY, 4, 0 if inverted else 4)

    def _await(self, mask):
        """Routes `mask` to DIO1 and forgets what was there before."""
        self._command(_SET_DIO_IRQ, pack(">HHHH", mask, mask, 0, 0))
        self._command(_CLEAR_IRQ, b"\x03\xff")
        self._fired = False

    def _signalled(self):
        return self._dio1.value()

    def _transmitted(self):
        return self._irq() & _TX_DONE

    def _irq(self):
        status = self._query(_GET_IRQ, 2)
        self._command(_CLEAR_IRQ, b"\x03\xff")
        return status[0] << 8 | status[1]

    def configure_tx(self, freq_hz, dr_row, power_dbm):
        """Prepares a transmission. `dr_row` starts with SF and bandwidth in Hz; the power is capped at what the board may do."""
        self.standby()
        self._tune(freq_hz, dr_row)
        self._rate = dr_row
        device, lowest, rows = self._pa
        power = max(lowest, min(power_dbm, self._max_power))
        nominal, duty, stages, full = [row for row in rows if power <= row[0]][0]  # noqa: RUF015 (the last row is never too small)
        self._command(_PA_CONFIG, bytes((duty, stages, device, 1)))
        self._command(_TX_PARAMS, bytes((max(lowest, full - (nominal - power)) & 255, _RAMP_200_US)))

    def _hear(self):
        if self._rxen:
            self._rxen.value(1)
        self._command(_RX, b"\xff\xff\xff")  # until told otherwise

    def _level(self):
        return -(self._query(_GET_RSSI, 1)[0] >> 1)

    def transmit(self, data):
        """Sends up to 255 bytes as configured (uplink: CRC on, IQ normal); returns the tick (us) at which the last symbol left."""
        self._command(_WRITE_BUFFER, b"\0" + data)
        self._packet(len(data), 1, 0)
        self._await(_TX_DONE | _TIMEOUT)
        air_us = time_on_air_us(len(data), self._rate[0], self._rate[1])
        limit = (air_us // 1000 + SLACK_MS) * 64  # steps of 15.625 us
        self._command(_TX, bytes((limit >> 16 & 255, limit >> 8 & 255, limit & 255)))
        return self._sent(len(data), air_us)

    def receive(self, freq_hz, dr_row, window_symbols, timeout_ms, iq_inverted, at_us=None):
        """Listens once. (data, RSSI dBm, SNR dB, tick us of the end) or None when nothing good came.

        `window_symbols` is how long a preamble is searched, `timeout_ms` ends a search that found a false one; a packet whose
        header was read is always taken to its end. `at_us` is the tick to open at; without it the receiver opens at once.
        """
        self.standby()
        self._tune(freq_hz, dr_row)
        self._packet(255, 0, 1 if iq_inverted else 0)
        self._command(_SYMBOL_TIMEOUT, bytes((symbol_limit(window_symbols),)))
        self._await(_RX_DONE | _TIMEOUT | _HEADER_ERROR | _CRC_ERROR)
        if self._rxen:
            self._rxen.value(1)
        self._wait_until(at_us)
        limit = min(timeout_ms * 64, 0xFFFFFE)
        self._command(_RX, bytes((limit >> 16, limit >> 8 & 255, limit & 255)))
        longest = time_on_air_us(255, dr_row[0], dr_row[1], 1, 8, True, False) // 1000
        packet = self.fetch(self._happened(timeout_ms + longest + SLACK_MS))
        if self._rxen:
            self._rxen.value(0)
        return packet

    def fetch(self, tick):
        """The packet whose end raised DIO1 at `tick`, as receive() gives it, or None when it was damaged."""
        status = self._irq()
        if tick is None or not status & _RX_DONE or status & (_HEADER_ERROR | _CRC_ERROR):
            return None
        size, start = self._query(_GET_RX_STATUS, 2)
        data = bytes(self._query(_READ_BUFFER, size, bytes((start, 0)))) if size else b""
        rssi, snr, _ = self._query(_GET_PACKET_STATUS, 3)
        return data, -(rssi >> 1), (snr - 256 if snr > 127 else snr) >> 2, tick


def symbol_limit(symbols):
    """`symbols` rounded up to what the chip can count: even up to 62, multiples of 8 up to 248 (section 13.4.9)."""
    if symbols <= 62:
        return symbols + 1 & ~1
    return min(symbols + 7 & ~7, 248)


def from_board(table):
    """An SX1262 from the radio table of node.json: see wired(); inputs busy and dio1, and the options."""
    spi, pins = wired(table, ("busy", "dio1"))
    return SX1262(spi, pins, table)
