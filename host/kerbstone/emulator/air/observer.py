"""Reads along at the gateway when somebody else's network server has the nodes: what got through, decrypted with keys of our own.

It trusts the server for nothing but the join accept, from which a session's keys follow. A frame counts when a gateway forwarded it;
whether the server took it is the server's to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kerbstone.emulator.air import ns_crypto, ns_frames
from kerbstone.emulator.air.ns_core import UplinkMeta, UplinkSink
from kerbstone.emulator.air.ns_device import Session

_ACCEPT_SIZES = (17, 33)


@dataclass
class _Known:
    name: str
    app_key: bytes = field(repr=False)


class Observer:
    """`on_uplink` as the bench network server has it."""

    def __init__(self, on_uplink: UplinkSink):
        self._on_uplink = on_uplink
        self._devices: dict[str, _Known] = {}  # by DevEUI
        self._asked: list[tuple[_Known, int]] = []  # join requests without an accept yet: device, DevNonce
        self._sessions: dict[int, tuple[str, Session]] = {}  # by DevAddr

    def register(self, dev_eui: str, app_key: str, name: str) -> None:
        self._devices[dev_eui.lower()] = _Known(name, bytes.fromhex(app_key))

    def up(self, phy: bytes, meta: UplinkMeta) -> None:
        """A frame the gateway forwarded."""
        try:
            frame = ns_frames.parse_uplink(phy)
        except ns_frames.FrameError:
            return
        if isinstance(frame, ns_frames.JoinRequest):
            known = self._devices.get(frame.dev_eui)
            if known:
                self._asked = [a for a in self._asked if a[0] is not known] + [(known, frame.dev_nonce)]
            return
        name, session = self._sessions.get(frame.dev_addr, ("", None))
        fcnt = session.fcnt(frame) if session else None
        if session is None or fcnt is None or fcnt == session.fcnt_up:
            return
        session.fcnt_up = fcnt
        if frame.port:
            payload = ns_crypto.crypt(session.app_s_key, ns_crypto.UP, session.dev_addr, fcnt, frame.body)
            self._on_uplink(name, frame.port, payload, fcnt, meta)

    def down(self, phy: bytes) -> None:
        """A frame the server sends."""
        if phy[0] >> 5 != ns_frames.JOIN_ACCEPT or len(phy) not in _ACCEPT_SIZES:
            return
        for asked in self._asked:
            known, dev_nonce = asked
            body = ns_crypto.open_accept(known.app_key, phy[1:])
            if ns_crypto.mic(known.app_key, phy[:1] + body[:-4]) == body[-4:]:
                join_nonce, net_id, dev_addr = (int.from_bytes(body[a:b], "little") for a, b in ((0, 3), (3, 6), (6, 10)))
                keys = ns_crypto.session_keys(known.app_key, join_nonce, net_id, dev_nonce)
                self._sessions[dev_addr] = (known.name, Session(dev_addr, *keys))
                self._asked.remove(asked)
                return
