"""Virtual RAK3172 on a UART: RUI3 AT commands, and a LoRaWAN stack of its own on the air.

Commands, status words and events: RAKwireless "RUI3 AT Command Manual" (RUI 4); the forms of +EVT:RX_1, AT+LTIME and Restricted_Wait as
users saw them with RUI_4.2.4. Currents: RAK3172 data sheet (sleep, receive, transmit at +20 dBm); the running microcontroller is not
confirmed. Stricter than the module: whatever wakes it from sleep is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from kerbstone.emulator.air.device_mac import DeviceMac
from kerbstone.emulator.air.device_session import Downlink
from kerbstone.emulator.air.plan import plan
from kerbstone.emulator.kernel import SECOND_US, Event
from kerbstone.emulator.parts.base import PartContext, UartPart
from kerbstone.emulator.parts.lora_front import antenna_of
from kerbstone.emulator.parts.rak3172_settings import BANDS, CHECKS, DEFAULTS, SECRET

_BOOT_US = 600_000
_ANSWER_US = 3_000
_DOZE_US = 2_000_000  # low-power mode: asleep so long after the last command (not confirmed)
_GPS_EPOCH = 315_964_800
_BANNER = "\r\nRAKwireless RAK3172 Example\r\n------------------------------------------------------\r\nCurrent Work Mode: LoRaWAN.\r\n"
_PARAM, _BUSY, _NO_NETWORK, _ERROR = "AT_PARAM_ERROR", "AT_BUSY_ERROR", "AT_NO_NETWORK_JOINED", "AT_ERROR"
_LATE_US = 20 * SECOND_US


class Rak3172(UartPart):
    """Lines: reset. Options: `air`, `node`, `gateway_m` as a radio's. `fault`: "silent", "garbage" (answers arrive
    damaged), "reboot" (restarts while it takes every third AT+SEND), "late" (events come 20 s after their time), "hangs" (every
    third AT+SEND is its last word until a reset)."""

    baud = 115_200
    CURRENT_UA: ClassVar[dict[str, float]] = {"off": 0.0, "sleep": 1.69, "idle": 5_000.0, "rx": 5_220.0, "tx": 87_000.0}

    def __init__(self, ctx: PartContext):
        super().__init__(ctx)
        options = ctx.options
        self.air, self.node = antenna_of(ctx)
        self.fault = str(options.get("fault", ""))
        self.settings: dict[str, str] = dict(DEFAULTS)  # in flash: kept without supply
        self.nonces = [0, -1]
        self.sends = 0
        self.mac = self._new_mac()
        self._line = bytearray()
        self._asleep = self._ready = False
        self._doze: Event | None = None
        self._boot: Event | None = None
        self._offset_us: int | None = None  # network time less kernel time
        self._wants_time = False
        self._asked = False  # the time, in the frame under way
        self._pending: list[Event] = []
        self._free_us = 0  # when what it says has left
        wire = self.line("reset")
        if wire:
            wire.watchers.append(lambda level: self.restart() if level else self._stop())

    def _new_mac(self) -> DeviceMac:
        region = BANDS[self.settings["BAND"]]
        mac = DeviceMac(self.kernel, self.air, self.node, self.rng, plan(region), self, self.nonces)
        bits = int(self.settings["MASK"], 16)
        if bits and len(mac.plan.table["channels"]) > 1:
            mac.mask = sum((0xFF << 8 * bank) | (1 << 64 + bank) for bank in range(8) if bits >> bank & 1)
        return mac

    # -- supply ------------------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        self.restart()

    def power_off(self) -> None:
        self._stop()
        self.state("off")

    def _stop(self) -> None:
        """The microcontroller stops: the session is in RAM and lost."""
        for event in (self._doze, self._boot, *self._pending):
            if event:
                event.cancel()
        self._pending.clear()
        self.mac.halt()
        self.air.unsubscribe(self.mac.front)
        self.mac = self._new_mac()
        self._line.clear()
        self._ready = self._asleep = False
        self._wants_time, self._offset_us = False, None

    def restart(self) -> None:
        self._stop()
        self.state("idle")
        self._boot = self.kernel.after(_BOOT_US, self._booted)

    def _booted(self) -> None:
        self._ready = True
        self._say(_BANNER)
        self._rest()

    def radio(self, state: str) -> None:
        self.state("sleep" if state == "idle" and self._asleep else state)

    def _rest(self) -> None:
        """Low-power mode: it falls asleep when nothing happens."""
        if self._doze:
            self._doze.cancel()
        self._doze = self.kernel.after(_DOZE_US, self._fall_asleep) if self.settings["LPM"] == "1" else None

    def _fall_asleep(self) -> None:
        self._doze = None
        self._asleep = True
        if self.ctx.meter.state == "idle":
            self.state("sleep")

    # -- line --------------------------------------------------------------------------------------------------------------

    def uart_write(self, data: bytes) -> None:
        if not self._ready or self.fault == "silent":
            return
        if self._asleep:
            self._asleep = False
            if self.ctx.meter.state == "sleep":
                self.state("idle")
            self._rest()
            return
        for byte in data:
            if byte in (10, 13):
                line, self._line = self._line.decode("latin-1").strip(), bytearray()
                if line:
                    self._rest()
                    self._later(_ANSWER_US, partial(self._command, line))
            elif len(self._line) < 600:
                self._line.append(byte)

    def _later(self, us: int, action: Callable[[], None]) -> None:
        self._pending = [event for event in self._pending if event.pending]
        self._pending.append(self.kernel.after(us, action))

    def _say(self, text: str) -> None:
        data = text.encode()
        if self.fault == "garbage" and self.rng.random() < 0.3:
            data = bytes(self.rng.randrange(256) if self.rng.random() < 0.2 else byte for byte in data)
        # One thing after the other: `send` has the bytes arrive after their own time on the wire.
        own_us = len(data) * 10_000_000 // self.baud
        self._free_us = max(self._free_us, self.kernel.now) + own_us
        self.kernel.at(self._free_us - own_us, self.send, data)

    def event(self, text: str) -> None:
        """An asynchronous event."""
        self._later(_LATE_US if self.fault == "late" else 1_000, lambda: self._say(f"\r\n+EVT:{text}\r\n"))

    # -- commands ----------------------------------------------------------------------------------------------------------

    def _command(self, line: str) -> None:
        name, equals, value = line.partition("=")
        if name.upper() == "ATZ":
            self.restart()
            return
        if not name.upper().startswith("AT"):
            self._say(f"\r\n{_ERROR}\r\n")
            return
        word = name.upper()[2:].removeprefix("+")
        if not word:
            status = "OK"
        elif equals and value == "?":
            status = self._read(word)
        elif equals:
            status = self._write(word, value)
        else:
            status = _ERROR
        if status:
            self._say(f"\r\n{status}\r\n")

    def _read(self, word: str) -> str:
        live: dict[str, Any] = {
            "NJS": int(self.mac.session is not None), "VER": "RUI_4.2.4_RAK3172-E", "LTIME": self._local_time(),
            "DR": self.mac.session.dr if self.mac.session else self.settings["DR"], "TIMEREQ": int(self._wants_time),
            "RSSI": round(self.mac.last.packet_rssi_dbm) if self.mac.last else 0,
            "SNR": round(self.mac.last.snr_db) if self.mac.last else 0,
        }  # fmt: skip
        value = live.get(word, self.settings.get(word))
        if value is None:
            return _ERROR
        self._say(f"AT+{word}={value}\r\n")
        return "OK"

    def _write(self, word: str, value: str) -> str:
        if word == "JOIN":
            return self._join(value)
        if word == "SEND":
            return self._send(value)
        if word == "TIMEREQ" and value in ("0", "1"):
            self._wants_time = value == "1"
            return "OK"
        if word not in CHECKS or not CHECKS[word].fullmatch(value):
            return _PARAM if word in CHECKS else _ERROR
        if self.mac.busy:
            return _BUSY
        changed = self.settings[word] != value
        self.settings[word] = value
        self.kernel.log.write(self.node, "module_set", key=word, value="***" if word in SECRET else value, changed=changed)
        if changed and word in ("BAND", "MASK"):
            self.air.unsubscribe(self.mac.front)
            self.mac = self._new_mac()
        elif word == "LPM":
            self._rest()
        elif word == "DR" and self.mac.session:
            self.mac.session.dr = int(value)
        return "OK"

    def _join(self, value: str) -> str:
        words = value.split(":")
        if len(words) != 4 or not all(w.isdigit() for w in words) or not 7 <= int(words[2]) <= 255 or not 0 <= int(words[3]) <= 255:
            return _PARAM
        if words[0] == "0":
            return "OK"
        if self.mac.busy:
            return _BUSY
        self.mac.session = None
        self._attempt(0, int(words[2]), int(words[3]))
        return "OK"

    def _attempt(self, number: int, pause_s: int, most: int) -> None:
        s = self.settings

        def done(_heard: bool) -> None:
            if self.mac.session:
                self.event("JOINED")
            else:
                self.event("JOIN_FAILED_RX_TIMEOUT")
                if number < most:
                    self._later(pause_s * SECOND_US, lambda: self._attempt(number + 1, pause_s, most))

        keys = [bytes.fromhex(s[word]) for word in ("DEVEUI", "APPEUI", "APPKEY")]
        self.mac.join(keys[0], keys[1], keys[2], int(s["DR"]), number, s["ADR"] == "1", done)

    def _send(self, value: str) -> str:
        port, _, text = value.partition(":")
        if not port.isdigit() or not 1 <= int(port) <= 223 or len(text) % 2 or not text or not set(text.lower()) <= set("0123456789abcdef"):
            return _PARAM
        self.sends += 1
        if self.fault in ("reboot", "hangs") and self.sends % 3 == 0:
            self.restart()
            if self.fault == "hangs" and self._boot:
                self._boot.cancel()
            return ""
        session = self.mac.session
        if session is None:
            return _NO_NETWORK
        if self.mac.busy:
            return _BUSY
        data, requests = bytes.fromhex(text), b"\x0d" if self._wants_time else b""
        if len(data) > session.room(requests):
            return _PARAM
        wait_us = self.mac.wait_us()
        if wait_us > 0:
            return f"Restricted_Wait_{-(-wait_us // 1000)}_ms"
        confirmed = self.settings["CFM"] == "1"
        self._wants_time = False
        retries = int(self.settings["RETY"])
        self.mac.send(int(port), data, confirmed, retries, requests, self._down, lambda acked: self._sent(confirmed, acked))
        if requests:
            session.gps_us = None
            self._asked = True
        return "OK"

    def _sent(self, confirmed: bool, acked: bool) -> None:
        self.event(("SEND_CONFIRMED_OK" if acked else "SEND_CONFIRMED_FAILED(4)") if confirmed else "TX_DONE")
        if self._asked:
            self._asked = False
            self.event("TIMEREQ_OK" if self._offset_us is not None else "TIMEREQ_FAILED")

    def _down(self, down: Downlink) -> None:
        session, last = self.mac.session, self.mac.last
        assert session is not None and last is not None
        if session.gps_us is not None:
            # The stack adds the difference of the two epochs and no leap seconds. The answer means the end of the uplink.
            self._offset_us = session.gps_us + _GPS_EPOCH * SECOND_US - self.mac.sent_at
            session.gps_us = None
        if down.port:
            level = round(last.packet_rssi_dbm)
            self.event(f"RX_1:{level}:{round(last.snr_db)}:UNICAST:{down.port}:{down.data.hex()}")

    def _local_time(self) -> str:
        epoch_us = self.kernel.now + (self._offset_us or 0)
        return datetime.fromtimestamp(epoch_us // SECOND_US, UTC).strftime("%Hh%Mm%Ss on %m/%d/%Y")


PART = Rak3172
