"""Semtech SX1276, SX1277, SX1278 and SX1279 LoRa transceivers on SPI, as on RFM95, RFM96 and RFM98 modules. LoRa modem only.

Registers are those of the SX1276/77/78/79 data sheet Rev 7, chapter 6; "errata" is Semtech's errata note for these chips. Currents
at 868 MHz: sleep 0.2 uA, standby 1.6 mA, receive 10.3 mA, transmit 29 mA at +13 dBm (RFO), 87 mA at +17 dBm and 120 mA at +20 dBm
(PA_BOOST). Wake from sleep 0.25 ms.
"""

import time
from struct import pack

from micropython import const

from kerb.errors import ConfigError, RadioError
from kerb.radio.airtime import low_rate, time_on_air_us
from kerb.radio.lora import SLACK_MS, Lora, wired
from kerb.radio.sx1276_bus import Bus

_FIFO = const(0x00)
_OP_MODE = const(0x01)
_FRF = const(0x06)
_PA_CONFIG = const(0x09)
_OCP = const(0x0B)
_LNA = const(0x0C)
_FIFO_POINTERS = const(0x0D)  # pointer, transmit base, receive base
_RX_CURRENT = const(0x10)
_IRQ_MASK = const(0x11)  # then the flags
_IRQ_FLAGS = const(0x12)
_RX_SIZE = const(0x13)
_PACKET_SNR = const(0x19)  # then the RSSI of the packet
_RSSI = const(0x1B)
_MODEM = const(0x1D)  # three registers: bandwidth, coding rate; SF, CRC, symbol timeout; its low byte
_PREAMBLE = const(0x20)
_SIZE = const(0x22)
_MODEM_3 = const(0x26)
_IF_FREQ = const(0x2F)
_DETECT = const(0x31)
_INVERT_IQ = const(0x33)
_HIGH_BW_1 = const(0x36)
_SYNC_WORD = const(0x39)
_HIGH_BW_2 = const(0x3A)
_INVERT_IQ_2 = const(0x3B)  # on the LoRa page
_IMAGE_CAL = const(0x3B)  # on the FSK page
_DIO_MAPPING = const(0x40)
_VERSION = const(0x42)
_TCXO = const(0x4B)
_PA_DAC = const(0x4D)

_LORA = const(0x80)  # bit of RegOpMode; changes in sleep only
_SLEEP = const(0)
_STANDBY = const(1)
_TX = const(3)
_RX = const(5)
_RX_SINGLE = const(6)

_RX_TIMEOUT = const(0x80)
_RX_DONE = const(0x40)
_CRC_ERROR = const(0x20)
_VALID_HEADER = const(0x10)
_TX_DONE = const(0x08)

_CHIP = const(0x12)
_BANDWIDTH = {125000: 7, 250000: 8, 500000: 9}
_HF_HZ = const(779000000)  # above it the HF port
_CALIBRATION_MS = const(3600000)  # the image calibration is good for some 10 kelvin: done again after an hour
_BOOST_DBM = const(20)
_BOOST_PLAIN_DBM = const(17)  # above it PaDac at full, at most 1 % of the time (section 5.4.3)
_RFO_DBM = const(14)


class SX1276(Lora):
    """The radio. `spi`: machine.SPI, mode 0, at most 10 MHz. `pins`: dict of machine.Pin objects `cs`, `reset` and, where they are
    wired, `dio0` and `dio1`; without them the flags are polled. `options` of the board file:

    pa_boost               True (default) when the antenna hangs on PA_BOOST, False for RFO
    tcxo                   True when a TCXO feeds XTA (default False)
    max_power_dbm          default 17 on PA_BOOST, up to 20 where no more than 1 % of the time is spent sending; 14 on RFO
    rx_boost               True (default) for 2 dB more sensitivity at 0.7 mA more
    sync_word              0x34 public (default) or 0x12 private
    band_mhz               a frequency of the band, for the image calibration (default 868)

    Raises RadioError when the chip does not answer or does not calibrate. Ends asleep.
    """

    NAME = "sx1276"

    def __init__(self, spi, pins, options):
        super().__init__()
        bus = Bus(spi, pins["cs"])
        self._write = bus.write
        self._read = bus.read
        self._dio0 = pins.get("dio0")
        self._dio1 = pins.get("dio1")
        self._rate = None
        self._hz = options.get("band_mhz", 868) * 1000000
        self._asleep = False
        self.wake_ms = 8  # from sleep to a prepared receiver
        self._boost = options.get("pa_boost", True)
        self._max_power = options.get("max_power_dbm", _BOOST_PLAIN_DBM if self._boost else _RFO_DBM)
        if self._dio0:
            self._dio0.irq(self._on_irq, self._dio0.IRQ_RISING)
        pins["reset"].value(0)
        time.sleep_ms(1)  # 100 us at least, section 7.2.2
        pins["reset"].value(1)
        time.sleep_ms(6)
        if self._read(_VERSION, 1)[0] != _CHIP:
            raise RadioError("sx1276 does not answer: check the pins and the supply of the radio")
        self._write(_TCXO, 0x19 if options.get("tcxo") else 0x09)
        self._calibrate()
        self._write(_LNA, 0x23 if options.get("rx_boost", True) else 0x20)
        self._write(_PREAMBLE, 0, 8)
        self._write(_SYNC_WORD, options.get("sync_word", 0x34))

    def _mode(self, mode):
        self._write(_OP_MODE, mode | (0 if self._hz >= _HF_HZ else 8))

    def _carrier(self, freq_hz):
        self._hz = freq_hz
        self._floor = 157 if freq_hz >= _HF_HZ else 164  # dBm below zero where the level counts from
        self._write(_FRF, *pack(">I", (freq_hz << 8) // 15625)[1:])  # steps of 32 MHz / 2**19

    def _calibrate(self):
        """Image and RSSI calibration at the carrier (section 2.5.6); possible in FSK standby only. Begins and ends asleep."""
        self._mode(_SLEEP)
        self._mode(_STANDBY)
        time.sleep_ms(1)
        self._carrier(self._hz)
        self._write(_IMAGE_CAL, 0x42)  # start; the threshold of 10 kelvin stays
        waits = 0
        while self._read(_IMAGE_CAL, 1)[0] & 0x60:
            waits += 1
            if waits > 50:
                raise RadioError("sx1276 did not calibrate: check its supply, and tcxo of its board")
            time.sleep_ms(1)
        self._mode(_SLEEP)
        self._mode(_LORA | _SLEEP)
        self._asleep = True
        self._calibrated = time.ticks_ms()

    def standby(self):
        """Awake with the oscillator running, ready to transmit or receive at once."""
        if self._asleep and time.ticks_diff(time.ticks_ms(), self._calibrated) > _CALIBRATION_MS:
            self._calibrate()
        self._mode(_LORA | _STANDBY)
        if self._asleep:
            self._asleep = False
            time.sleep_ms(1)

    def sleep(self):
        """Sleep with registers retained (0.2 uA), FIFO lost; any call wakes the chip again."""
        if not self._asleep:
            self._mode(_LORA | _SLEEP)
            self._asleep = True

    def _tune(self, freq_hz, dr_row, crc=1, symbols=0):
        sf, bandwidth = dr_row[0], dr_row[1]
        if bandwidth not in _BANDWIDTH or not 7 <= sf <= 12:
            raise ConfigError("data rate SF%d/%d Hz is not one of the sx1276 driver" % (sf, bandwidth))
        self._carrier(freq_hz)
        self._mode(_LORA | _STANDBY)  # the port of the carrier
        self._write(_MODEM, _BANDWIDTH[bandwidth] << 4 | 2, sf << 4 | crc << 2 | symbols >> 8, symbols & 255)
        self._write(_MODEM_3, 12 if low_rate(sf, bandwidth) else 4)  # gain control on
        if bandwidth == 500000:
            self._write(_DETECT, 0xC3)
            self._write(_HIGH_BW_1, 2)  # errata 2.1
            self._write(_HIGH_BW_2, 0x64 if freq_hz >= _HF_HZ else 0x7F)
        else:
            self._write(_DETECT, 0x43)  # errata 2.3
            self._write(_IF_FREQ, 0x40, 0)
            self._write(_HIGH_BW_1, 3)

    def _prepare(self, inverted, mapping, mask):
        """IQ, what DIO0 and DIO1 show, which flags count; forgets what was there before."""
        self._write(_INVERT_IQ, 0x67 if inverted else 0x27)
        self._write(_INVERT_IQ_2, 0x19 if inverted else 0x1D)
        self._write(_DIO_MAPPING, mapping)
        self._write(_IRQ_MASK, 255 - mask, 255)
        self._fired = False

    def _flags(self):
        flags = self._read(_IRQ_FLAGS, 1)[0]
        self._write(_IRQ_FLAGS, 255)
        return flags

    def _signalled(self):
        if self._dio0 and self._dio0.value():
            return True
        if self._dio0 and self._dio1:
            return self._dio1.value()
        return self._read(_IRQ_FLAGS, 1)[0] & (_RX_DONE | _TX_DONE | _RX_TIMEOUT)

    def _transmitted(self):
        return self._flags() & _TX_DONE

    def configure_tx(self, freq_hz, dr_row, power_dbm):
        """Prepares a transmission. `dr_row` starts with SF and bandwidth in Hz; the power is capped at what the board may do."""
        self.standby()
        self._tune(freq_hz, dr_row)
        self._rate = dr_row
        power = min(power_dbm, self._max_power)
        full = False
        if self._boost:
            power = max(2, min(power, _BOOST_DBM))
            full = power > _BOOST_PLAIN_DBM
            setting = power + (0x7B if full else 0x7E)  # bit 7 set, less 5 or 2
        else:
            power = max(-4, min(power, _RFO_DBM))
            setting = 0x70 | power if power >= 0 else power + 4  # at most 15 or 10.8 dBm, less 15 less the setting
        self._write(_PA_CONFIG, setting)
        self._write(_PA_DAC, 0x87 if full else 0x84)
        self._write(_OCP, 0x31 if full else 0x2B)  # the amplifier may draw 140 mA, else 100 mA

    def _hear(self):
        self._prepare(0, 0, 0)
        self._mode(_LORA | _RX)

    def _level(self):
        return self._read(_RSSI, 1)[0] - self._floor

    def transmit(self, data):
        """Sends up to 255 bytes as configured (uplink: CRC on, IQ normal); returns the tick (us) at which the last symbol left."""
        self._write(_FIFO_POINTERS, 0, 0, 0)
        self._write(_FIFO, *data)
        self._write(_SIZE, len(data))
        self._prepare(0, 0x40, _TX_DONE)
        self._mode(_LORA | _TX)
        return self._sent(len(data), time_on_air_us(len(data), self._rate[0], self._rate[1]))

    def receive(self, freq_hz, dr_row, window_symbols, timeout_ms, iq_inverted, at_us=None):
        """Listens once. (data, RSSI dBm, SNR dB, tick us of the end) or None when nothing good came.

        `window_symbols` is how long a preamble is searched, `timeout_ms` ends a search that found a false one; a packet whose
        header was read is always taken to its end. `at_us` is the tick to open at; without it the receiver opens at once.
        """
        self.standby()
        self._tune(freq_hz, dr_row, 0, max(4, min(window_symbols, 1023)))
        self._write(_FIFO_POINTERS, 0, 0, 0)
        self._prepare(iq_inverted, 0, _RX_DONE | _RX_TIMEOUT | _CRC_ERROR | _VALID_HEADER)
        self._wait_until(at_us)
        self._mode(_LORA | _RX_SINGLE)
        tick = self._happened(timeout_ms + SLACK_MS)
        if tick is None and self._read(_IRQ_FLAGS, 1)[0] & _VALID_HEADER:
            tick = self._happened(time_on_air_us(255, dr_row[0], dr_row[1], 1, 8, True, False) // 1000 + SLACK_MS)
        flags = self._flags()
        if tick is None or not flags & _RX_DONE or flags & _CRC_ERROR:
            self.standby()  # a search that met a damaged header ends by the clock only
            return None
        size = self._read(_RX_SIZE, 1)[0]
        self._write(_FIFO_POINTERS, self._read(_RX_CURRENT, 1)[0])
        data = self._read(_FIFO, size) if size else b""
        snr, rssi = self._read(_PACKET_SNR, 2)
        snr = (snr - 256 if snr > 127 else snr) >> 2
        if snr >= 0:
            rssi += rssi // 15  # section 5.5.5; below 0 dB the figure stays that of signal and noise, as other chips give it
        return bytes(data), rssi - self._floor, snr, tick


def from_board(table):
    """An SX1276 from the radio table of node.json: see wired(); inputs dio0 and dio1 where it has them, and the options."""
    spi, pins = wired(table, ("dio0", "dio1"))
    return SX1276(spi, pins, table)
