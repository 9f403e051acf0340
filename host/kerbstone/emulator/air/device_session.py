"""An end device's side of LoRaWAN 1.0.4 as a module's firmware keeps it: session, channels, what MAC commands change (TS001-1.0.4
chapter 5). Written apart from the node's firmware. Commands it does not know end the list, as the standard asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kerbstone.emulator.air import ns_commands, ns_crypto
from kerbstone.emulator.air.plan import Plan

_BANK = 16
_ADR_ACK_LIMIT, _ADR_ACK_DELAY = 64, 32


@dataclass
class Downlink:
    """A genuine downlink, decrypted."""

    ack: bool
    pending: bool
    confirmed: bool
    port: int | None
    data: bytes
    commands: bytes


@dataclass
class DeviceSession:
    """From one join to the next. `channels`: (Hz, lowest DR, highest DR) by index; `mask`: bit n = channel n is in use."""

    plan: Plan
    dev_addr: int
    nwk_s_key: bytes = field(repr=False)
    app_s_key: bytes = field(repr=False)
    channels: dict[int, tuple[int, int, int]]
    mask: int
    dr: int
    adr: bool = True
    power: int = 0
    nb_trans: int = 1
    fcnt_up: int = 0
    fcnt_down: int = -1
    rx_delay_s: int = 1
    rx1_offset: int = 0
    rx2: tuple[int, int] = (0, 0)
    ack_due: bool = False
    answers: bytes = b""
    adr_count: int = 0
    gps_us: int | None = None  # of the last DeviceTimeAns

    # -- up ----------------------------------------------------------------------------------------------------------------

    def encode(self, port: int, data: bytes, confirmed: bool, requests: bytes) -> bytes:
        """The next uplink; its counter is spent."""
        fopts = (self.answers + requests)[:15]
        ask = self.adr and self.adr_count >= _ADR_ACK_LIMIT
        control = self.adr << 7 | ask << 6 | self.ack_due << 5 | len(fopts)
        head = bytes([(4 if confirmed else 2) << 5]) + self.dev_addr.to_bytes(4, "little") + bytes([control])
        head += (self.fcnt_up & 0xFFFF).to_bytes(2, "little") + fopts + bytes([port])
        head += ns_crypto.crypt(self.app_s_key, ns_crypto.UP, self.dev_addr, self.fcnt_up, data)
        phy = head + ns_crypto.data_mic(self.nwk_s_key, ns_crypto.UP, self.dev_addr, self.fcnt_up, head)
        self.fcnt_up += 1
        self.ack_due, self.answers = False, b""
        self.adr_count += 1
        if self.adr and self.adr_count >= _ADR_ACK_LIMIT + _ADR_ACK_DELAY and (self.adr_count - _ADR_ACK_LIMIT) % _ADR_ACK_DELAY == 0:
            self.power, self.dr = 0, self.dr if self.power else max(self.dr - 1, 0)
        return phy

    def room(self, requests: bytes) -> int:
        """Bytes of payload beside what must be answered and asked."""
        return self.plan.data_rates[self.dr].payload - len((self.answers + requests)[:15])

    def carriers(self) -> list[int]:
        """Frequencies that may be used at the present rate; with none in use, those every network has."""
        fit = [(i, hz) for i, (hz, low, high) in sorted(self.channels.items()) if low <= self.dr <= high]
        return [hz for i, hz in fit if self.mask >> i & 1] or [hz for _, hz in fit]

    # -- down --------------------------------------------------------------------------------------------------------------

    def decode(self, phy: bytes) -> Downlink | None:
        """A downlink that is ours, new and genuine; else None."""
        if len(phy) < 12 or phy[0] >> 5 not in (3, 5) or int.from_bytes(phy[1:5], "little") != self.dev_addr:
            return None
        fcnt = self.fcnt_down + 1 + (int.from_bytes(phy[6:8], "little") - self.fcnt_down - 1) % 0x10000
        if ns_crypto.data_mic(self.nwk_s_key, ns_crypto.DOWN, self.dev_addr, fcnt, phy[:-4]) != phy[-4:]:
            return None
        self.fcnt_down = fcnt
        self.adr_count = 0
        at = 8 + (phy[5] & 15)
        port = phy[at] if at < len(phy) - 4 else None
        key = self.nwk_s_key if port == 0 else self.app_s_key
        data = ns_crypto.crypt(key, ns_crypto.DOWN, self.dev_addr, fcnt, phy[at + 1 : -4])
        confirmed = phy[0] >> 5 == 5
        self.ack_due = confirmed
        return Downlink(bool(phy[5] & 0x20), bool(phy[5] & 0x10), confirmed, port, data, data if port == 0 else phy[8:at])

    def obey(self, commands: bytes, margin_db: int) -> None:
        """Carries out MAC commands and remembers the answers. `margin_db`: SNR of the frame that brought them."""
        asked = ns_commands.decode(commands, down=True)
        block = [fields for name, fields in asked if name == "LinkADRReq"]
        verdict = self._link_adr(block) if block else {}
        for name, fields in asked:
            answer: dict[str, Any] | None = {}
            if name == "LinkADRReq":
                answer = verdict
            elif name == "DevStatusReq":
                answer = {"battery": 255, "margin": max(-32, min(31, margin_db))}
            elif name == "RXParamSetupReq":
                self.rx2, self.rx1_offset = (fields["frequency_hz"], fields["rx2_data_rate"]), fields["rx1_dr_offset"]
                answer = {"channel_ack": 1, "rx2_data_rate_ack": 1, "rx1_dr_offset_ack": 1}
            elif name == "RXTimingSetupReq":
                self.rx_delay_s = fields["delay"] or 1
            elif name == "NewChannelReq":
                answer = self._new_channel(fields)
            elif name == "DeviceTimeAns":
                self.gps_us, answer = fields["gps_s"] * 1_000_000 + fields["fraction"] * 1_000_000 // 256, None
            elif name not in ("DutyCycleReq", "TxParamSetupReq"):
                answer = None
            if answer is not None:
                self.answers += ns_commands.encode(name[:-3] + "Ans", False, answer)

    def _link_adr(self, block: list[dict[str, Any]]) -> dict[str, int]:
        mask = self.mask
        for fields in block:
            bits = int.from_bytes(fields["ch_mask"], "little")
            control = fields["ch_mask_cntl"]
            banks = len(self.plan.table["channels"]) > 1
            if not banks:
                mask = bits if control == 0 else sum(1 << i for i in self.channels)
            elif control <= 4:
                mask = mask & ~(0xFFFF << control * _BANK) | bits << control * _BANK
            else:
                mask = bits << 64 | ((1 << 64) - 1 if control == 6 else 0)
        last = block[-1]
        dr = self.dr if last["data_rate"] == 15 else last["data_rate"]
        known = all(not mask >> i & 1 or i in self.channels for i in range(80))
        carried = any(mask >> i & 1 and low <= dr <= high for i, (_, low, high) in self.channels.items())
        verdict = {"channel_mask_ack": int(known and mask > 0), "data_rate_ack": int(carried), "power_ack": 1}
        if all(verdict.values()):
            self.mask, self.nb_trans = mask, last["nb_trans"] or 1
            if self.adr:
                self.dr = dr
                self.power = self.power if last["tx_power"] == 15 else last["tx_power"]
        return verdict

    def _new_channel(self, fields: dict[str, Any]) -> dict[str, int]:
        index, hz = fields["ch_index"], fields["frequency_hz"]
        fine = len(self.plan.table["channels"]) == 1 and index > 2 and (not hz or self.plan.may_send(hz))
        if fine and hz:
            self.channels[index] = (hz, fields["min_dr"], fields["max_dr"])
            self.mask |= 1 << index
        elif fine:
            self.channels.pop(index, None)
            self.mask &= ~(1 << index)
        return {"channel_frequency_ok": int(fine), "data_rate_range_ok": int(fine)}


def default_channels(plan: Plan) -> dict[int, tuple[int, int, int]]:
    """Those every network of the region has."""
    rows = [(first + i * step, low, high) for first, step, count, low, high in plan.table["channels"] for i in range(count)]
    return dict(enumerate(rows))


def open_accept(
    plan: Plan, app_key: bytes, dev_nonce: int, phy: bytes, last_join_nonce: int, dr: int, mask: int
) -> tuple[DeviceSession, int] | None:
    """(session, JoinNonce) of a genuine join accept with a new nonce; else None. `mask`: channels the device was told to use."""
    if len(phy) not in (17, 33) or phy[0] >> 5 != 1:
        return None
    body = ns_crypto.open_accept(app_key, phy[1:])
    join_nonce = int.from_bytes(body[:3], "little")
    if ns_crypto.mic(app_key, phy[:1] + body[:-4]) != body[-4:] or join_nonce <= last_join_nonce:
        return None
    keys = ns_crypto.session_keys(app_key, join_nonce, int.from_bytes(body[3:6], "little"), dev_nonce)
    channels = default_channels(plan)
    cf_list = body[12:-4]
    if cf_list and cf_list[15] == 0 and plan.table["cflist_type"] == 0:
        low, high = plan.table["cflist_dr"]
        first = len(channels)
        for i in range(5):
            hz = int.from_bytes(cf_list[3 * i : 3 * i + 3], "little") * 100
            if hz:
                channels[first + i] = (hz, low, high)
        mask |= sum(1 << i for i in channels)
    elif cf_list and cf_list[15] == 1:
        mask = int.from_bytes(cf_list[:10], "little")
    session = DeviceSession(
        plan, int.from_bytes(body[6:10], "little"), *keys, channels, mask, dr, rx_delay_s=body[11] or 1, rx1_offset=body[10] >> 4 & 7,
        rx2=(plan.rx2[0], body[10] & 15),
    )  # fmt: skip
    return session, join_nonce
