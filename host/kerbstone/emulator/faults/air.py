"""The radio side: frames that get lost, a jammer, a gateway that is away."""

from __future__ import annotations

from hashlib import blake2b

from kerbstone.emulator.air.channel import Channel, Transmission
from kerbstone.emulator.faults.model import End, Target

_JAMMER = "jammer"
_JAM_DBM = 14.0  # EIRP: as strong as a node may be
_NEAR_GATEWAY_M = 50.0


def loss(target: Target) -> End:
    """radio_loss: each receiver misses a frame with probability `share`, whatever its level."""
    channel, share, salt = target.scene.radio.channel, float(target.values["share"]), target.rng.getrandbits(32)
    only, before = target.runtime.node.name if target.runtime else None, channel.lost

    def lost(tx: Transmission, receiver: str) -> bool:
        # A receiver asks several times about one frame: the answer depends on the frame alone. A checksum is no draw: that of another
        # seed differs by the same bits for every frame, so lives of other seeds lose the same frames or just the others.
        if only is None or only in (tx.sender, receiver):
            draw = blake2b(f"{salt} {tx.start_us} {tx.sender} {receiver}".encode(), digest_size=4).digest()
            if int.from_bytes(draw, "big") < share * 2**32:
                return True
        return bool(before and before(tx, receiver))

    channel.lost = lost

    def end() -> None:
        channel.lost = before

    return end


class Jammer:
    """Near the gateway; answers frames on its channel with a frame of the same kind, so that the two collide."""

    def __init__(self, target: Target, channel: Channel):
        self._target, self._channel = target, channel
        self._freq_hz = target.number("freq")
        channel.place(_JAMMER, _NEAR_GATEWAY_M, 0.0)
        channel.subscribe(self)

    def on_air(self, tx: Transmission) -> None:
        target = self._target
        near = not self._freq_hz or abs(tx.freq_hz - self._freq_hz) < tx.bw_hz
        if tx.sender == _JAMMER or not near or target.rng.random() >= float(target.values["share"]):
            return
        target.kernel.at((tx.start_us + tx.end_us) // 2, self._jam, tx)

    def _jam(self, tx: Transmission) -> None:
        # No network listens to the sync word, so nobody takes it for a frame.
        self._channel.transmit(
            Transmission(
                self._target.kernel.now, tx.end_us, tx.freq_hz, tx.sf, tx.bw_hz, tx.cr, 0x12, tx.iq_inverted, True, _JAM_DBM, b"", _JAMMER
            )
        )


def jammer(target: Target) -> End:
    """radio_jammer"""
    channel = target.scene.radio.channel
    device = Jammer(target, channel)
    return lambda: channel.unsubscribe(device)


def gateway_away(target: Target) -> End:
    """gateway_away: without supply or backhaul; downlinks that wait in its queue are lost."""
    number = target.number("gateway")
    gateways = [g for i, g in enumerate(target.scene.radio.gateways, 1) if number in (0, i)]
    for gateway in gateways:
        gateway.away = True

    def end() -> None:
        for gateway in gateways:
            gateway.away = False

    return end
